//! What an alert says, before it has the form of its receiver.

use std::time::SystemTime;

use miner::telemetry::problem::{Kind, Problem, Severity};

/// Something that an operator wants to know away from the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// A stable name: that of a kind of problem, or of an event.
    pub(crate) kind: String,
    pub(crate) state: State,
    /// How much the problem costs; `None` for an event.
    pub(crate) severity: Option<Severity>,
    /// The first of the nodes or devices, and the number of all.
    pub(crate) subjects: Vec<String>,
    pub(crate) count: usize,
    /// What happened, and what to do: one or more sentences.
    pub(crate) text: String,
    pub(crate) at: SystemTime,
}

/// What a notice says about its problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It has begun.
    Raised,
    /// It has ended.
    Cleared,
    /// It is no problem: something happened.
    Event,
}

/// The most subjects of a notice, and the most names in the text about an end.
const SUBJECTS: usize = 20;
const NAMED: usize = 3;

impl State {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Cleared => "cleared",
            Self::Event => "event",
        }
    }
}

impl Notice {
    /// A problem that has begun for these subjects of it.
    pub(crate) fn raised(problem: &Problem, mut subjects: Vec<String>, at: SystemTime) -> Self {
        let count = subjects.len();
        subjects.truncate(SUBJECTS);
        Self {
            kind: problem.kind.name(),
            state: State::Raised,
            severity: Some(problem.severity),
            subjects,
            count,
            text: problem.to_string(),
            at,
        }
    }

    /// A problem that has ended for these subjects, after this time.
    pub(crate) fn cleared(
        kind: Kind,
        mut subjects: Vec<String>,
        after: &str,
        at: SystemTime,
    ) -> Self {
        let name = words(&kind.name());
        let count = subjects.len();
        let names = subjects[..count.min(NAMED)].join(", ");
        let of = match count {
            0 => String::new(),
            1..=NAMED => format!(" ({names})"),
            _ => format!(" ({names}, … {count} in all)"),
        };
        subjects.truncate(SUBJECTS);
        Self {
            kind: kind.name(),
            state: State::Cleared,
            severity: None,
            subjects,
            count,
            text: format!("Over after {after}: {name}{of}."),
            at,
        }
    }

    /// Something that happened.
    pub(crate) fn event(kind: &str, text: String, at: SystemTime) -> Self {
        Self {
            kind: kind.to_owned(),
            state: State::Event,
            severity: None,
            subjects: Vec::new(),
            count: 0,
            text,
            at,
        }
    }

    /// Returns a title of ASCII letters, without names.
    pub(crate) fn title(&self) -> String {
        let kind = words(&self.kind);
        match self.state {
            State::Raised => format!("Problem: {kind}"),
            State::Cleared => format!("Over: {kind}"),
            State::Event => {
                let mut letters = kind.chars();
                let first = letters.next().map(|first| first.to_ascii_uppercase());
                first.into_iter().chain(letters).collect()
            }
        }
    }
}

/// Returns a stable name as words.
fn words(name: &str) -> String {
    name.replace('_', " ")
}
