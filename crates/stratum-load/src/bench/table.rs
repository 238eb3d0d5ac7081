//! Figures with their limits.

use std::fmt;

use serde::Serialize;

/// What a figure has to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// Not more than this.
    AtMost(f64),
    /// Not less than this.
    AtLeast(f64),
    /// Anything: it is told beside the others.
    Any,
}

/// A figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// What it has to be.
    pub bound: Bound,
}

impl Figure {
    pub(crate) fn new(
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        bound: Bound,
    ) -> Self {
        Self {
            name: name.into(),
            value,
            unit,
            bound,
        }
    }

    /// Whether it is within its bound; a figure that is not a number never is.
    pub fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtMost(limit) => self.value <= limit,
            Bound::AtLeast(limit) => self.value >= limit,
            Bound::Any => true,
        }
    }
}

/// A row of the table.
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

/// All figures of a bench.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Table {
    /// The figures, in the order in which they were measured.
    pub figures: Vec<Figure>,
}

#[cfg(test)]
mod tests {
    use super::{Bound, Figure};

    #[test]
    fn a_figure_meets_its_bound_up_to_equality() {
        #[track_caller]
        fn check(value: f64, bound: Bound, expected: bool) {
            let figure = Figure::new("x", value, "", bound);
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
