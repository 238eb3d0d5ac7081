//! What the sources of settings contain, and which assignments take effect.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::setting::Setting;

/// A source of settings, in order of precedence: the last one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    /// A variable of another program.
    ForeignEnvironment,
    Environment,
    /// The position in the list of `--config-file`.
    Remote(usize),
    /// The position in the list of `--config-file`.
    File(usize),
    Flags,
}

/// One setting, set in one place.
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    pub(crate) setting: Arc<Setting>,
    pub(crate) layer: Layer,
    /// Valid values: several only for a list, `true` or `false` for a switch, none for the default.
    pub(crate) values: Vec<String>,
    /// The place, as messages name it.
    pub(crate) source: String,
}

/// Everything found in the sources.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) assignments: Vec<Assignment>,
    /// Errors, each with its place.
    pub(crate) problems: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

impl Findings {
    /// Adds an assignment, or the errors in its values, each with its place.
    pub(crate) fn record(
        &mut self,
        layer: Layer,
        setting: &Arc<Setting>,
        source: String,
        values: Result<Vec<String>, Vec<String>>,
    ) {
        match values {
            Ok(values) => self.assignments.push(Assignment {
                setting: Arc::clone(setting),
                layer,
                values,
                source,
            }),
            Err(problems) => self.problems.extend(problems),
        }
    }

    /// Returns the assignments that take effect, in order of precedence.
    ///
    /// A later assignment replaces an earlier one. The values of a list are collected within a
    /// layer, and replaced by those of another layer.
    pub(crate) fn resolved(&self) -> Vec<Assignment> {
        let mut assignments = self.assignments.clone();
        assignments.sort_by_key(|assignment| assignment.layer);
        let mut resolved: Vec<Assignment> = Vec::new();
        for new in assignments {
            let is_same = |old: &Assignment| old.setting.flag == new.setting.flag;
            match resolved.iter_mut().find(|old| is_same(old)) {
                Some(old) if new.setting.is_list() && old.layer == new.layer => {
                    old.values.extend(new.values);
                }
                _ => {
                    resolved.retain(|old| !is_same(old));
                    resolved.push(new);
                }
            }
        }
        resolved
    }

    /// Returns the values that take effect and are no defaults, by the key of their setting.
    pub(crate) fn values(&self) -> BTreeMap<String, Vec<String>> {
        let resolved = self.resolved().into_iter();
        let set = resolved.filter(|set| !set.values.is_empty());
        set.filter(|set| set.values != set.setting.defaults())
            .map(|set| (set.setting.key.clone(), set.values))
            .collect()
    }
}
