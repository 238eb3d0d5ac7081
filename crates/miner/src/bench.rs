//! The `bench` command: how fast each kernel searches on this machine, beside the `blake2` crate in the same run.
//!
//! Machines are shared and change their speed, so single figures mean little. Kernel and reference hash in turn for a
//! few milliseconds each, by the processor time of the one thread that does it, and what is told is the median of many
//! such pairs with its quartiles. How much several threads are worth is measured by the clock on the wall, again in
//! turn.

mod report;
mod sample;
mod spread;

use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pow::{Kernel, Searcher};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

pub use self::report::BenchReport;
use self::report::{KernelReport, ThreadsReport};
use self::sample::Sampler;
use self::spread::Spread;
use crate::measure::wall_rate;
use crate::mine::cpu::{CpuArgs, KernelChoice};
use crate::mine::thread_count;
use crate::units::positive_duration;

/// What to measure.
#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    /// Print the result as one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
    /// The number of pairs of samples, of a kernel and of the reference, that a median is taken of.
    #[arg(long, value_name = "COUNT", default_value = "25", value_parser = pair_count)]
    pub pairs: NonZeroUsize,
    /// The length of a sample.
    #[arg(long, value_name = "TIME", default_value = "20ms", value_parser = positive_duration)]
    pub sample: Duration,
    /// The most threads to measure [default: one for each processor that this program may use].
    #[arg(short = 'c', long, value_name = "COUNT", value_parser = thread_count)]
    pub thread_count: Option<NonZeroUsize>,
    /// How to hash; with a kernel other than `auto` only that one is measured.
    #[command(flatten)]
    pub cpu: CpuArgs,
}

fn pair_count(text: &str) -> Result<NonZeroUsize, String> {
    crate::mine::count(text, 10_000)
}

/// Measures on a thread of its own until it is done or `stop` is cancelled, which gives nothing.
pub async fn run(args: BenchArgs, stop: CancellationToken) -> anyhow::Result<Option<BenchReport>> {
    let (result, measured) = oneshot::channel();
    let thread = thread::Builder::new().name("bench".to_owned());
    let thread = thread
        .spawn(move || {
            // Whoever does not wait for the result any more does not want it.
            drop(result.send(measure(&args, &stop)));
        })
        .context("cannot start a thread")?;
    let measured = measured.await;
    // It has ended or is about to: what it had to say is said.
    thread
        .join()
        .map_err(|_| anyhow!("the measuring thread ended unexpectedly"))?;
    measured.context("the measuring thread has no result")?
}

fn measure(args: &BenchArgs, stop: &CancellationToken) -> anyhow::Result<Option<BenchReport>> {
    let hashing = args.cpu.hashing(args.thread_count)?;
    let (searchers, unavailable) = searchers(args.cpu.kernel, hashing.searcher);
    let counts = thread_counts(hashing.threads);
    let bar = progress(args.pairs.get() * (searchers.len() + counts.len()));

    debug!(kernels = searchers.len(), pairs = args.pairs, "measuring");
    // One thread does it all: the calling one, bound and of the priority asked for.
    hashing.placement.apply(0);
    let mut sampler = Sampler::new(args.sample);
    let mut kernels: Vec<Measured> = searchers.iter().map(|_| Measured::default()).collect();
    for _ in 0..args.pairs.get() {
        for (searcher, measured) in searchers.iter().zip(&mut kernels) {
            if stop.is_cancelled() {
                return Ok(None);
            }
            bar.set_message(searcher.kernel().name());
            let reference = sampler.reference();
            let rate = sampler.kernel(searcher);
            measured.rates.push(rate);
            measured.references.push(reference);
            measured.ratios.push(rate / reference);
            bar.inc(1);
        }
    }

    let mut threads: Vec<Measured> = counts.iter().map(|_| Measured::default()).collect();
    for _ in 0..args.pairs.get() {
        let mut one = f64::NAN;
        for (&count, measured) in counts.iter().zip(&mut threads) {
            if stop.is_cancelled() {
                return Ok(None);
            }
            bar.set_message(format!("{count} threads"));
            let rate = wall_rate(count, &hashing.searcher, &hashing.placement, args.sample)
                .context("cannot start the hashing threads")?;
            if count == NonZeroUsize::MIN {
                one = rate.0;
            }
            measured.rates.push(rate.0);
            measured.ratios.push(rate.0 / one);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();

    let references = kernels
        .iter()
        .flat_map(|measured| measured.references.iter().copied());
    Ok(Some(BenchReport {
        pairs: args.pairs.get(),
        sample_seconds: args.sample.as_secs_f64(),
        reference: Spread::of(references.collect()),
        kernels: searchers
            .iter()
            .zip(kernels)
            .map(|(searcher, measured)| KernelReport {
                kernel: searcher.kernel(),
                rate: Spread::of(measured.rates),
                ratio: Spread::of(measured.ratios),
            })
            .collect(),
        unavailable,
        threads_kernel: hashing.searcher.kernel(),
        threads: counts
            .iter()
            .zip(threads)
            .map(|(count, measured)| ThreadsReport {
                threads: count.get(),
                rate: Spread::of(measured.rates),
                ratio: Spread::of(measured.ratios),
            })
            .collect(),
    }))
}

/// What has been measured of one kernel or number of threads, in hashes per second.
#[derive(Default)]
struct Measured {
    rates: Vec<f64>,
    references: Vec<f64>,
    ratios: Vec<f64>,
}

/// The kernels to measure, and those that this machine does not have.
fn searchers(choice: KernelChoice, chosen: Searcher) -> (Vec<Searcher>, Vec<Kernel>) {
    if choice != KernelChoice::Auto {
        return (vec![chosen], Vec::new());
    }
    let mut searchers = Vec::new();
    let mut unavailable = Vec::new();
    for &kernel in Kernel::ALL {
        match kernel.prove() {
            Ok(searcher) => searchers.push(searcher),
            Err(_) if !kernel.is_available() => unavailable.push(kernel),
            Err(error) => {
                warn!(%error, "a kernel computes wrongly on this machine and is not measured");
            }
        }
    }
    (searchers, unavailable)
}

/// Up to sixteen numbers of threads from 1 to `most`: all, or evenly spread ones.
fn thread_counts(most: NonZeroUsize) -> Vec<NonZeroUsize> {
    const STEPS: usize = 16;
    let most = most.get();
    let counts = if most <= STEPS {
        (1..=most).collect()
    } else {
        let mut counts: Vec<usize> = (1..=STEPS).map(|step| most * step / STEPS).collect();
        counts.insert(0, 1);
        counts.dedup();
        counts
    };
    counts.into_iter().filter_map(NonZeroUsize::new).collect()
}

fn progress(samples: usize) -> ProgressBar {
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} % {msg}, {eta} left")
        .expect("the template is well-formed");
    ProgressBar::with_draw_target(Some(samples as u64), target).with_style(style)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::thread_counts;

    #[test]
    fn all_numbers_of_threads_are_measured_or_sixteen_steps() {
        #[track_caller]
        fn check(most: usize, expected: &[usize]) {
            let most = NonZeroUsize::new(most).expect("at least one");
            let counts: Vec<usize> = thread_counts(most)
                .iter()
                .map(|count| count.get())
                .collect();
            assert_eq!(counts, expected);
        }
        check(1, &[1]);
        check(4, &[1, 2, 3, 4]);
        check(17, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17]);
        check(
            64,
            &[
                1, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64,
            ],
        );
    }
}
