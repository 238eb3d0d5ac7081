//! The reasons for which shares are refused, and their counts.

use crate::message::Refusal;

/// How current the work of an accepted share was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// The work was live.
    Current,
    /// The work was retired, within the grace period.
    Late,
}

/// The reason why a share was refused, as counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rejection {
    /// The work was retired longer ago than the grace period.
    Stale,
    /// No recent job of the session has the id.
    UnknownJob,
    /// The nonce was accepted before.
    Duplicate,
    /// The hash is above the share target.
    LowDifficulty,
    /// The nonce is malformed, or the job accepts no more shares.
    Malformed,
    /// The client has not subscribed.
    NotSubscribed,
    /// The client has not authorized.
    Unauthorized,
}

impl Rejection {
    /// All of them, in their order.
    pub const ALL: [Self; 7] = [
        Self::Stale,
        Self::UnknownJob,
        Self::Duplicate,
        Self::LowDifficulty,
        Self::Malformed,
        Self::NotSubscribed,
        Self::Unauthorized,
    ];

    /// Returns its name in metrics and in the share log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stale => "stale",
            Self::UnknownJob => "unknown_job",
            Self::Duplicate => "duplicate",
            Self::LowDifficulty => "low_difficulty",
            Self::Malformed => "malformed",
            Self::NotSubscribed => "not_subscribed",
            Self::Unauthorized => "unauthorized",
        }
    }
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Stale => Self::Stale,
            Refusal::JobNotFound => Self::UnknownJob,
            Refusal::Duplicate => Self::Duplicate,
            Refusal::LowDifficulty => Self::LowDifficulty,
            Refusal::NotSubscribed | Refusal::NoNonce1 => Self::NotSubscribed,
            Refusal::Unauthorized => Self::Unauthorized,
            Refusal::BadRequest(_)
            | Refusal::UnknownMethod
            | Refusal::BadNonce2
            | Refusal::JobFull => Self::Malformed,
        }
    }
}

/// The numbers of refused shares by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rejections(pub(crate) [u64; Rejection::ALL.len()]);

impl Rejections {
    /// Returns the number of shares refused for this reason.
    pub const fn of(&self, rejection: Rejection) -> u64 {
        self.0[rejection as usize]
    }

    /// Returns the number of refused shares.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Returns the number of shares refused for any reason but [`Rejection::Stale`].
    pub fn except_stale(&self) -> u64 {
        self.total() - self.of(Rejection::Stale)
    }

    /// Returns the numbers since those before.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut since = *self;
        for (now, before) in since.0.iter_mut().zip(before.0) {
            *now = now.saturating_sub(before);
        }
        since
    }

    /// Counts a refused share.
    pub fn add(&mut self, rejection: Rejection) {
        self.0[rejection as usize] += 1;
    }
}
