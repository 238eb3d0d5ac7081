//! Media types of requests and answers.
//!
//! `Accept` is matched as by servant's `http-media`: the highest quality wins, then the more
//! specific range, then the server's order.

use hyper::HeaderMap;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName};

/// Media type of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    Json,
    /// JSON in which block headers are objects instead of strings.
    JsonObject,
    Octets,
    Text,
}

impl Media {
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json;charset=utf-8",
            Self::JsonObject => "application/json;blockheader-encoding=object",
            Self::Octets => "application/octet-stream",
            Self::Text => "text/plain;charset=utf-8",
        }
    }
}

/// A media type or range, in lower case.
struct Range {
    essence: String,
    parameters: Vec<String>,
    /// `q`, in thousandths.
    quality: u32,
}

impl Range {
    fn parse(text: &str) -> Self {
        let mut parts = text
            .split(';')
            .map(|part| part.replace([' ', '\t'], "").to_ascii_lowercase());
        let essence = parts.next().unwrap_or_default();
        let (quality, parameters): (Vec<_>, Vec<_>) = parts
            .filter(|part| !part.is_empty())
            .partition(|part| part.starts_with("q="));
        let quality = quality
            .first()
            .and_then(|q| q["q=".len()..].parse::<f64>().ok())
            .map_or(1000, thousandths);
        Self {
            essence,
            parameters,
            quality,
        }
    }

    /// Returns the specificity of the range, or `None` if it does not include `media`.
    fn covers(&self, media: Media) -> Option<usize> {
        let offered = Self::parse(media.content_type());
        if self.essence == "*/*" {
            return Some(0);
        }
        if let Some(kind) = self.essence.strip_suffix("/*") {
            return (offered.essence.split('/').next() == Some(kind)).then_some(1);
        }
        let matches = self.essence == offered.essence
            && self
                .parameters
                .iter()
                .all(|parameter| offered.parameters.contains(parameter));
        matches.then_some(2 + self.parameters.len())
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0..=1000 before"
)]
fn thousandths(quality: f64) -> u32 {
    (quality.clamp(0.0, 1.0) * 1000.0) as u32
}

fn joined(headers: &HeaderMap, name: HeaderName) -> String {
    headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect::<Vec<_>>()
        .join(",")
}

/// Returns the media type of the answer, or `None` for 406. `offers` begins with the default.
pub(crate) fn negotiate(headers: &HeaderMap, offers: &[Media]) -> Option<Media> {
    let accept = joined(headers, ACCEPT);
    let ranges: Vec<_> = accept
        .split(',')
        .filter(|text| !text.trim().is_empty())
        .map(Range::parse)
        .collect();
    if ranges.is_empty() {
        return offers.first().copied();
    }
    let grade = |media: Media| {
        ranges
            .iter()
            .filter_map(|range| Some((range.covers(media)?, range.quality)))
            .max()
            .filter(|(_, quality)| *quality > 0)
            .map(|(specific, quality)| (quality, specific))
    };
    offers
        .iter()
        .rev()
        .filter_map(|media| Some((grade(*media)?, *media)))
        .max_by_key(|(grade, _)| *grade)
        .map(|(_, media)| media)
}

/// Whether the request's `Content-Type` is `media`; the default is an octet stream.
pub(crate) fn body_is(headers: &HeaderMap, media: Media) -> bool {
    let content_type = joined(headers, CONTENT_TYPE);
    let content_type = if content_type.is_empty() {
        Media::Octets.content_type()
    } else {
        &content_type
    };
    Range::parse(content_type).essence == Range::parse(media.content_type()).essence
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [Media; 3] = [Media::Json, Media::JsonObject, Media::Octets];

    #[track_caller]
    fn check(accept: &str, expected: Option<Media>) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().expect("a header value"));
        assert_eq!(negotiate(&headers, &HEADER), expected, "{accept}");
    }

    #[test]
    fn the_best_offer_wins() {
        assert_eq!(
            negotiate(&HeaderMap::new(), &HEADER),
            Some(Media::Json),
            "no Accept"
        );
        check("*/*", Some(Media::Json));
        check("application/*", Some(Media::Json));
        check("application/json", Some(Media::Json));
        check("Application/JSON; Charset=UTF-8", Some(Media::Json));
        let object = "application/json;blockheader-encoding=object";
        check(object, Some(Media::JsonObject));
        check(&format!("*/*, {object}"), Some(Media::JsonObject));
        check(
            "application/json;q=0.5, application/octet-stream",
            Some(Media::Octets),
        );
        check("application/octet-stream;q=0, */*", Some(Media::Json));
        check("text/html", None);
        check("application/json;charset=latin1", None);
        check("*/*;q=0", None);
    }
}
