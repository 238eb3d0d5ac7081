//! One setting set in one place, and how layers of them become one.

use std::fmt;
use std::sync::Arc;

use super::catalog::{Catalog, Form};
use super::document::Place;

/// Where settings come from; the later wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    Environment,
    Remote(usize),
    File(usize),
    Flags,
}

/// A setting and what it is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// The setting's place in the catalog.
    pub(crate) setting: usize,
    pub(crate) value: Given,
    pub(crate) source: Source,
}

/// What a setting is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// These texts, all of which are good; one of them unless it is a list.
    Texts(Vec<String>),
    /// On or off.
    Switch(bool),
    /// Whatever it is by default.
    Default,
}

/// The place where something is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A flag by its long name, or as written if it is none, without its value.
    Flag(String),
    /// A variable of the environment.
    Variable(String),
    /// A document as a whole.
    Document(Arc<str>),
    /// A position in a document.
    Position(Arc<str>, Place),
    /// A key in a document.
    Key(Arc<str>, Place, String),
}

/// Something that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) source: Source,
    pub(crate) what: String,
}

/// What counts in the end, in order of precedence.
#[derive(Clone, Debug, Default)]
pub(crate) struct Winners {
    assignments: Vec<(Layer, Assignment)>,
}

impl Winners {
    /// Lays one more layer over those that are there. Within a layer the values of a list are gathered; those of
    /// another layer are replaced.
    pub(crate) fn lay(&mut self, catalog: &Catalog, layer: Layer, assignments: Vec<Assignment>) {
        for assignment in assignments {
            let is_list = matches!(
                catalog.setting(assignment.setting).form,
                Form::List | Form::Map
            );
            self.assignments.retain(|(other, beaten)| {
                beaten.setting != assignment.setting || (is_list && *other == layer)
            });
            self.assignments.push((layer, assignment));
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Assignment> {
        self.assignments.iter().map(|(_, assignment)| assignment)
    }

    /// What sets a setting.
    pub(crate) fn of(&self, setting: usize) -> impl Iterator<Item = &Assignment> {
        self.iter().filter(move |winner| winner.setting == setting)
    }

    /// The flags that say the same.
    pub(crate) fn flags(&self, catalog: &Catalog, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let mut flags = Vec::new();
        let settings = self
            .iter()
            .map(|winner| (winner, catalog.setting(winner.setting)));
        for (winner, setting) in settings.filter(|(_, setting)| wanted(&setting.flag)) {
            match &winner.value {
                Given::Texts(texts) => {
                    let flag = |text| format!("--{}={text}", setting.flag);
                    flags.extend(texts.iter().map(flag));
                }
                Given::Switch(true) => flags.push(format!("--{}", setting.flag)),
                // Nothing is left here that could turn it on.
                Given::Switch(false) | Given::Default => {}
            }
        }
        flags
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => f.write_str(name),
            Self::Document(name) if name.is_empty() => f.write_str("\"\""),
            Self::Document(name) => f.write_str(name),
            Self::Position(name, Place { line, column }) => write!(f, "{name}:{line}:{column}"),
            Self::Key(name, Place { line, column }, key) => {
                write!(f, "{name}:{line}:{column}: {key}")
            }
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.what)
    }
}
