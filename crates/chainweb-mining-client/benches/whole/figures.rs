//! Times of stages, and their distributions.

use std::time::Duration;

use serde::Serialize;
use stratum_load::distribution::Distribution;

/// The names of all figures, in the order of a table. Names that begin with spaces are stages of
/// the figure before.
pub(crate) const NAMES: [&str; 13] = [
    "block to jobs",
    "  block to update",
    "  update to request",
    "  request to answer",
    "  answer to first job",
    "  first to last job",
    "block to end of old jobs",
    "share to block",
    "  share to submission",
    "  submission to block",
    "share to answer",
    BARE[0],
    BARE[1],
];

/// A bare exchange with as many devices as have jobs on one chain, and with one device.
const BARE: [&str; 2] = ["bare exchange, all", "bare exchange, one"];

/// Indices of names.
pub(crate) const BLOCK: usize = 0;
pub(crate) const SHARE: usize = 7;
pub(crate) const BARE_ALL: usize = 11;
pub(crate) const BARE_ONE: usize = 12;

/// The distribution of a time, in microseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) count: usize,
    pub(crate) median_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) max_us: f64,
    /// Of a stage: its part of the sum of the medians of all stages.
    pub(crate) part: Option<f64>,
    /// Its median in medians of the bare exchange with as many devices.
    pub(crate) times_bare: Option<f64>,
}

impl Figure {
    fn of(name: &'static str, times: &Distribution) -> Self {
        let [median_us, p90_us, p99_us, max_us] = times.percentiles_us([50, 90, 99, 100]);
        Self {
            name,
            count: times.len(),
            median_us,
            p90_us,
            p99_us,
            max_us,
            part: None,
            times_bare: None,
        }
    }
}

/// Times by the index of their name.
#[derive(Debug, Default)]
pub(crate) struct Times([Distribution; NAMES.len()]);

impl Times {
    /// Adds the times of consecutive names, of which the first has the index `first`.
    pub(crate) fn add(&mut self, first: usize, times: impl IntoIterator<Item = Vec<Duration>>) {
        for (of_name, times) in self.0[first..].iter_mut().zip(times) {
            for time in times {
                of_name.add(time);
            }
        }
    }

    pub(crate) fn figures(&self) -> Vec<Figure> {
        let mut figures: Vec<_> = NAMES
            .into_iter()
            .zip(&self.0)
            .map(|(name, times)| Figure::of(name, times))
            .collect();
        let is_stage = |figure: &Figure| figure.name.starts_with(' ');
        for stages in figures.chunk_by_mut(|a, b| is_stage(a) == is_stage(b)) {
            if is_stage(&stages[0]) {
                let sum: f64 = stages.iter().map(|stage| stage.median_us).sum();
                for stage in stages {
                    stage.part = Some(stage.median_us / sum);
                }
            }
        }
        let bare = [figures[BARE_ALL].median_us, figures[BARE_ONE].median_us];
        for (name, figure) in figures.iter_mut().enumerate() {
            let exchange = bare[usize::from(name >= SHARE)];
            figure.times_bare =
                (!is_stage(figure) && name < BARE_ALL).then(|| figure.median_us / exchange);
        }
        figures
    }
}
