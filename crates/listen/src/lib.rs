//! Listening sockets: where a server binds, and how it accepts connections within limits.
//!
//! [`Interface`] names the addresses to bind, [`Acceptor`] accepts with back-off, [`serve`] runs
//! one task per connection, [`Permits`] counts connections per client address, and [`ProxyHeader`]
//! is that address as a proxy sends it. The protocol spoken on a connection is the caller's.

mod accept;
mod bind;
mod interface;
mod permits;
mod platform;
mod proxy;

pub use accept::{Acceptor, serve};
pub use bind::{BindError, bind};
pub use interface::{Interface, InterfaceError};
pub use permits::{LimitReached, Permit, Permits};
pub use platform::{Descriptors, raise_descriptor_limit};
pub use proxy::ProxyHeader;
