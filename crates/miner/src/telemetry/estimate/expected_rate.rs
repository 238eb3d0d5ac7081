//! The hash rate that a device should have, to compare its present one with.

use crate::units::HashRate;

/// The most hours that count: 7 days.
pub const HOURS: usize = 7 * 24;

/// The hash rate that a device should have, and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ExpectedRate {
    /// From the configuration.
    Configured(HashRate),
    /// The median of its own rates by hour in the last 7 days.
    Usual(HashRate),
}

impl ExpectedRate {
    /// Returns the configured rate, else the median of the rates in the last 168 of these hours,
    /// oldest first, in hashes per second. Hours without hashes do not count: a device that is off
    /// at night is not slow. `None` if there is neither.
    pub fn of(configured: Option<HashRate>, hours: &[f64]) -> Option<Self> {
        if let Some(rate) = configured {
            return Some(Self::Configured(rate));
        }
        let latest = &hours[hours.len().saturating_sub(HOURS)..];
        let mut rates: Vec<_> = latest.iter().copied().filter(|rate| *rate > 0.0).collect();
        rates.sort_by(f64::total_cmp);
        // The same one twice if their number is odd.
        let upper = rates.get(rates.len() / 2)?;
        let lower = rates[(rates.len() - 1) / 2];
        Some(Self::Usual(HashRate(f64::midpoint(lower, *upper))))
    }

    /// Returns the rate.
    pub const fn rate(self) -> HashRate {
        match self {
            Self::Configured(rate) | Self::Usual(rate) => rate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ExpectedRate;
    use crate::units::HashRate;

    #[test]
    fn the_median_is_that_of_the_last_week_with_hashes() {
        #[track_caller]
        fn check(hours: &[f64], expected: Option<f64>) {
            let rate = ExpectedRate::of(None, hours);
            assert_eq!(
                rate,
                expected.map(|rate| ExpectedRate::Usual(HashRate(rate)))
            );
        }
        check(&[], None);
        check(&[0.0, 0.0, f64::NAN], None);
        check(&[5.0], Some(5.0));
        check(&[9.0, 1.0, 0.0, 2.0, 0.0, 0.0, 0.0], Some(2.0));
        check(&[9.0, 1.0, 2.0, 4.0], Some(3.0));
        let weeks: Vec<_> = (1..=1000).map(f64::from).collect();
        check(&weeks, Some(916.5));
    }

    #[test]
    fn the_configured_rate_comes_first() {
        let configured = ExpectedRate::Configured(HashRate(7.0));
        assert_eq!(
            ExpectedRate::of(Some(HashRate(7.0)), &[5.0]),
            Some(configured)
        );
        assert_eq!(configured.rate(), HashRate(7.0));
    }
}
