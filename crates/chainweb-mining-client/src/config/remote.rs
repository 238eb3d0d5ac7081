//! The bytes of settings that are kept at a URL.
//!
//! Whatever the other side does, it ends: sizes, times, redirects and tries are bounded. What may be secret in a URL,
//! its user, password and query, is in no message. It does not know what the bytes mean.

use std::error::Error;
use std::fmt::Write;
use std::time::Duration;

use node::Endpoint;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Client, Response, StatusCode, Url};
use tokio::time::sleep;

use super::document::{Format, MAX_BYTES};

/// A configuration that moved more often than this is not going to be found.
const MAX_REDIRECTS: usize = 5;

/// How long the other side gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For one try, from the connection to the last byte.
    pub(crate) time: Duration,
    pub(crate) tries: u32,
    /// Between the first and the second try; doubled for each further one.
    pub(crate) pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(10),
            tries: 3,
            pause: Duration::from_secs(1),
        }
    }
}

/// What was found, and the format that the other side says it has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub(crate) bytes: Vec<u8>,
    pub(crate) format: Option<Format>,
}

/// Why nothing was found.
#[derive(Debug)]
enum Failure {
    /// Another try may do better.
    Passing(String),
    /// It will not.
    Lasting(String),
}

/// Whether the place of a configuration is a URL rather than a path.
pub(crate) fn is_url(place: &str) -> bool {
    place.contains("://")
}

/// Reads an http or https URL.
pub(crate) fn parse(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) => Ok(url),
        Ok(url) => Err(format!(
            "expected a path or a URL with http or https, got one with {:?}",
            url.scheme()
        )),
        Err(error) => Err(format!("expected a path or a URL: {error}")),
    }
}

/// A URL without what may be secret in it.
pub(crate) fn public(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // URLs that cannot have them have none.
    url.set_password(None).ok();
    url.set_username("").ok();
    url.into()
}

/// Fetches what stands at a URL, or says why it cannot be had. Every failed try but the last is reported.
pub(crate) async fn fetch(
    url: &Url,
    patience: Patience,
    report: impl Fn(&str),
) -> Result<Fetched, String> {
    let client =
        client(url, patience.time).map_err(|error| format!("no HTTP client: {}", chain(&error)))?;
    let mut pause = patience.pause;
    let mut left = patience.tries;
    loop {
        left = left.saturating_sub(1);
        match once(&client, url, patience.time).await {
            Ok(fetched) => return Ok(fetched),
            Err(Failure::Passing(why)) if left > 0 => {
                report(&format!("{}: {why}; trying again", public(url)));
                sleep(pause).await;
                pause *= 2;
            }
            Err(Failure::Passing(why) | Failure::Lasting(why)) => return Err(why),
        }
    }
}

fn client(url: &Url, time: Duration) -> reqwest::Result<Client> {
    let builder = Client::builder()
        .user_agent(concat!(
            "chainweb-mining-client/",
            env!("CARGO_PKG_VERSION")
        ))
        .redirect(Policy::custom(follow))
        .timeout(time);
    let host = url.host_str().unwrap_or_default();
    // No proxy knows what is on this machine.
    let is_here = Endpoint::parse(host, false).is_ok_and(|host| host.is_loopback());
    let builder = if is_here { builder.no_proxy() } else { builder };
    node::with_trust(builder)?.build()
}

fn follow(attempt: Attempt<'_>) -> Action {
    match may_follow(attempt.previous(), attempt.url()) {
        Ok(()) => attempt.follow(),
        Err(why) => attempt.error(why),
    }
}

/// Whether to go on to this URL from those that led to it.
fn may_follow(previous: &[Url], next: &Url) -> Result<(), &'static str> {
    let from_tls = previous.last().is_some_and(|url| url.scheme() == "https");
    if !["http", "https"].contains(&next.scheme()) {
        Err("it redirects to what is neither http nor https")
    } else if from_tls && next.scheme() != "https" {
        Err("it redirects from https to http, where anybody can change it")
    } else if previous.len() > MAX_REDIRECTS {
        Err("it redirects too often")
    } else {
        Ok(())
    }
}

async fn once(client: &Client, url: &Url, time: Duration) -> Result<Fetched, Failure> {
    let broken = |error: reqwest::Error| {
        if error.is_timeout() {
            Failure::Passing(format!("no whole answer within {time:?}"))
        } else if error.is_redirect() {
            Failure::Lasting(innermost(&error))
        } else if error.is_connect() {
            Failure::Passing(format!("no connection: {}", innermost(&error)))
        } else {
            Failure::Passing(chain(&error.without_url()))
        }
    };
    let mut response = client.get(url.clone()).send().await.map_err(broken)?;
    judge(response.status())?;
    let media_type = media_type(&response);
    if media_type.starts_with("text/html") {
        let what = "it is a web page (HTML), not settings".to_owned();
        return Err(Failure::Lasting(what));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_BYTES {
            let what = "it is larger than 1 MiB: no settings are".to_owned();
            return Err(Failure::Lasting(what));
        }
    }
    Ok(Fetched {
        bytes,
        format: Format::of_media_type(&media_type).or_else(|| Format::of_name(url.path())),
    })
}

fn judge(status: StatusCode) -> Result<(), Failure> {
    let answered = format!("the server answers {status}");
    if status.is_success() {
        Ok(())
    } else if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        Err(Failure::Passing(answered))
    } else {
        Err(Failure::Lasting(answered))
    }
}

fn media_type(response: &Response) -> String {
    let header = response.headers().get(CONTENT_TYPE);
    let text = header.and_then(|value| value.to_str().ok());
    text.unwrap_or_default().to_ascii_lowercase()
}

fn innermost(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        write!(text, ": {source}").expect("a string takes any text");
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests;
