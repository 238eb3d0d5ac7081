//! Figures and their limits.

use std::fmt;

use serde::Serialize;

/// Limit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Bound {
    /// Upper limit, inclusive.
    AtMost(f64),
    /// Lower limit, inclusive.
    AtLeast(f64),
    /// No limit.
    Any,
}

/// A measured figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// Name.
    pub(crate) name: String,
    /// Value in `unit`.
    pub(crate) value: f64,
    /// Unit; empty for counts and ratios.
    pub(crate) unit: &'static str,
    /// Limit.
    pub(crate) bound: Bound,
}

impl Figure {
    /// Whether the value is within its limit; NaN is not, unless there is no limit.
    pub fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtMost(limit) => self.value <= limit,
            Bound::AtLeast(limit) => self.value >= limit,
            Bound::Any => true,
        }
    }
}

/// Formats a row of the table.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name, value, unit, ..
        } = self;
        let digits = if value.abs() < 1000.0 { 2 } else { 0 };
        write!(f, "{name:<58} {value:>12.digits$} {unit:<16}")?;
        let verdict = if self.is_met() { "met" } else { "MISSED" };
        match self.bound {
            Bound::AtMost(limit) => write!(f, " ≤ {limit:<8} {verdict}"),
            Bound::AtLeast(limit) => write!(f, " ≥ {limit:<8} {verdict}"),
            Bound::Any => Ok(()),
        }
    }
}

/// The figures of one measurement.
pub(crate) struct Section {
    name: String,
    pub(crate) figures: Vec<Figure>,
}

impl Section {
    /// Returns an empty section; the names of its figures begin with `name`.
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            figures: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, what: &str, value: f64, unit: &'static str, bound: Bound) {
        self.figures.push(Figure {
            name: format!("{}: {what}", self.name),
            value,
            unit,
            bound,
        });
    }

    /// Adds a time without a limit, in milliseconds.
    pub(crate) fn add_time(&mut self, what: &str, micros: f64) {
        self.add(what, micros / 1e3, "ms", Bound::Any);
    }
}

#[cfg(test)]
mod tests {
    use super::{Bound, Section};

    #[test]
    fn a_figure_equal_to_its_limit_meets_it() {
        #[track_caller]
        fn check(value: f64, bound: Bound, expected: bool) {
            let mut section = Section::new("x".to_owned());
            section.add("y", value, "", bound);
            let figure = &section.figures[0];
            assert_eq!(figure.is_met(), expected, "{figure}");
        }
        check(4.0, Bound::AtMost(4.0), true);
        check(4.1, Bound::AtMost(4.0), false);
        check(0.8, Bound::AtLeast(0.8), true);
        check(0.7, Bound::AtLeast(0.8), false);
        check(f64::NAN, Bound::AtMost(4.0), false);
        check(f64::NAN, Bound::AtLeast(4.0), false);
        check(9e9, Bound::Any, true);
    }
}
