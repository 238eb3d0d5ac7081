//! The flags of whatever hashes on this machine's processors.

use std::num::NonZeroUsize;
use std::str::FromStr;
use std::thread::available_parallelism;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use pow::{Kernel, KernelFault, Searcher};
use rand::Rng;
use rand::rngs::StdRng;
use tracing::warn;

use crate::timing::Timing;
use crate::usage::UsageError;
use crate::worker::Worker;
use crate::worker::cpu::placement::{Affinity, Placement, Priority};
use crate::worker::cpu::{self, Cpu};

/// How to hash on this machine's processors.
#[derive(Clone, Debug, Args)]
pub struct CpuArgs {
    /// The instructions to hash with; `auto` takes the fastest that proves itself on this machine.
    #[arg(long = "cpu-kernel", value_name = "KERNEL", default_value = "auto", value_parser = kernel_choice())]
    pub kernel: KernelChoice,
    /// Bind each hashing thread to a processor: `auto` for all, or a list as in `0-3,8`, with a thread for each unless
    /// --thread-count says otherwise.
    #[arg(long = "cpu-affinity", value_name = "PROCESSORS")]
    pub affinity: Option<Affinity>,
    /// How much hashing gives way to other programs.
    #[arg(
        long = "cpu-priority",
        value_enum,
        value_name = "PRIORITY",
        default_value = "normal"
    )]
    pub priority: Priority,
}

/// The kernel that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelChoice {
    /// The fastest one that proves itself.
    Auto,
    /// This one.
    Only(Kernel),
}

/// What all hashing threads are to be.
#[derive(Clone, Debug)]
pub(crate) struct Hashing {
    pub(crate) threads: NonZeroUsize,
    pub(crate) searcher: Searcher,
    pub(crate) placement: Placement,
}

impl CpuArgs {
    /// Proves the kernel and finds the processors. With a thread for each processor if no number is given.
    pub(crate) fn hashing(&self, threads: Option<NonZeroUsize>) -> Result<Hashing, UsageError> {
        let affinity = self.affinity.as_ref().map(Affinity::resolve).transpose()?;
        let bound = affinity
            .as_ref()
            .and_then(|bound| NonZeroUsize::new(bound.len()));
        Ok(Hashing {
            threads: threads.or(bound).unwrap_or_else(processors),
            searcher: self.kernel.searcher()?,
            placement: Placement {
                processors: affinity,
                priority: self.priority,
            },
        })
    }
}

impl Hashing {
    /// The CPU worker, which begins at a random nonce.
    pub(crate) fn worker(self, timing: Timing) -> Worker {
        Worker::Cpu(Cpu::new(cpu::Config {
            threads: self.threads,
            searcher: self.searcher,
            placement: self.placement,
            first_nonce: rand::make_rng::<StdRng>().next_u64(),
            timing,
        }))
    }
}

impl KernelChoice {
    /// The kernel, proved. A kernel that does not find what is known is reported, and with `auto` the next one is taken.
    pub(crate) fn searcher(self) -> Result<Searcher, KernelFault> {
        match self {
            Self::Only(kernel) => kernel.prove(),
            Self::Auto => first_proved(Kernel::ALL.iter().map(|kernel| kernel.prove())),
        }
    }
}

/// The first that stands. Those that this machine does not have are passed over without a word.
fn first_proved<T>(
    kernels: impl IntoIterator<Item = Result<T, KernelFault>>,
) -> Result<T, KernelFault> {
    let mut last = KernelFault::Unavailable(Kernel::Portable);
    for proved in kernels {
        match proved {
            Ok(searcher) => return Ok(searcher),
            Err(KernelFault::Unavailable(_)) => {}
            Err(fault) => {
                warn!(error = %fault, "a kernel computes wrongly on this machine and is not used");
                last = fault;
            }
        }
    }
    Err(last)
}

fn kernel_choice() -> impl TypedValueParser<Value = KernelChoice> {
    let names = Kernel::ALL.iter().map(|kernel| kernel.name());
    PossibleValuesParser::new(std::iter::once("auto").chain(names)).map(|name| {
        match name.as_str() {
            "auto" => KernelChoice::Auto,
            name => KernelChoice::Only(Kernel::from_str(name).expect("one of the possible values")),
        }
    })
}

/// The processors that this program may use, within the limits of its control group.
pub(crate) fn processors() -> NonZeroUsize {
    available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use chainweb::PowHash;
    use pow::{Kernel, KernelFault};

    use super::first_proved;

    #[test]
    fn a_kernel_that_computes_wrongly_is_passed_over() {
        let wrong = KernelFault::Hash(PowHash::from_le_bytes([0; 32]));
        let lacking = KernelFault::Unavailable(Kernel::Neon);
        let proved = first_proved([Err(wrong.clone()), Err(lacking.clone()), Ok(3), Ok(4)]);
        assert_eq!(proved, Ok(3));
        let proved = first_proved::<u8>([Err(wrong.clone()), Err(lacking)]);
        assert_eq!(proved, Err(wrong));
    }
}
