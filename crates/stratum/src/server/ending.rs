//! The reasons for which connections end.

use std::fmt;

use crate::session::Close;

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The session closed it.
    Closed(Close),
    /// The client closed it.
    Left,
    /// The client may not connect.
    Refused,
    /// The client does not speak Stratum.
    Foreign,
    /// An I/O error, or no sign of life of the client's machine.
    Broken,
    /// The client did not read.
    Stalled,
    /// The server is stopping.
    Stopped,
}

impl Ending {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Left,
        Self::Broken,
        Self::Stalled,
        Self::Closed(Close::Oversized),
        Self::Closed(Close::Flood),
        Self::Closed(Close::NotSubscribed),
        Self::Foreign,
        Self::Refused,
        Self::Stopped,
    ];

    /// Returns its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Left => "client",
            Self::Broken => "broken",
            Self::Stalled => "slow_reader",
            Self::Closed(Close::Oversized) => "oversized_line",
            Self::Closed(Close::Flood) => "flood",
            Self::Closed(Close::NotSubscribed) => "not_subscribed",
            Self::Foreign => "other_protocol",
            Self::Refused => "refused",
            Self::Stopped => "shutdown",
        }
    }

    /// Returns its place in [`Ending::ALL`].
    pub(super) fn index(self) -> usize {
        let place = Self::ALL.iter().position(|ending| *ending == self);
        place.expect("all endings are listed")
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(close) => close.fmt(f),
            Self::Left => f.write_str("closed by the client"),
            Self::Refused => f.write_str("refused"),
            Self::Foreign => f.write_str("another protocol"),
            Self::Broken => f.write_str("connection broken"),
            Self::Stalled => f.write_str("the client does not read"),
            Self::Stopped => f.write_str("the server is stopping"),
        }
    }
}
