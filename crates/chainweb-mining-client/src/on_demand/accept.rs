//! Whether a client takes plain text, as its `Accept` says.
//!
//! The most specific range that fits decides, and a quality of 0 excludes (RFC 9110, section 12.5.1). What cannot be
//! read excludes nothing and admits nothing. Other types are not known here.

use hyper::HeaderMap;
use hyper::header::ACCEPT;

/// Whether an answer of type `text/plain` is acceptable.
pub(super) fn takes_plain_text(headers: &HeaderMap) -> bool {
    let mut ranges = headers
        .get_all(ACCEPT)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .peekable();
    if ranges.peek().is_none() {
        return true;
    }
    let fitting = ranges.filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let specificity = match parts.next()?.to_ascii_lowercase().as_str() {
            "text/plain" => 3,
            "text/*" => 2,
            "*/*" | "*" => 1,
            _ => return None,
        };
        Some((specificity, !parts.any(is_quality_of_zero)))
    });
    fitting
        .max()
        .is_some_and(|(_, is_acceptable)| is_acceptable)
}

fn is_quality_of_zero(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, value)| {
        name.trim().eq_ignore_ascii_case("q") && value.trim().parse() == Ok(0.0_f32)
    })
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;
    use hyper::header::ACCEPT;

    use super::takes_plain_text;

    #[track_caller]
    fn check(accepts: &[&str], expected: bool) {
        let mut headers = HeaderMap::new();
        for accept in accepts {
            headers.append(ACCEPT, accept.parse().expect("it can be in a header"));
        }
        assert_eq!(takes_plain_text(&headers), expected, "{accepts:?}");
    }

    #[test]
    fn the_most_specific_range_decides() {
        check(&[], true);
        check(&[""], true);
        check(&["*/*"], true);
        check(&["*"], true);
        check(&["TEXT/Plain;charset=utf-8"], true);
        check(&["application/json, text/plain, */*"], true);
        check(&["application/json", "text/*;q=0.1"], true);
        check(&["application/json"], false);
        check(&["text/html,application/xml;q=0.9"], false);
        check(&["text/plain;q=0, */*"], false);
        check(&["text/plain;q=0.0"], false);
        check(&["*/*;q=0, text/plain"], true);
        check(&["text/* ; Q = 0.000, */*"], false);
        check(&["nonsense"], false);
    }
}
