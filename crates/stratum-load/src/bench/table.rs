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

/// All figures of a bench.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Table {
    /// The figures, in order of measurement.
    pub figures: Vec<Figure>,
}

#[cfg(test)]
mod tests {
    use super::{Bound, Figure};

    #[test]
    fn a_figure_equal_to_its_limit_meets_it() {
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
