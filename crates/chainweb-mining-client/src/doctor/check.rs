//! The checks, in order, and their results.

use serde::Serialize;

/// A check. They are ordered as they run.
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
    Forks,
    Updates,
    Clock,
    RoundTrip,
    OneNode,
}

impl Check {
    /// All checks in order, with their labels.
    pub(super) const ALL: [(Self, &str); 14] = [
        (Self::Name, "name"),
        (Self::Connection, "connection"),
        (Self::Protocol, "protocol"),
        (Self::Info, "/info"),
        (Self::Network, "network"),
        (Self::Cut, "/cut"),
        (Self::MiningApi, "mining API"),
        (Self::Key, "key"),
        (Self::Work, "work"),
        (Self::Forks, "fork votes"),
        (Self::Updates, "update stream"),
        (Self::Clock, "clock"),
        (Self::RoundTrip, "round trip"),
        (Self::OneNode, "one node"),
    ];

    pub(super) fn label(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// The result of a check, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// Not checked.
    Skipped,
    Ok,
    /// Mining works, but not well.
    Warn,
    /// Mining is impossible.
    Fail,
}

/// A check with its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    #[serde(rename = "name")]
    pub(super) check: Check,
    pub(super) state: State,
    /// What was measured.
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

    /// The check was skipped for this reason.
    pub(super) fn skipped(check: Check, why: &str) -> Self {
        Self::new(check, State::Skipped, format!("not checked: {why}"), None)
    }

    /// The check was not reached, because an earlier one failed.
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
