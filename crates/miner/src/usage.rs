//! What is wrong with the command line, as far as the text of a single flag does not show it.

use std::num::NonZeroUsize;

use node::EndpointError;
use pow::{Kernel, KernelFault};

use crate::header::InputError;
use crate::worker::cpu::placement::AffinityError;

/// Flags that cannot be followed. The program says so and exits with 64.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// More nodes than one.
    #[error("--node is given {0} times: this version mines on one node; leave one")]
    SeveralNodes(usize),
    /// Not an address.
    #[error("--node {text:?}: {source}")]
    Node {
        /// The address as given.
        text: String,
        /// What is wrong with it.
        source: EndpointError,
    },
    /// TLS is asked for and excluded at once.
    #[error("--tls contradicts --node {0:?}: write https:// or leave one of them out")]
    PlainWithTls(String),
    /// The kernel cannot be used.
    #[error("--cpu-kernel: {source}; this machine has {}", available_kernels())]
    Kernel {
        /// What is wrong with it.
        #[from]
        source: KernelFault,
    },
    /// Threads cannot be bound as asked for.
    #[error("--cpu-affinity: {source}")]
    Affinity {
        /// What is wrong with it.
        #[from]
        source: AffinityError,
    },
    /// More works than a network has chains.
    #[error(
        "--thread-count {0}: with --worker stratum it is the number of works held, from 1 to {1}"
    )]
    TooManySlots(NonZeroUsize, usize),
    /// Two numbers for one thing.
    #[error(
        "--thread-count {0} contradicts --work-slots {1}: with --worker stratum both say how many works are held; \
         leave one of them out"
    )]
    SlotsDiffer(NonZeroUsize, NonZeroUsize),
    /// What was given is no header.
    #[error(transparent)]
    Header(#[from] InputError),
}

fn available_kernels() -> String {
    let available = Kernel::ALL.iter().filter(|kernel| kernel.is_available());
    let names: Vec<&str> = available.map(|kernel| kernel.name()).collect();
    names.join(", ")
}
