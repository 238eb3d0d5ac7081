//! The metrics of the program, in the text format of `OpenMetrics` or of Prometheus.
//!
//! The [`TABLE`] has all metrics with their descriptions, from which `docs/metrics.md` is
//! generated, and reads the values from [`Facts`]. A figure that is unknown is left out. Rates are
//! left to the reader: counters never fall while the program runs.

mod mining;
mod nodes;
mod page;
mod process;
mod program;
mod stratum_server;
#[cfg(test)]
pub(crate) mod tests;
mod workers;

use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use miner::telemetry::Snapshot;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use stratum::Durations;

pub use self::page::Page;
pub use self::process::Process;
pub use self::workers::{NamedWorkers, Workers};

/// What all names start with, and an underscore.
pub const PREFIX: &str = "chainweb_mining";

/// A format of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `OpenMetrics` 1.0, which Prometheus asks for.
    OpenMetrics,
    /// The older format of Prometheus, which all its tools read.
    Prometheus,
}

/// All metrics under the headings of the page that describes them, in the order of the text.
pub static TABLE: [(&str, &[Metric]); 4] = [
    ("The program", program::METRICS),
    ("Mining", mining::METRICS),
    ("Nodes", nodes::METRICS),
    ("Mining devices", stratum_server::METRICS),
];

/// A metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name without [`PREFIX`], which shows the kind and the unit: `_total` is a counter,
    /// `_info` a constant text, `_duration_seconds` and `_age_seconds` a histogram, anything else a
    /// gauge.
    pub name: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// Its description, without a full stop.
    pub help: &'static str,
    /// How to use it; empty if the description says it all.
    pub hint: &'static str,
    values: Values,
}

type Values = fn(&Facts) -> Vec<Sample<'_>>;

/// One value of a metric.
#[derive(Debug)]
struct Sample<'a> {
    /// The values of the labels, in their order.
    labels: Vec<&'a str>,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Number(f64),
    /// The upper bound of each bucket in seconds and the number of durations in it, and the sum.
    Histogram(Vec<(f64, u64)>, f64),
}

/// What the metrics are read from.
#[derive(Debug)]
pub struct Facts {
    /// The state of the program.
    pub snapshot: Arc<Snapshot>,
    /// The workers with metrics of their own, and the sum of the others.
    pub workers: Option<Workers>,
    /// What the process uses.
    pub process: Process,
    /// Whether the program is ready to mine.
    pub is_ready: bool,
    /// When the program started.
    pub started: SystemTime,
    /// The present time, by both clocks.
    pub at: Instant,
    /// The same.
    pub now: SystemTime,
}

/// Returns all metrics as text.
pub fn render(facts: Facts, format: Format) -> String {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(facts));
    let mut text = String::new();
    let encoded = match format {
        Format::OpenMetrics => text::encode(&mut text, &registry),
        Format::Prometheus => prometheus_text::encode(&mut text, &registry),
    };
    encoded.expect("a string takes any text");
    text
}

impl Format {
    /// Returns the format for a request with this `Accept` header.
    pub fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    /// Returns the content type without its parameters.
    pub fn media_type(self) -> &'static str {
        self.content_type().split(';').next().unwrap_or_default()
    }

    /// Returns the content type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

impl Metric {
    /// Returns its kind.
    pub fn kind(&self) -> MetricType {
        let is_histogram =
            ["_duration_seconds", "_age_seconds"].map(|end| self.name.ends_with(end));
        match self.name {
            name if name.ends_with("_total") => MetricType::Counter,
            name if name.ends_with("_info") => MetricType::Info,
            _ if is_histogram.contains(&true) => MetricType::Histogram,
            _ => MetricType::Gauge,
        }
    }

    /// Returns its name without unit and ending, and the unit.
    fn parts(&self) -> (&'static str, Option<Unit>) {
        let name = self.name.strip_suffix("_total").unwrap_or(self.name);
        let name = name.strip_suffix("_info").unwrap_or(name);
        let units = [("_seconds", Unit::Seconds), ("_bytes", Unit::Bytes)];
        let mut parts = units
            .into_iter()
            .filter_map(|(end, unit)| Some((name.strip_suffix(end)?, Some(unit))));
        parts.next().unwrap_or((name, None))
    }

    /// Returns its unit.
    pub fn unit(&self) -> Option<Unit> {
        self.parts().1
    }
}

impl Collector for Facts {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        for metric in TABLE.iter().flat_map(|(_, metrics)| *metrics) {
            let samples = (metric.values)(self);
            if samples.is_empty() {
                continue;
            }
            let ((name, unit), kind) = (metric.parts(), metric.kind());
            let mut encoder = encoder.encode_descriptor(name, metric.help, unit.as_ref(), kind)?;
            for sample in samples {
                let labels = metric.labels.iter().copied().zip(sample.labels);
                let labels: Vec<_> = labels.collect();
                let mut encoder = encoder.encode_family(&labels)?;
                match (kind, sample.value) {
                    (MetricType::Counter, Value::Number(value)) => {
                        encoder.encode_counter::<NoLabelSet, _, f64>(&value, None)?;
                    }
                    (MetricType::Info, _) => encoder.encode_info(&[("", ""); 0])?,
                    (_, Value::Number(value)) => encoder.encode_gauge(&value)?,
                    (_, Value::Histogram(buckets, sum)) => {
                        let count = buckets.iter().map(|(_, count)| count).sum();
                        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Returns a metric of the table.
const fn metric(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    hint: &'static str,
    values: Values,
) -> Metric {
    Metric {
        name,
        labels,
        help,
        hint,
        values,
    }
}

/// Returns the only value of a metric without labels, if it is known.
fn one<'a>(value: impl Into<Option<f64>>) -> Vec<Sample<'a>> {
    let samples = value.into().map(|value| Sample::new([], value));
    samples.into_iter().collect()
}

impl<'a> Sample<'a> {
    fn new<const N: usize>(labels: [&'a str; N], value: f64) -> Self {
        Self {
            labels: labels.into(),
            value: Value::Number(value),
        }
    }

    /// Returns durations as a histogram with these of the bounds in milliseconds.
    fn times<const N: usize>(labels: [&'a str; N], times: &Durations, bounds_ms: &[u64]) -> Self {
        let bounds = bounds_ms.iter().map(|bound| *bound as f64 / 1000.0);
        let mut buckets: Vec<_> = bounds.chain([f64::INFINITY]).map(|le| (le, 0)).collect();
        for (bound, count) in times.buckets() {
            let bound = bound.map_or(f64::INFINITY, |bound| bound.as_secs_f64());
            let bucket = buckets.iter_mut().find(|(le, _)| bound <= *le);
            bucket.expect("the last has no bound").1 += count;
        }
        Self {
            labels: labels.into(),
            value: Value::Histogram(buckets, times.sum().as_secs_f64()),
        }
    }
}
