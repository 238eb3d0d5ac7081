//! Chainweb's proof of work: the Blake2s-256 hash of a work header, read as a number, must not
//! exceed the target.
//!
//! [`Prepared`] computes what does not depend on the nonce, and [`Prepared::search`] tries a range
//! of nonces with a [`Kernel`]. [`hash()`] and [`verify()`] hash a whole header by the standard and
//! check what a kernel found. No threads, clocks or nodes: the caller's range decides how long a
//! search takes.

mod blake2s;
mod bound;
mod clock;
mod kernel;
mod lanes;
mod prepared;
mod range;
mod scan;

pub use blake2s::{hash, verify};
pub use clock::{MULTIPLICATION_CYCLES, multiply_in_a_chain};
pub use kernel::{Kernel, KernelFault, Searcher};
pub use prepared::Prepared;
pub use range::NonceRange;
