//! Distributions of measured times, and their percentiles.
//!
//! A percentile is the nearest rank, without interpolation: the smallest sample not exceeded by
//! that share of all samples. The 99th percentile of a few samples is the largest.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// Measured times, in order of arrival.
#[derive(Clone, Debug, Default)]
pub struct Distribution {
    nanos: Vec<u64>,
}

/// Number of samples and their percentiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Number of samples.
    pub count: usize,
    /// Percentiles.
    #[serde(flatten)]
    pub(crate) times: Percentiles,
}

/// Percentiles in microseconds; zero without samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[expect(clippy::struct_field_names, reason = "they are names in reports")]
pub(crate) struct Percentiles {
    /// Smallest sample.
    pub(crate) first_us: f64,
    /// Median.
    pub(crate) median_us: f64,
    /// 99th percentile.
    pub(crate) p99_us: f64,
    /// Largest sample.
    pub(crate) last_us: f64,
}

impl Distribution {
    /// Adds a sample.
    pub fn add(&mut self, time: Duration) {
        self.nanos
            .push(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Returns the number of samples.
    pub fn len(&self) -> usize {
        self.nanos.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.nanos.is_empty()
    }

    /// Returns these percentiles in microseconds; zero without samples.
    pub fn percentiles_us<const N: usize>(&self, percents: [usize; N]) -> [f64; N] {
        let mut sorted = self.nanos.clone();
        sorted.sort_unstable();
        let at = |percent| nearest_rank(&sorted, percent).map_or(0.0, |nanos| nanos as f64 / 1e3);
        percents.map(at)
    }

    /// Returns the number of samples and their percentiles.
    pub fn summary(&self) -> Summary {
        let [first_us, median_us, p99_us, last_us] = self.percentiles_us([0, 50, 99, 100]);
        Summary {
            count: self.len(),
            times: Percentiles {
                first_us,
                median_us,
                p99_us,
                last_us,
            },
        }
    }
}

/// Serializes the summary.
impl Serialize for Distribution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.summary().serialize(serializer)
    }
}

impl FromIterator<Duration> for Distribution {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        let mut distribution = Self::default();
        times.into_iter().for_each(|time| distribution.add(time));
        distribution
    }
}

/// Returns the smallest value not exceeded by `percent` of all.
fn nearest_rank<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// Returns the median by nearest rank, or zero without figures.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_unstable_by(f64::total_cmp);
    nearest_rank(&figures, 50).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Distribution, Percentiles, Summary, median};

    #[track_caller]
    fn check(micros: &[u64], [first_us, median_us, p99_us, last_us]: [f64; 4]) {
        let times = micros.iter().map(|micros| Duration::from_micros(*micros));
        let distribution: Distribution = times.collect();
        let times = Percentiles {
            first_us,
            median_us,
            p99_us,
            last_us,
        };
        let expected = Summary {
            count: micros.len(),
            times,
        };
        assert_eq!(distribution.summary(), expected);
    }

    #[test]
    fn percentiles_are_the_nearest_ranks() {
        check(&[], [0.0; 4]);
        check(&[7], [7.0; 4]);
        check(&[4, 2], [2.0, 2.0, 4.0, 4.0]);
        check(&[3, 1, 2], [1.0, 2.0, 3.0, 3.0]);
        let hundred: Vec<u64> = (1..=100).rev().collect();
        check(&hundred, [1.0, 50.0, 99.0, 100.0]);
        let hundred_and_one: Vec<u64> = (1..=101).collect();
        check(&hundred_and_one, [1.0, 51.0, 100.0, 101.0]);
    }

    #[test]
    fn the_median_of_an_even_number_is_the_lower_one() {
        assert!(median([]).abs() < f64::EPSILON);
        assert!((median([9.0, 1.0, 5.0]) - 5.0).abs() < f64::EPSILON);
        assert!((median([4.0, 1.0, 3.0, 2.0]) - 2.0).abs() < f64::EPSILON);
    }
}
