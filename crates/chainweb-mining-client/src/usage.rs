//! What is wrong with the command line, as far as the text of a single flag does not show it.

use std::num::NonZeroUsize;

use node::EndpointError;
use pow::Kernel;

use crate::flags::cpu::affinity::AffinityError;
use crate::header::InputError;

/// Flags that cannot be followed. The program says so and exits with 64.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// More nodes than one.
    #[error("--node is given {0} times: this version mines on one node; leave one")]
    SeveralNodes(usize),
    /// Not an address.
    #[error("--node {:?}", without_user(text))]
    Node {
        /// The address as given.
        text: String,
        /// What is wrong with it.
        source: EndpointError,
    },
    /// TLS is asked for and excluded at once.
    #[error("--tls contradicts --node {0:?}: write https:// or leave one of them out")]
    PlainWithTls(String),
    /// The machine lacks the kernel's instructions.
    #[error(
        "--cpu-kernel {kernel}: this machine does not have the instructions; it has those of {}",
        available_kernels()
    )]
    Kernel {
        /// The kernel.
        kernel: Kernel,
    },
    /// Threads cannot be bound as asked for.
    #[error("--cpu-affinity")]
    Affinity(#[from] AffinityError),
    /// More works than a network has chains.
    #[error(
        "--thread-count {0}: with --worker stratum or on-demand it is the number of works held, from 1 to {1}"
    )]
    TooManySlots(NonZeroUsize, usize),
    /// Two numbers for one thing.
    #[error(
        "--thread-count {0} contradicts --work-slots {1}: with --worker stratum or on-demand both say how many works are held; \
         leave one of them out"
    )]
    SlotsDiffer(NonZeroUsize, NonZeroUsize),
    /// Nothing to run.
    #[error(
        "--worker external: there is no command; give it with --external-worker-cmd, as in --external-worker-cmd 'miner --device 0'"
    )]
    NoExternalCommand,
    /// What was given is no header.
    #[error(transparent)]
    Header(#[from] InputError),
}

/// An address without the user and the password that may stand before its host.
fn without_user(address: &str) -> String {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), address),
    };
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    scheme + host
}

fn available_kernels() -> String {
    let available = Kernel::ALL.iter().filter(|kernel| kernel.is_available());
    let names: Vec<&str> = available.map(|kernel| kernel.name()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::without_user;

    #[test]
    fn addresses_are_told_without_user_and_password() {
        for (address, told) in [
            ("http://user:hunter2@host:1848", "http://host:1848"),
            ("user@host", "host"),
            ("https://a:b@c@host/d", "https://host/d"),
            ("http://host/path", "http://host/path"),
            ("host:port", "host:port"),
        ] {
            assert_eq!(without_user(address), told);
        }
    }
}
