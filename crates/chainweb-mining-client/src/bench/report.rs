//! The results, as tables or JSON.

use std::fmt;

use miner::units::HashRate;
use serde::Serialize;

use super::spread::Spread;

/// The results of a bench: medians with their lower and upper quartile, rates in millions of hashes
/// per second.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BenchReport {
    /// The `blake2` crate over whole headers, per second of processor time.
    pub blake2_mh_per_cpu_second: f64,
    /// Its quartiles.
    pub blake2_mh_per_cpu_second_quartiles: [f64; 2],
    /// The measured kernels.
    pub kernels: Vec<KernelReport>,
    /// The processor cycles of the measured kernels, if asked for; empty if this processor's clock
    /// cannot be measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycles: Option<Vec<CyclesReport>>,
    /// The kernels not measured on this machine.
    pub not_measured: Vec<NotMeasured>,
    /// The kernel used by the threads.
    pub threads_kernel: &'static str,
    /// By number of threads, ascending from 1; empty if the bench was interrupted before.
    pub threads: Vec<ThreadsReport>,
}

/// One kernel on one thread.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct KernelReport {
    /// The kernel.
    pub kernel: &'static str,
    /// The number of pairs of samples.
    pub pairs: usize,
    /// Per second of processor time.
    pub mh_per_cpu_second: f64,
    /// Its quartiles.
    pub mh_per_cpu_second_quartiles: [f64; 2],
    /// The rate divided by the rate of the `blake2` crate.
    pub ratio_to_blake2: f64,
    /// Its quartiles.
    pub ratio_to_blake2_quartiles: [f64; 2],
}

/// The processor cycles of one kernel.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct CyclesReport {
    /// The kernel.
    pub kernel: &'static str,
    /// Of one hash.
    pub cycles_per_hash: f64,
    /// Its quartiles.
    pub cycles_per_hash_quartiles: [f64; 2],
    /// The fewest possible, if known.
    pub fewest_cycles_per_hash: Option<f64>,
    /// The fewest possible, divided by the measured.
    pub ratio_to_fewest: Option<f64>,
}

/// The total rate of a number of threads.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct ThreadsReport {
    /// The number of threads.
    pub threads: usize,
    /// The number of rounds.
    pub rounds: usize,
    /// Per second of wall-clock time.
    pub mh_per_second: f64,
    /// Its quartiles.
    pub mh_per_second_quartiles: [f64; 2],
    /// The rate divided by the rate of one thread.
    pub ratio_to_one: f64,
    /// Its quartiles.
    pub ratio_to_one_quartiles: [f64; 2],
}

/// A kernel which was not measured.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct NotMeasured {
    /// The kernel.
    pub kernel: &'static str,
    /// The reason.
    pub lacking: Lacking,
}

/// Why a kernel was not measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Lacking {
    /// The machine lacks its instructions.
    Instructions,
    /// It failed its self-test.
    Proof,
}

impl KernelReport {
    /// Creates a report of the rates in hashes per second and the ratios of each pair; `None`
    /// without any.
    pub(super) fn new(kernel: &'static str, rates: Vec<f64>, ratios: Vec<f64>) -> Option<Self> {
        let pairs = rates.len();
        let (rate, ratio) = (Spread::of(rates)?.times(1e-6), Spread::of(ratios)?);
        Some(Self {
            kernel,
            pairs,
            mh_per_cpu_second: rate.median,
            mh_per_cpu_second_quartiles: rate.quartiles,
            ratio_to_blake2: ratio.median,
            ratio_to_blake2_quartiles: ratio.quartiles,
        })
    }
}

impl CyclesReport {
    /// Creates a report; `None` without any cycles.
    pub(super) fn new(kernel: &'static str, cycles: Vec<f64>, fewest: Option<f64>) -> Option<Self> {
        let cycles = Spread::of(cycles)?;
        Some(Self {
            kernel,
            cycles_per_hash: cycles.median,
            cycles_per_hash_quartiles: cycles.quartiles,
            fewest_cycles_per_hash: fewest,
            ratio_to_fewest: fewest.map(|fewest| fewest / cycles.median),
        })
    }

