//! Names in messages: quotes them, compares them, and suggests similar ones.

use std::fmt;

/// The least likeness of a suggestion, from zero to one.
const MIN_LIKENESS: f64 = 0.7;

/// Longer than any name; the cost of a comparison grows with the product of the lengths.
const MAX_LENGTH: usize = 64;

/// Returns the letters of a name in lower case, without `-`, `_` and `.`.
pub(crate) fn joined(name: &str) -> String {
    let letters = name.chars().filter(|c| !"-_.".contains(*c));
    letters.flat_map(char::to_lowercase).collect()
}

/// Returns the candidate most like `name`, if one is similar enough.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if name.len() > MAX_LENGTH {
        return None;
    }
    let name = joined(name);
    let likeness = |other: &str| strsim::normalized_damerau_levenshtein(&name, &joined(other));
    let rated = candidates.into_iter().map(|other| (likeness(other), other));
    let best = rated.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(likeness, _)| *likeness >= MIN_LIKENESS)
        .map(|(_, other)| other)
}

/// Returns the end of a message about an unknown name.
pub(crate) fn hint(nearest: Option<impl fmt::Display>, otherwise: &str) -> String {
    nearest.map_or(otherwise.to_owned(), |name| {
        format!("; did you mean {name}?")
    })
}

/// Returns a name for a message: in quotes unless it is plain.
pub(crate) fn quoted_name(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.len() <= MAX_LENGTH && !name.is_empty() && name.chars().all(is_plain) {
        name.to_owned()
    } else {
        Quoted(name).to_string()
    }
}

/// Displays a text in quotes, shortened and with control characters escaped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_CHARS: usize = 80;
        match self.0.char_indices().nth(MAX_CHARS) {
            None => write!(f, "{:?}", self.0),
            Some((end, _)) => write!(f, "{:?}… ({} bytes)", &self.0[..end], self.0.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{nearest, quoted_name};

    #[test]
    fn the_nearest_name_is_suggested() {
        #[track_caller]
        fn check(name: &str, expected: Option<&str>) {
            let names = ["node", "stratumPort", "stratumRate", "on-demand-port"];
            assert_eq!(nearest(name, names), expected, "{name}");
        }
        check("nod", Some("node"));
        check("NODE", Some("node"));
        check("stratum_prt", Some("stratumPort"));
        check("OnDemandPorts", Some("on-demand-port"));
        check("port", None);
        check("", None);
        check(&"node".repeat(100_000), None);
    }

    #[test]
    fn odd_names_are_quoted_and_shortened() {
        assert_eq!(quoted_name("stratum.min-port_1"), "stratum.min-port_1");
        assert_eq!(quoted_name("a\nb"), "\"a\\nb\"");
        assert_eq!(quoted_name(""), "\"\"");
        assert!(quoted_name(&"x".repeat(1 << 20)).len() < 200);
    }
}
