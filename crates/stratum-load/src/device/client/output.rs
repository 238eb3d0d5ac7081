//! Actions that a client requests from its connection.

use crate::device::client::work::Assignment;

/// An action for the connection.
#[derive(Debug, PartialEq)]
pub(crate) enum Output {
    /// Send these bytes in one write.
    Send(Vec<u8>),
    /// Hash this from now on.
    Hash(Assignment),
    /// Close the connection.
    Disconnect,
}
