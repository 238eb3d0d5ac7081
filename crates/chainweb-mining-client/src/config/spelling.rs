//! Names that are written in different ways, and names that are nearly others.

use super::document::Quoted;

/// How alike two names have to be for one to be taken for a slip of the other: from zero to one.
const ALIKE: f64 = 0.7;

/// Nothing has a longer name; likeness costs time and space for every pair of letters.
const LONGEST: usize = 64;

/// The words of a name without what joins them.
pub(crate) fn joined(name: &str) -> String {
    let letters = name.chars().filter(|c| !"-_.".contains(*c));
    letters.flat_map(char::to_lowercase).collect()
}

/// The name most like this one, if it is like it at all.
pub(crate) fn nearest(name: &str, names: impl IntoIterator<Item = String>) -> Option<String> {
    if name.len() > LONGEST {
        return None;
    }
    let name = joined(name);
    let names = names.into_iter().map(|candidate| {
        let likeness = strsim::normalized_damerau_levenshtein(&name, &joined(&candidate));
        (likeness, candidate)
    });
    let alike = names.filter(|(likeness, _)| *likeness >= ALIKE);
    let best = alike.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.map(|(_, name)| name)
}

/// A name as it is repeated in a message, in quotes if it is an odd one.
pub(crate) fn told(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.len() <= LONGEST && !name.is_empty() && name.chars().all(is_plain) {
        name.to_owned()
    } else {
        Quoted(name).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{nearest, told};

    #[test]
    fn a_slip_is_taken_for_what_it_is_nearest_to() {
        #[track_caller]
        fn check(name: &str, expected: Option<&str>) {
            let names = ["node", "stratumPort", "stratumRate", "on-demand-port"];
            let nearest = nearest(name, names.map(str::to_owned));
            assert_eq!(nearest.as_deref(), expected, "{name}");
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
    fn odd_names_are_told_in_quotes_and_in_part() {
        assert_eq!(told("stratum.min-port_1"), "stratum.min-port_1");
        assert_eq!(told("a\nb"), "\"a\\nb\"");
        assert_eq!(told(""), "\"\"");
        assert!(told(&"x".repeat(1 << 20)).len() < 200);
    }
}
