//! Listening sockets: where a server binds, and how it accepts connections within limits.
//!
//! [`Interface`] names the addresses to bind, [`Acceptor`] accepts with back-off, [`serve`] runs
//! one task per connection, and [`Permits`] counts connections per client address. The protocol
//! spoken on a connection is the caller's.

mod accept;
mod bind;
mod descriptors;
mod interface;
mod permits;

pub use accept::{Acceptor, serve};
pub use bind::{BindError, bind};
pub use descriptors::{Descriptors, raise_descriptor_limit};
pub use interface::{Interface, InterfaceError};
pub use permits::{LimitReached, Permit, Permits};
