//! Median and quartiles of measurements.

/// A median with its quartiles, interpolated linearly between two values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    /// Half of the values are at most this.
    pub(super) median: f64,
    /// A quarter and three quarters of the values are at most these.
    pub(super) quartiles: [f64; 2],
}

impl Spread {
    /// Returns the spread of the values, or `None` without any.
    pub(super) fn of(mut values: Vec<f64>) -> Option<Self> {
        let last = values.len().checked_sub(1)?;
        values.sort_by(f64::total_cmp);
        let quantile = |part: f64| {
            let at = part * last as f64;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "an index into the values"
            )]
            let below = at as usize;
            let above = (below + 1).min(last);
            values[below] + (values[above] - values[below]) * at.fract()
        };
        Some(Self {
            median: quantile(0.5),
            quartiles: [quantile(0.25), quantile(0.75)],
        })
    }

    /// Multiplies all three by `factor`.
    pub(super) fn times(self, factor: f64) -> Self {
        Self {
            median: self.median * factor,
            quartiles: self.quartiles.map(|quartile| quartile * factor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[track_caller]
    fn check(values: &[f64], lower_quartile: f64, median: f64, upper_quartile: f64) {
        let expected = Spread {
            median,
            quartiles: [lower_quartile, upper_quartile],
        };
        assert_eq!(Spread::of(values.to_vec()), Some(expected));
    }

    #[test]
    fn quartiles_are_interpolated() {
        assert_eq!(Spread::of(Vec::new()), None);
        check(&[7.0], 7.0, 7.0, 7.0);
        check(&[3.0, 1.0], 1.5, 2.0, 2.5);
        check(&[5.0, 1.0, 4.0, 2.0, 3.0], 2.0, 3.0, 4.0);
        check(&[4.0, 3.0, 2.0, 1.0], 1.75, 2.5, 3.25);
    }
}
