//! The `bench` command: measures each kernel on this machine, relative to the `blake2` crate.
//!
//! Machines are shared and change their speed, so single figures mean little. Kernel and reference
//! hash in turn for some milliseconds each, by the processor time of one thread. The result is the
//! median of many such pairs with its quartiles. The scaling over threads is measured by wall-clock
//! time, again in turn.

mod report;
mod sample;
mod spread;

use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pow::{Kernel, KernelFault, Searcher};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

pub(crate) use self::report::BenchReport;
use self::report::{CyclesReport, KernelReport, Lacking, NotMeasured, ThreadsReport};
use self::sample::Sampler;
use self::spread::Spread;
use crate::flags::cpu::{CpuArgs, KernelChoice};
use crate::flags::thread_count;
use crate::measure::{on_thread, wall_rate};
use crate::quantity::positive_duration;

/// The length of a round of threads, in samples: threads have to be scheduled a few times.
const THREADS_SAMPLES: u32 = 5;

/// The flags of `bench`.
#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    /// Print the result as one JSON object on standard output.
    #[arg(long)]
    pub json: bool,
    /// Measure the processor cycles of a hash too, and compare them with the fewest possible.
    #[arg(long)]
    pub cycles: bool,
    /// The number of pairs of samples, of kernel and reference, in a median.
    #[arg(long, value_name = "COUNT", default_value = "25", value_parser = pair_count)]
    pub pairs: NonZeroUsize,
    /// The length of a sample; rounds of threads are five times as long.
    #[arg(long, value_name = "TIME", default_value = "20ms", value_parser = sample_length)]
    pub sample: Duration,
    /// The most threads to measure [default: one for each processor that this program may use].
    #[arg(short = 'c', long, value_name = "COUNT", value_parser = thread_count)]
    pub thread_count: Option<NonZeroUsize>,
    /// How to hash. A kernel other than `auto` is measured alone.
    #[command(flatten)]
    pub cpu: CpuArgs,
}

fn pair_count(text: &str) -> Result<NonZeroUsize, String> {
    crate::quantity::count(text, 10_000)
}

/// Parses a time short enough for signals to be handled soon.
fn sample_length(text: &str) -> Result<Duration, String> {
    let range = Duration::from_millis(1)..=Duration::from_millis(500);
    let length = positive_duration(text).ok();
    length
        .filter(|length| range.contains(length))
        .ok_or_else(|| "expected a time from 1ms to 500ms, as in 20ms".to_owned())
}

/// Measures on a thread of its own until all is done or `stop` is cancelled, and returns the
/// results so far.
///
/// # Errors
///
/// Returns an error if no kernel works, if threads cannot be started, or without any result.
pub(crate) async fn run(args: BenchArgs, stop: CancellationToken) -> anyhow::Result<BenchReport> {
    on_thread("bench", move || measure(&args, &stop)).await?
}

fn measure(args: &BenchArgs, stop: &CancellationToken) -> anyhow::Result<BenchReport> {
    let placement = args.cpu.placement()?;
    let proved = Proved::of(args.cpu.kernel)?;
    let threads = args
        .thread_count
        .unwrap_or_else(|| args.cpu.thread_count(&placement));
    let counts = thread_counts(threads);
    let bar = progress(args.pairs.get() * (proved.searchers.len() + counts.len()));
    debug!(
        kernels = proved.searchers.len(),
        pairs = args.pairs,
        "measuring"
    );

    // This one thread measures all kernels, with the placement and priority of the flags.
    placement.apply(0);
    let mut sampler = Sampler::new(args.sample);
    let mut references = Vec::new();
    let mut rates = vec![Vec::new(); proved.searchers.len()];
    let mut ratios = rates.clone();
    let mut cycles = rates.clone();
    'pairs: for pair in 0..args.pairs.get() {
        debug!(pair, "measuring a pair of samples of each kernel");
        for (at, searcher) in proved.searchers.iter().enumerate() {
            if stop.is_cancelled() {
                break 'pairs;
            }
            bar.set_message(searcher.kernel().name());
            let reference = sampler.reference();
            let rate = sampler.kernel(searcher);
            references.push(reference);
            rates[at].push(rate);
            ratios[at].push(rate / reference);
            if args.cycles {
                cycles[at].extend(sampler.cycles(searcher));
            }
            bar.inc(1);
        }
    }

    let best = &proved.searchers[0];
    let mut rounds: Vec<Vec<f64>> = Vec::new();
    while rounds.len() < args.pairs.get() && !stop.is_cancelled() {
        let mut round = Vec::new();
        for &count in &counts {
            bar.set_message(format!("threads: {count}"));
            let rate = wall_rate(count, best, &placement, args.sample * THREADS_SAMPLES)
                .context("cannot start the hashing threads")?;
            round.push(rate.0);
            bar.inc(1);
        }
        rounds.push(round);
    }
    bar.finish_and_clear();

    let reference = Spread::of(references);
    let reference = reference.context("interrupted before the first pair was measured")?;
    let reference = reference.times(1e-6);
    let kernels = proved.searchers.iter().zip(rates.into_iter().zip(ratios));
    let kernels = kernels.filter_map(|(searcher, (rates, ratios))| {
        KernelReport::new(searcher.kernel().name(), rates, ratios)
    });
    let threads = counts.iter().enumerate().filter_map(|(at, count)| {
        let rates = rounds.iter().map(|round| round[at]).collect();
        // The first count is one thread.
        let ratios = rounds.iter().map(|round| round[at] / round[0]).collect();
        ThreadsReport::new(count.get(), rates, ratios)
    });
    let cycles = proved.searchers.iter().zip(cycles);
    let cycles = cycles.filter_map(|(searcher, cycles)| {
        CyclesReport::new(searcher.kernel().name(), cycles, searcher.fewest_cycles())
    });
    Ok(BenchReport {
        blake2_mh_per_cpu_second: reference.median,
        blake2_mh_per_cpu_second_quartiles: reference.quartiles,
        kernels: kernels.collect(),
        cycles: args.cycles.then(|| cycles.collect()),
        threads_kernel: best.kernel().name(),
        threads: threads.collect(),
        not_measured: proved.without,
    })
}

/// The kernels to measure, at least one, and those without a searcher.
struct Proved {
    searchers: Vec<Searcher>,
    without: Vec<NotMeasured>,
}

impl Proved {
    fn of(choice: KernelChoice) -> anyhow::Result<Self> {
        if let KernelChoice::Only(_) = choice {
            return Ok(Self {
                searchers: vec![choice.searcher()?],
                without: Vec::new(),
            });
        }
        let mut searchers = Vec::new();
        let mut without = Vec::new();
        for &kernel in Kernel::ALL {
            let lacking = match kernel.prove() {
                Ok(searcher) => {
                    searchers.push(searcher);
                    continue;
                }
                Err(KernelFault::Unavailable(_)) => Lacking::Instructions,
                Err(error) => {
                    warn!(
                        event = "kernel_failed",
                        %error,
                        "skipping a kernel which computes wrong hashes on this machine"
                    );
                    Lacking::Proof
                }
            };
            let kernel = kernel.name();
            without.push(NotMeasured { kernel, lacking });
        }
        ensure!(!searchers.is_empty(), "no kernel works on this machine");
        Ok(Self { searchers, without })
    }
}

/// Returns the numbers of threads from 1 to `most`: all, or sixteen evenly spread ones.
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
