//! The delivery of alerts to one receiver: in order, with a time limit, again until it succeeds.
//!
//! A redirect is not followed: the URL is a secret, and the place that it leads to may be that of
//! another.

use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use miner::history::wall_clock;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, header};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::notice::Notice;
use super::receiver::Receiver;

/// The time limit of one attempt.
const ATTEMPT: Duration = Duration::from_secs(10);
/// The first pause after a failed attempt; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(10);
/// The longest time for which an alert is tried.
const DAY: Duration = Duration::from_hours(24);
/// The most bytes of an answer that are read.
const ANSWER_BYTES: usize = 4096;

/// An answer that is not success.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// Another attempt may succeed.
    #[error("{what}")]
    Passing {
        what: String,
        /// The pause that the receiver asks for.
        pause: Option<Duration>,
    },
    /// No attempt will succeed until a person changes something.
    #[error("{what}: {remedy}")]
    Lasting { what: String, remedy: &'static str },
}

/// A receiver with its connection.
#[derive(Debug)]
pub(super) struct Delivery {
    receiver: Receiver,
    client: Client,
}

impl Delivery {
    pub(super) fn new(receiver: Receiver) -> reqwest::Result<Self> {
        let agent = concat!("chainweb-mining-client/", env!("CARGO_PKG_VERSION"));
        let builder = Client::builder().user_agent(agent).redirect(Policy::none());
        let mut builder = node::with_trust(builder.timeout(ATTEMPT))?;
        if receiver.is_loopback() {
            // A proxy cannot reach it.
            builder = builder.no_proxy();
        }
        let client = builder.build()?;
        Ok(Self { receiver, client })
    }

    pub(super) fn host(&self) -> &str {
        self.receiver.host()
    }

    /// Delivers all notices of the queue. Once `closing` is cancelled, each is tried once more, and
    /// the first failure ends it. Returns the number of notices that are not delivered then.
    pub(super) async fn run(
        self,
        mut queue: mpsc::Receiver<Notice>,
        closing: CancellationToken,
    ) -> usize {
        let mut reported = None;
        while let Some(notice) = queue.recv().await {
            let result = self.deliver(&notice, &closing, &mut reported).await;
            match result {
                Ok(()) if reported.take().is_some() => {
                    info!(
                        event = "alerts_recovered",
                        receiver = self.host(),
                        "alerts are delivered again"
                    );
                }
                Ok(()) => debug!(
                    event = "alert_sent",
                    receiver = self.host(),
                    kind = notice.kind,
                    "alert delivered"
                ),
                Err(failure) => {
                    self.report(&failure, &mut reported);
                    if closing.is_cancelled() {
                        return 1 + queue.len();
                    }
                }
            }
        }
        0
    }

    /// Tries until the notice is delivered, refused, or a day old.
    async fn deliver(
        &self,
        notice: &Notice,
        closing: &CancellationToken,
        reported: &mut Option<Discriminant<Failure>>,
    ) -> Result<(), Failure> {
        let mut pause = FIRST_PAUSE;
        loop {
            let Err(failure) = self.attempt(notice).await else {
                return Ok(());
            };
            let asked = match &failure {
                Failure::Lasting { .. } => return Err(failure),
                Failure::Passing { pause, .. } => *pause,
            };
            let wait = pause.max(asked.unwrap_or_default());
            let age = wall_clock().duration_since(notice.at).unwrap_or_default();
            if closing.is_cancelled() || age + wait >= DAY {
                return Err(failure);
            }
            self.report(&failure, reported);
            closing.run_until_cancelled(sleep(wait)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Logs the first failure of each kind in a row.
    fn report(&self, failure: &Failure, reported: &mut Option<Discriminant<Failure>>) {
        let kind = discriminant(failure);
        if reported.replace(kind) != Some(kind) {
            let receiver = self.host();
            match failure {
                Failure::Passing { what, .. } => warn!(
                    event = "alerts_failing",
                    receiver,
                    error = what,
                    "could not deliver an alert; trying again for a day"
                ),
                Failure::Lasting { what, remedy } => warn!(
                    event = "alerts_refused",
                    receiver,
                    error = what,
                    fix = remedy,
                    "the receiver refuses alerts"
                ),
            }
        }
    }

    /// Sends a notice once. Returns the status of the answer.
    pub(super) async fn attempt(&self, notice: &Notice) -> Result<StatusCode, Failure> {
        let request = self.receiver.request(&self.client, notice, wall_clock());
        let response = request.send().await.map_err(|error| Failure::Passing {
            what: without_url(error),
            pause: None,
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(status);
        }
        let what = format!("answer {status}");
        let remedy = match status.as_u16() {
            408 | 429 | 500.. => {
                let pause = asked_pause(response).await;
                return Err(Failure::Passing { what, pause });
            }
            300..=399 => "redirects are not followed: set --alert-url to the URL that it leads to",
            401 | 403 | 404 | 410 => {
                "the URL is wrong or no longer valid: get a new one from the receiver, and set \
                 --alert-url to it"
            }
            _ => "the receiver does not take this form: check the URL against docs/alerts.md",
        };
        Err(Failure::Lasting { what, remedy })
    }
}

/// Returns the pause that an answer asks for, in its header or as Telegram does in its body.
async fn asked_pause(mut response: Response) -> Option<Duration> {
    let header = response.headers().get(header::RETRY_AFTER);
    let text = header.and_then(|value| value.to_str().ok());
    let seconds = match text.and_then(|text| text.trim().parse::<f64>().ok()) {
        Some(seconds) => seconds,
        None => {
            let mut body = Vec::new();
            while let Ok(Ok(Some(chunk))) = timeout(ATTEMPT, response.chunk()).await {
                body.extend_from_slice(&chunk);
                if body.len() > ANSWER_BYTES {
                    return None;
                }
            }
            let body: serde_json::Value = serde_json::from_slice(&body).ok()?;
            let asked = body.pointer("/parameters/retry_after");
            asked.or_else(|| body.get("retry_after"))?.as_f64()?
        }
    };
    let pause = Duration::try_from_secs_f64(seconds).ok()?;
    Some(pause.min(DAY))
}

/// Returns the text of an error, in which there is no URL.
fn without_url(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {ATTEMPT:?}");
    }
    let is_connect = error.is_connect();
    let error = anyhow::Error::new(error.without_url());
    let cause = error.root_cause();
    if is_connect {
        format!("cannot connect: {cause}")
    } else {
        cause.to_string()
    }
}