    fn row(&self) -> String {
        let measured = ratio(self.cycles_per_hash, self.cycles_per_hash_quartiles);
        let bound = match (self.fewest_cycles_per_hash, self.ratio_to_fewest) {
            (Some(fewest), Some(part)) => format!("{fewest:.2}, {:.1} % reached", part * 100.0),
            _ => "not known".to_owned(),
        };
        format!("{:<14}{measured:<28}{bound}", self.kernel)
    }
}

impl ThreadsReport {
    /// Creates a report of the rates in hashes per second and the ratios of each round; `None`
    /// without any.
    pub(super) fn new(threads: usize, rates: Vec<f64>, ratios: Vec<f64>) -> Option<Self> {
        let rounds = rates.len();
        let (rate, ratio) = (Spread::of(rates)?.times(1e-6), Spread::of(ratios)?);
        Some(Self {
            threads,
            rounds,
            mh_per_second: rate.median,
            mh_per_second_quartiles: rate.quartiles,
            ratio_to_one: ratio.median,
            ratio_to_one_quartiles: ratio.quartiles,
        })
    }
}

/// Writes the tables.
impl fmt::Display for BenchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.kernels.iter().map(|kernel| kernel.pairs).min();
        writeln!(
            f,
            "one thread, by processor time; medians and quartiles of {} pairs",
            pairs.unwrap_or_default()
        )?;
        let rate = |mega: f64| HashRate(mega * 1e6).to_string();
        let mut lines = vec![row("kernel", "rate", "times the blake2 crate")];
        lines.extend(self.kernels.iter().map(|kernel| {
            row(
                kernel.kernel,
                &rate(kernel.mh_per_cpu_second),
                &ratio(kernel.ratio_to_blake2, kernel.ratio_to_blake2_quartiles),
            )
        }));
        let reference = rate(self.blake2_mh_per_cpu_second);
        lines.push(row("blake2 crate", &reference, "1.00"));
        lines.extend(self.not_measured.iter().map(|without| {
            let why = match without.lacking {
                Lacking::Instructions => "not supported on this machine",
                Lacking::Proof => "failed its self-test",
            };
            row(without.kernel, why, "")
        }));
        lines.extend(self.cycles.iter().flat_map(|cycles| cycles_lines(cycles)));
        lines.push(String::new());
        if self.threads.is_empty() {
            lines.push("interrupted before threads were measured".to_owned());
        } else {
            lines.push(format!(
                "threads of {} together, by wall-clock time",
                self.threads_kernel
            ));
            lines.push(row("threads", "rate", "times one thread"));
        }
        lines.extend(self.threads.iter().map(|threads| {
            row(
                &threads.threads.to_string(),
                &rate(threads.mh_per_second),
                &ratio(threads.ratio_to_one, threads.ratio_to_one_quartiles),
            )
        }));
        f.write_str(&lines.join("\n"))
    }
}

/// Returns the table of processor cycles.
fn cycles_lines(cycles: &[CyclesReport]) -> Vec<String> {
    let title = if cycles.is_empty() {
        "processor cycles: the clock of this processor cannot be measured"
    } else {
        "one thread, processor cycles of a hash; medians and quartiles"
    };
    let mut lines = vec![String::new(), title.to_owned()];
    if !cycles.is_empty() {
        lines.push(format!(
            "{:<14}{:<28}{}",
            "kernel", "cycles", "fewest possible"
        ));
    }
    lines.extend(cycles.iter().map(CyclesReport::row));
    lines
}

/// Returns a line of a table.
fn row(name: &str, rate: &str, ratio: &str) -> String {
    let row = format!("{name:<14}{rate:<12}{ratio}");
    row.trim_end().to_owned()
}

fn ratio(median: f64, [lower, upper]: [f64; 2]) -> String {
    format!("{median:.2} ({lower:.2} to {upper:.2})")
}
