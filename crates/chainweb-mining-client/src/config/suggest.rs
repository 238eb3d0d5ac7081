//! Names and values in messages: hides secrets, quotes names, compares them, and suggests similar
//! ones.

use std::fmt;

use reqwest::Url;

/// The least likeness of a suggestion, from zero to one.
const MIN_LIKENESS: f64 = 0.7;

/// Longer than any name; the cost of a comparison grows with the product of the lengths.
const MAX_LENGTH: usize = 64;

/// What stands for a value that may be secret.
pub(crate) const HIDDEN: &str = "…";

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

/// Returns a text without the parts of an address that may be secret: user, password, query and
/// fragment.
pub(crate) fn public(text: &str) -> String {
    let scheme = text.find("://").filter(|at| !text[..*at].contains('@'));
    let (scheme, rest) = text.split_at(scheme.map_or(0, |at| at + 3));
    let is_url = !scheme.is_empty();
    let query = rest.find(['?', '#']).filter(|_| is_url);
    match (rest.rfind('@'), query) {
        // Either may be part of the other.
        (Some(_), Some(_)) => format!("{scheme}…"),
        (Some(at), None) => format!("{scheme}{}", &rest[at + 1..]),
        (_, Some(query)) => format!("{scheme}{}…", &rest[..=query]),
        _ => text.to_owned(),
    }
}

/// Returns the host of a URL, the only part that is not secret.
pub(crate) fn host(url: &str) -> String {
    let url = url
        .rsplit_once("://")
        .map(|(_, rest)| format!("http://{rest}"));
    let url = url.and_then(|url| Url::parse(&url).ok());
    let host = url.as_ref().and_then(Url::host_str);
    host.unwrap_or(HIDDEN).to_owned()
}

/// Displays a text in quotes, without the secret parts of an address, shortened and with control
/// characters escaped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_CHARS: usize = 80;
        let text = public(self.0);
        match text.char_indices().nth(MAX_CHARS) {
            None => write!(f, "{text:?}"),
            Some((end, _)) => write!(f, "{:?}… ({} bytes)", &text[..end], text.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{nearest, public, quoted_name};

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
    fn secret_parts_of_addresses_are_removed() {
        for (address, expected) in [
            ("http://user:hunter2@host:1848", "http://host:1848"),
            ("https://user@host/d", "https://host/d"),
            ("https://a:hunter2@c@host/d", "https://host/d"),
            ("http://a:hunter/2@host", "http://host"),
            ("http://a:hun?ter2@host", "http://…"),
            ("http://host/d?hunter2", "http://host/d?…"),
            ("http://host/d?hun@ter2", "http://…"),
            ("http://host/d#hunter2", "http://host/d#…"),
            ("user:hunter2@host", "host"),
            ("a:hunter2@b://host", "b://host"),
            ("http:/user:hunter2@host", "host"),
            ("http://host/path", "http://host/path"),
            ("host:port", "host:port"),
            ("user@host", "host"),
            ("what?", "what?"),
        ] {
            assert_eq!(public(address), expected, "{address}");
        }
    }

    #[test]
    fn odd_names_are_quoted_and_shortened() {
        assert_eq!(quoted_name("stratum.min-port_1"), "stratum.min-port_1");
        assert_eq!(quoted_name("a\nb"), "\"a\\nb\"");
        assert_eq!(quoted_name(""), "\"\"");
        assert!(quoted_name(&"x".repeat(1 << 20)).len() < 200);
    }
}
