//! Times of stages, and their distributions.

use std::time::Duration;

use serde::Serialize;
use stratum_load::distribution::Distribution;

/// The names of all figures in the order of a table, each with the figure of which it is a stage.
pub(crate) const NAMES: [(&str, Option<&str>); 13] = [
    (JOBS, None),
    ("block to update", Some(JOBS)),
    ("update to request", Some(JOBS)),
    ("request to answer", Some(JOBS)),
    ("answer to first job", Some(JOBS)),
    ("first to last job", Some(JOBS)),
    ("block to end of old jobs", None),
    (SUBMITTED, None),
    ("share to submission", Some(SUBMITTED)),
    ("submission to block", Some(SUBMITTED)),
    ("share to answer", None),
    // With as many devices as have jobs on one chain, and with one device.
    ("bare exchange, all", None),
    ("bare exchange, one", None),
];

const JOBS: &str = "block to jobs";
const SUBMITTED: &str = "share to block";

/// Indices of names.
pub(crate) const BLOCK: usize = 0;
pub(crate) const SHARE: usize = 7;
pub(crate) const BARE_ALL: usize = 11;
pub(crate) const BARE_ONE: usize = 12;

/// The distribution of a time, in microseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    /// The figure of which it is a stage.
    pub(crate) stage_of: Option<&'static str>,
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
    fn of(name: (&'static str, Option<&'static str>), times: &Distribution) -> Self {
        let [median_us, p90_us, p99_us, max_us] = times.percentiles_us([50, 90, 99, 100]);
        let (name, stage_of) = name;
        Self {
            name,
            stage_of,
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
    /// Adds a time of each of `N` names in a row, of which the first has the index `first`.
    pub(crate) fn add<const N: usize>(&mut self, first: usize, times: [Duration; N]) {
        for (of_name, time) in self.0[first..first + N].iter_mut().zip(times) {
            of_name.add(time);
        }
    }

    pub(crate) fn figures(&self) -> Vec<Figure> {
        let mut figures: Vec<_> = NAMES
            .into_iter()
            .zip(&self.0)
            .map(|(name, times)| Figure::of(name, times))
            .collect();
        for stages in figures.chunk_by_mut(|a, b| a.stage_of == b.stage_of) {
            if stages[0].stage_of.is_some() {
                let sum: f64 = stages.iter().map(|stage| stage.median_us).sum();
                for stage in stages {
                    stage.part = Some(stage.median_us / sum);
                }
            }
        }
        let bare = [figures[BARE_ALL].median_us, figures[BARE_ONE].median_us];
        for (name, figure) in figures.iter_mut().enumerate() {
            let exchange = bare[usize::from(name >= SHARE)];
            let is_compared = figure.stage_of.is_none() && name < BARE_ALL;
            figure.times_bare = is_compared.then(|| figure.median_us / exchange);
        }
        figures
    }
}
