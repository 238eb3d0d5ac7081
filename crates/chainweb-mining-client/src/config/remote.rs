//! The bytes of settings at a URL.
//!
//! Size, time, redirects and attempts are bounded. No message contains the parts of a URL that may
//! be secret: user, password and query.

use std::time::Duration;

use anyhow::Error;
use node::Endpoint;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use tokio::time::sleep;

use super::document::{Document, Format, MAX_BYTES};

/// The largest number of redirects to follow.
const MAX_REDIRECTS: usize = 5;

/// The limits of a fetch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// The time limit of an attempt, from the connection to the last byte.
    pub(crate) time: Duration,
    pub(crate) attempts: u32,
    /// The pause after the first attempt; it doubles after each further one.
    pub(crate) pause: Duration,
}

pub(crate) const PATIENCE: Patience = Patience {
    time: Duration::from_secs(10),
    attempts: 3,
    pause: Duration::from_secs(1),
};

/// Why an attempt failed.
#[derive(Debug)]
struct Failure {
    /// Whether another attempt may succeed.
    is_transient: bool,
    what: String,
}

/// Parses a place as an http or https URL. Returns `None` if it is a path.
///
/// # Errors
/// Returns what was expected instead.
pub(crate) fn parse(place: &str) -> Option<Result<Url, String>> {
    place.contains("://").then(|| match Url::parse(place) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) => Ok(url),
        Ok(url) => Err(format!(
            "expected a path or an http(s) URL, got {:?}",
            url.scheme()
        )),
        Err(error) => Err(format!("expected a path or an http(s) URL: {error}")),
    })
}

/// Returns the URL without its user, password, query and fragment.
pub(crate) fn public(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // These fail only for URLs without a host, which have neither.
    url.set_password(None).ok();
    url.set_username("").ok();
    url.into()
}

/// Fetches the document at a URL. Passes every failed attempt but the last to `report`.
///
/// # Errors
/// Returns why the last attempt failed.
pub(crate) async fn fetch(
    url: &Url,
    patience: Patience,
    report: impl Fn(&str),
) -> Result<Document, String> {
    let client = client(url, patience.time)
        .map_err(|error| format!("no HTTP client: {:#}", Error::new(error)))?;
    let mut pause = patience.pause;
    let mut left = patience.attempts;
    loop {
        left = left.saturating_sub(1);
        match attempt(&client, url, patience.time).await {
            Ok(fetched) => return Ok(fetched),
            Err(Failure { is_transient, what }) if is_transient && left > 0 => {
                report(&format!("{}: {what}; retrying", public(url)));
                sleep(pause).await;
                pause *= 2;
            }
            Err(Failure { what, .. }) => return Err(what),
        }
    }
}

fn client(url: &Url, time: Duration) -> reqwest::Result<Client> {
    let agent = concat!("chainweb-mining-client/", env!("CARGO_PKG_VERSION"));
    let redirects = Policy::custom(
        |attempt| match may_follow(attempt.previous(), attempt.url()) {
            Ok(()) => attempt.follow(),
            Err(why) => attempt.error(why),
        },
    );
    let mut builder = Client::builder().user_agent(agent).redirect(redirects);
    let host = url.host_str().unwrap_or_default();
    // A proxy cannot reach this machine's loopback addresses.
    if Endpoint::parse(host, false).is_ok_and(|host| host.is_loopback()) {
        builder = builder.no_proxy();
    }
    node::with_trust(builder.timeout(time))?.build()
}

/// Checks a redirect to `next` after the URLs in `previous`.
fn may_follow(previous: &[Url], next: &Url) -> Result<(), &'static str> {
    let from_tls = previous.last().is_some_and(|url| url.scheme() == "https");
    if !["http", "https"].contains(&next.scheme()) {
        Err("it redirects to a URL that is neither http nor https")
    } else if from_tls && next.scheme() != "https" {
        Err("it redirects from https to http, which is not secure")
    } else if previous.len() > MAX_REDIRECTS {
        Err("it redirects too often")
    } else {
        Ok(())
    }
}

async fn attempt(client: &Client, url: &Url, time: Duration) -> Result<Document, Failure> {
    let failed = |error: reqwest::Error| {
        let (is_timeout, is_connect) = (error.is_timeout(), error.is_connect());
        let is_transient = is_timeout || !error.is_redirect();
        let error = Error::new(error.without_url());
        let what = match error.root_cause() {
            _ if is_timeout => format!("no complete response within {time:?}"),
            cause if !is_transient => cause.to_string(),
            cause if is_connect => format!("cannot connect: {cause}"),
            _ => format!("{error:#}"),
        };
        Failure { is_transient, what }
    };
    let permanent = |what: &str| Failure {
        is_transient: false,
        what: what.to_owned(),
    };
    let mut response = client.get(url.clone()).send().await.map_err(failed)?;
    let status = response.status();
    if !status.is_success() {
        let is_transient = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        let what = format!("the server returned {status}");
        return Err(Failure { is_transient, what });
    }
    let header = response.headers().get(CONTENT_TYPE);
    let media_type = header.and_then(|value| value.to_str().ok());
    let media_type = media_type.unwrap_or_default().to_ascii_lowercase();
    if media_type.starts_with("text/html") {
        return Err(permanent("it is a web page (HTML), not settings"));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_BYTES {
            return Err(permanent("it is larger than 1 MiB, the limit for settings"));
        }
    }
    let format = Format::of_media_type(&media_type).or_else(|| Format::of_name(url.path()));
    Ok((bytes, format))
}

#[cfg(test)]
mod tests;
