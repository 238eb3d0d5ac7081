//! Content negotiation: whether a client accepts the response, which is plain text and also JSON.
//!
//! The most specific matching range of `Accept` decides, and a quality of 0 excludes (RFC 9110,
//! section 12.5.1). Malformed ranges match nothing.

use hyper::HeaderMap;
use hyper::header::ACCEPT;

/// Whether a response is acceptable that is `text/plain` and valid JSON.
pub(super) fn accepts_plain_text(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter();
    let ranges = values.flat_map(|value| value.to_str().unwrap_or_default().split(','));
    let ranges = ranges.filter(|range| !range.trim().is_empty());
    let best = ranges.map(|range| {
        let range = range.replace([' ', '\t'], "").to_ascii_lowercase();
        let (media, parameters) = range.split_once(';').unwrap_or((&range, ""));
        let specificity = match media {
            "text/plain" | "application/json" => 3,
            "text/*" | "application/*" => 2,
            "*/*" | "*" => 1,
            _ => return (0, false),
        };
        let is_excluded = |item: &str| item.strip_prefix("q=").map(str::parse) == Some(Ok(0.0_f32));
        (specificity, !parameters.split(';').any(is_excluded))
    });
    best.max().is_none_or(|(_, is_acceptable)| is_acceptable)
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;
    use hyper::header::ACCEPT;

    use super::accepts_plain_text;

    #[track_caller]
    fn check(accepts: &[&str], expected: bool) {
        let mut headers = HeaderMap::new();
        for accept in accepts {
            headers.append(ACCEPT, accept.parse().expect("a header value"));
        }
        assert_eq!(accepts_plain_text(&headers), expected, "{accepts:?}");
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
        check(&["application/json"], true);
        check(&["application/json;q=0"], false);
        check(&["text/html,application/xml;q=0.9"], false);
        check(&["text/plain;q=0, */*"], false);
        check(&["text/plain;q=0.0"], false);
        check(&["*/*;q=0, text/plain"], true);
        check(&["text/* ; Q = 0.000, */*"], false);
        check(&["nonsense"], false);
    }
}
