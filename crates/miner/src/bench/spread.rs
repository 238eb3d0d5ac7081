//! The median of many measurements, and the quartiles about it.

use serde::Serialize;

/// A median with its quartiles; of an even number of values, and between two, the mean of the neighbours by distance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Half of the values are at most this.
    pub median: f64,
    /// A quarter of the values are at most this.
    pub lower_quartile: f64,
    /// Three quarters of the values are at most this.
    pub upper_quartile: f64,
}

impl Spread {
    /// The spread of these values, of which there is at least one.
    pub(super) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let quantile = |part: f64| {
            let at = part * (values.len() - 1) as f64;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a place in the values"
            )]
            let below = at as usize;
            let above = (below + 1).min(values.len() - 1);
            values[below] + (values[above] - values[below]) * at.fract()
        };
        Self {
            median: quantile(0.5),
            lower_quartile: quantile(0.25),
            upper_quartile: quantile(0.75),
        }
    }

    /// All three multiplied by `factor`.
    pub(super) fn times(self, factor: f64) -> Self {
        Self {
            median: self.median * factor,
            lower_quartile: self.lower_quartile * factor,
            upper_quartile: self.upper_quartile * factor,
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
            lower_quartile,
            upper_quartile,
        };
        assert_eq!(Spread::of(values.to_vec()), expected);
    }

    #[test]
    fn quartiles_lie_between_their_neighbours() {
        check(&[7.0], 7.0, 7.0, 7.0);
        check(&[3.0, 1.0], 1.5, 2.0, 2.5);
        check(&[5.0, 1.0, 4.0, 2.0, 3.0], 2.0, 3.0, 4.0);
        check(&[4.0, 3.0, 2.0, 1.0], 1.75, 2.5, 3.25);
    }
}
