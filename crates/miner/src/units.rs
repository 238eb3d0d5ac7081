//! Hash rates, counts and durations as text, with a unit prefix and three significant digits.

use std::fmt::{self, Debug};
use std::time::Duration;

/// A hash rate in hashes per second, displayed with a unit prefix.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct HashRate(pub f64);

impl HashRate {
    /// Returns the mean rate of this many hashes in this time; zero for no time.
    pub fn of(hashes: u64, time: Duration) -> Self {
        let seconds = time.as_secs_f64();
        Self(if seconds > 0.0 {
            hashes as f64 / seconds
        } else {
            0.0
        })
    }
}

impl fmt::Display for HashRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}H/s", Prefixed(self.0))
    }
}

/// A number, displayed with three digits, a space and a unit prefix.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Prefixed(pub f64);

impl fmt::Display for Prefixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PREFIXES: [&str; 9] = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"];
        let mut value = self.0;
        let mut at = 0;
        // 999.5 would be written as 1000.
        while value >= 999.5 && at + 1 < PREFIXES.len() {
            value /= 1000.0;
            at += 1;
        }
        let digits = match value {
            0.0..9.995 => 2,
            9.995..99.95 => 1,
            _ => 0,
        };
        write!(f, "{value:.digits$} {}", PREFIXES[at])
    }
}

/// A duration, displayed in the largest unit that fits, with two or three digits.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct About(pub Duration);

impl About {
    /// Returns the duration of this many seconds. Numbers that are no duration become the longest
    /// one.
    pub fn seconds(seconds: f64) -> Self {
        Self(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(f64, &str); 7] = [
            (31_557_600.0, "y"),
            (86_400.0, "d"),
            (3_600.0, "h"),
            (60.0, "min"),
            (1.0, "s"),
            (1e-3, "ms"),
            (1e-6, "µs"),
        ];
        let seconds = self.0.as_secs_f64();
        if seconds > 1e4 * UNITS[0].0 {
            return f.write_str("more than 10000 y");
        }
        let (unit, name) = UNITS
            .into_iter()
            .find(|(unit, _)| seconds >= *unit)
            .unwrap_or((1e-6, "µs"));
        let value = seconds / unit;
        let digits = usize::from(value < 9.95 && unit >= 1e-3);
        write!(f, "{value:.digits$} {name}")
    }
}

/// Returns the items, separated by commas.
pub(crate) fn list(items: impl IntoIterator<Item: ToString>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}

/// Returns the name of an enum's variant in lower case, words joined by underscores.
pub fn variant(value: impl Debug) -> String {
    let mut name = String::new();
    for c in format!("{value:?}").chars() {
        if c.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(c.to_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{About, HashRate, Prefixed};

    #[test]
    fn numbers_have_three_digits_and_a_prefix() {
        #[track_caller]
        fn check(value: f64, text: &str) {
            assert_eq!(Prefixed(value).to_string(), text);
        }
        check(0.0, "0.00 ");
        check(7.0, "7.00 ");
        check(9.996, "10.0 ");
        check(999.4, "999 ");
        check(999.6, "1.00 k");
        check(54_321_000.0, "54.3 M");
        check(1e30, "1000000 Y");
    }

    #[test]
    fn rates_are_hashes_over_time() {
        assert_eq!(
            HashRate::of(5_000_000, Duration::from_secs(2)).to_string(),
            "2.50 MH/s"
        );
        assert_eq!(HashRate::of(5, Duration::ZERO).to_string(), "0.00 H/s");
    }

    #[test]
    fn durations_have_the_largest_unit_that_fits() {
        #[track_caller]
        fn check(time: Duration, text: &str) {
            assert_eq!(About(time).to_string(), text);
        }
        check(Duration::ZERO, "0 µs");
        check(Duration::from_micros(340), "340 µs");
        check(Duration::from_micros(1_540), "1.5 ms");
        check(Duration::from_secs(4), "4.0 s");
        check(Duration::from_secs(45), "45 s");
        check(Duration::from_secs(150), "2.5 min");
        check(Duration::from_hours(30), "1.2 d");
        assert_eq!(
            About::seconds(f64::INFINITY).to_string(),
            "more than 10000 y"
        );
        assert_eq!(About::seconds(f64::NAN).to_string(), "more than 10000 y");
    }
}
