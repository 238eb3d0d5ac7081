//! The login of a client: `mining.subscribe` and `mining.authorize`, in either order.

use std::time::Instant;

use crate::context::SessionLimits;

/// The progress of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Login {
    /// Neither subscribed nor authorized.
    Connected { since: Instant },
    /// Authorized, not subscribed.
    Authorized { since: Instant },
    /// Subscribed, not authorized: the first job waits for a while.
    Subscribed { since: Instant },
    /// Subscribed, and served without authorization after that while.
    Anonymous,
    /// Subscribed and authorized.
    Complete,
}

impl Login {
    pub(super) fn subscribe(self, now: Instant) -> Self {
        match self {
            Self::Authorized { .. } => Self::Complete,
            _ => Self::Subscribed { since: now },
        }
    }

    pub(super) fn authorize(self) -> Self {
        match self {
            Self::Connected { since } | Self::Authorized { since } => Self::Authorized { since },
            Self::Subscribed { .. } | Self::Anonymous | Self::Complete => Self::Complete,
        }
    }

    /// Whether the client gets jobs.
    pub(super) fn gets_jobs(self) -> bool {
        matches!(self, Self::Anonymous | Self::Complete)
    }

    /// Returns when the wait for the client's next request ends, or `None` if the client gets jobs.
    pub(super) fn deadline(self, limits: &SessionLimits) -> Option<Instant> {
        match self {
            Self::Connected { since } | Self::Authorized { since } => {
                Some(since + limits.subscribe_timeout)
            }
            Self::Subscribed { since } => Some(since + limits.authorize_grace),
            Self::Anonymous | Self::Complete => None,
        }
    }
}
