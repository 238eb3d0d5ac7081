//! What is checked, in order, and what came of it.
//!
//! A check that is not reached because an earlier one failed has no finding of its own: it is skipped.

use serde::Serialize;

/// One thing that has to be right. The order is that of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Check {
    Name,
    Connection,
    Protocol,
    Info,
    Network,
    Cut,
    MiningApi,
    Key,
    Work,
    Updates,
    Clock,
    RoundTrip,
}

impl Check {
    pub(super) const ALL: [Self; 12] = [
        Self::Name,
        Self::Connection,
        Self::Protocol,
        Self::Info,
        Self::Network,
        Self::Cut,
        Self::MiningApi,
        Self::Key,
        Self::Work,
        Self::Updates,
        Self::Clock,
        Self::RoundTrip,
    ];

    /// What people read.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Connection => "connection",
            Self::Protocol => "protocol",
            Self::Info => "/info",
            Self::Network => "network",
            Self::Cut => "/cut",
            Self::MiningApi => "mining API",
            Self::Key => "key",
            Self::Work => "work",
            Self::Updates => "update stream",
            Self::Clock => "clock",
            Self::RoundTrip => "round trip",
        }
    }
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Ok,
    /// Mining works, but less well than it could.
    Warn,
    /// Mining does not work.
    Fail,
    Skipped,
}

/// A check and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    #[serde(rename = "name")]
    pub(super) check: Check,
    pub(super) state: State,
    /// What was seen.
    pub(super) figure: String,
    /// What to change.
    pub(super) advice: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: Check, figure: impl Into<String>) -> Self {
        Self::new(check, State::Ok, figure.into(), None)
    }

    pub(super) fn warn(check: Check, figure: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(check, State::Warn, figure.into(), Some(advice.into()))
    }

    pub(super) fn fail(check: Check, figure: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(check, State::Fail, figure.into(), Some(advice.into()))
    }

    /// Not checked, for a reason of its own.
    pub(super) fn skipped(check: Check, why: &str) -> Self {
        Self::new(check, State::Skipped, format!("not checked: {why}"), None)
    }

    /// Not checked, because an earlier one failed.
    pub(super) fn unreached(check: Check) -> Self {
        Self::new(check, State::Skipped, "not checked".to_owned(), None)
    }

    fn new(check: Check, state: State, figure: String, advice: Option<String>) -> Self {
        Self {
            check,
            state,
            figure,
            advice,
        }
    }
}
