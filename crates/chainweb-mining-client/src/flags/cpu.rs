//! The flags for hashing on this machine's processors.

pub(crate) mod affinity;

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use anyhow::Context;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use miner::platform::HAS_PRIORITY;
use miner::timing::Timing;
use miner::worker::Worker;
use miner::worker::cpu::placement::Placement;
use miner::worker::cpu::{self, Cpu};
use pow::{Kernel, KernelFault, Searcher};
use rand::Rng;
use rand::rngs::StdRng;
use tracing::warn;

use self::affinity::Affinity;
use crate::usage::UsageError;

/// How to hash on this machine.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "CPU")]
pub struct CpuArgs {
    /// Instruction set to hash with; auto is the fastest that passes a self-test.
    #[arg(long = "cpu-kernel", value_name = "KERNEL", default_value = "auto", value_parser = kernel_choice())]
    pub kernel: KernelChoice,
    /// Pin each hashing thread to a processor: auto, or a list such as 0-3,8.
    #[arg(long = "cpu-affinity", value_name = "PROCESSORS")]
    pub affinity: Option<Affinity>,
    /// Scheduling priority of the hashing threads.
    #[arg(
        long = "cpu-priority",
        value_enum,
        value_name = "PRIORITY",
        default_value = "normal"
    )]
    pub priority: Priority,
}

/// The scheduling priority of the hashing threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Priority {
    /// The priority of other programs.
    Normal,
    /// Below programs of normal priority (nice 10).
    Low,
    /// Almost only idle processor time (nice 19).
    Idle,
}

/// A choice of kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelChoice {
    /// The fastest one that passes its self-test.
    Auto,
    /// This one.
    Only(Kernel),
}

/// How all threads hash.
#[derive(Clone, Debug)]
pub(crate) struct Hashing {
    pub(crate) threads: NonZeroUsize,
    pub(crate) searcher: Searcher,
    pub(crate) placement: Placement,
}

impl CpuArgs {
    /// Self-tests the kernel and finds the processors. Without a number, there is one thread for
    /// each processor.
    ///
    /// # Errors
    /// Returns an error if the kernel or a processor cannot be used.
    pub(crate) fn hashing(&self, threads: Option<NonZeroUsize>) -> anyhow::Result<Hashing> {
        let placement = self.placement()?;
        Ok(Hashing {
            threads: threads.unwrap_or_else(|| self.thread_count(&placement)),
            searcher: self.kernel.searcher()?,
            placement,
        })
    }

    /// Returns where the threads run.
    pub(crate) fn placement(&self) -> Result<Placement, UsageError> {
        let processors = self.affinity.as_ref().map(Affinity::resolve).transpose();
        let processors = processors.map_err(UsageError::new)?;
        if !HAS_PRIORITY && self.priority != Priority::Normal {
            return Err(UsageError::new(
                "--cpu-priority: not on Windows: start the program at a lower priority instead, \
                 with `start /low`",
            ));
        }
        Ok(Placement {
            processors: processors.unwrap_or_default(),
            niceness: match self.priority {
                Priority::Normal => None,
                Priority::Low => Some(10),
                Priority::Idle => Some(19),
            },
        })
    }

    /// Returns the default number of threads: one for each processor in the list, or for each that
    /// the program may use.
    pub(crate) fn thread_count(&self, placement: &Placement) -> NonZeroUsize {
        match self.affinity {
            Some(Affinity::Processors(_)) => NonZeroUsize::new(placement.processors.len()),
            Some(Affinity::Auto) | None => None,
        }
        .unwrap_or_else(processors)
    }
}

impl Hashing {
    /// Returns the CPU worker, which starts at a random nonce.
    pub(crate) fn worker(self, timing: &Timing) -> Worker {
        Worker::Cpu(Cpu::new(cpu::Config {
            threads: self.threads,
            searcher: self.searcher,
            placement: self.placement,
            first_nonce: rand::make_rng::<StdRng>().next_u64(),
            timing: *timing,
        }))
    }
}

impl KernelChoice {
    /// Self-tests the kernel; `auto` falls back to the next one.
    ///
    /// # Errors
    /// Returns an error if no chosen kernel passes.
    pub(crate) fn searcher(self) -> anyhow::Result<Searcher> {
        let searcher = match self {
            Self::Only(kernel) => kernel.prove(),
            Self::Auto => first_proved(Kernel::ALL.iter().map(|kernel| kernel.prove())),
        };
        match searcher {
            Err(KernelFault::Unavailable(kernel)) => {
                let available = available_kernels();
                Err(UsageError::new(format!(
                    "--cpu-kernel {kernel}: this machine does not have the instructions; it has \
                     those of {available}"
                ))
                .into())
            }
            searcher => searcher.context("this machine cannot mine"),
        }
    }
}

/// Returns the first kernel that passes. Logs a warning for each that fails, but not for those that
/// the machine lacks.
fn first_proved<T>(
    kernels: impl IntoIterator<Item = Result<T, KernelFault>>,
) -> Result<T, KernelFault> {
    let mut last = KernelFault::Unavailable(Kernel::Portable);
    for proved in kernels {
        match proved {
            Ok(searcher) => return Ok(searcher),
            Err(KernelFault::Unavailable(_)) => {}
            Err(fault) => {
                warn!(
                    event = "kernel_failed",
                    error = %fault,
                    "kernel failed its self-test and is not used"
                );
                last = fault;
            }
        }
    }
    Err(last)
}

fn kernel_choice() -> impl TypedValueParser<Value = KernelChoice> {
    const AUTO: &str = "auto";
    let names = Kernel::ALL.iter().map(|kernel| kernel.name());
    PossibleValuesParser::new(std::iter::once(AUTO).chain(names)).map(|name| {
        let kernel = Kernel::ALL.iter().find(|kernel| kernel.name() == name);
        kernel.map_or(KernelChoice::Auto, |kernel| KernelChoice::Only(*kernel))
    })
}

fn available_kernels() -> String {
    let available = Kernel::ALL.iter().filter(|kernel| kernel.is_available());
    let names: Vec<&str> = available.map(|kernel| kernel.name()).collect();
    names.join(", ")
}

/// Returns the number of processors that this program may use, within its control group.
pub(crate) fn processors() -> NonZeroUsize {
    available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use chainweb::PowHash;
    use pow::{Kernel, KernelFault};

    use super::first_proved;

    #[test]
    fn a_kernel_that_fails_its_self_test_is_skipped() {
        let wrong = KernelFault::Hash(PowHash::from_le_bytes([0; 32]));
        let lacking = KernelFault::Unavailable(Kernel::Neon);
        let proved = first_proved([Err(wrong.clone()), Err(lacking.clone()), Ok(3), Ok(4)]);
        assert_eq!(proved, Ok(3));
        let proved = first_proved::<u8>([Err(wrong.clone()), Err(lacking)]);
        assert_eq!(proved, Err(wrong));
    }
}
