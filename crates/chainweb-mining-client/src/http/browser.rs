//! Requests that web pages make through a browser on this machine or its network.
//!
//! A page of another site must neither make blocks nor read what is mined. Its request has marks
//! that only browsers set. A name in `Host` that is not of this machine can be that of the page,
//! resolved by its owner to an address of this machine. Programs without these marks are never
//! refused.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::{HOST, ORIGIN, USER_AGENT};

/// Whether a request is one of a web page of another site. `own` are the names of this machine. If
/// it `is_of_page`, the click on a link is none: the other site does not see what opens.
pub(super) fn is_foreign(headers: &HeaderMap, own: &[String], is_of_page: bool) -> bool {
    let text = |name: &str| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    let is_mozilla = text(USER_AGENT.as_str()).is_some_and(|agent| agent.starts_with("Mozilla/"));
    let mut names = headers.keys();
    let is_fetch = names.any(|name| name.as_str().starts_with("sec-fetch-"));
    let origin = text(ORIGIN.as_str());
    if !(is_mozilla || is_fetch || origin.is_some()) {
        return false;
    }
    let host = text(HOST.as_str()).unwrap_or_default();
    let is_of_host = |origin: &str| {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    };
    let is_link = is_of_page
        && text("sec-fetch-mode") == Some("navigate")
        && text("sec-fetch-dest") == Some("document");
    let is_cross_site = origin.is_some_and(|origin| !is_of_host(origin))
        || text("sec-fetch-site") == Some("cross-site") && !is_link;
    is_cross_site || !is_own(host, own)
}

/// Whether `Host` is an address, `localhost` or a name of this machine.
fn is_own(host: &str, own: &[String]) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let is_named = |known: &str| known.eq_ignore_ascii_case(name);
    name.parse::<IpAddr>().is_ok() || is_named("localhost") || own.iter().any(|own| is_named(own))
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;
    use hyper::header::HeaderName;

    use super::is_foreign;

    #[track_caller]
    fn check(headers: &[(&str, &str)], expected: bool) {
        let pair = |(name, value): &(&str, &str)| {
            let name: HeaderName = name.parse().expect("a name");
            (name, value.parse().expect("a value"))
        };
        let map: HeaderMap = headers.iter().map(pair).collect();
        assert_eq!(
            is_foreign(&map, &["miner".to_owned()], true),
            expected,
            "{headers:?}"
        );
    }

    #[test]
    fn browsers_are_refused_for_other_sites_and_names_and_programs_never() {
        let mozilla = ("user-agent", "Mozilla/5.0");
        check(&[("host", "service:1917"), ("user-agent", "curl/8")], false);
        check(&[("host", "service:1917"), mozilla], true);
        check(&[("host", "service"), ("sec-fetch-mode", "cors")], true);
        for host in ["127.0.0.1:1917", "[::1]:1917", "LOCALHOST", "Miner:80"] {
            check(&[("host", host), mozilla], false);
            check(
                &[("host", host), mozilla, ("origin", "https://evil.example")],
                true,
            );
            check(&[("host", host), ("origin", "null")], true);
            check(&[("host", host), ("sec-fetch-site", "cross-site")], true);
            check(
                &[("host", host), ("origin", &format!("http://{host}"))],
                false,
            );
        }
        check(&[mozilla], true);
    }

    #[test]
    fn a_link_of_another_site_leads_to_the_page_and_nothing_else_does() {
        let headers = |host, mode, dest| {
            [
                ("host", host),
                ("user-agent", "Mozilla/5.0"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", mode),
                ("sec-fetch-dest", dest),
            ]
        };
        let link = headers("127.0.0.1:1918", "navigate", "document");
        check(&link, false);
        check(&headers("evil.example", "navigate", "document"), true);
        check(&headers("127.0.0.1:1918", "navigate", "iframe"), true);
        check(&headers("127.0.0.1:1918", "no-cors", "image"), true);
        let origin = [("origin", "https://evil.example")];
        check(&[&link[..], &origin].concat(), true);
    }
}
