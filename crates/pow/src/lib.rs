//! The proof of work of Chainweb: Blake2s-256 over a work header, at most its target when read as a number.
//!
//! [`Prepared`] holds all that does not depend on the nonce, and [`Prepared::search`] tries a range of nonces with a
//! [`Kernel`]. [`hash()`] and [`verify()`] do the same slowly, from the standard alone, to check what a kernel found.
//! Nothing here knows a thread, a clock or a node: how long a search lasts is the caller's choice of range.

mod blake2s;
mod kernel;
mod lanes;
mod prepared;
mod range;
mod rounds;
mod scan;

pub use blake2s::{hash, verify};
pub use kernel::{Kernel, KernelFault, Searcher};
pub use prepared::Prepared;
pub use range::NonceRange;
