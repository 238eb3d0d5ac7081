//! The updates of a chain, as a stream that never ends.
//!
//! A node ends its update streams every few minutes. They are opened again at once, with a little
//! jitter. After a failure, and after a stream that ended as soon as it began, the pauses grow up
//! to the limit of [`Backoff`](crate::Backoff), or to the pause that the node requests. Every gap
//! is an event ([`UpdateEvent::Lost`]); updates during a gap are lost. What an event means for work
//! is the caller's decision.

pub(crate) mod events;

use std::collections::VecDeque;
use std::time::Duration;

use chainweb::ChainId;
use futures_util::{Stream, stream};
use rand::rngs::SmallRng;
use reqwest::{Response, header};
use tokio::time::{Instant, sleep, timeout};

use self::events::{Event, Events};
use crate::answer::excerpt;
use crate::{Client, Error, Malformed, NoAnswer, Refusal, Version, exchange};

/// An update of a chain, or a change of its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpdateEvent {
    /// The stream is open: the node reports all further updates of the chain.
    Opened,
    /// The chain has a new tip, or its work was solved: earlier work is stale.
    NewCut,
    /// The node has work with a refreshed payload on the same tip; earlier work stays valid.
    RefreshedBlock,
    /// The stream is closed or could not be opened. It is opened again after a pause.
    Lost(Lost),
}

/// The reason for the end of an update stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The node ended the stream, as every few minutes.
    Ended,
    /// The stream failed or could not be opened.
    Failed(Error),
}

struct Updates {
    client: Client,
    version: Version,
    chain: ChainId,
    state: State,
    /// The number of streams in a row that failed or ended as soon as they began.
    failures: u32,
    /// The number of openings in a row without a response.
    unanswered: u32,
    rng: SmallRng,
}

/// The longest pause that a node can request before a stream is opened again.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(1);

enum State {
    Waiting(Duration),
    Open(Box<Open>),
}

struct Open {
    response: Response,
    since: Instant,
    events: Events,
    ready: VecDeque<Event>,
}

impl Client {
    /// Follows a chain: `GET …/mining/updates`.
    ///
    /// The stream never ends: it reports a failure and reconnects. Dropping it closes the
    /// connection.
    pub fn updates(
        &self,
        version: &Version,
        chain: ChainId,
    ) -> impl Stream<Item = UpdateEvent> + Send + Unpin + use<> {
        let updates = Updates {
            client: self.clone(),
            version: version.clone(),
            chain,
            state: State::Waiting(Duration::ZERO),
            failures: 0,
            unanswered: 0,
            rng: rand::make_rng(),
        };
        Box::pin(stream::unfold(updates, |mut updates| async move {
            let event = updates.next().await;
            Some((event, updates))
        }))
    }
}

impl Updates {
    async fn next(&mut self) -> UpdateEvent {
        match &mut self.state {
            State::Waiting(pause) => {
                sleep(*pause).await;
                match self.open().await {
                    Ok(response) => {
                        let open = Open {
                            response,
                            since: Instant::now(),
                            events: Events::default(),
                            ready: VecDeque::new(),
                        };
                        self.state = State::Open(Box::new(open));
                        UpdateEvent::Opened
                    }
                    Err(error) => self.lost(Lost::Failed(error), Duration::ZERO),
                }
            }
            State::Open(open) => match open.next(&self.client).await {
                Ok(event) => event,
                Err(lost) => {
                    let lived = open.since.elapsed();
                    self.lost(lost, lived)
                }
            },
        }
    }

    async fn open(&mut self) -> Result<Response, Error> {
        let endpoint = self.client.endpoint();
        let first = self.client.limits().updates_open;
        let limit = first.saturating_mul(6.min(1 << self.unanswered.min(3)));
        let request = self.client.updates_request(&self.version, self.chain);
        let opening = Box::pin(async {
            let response = exchange::send(request, endpoint).await?;
            if response.status().is_success() {
                return expect_events(response);
            }
            let bounds = self.client.bounds("update stream", limit, 0);
            let answer = exchange::read(response, endpoint, bounds, None).await?;
            Err(Refusal::of(&answer).into())
        });
        if let Ok(result) = timeout(limit, opening).await {
            self.unanswered = 0;
            return result;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        Err(silent(&self.client, limit).into())
    }

    fn lost(&mut self, lost: Lost, lived: Duration) -> UpdateEvent {
        let backoff = self.client.limits().reopen;
        let was_good = lived > backoff.max;
        self.failures = if was_good {
            0
        } else {
            self.failures.saturating_add(1)
        };
        let pause = match self.failures {
            0 => backoff.jitter(&mut self.rng),
            failures => backoff.pause(failures, &mut self.rng),
        };
        let requested = match &lost {
            Lost::Failed(error) => error.retry_after().unwrap_or_default(),
            Lost::Ended => Duration::ZERO,
        };
        let pause = pause.max(requested.min(MAX_RETRY_AFTER));
        tracing::debug!(
            endpoint = %self.client.endpoint(), chain = %self.chain, ?lost, ?lived, ?pause, "update stream lost"
        );
        self.state = State::Waiting(pause);
        UpdateEvent::Lost(lost)
    }
}

impl Open {
    async fn next(&mut self, client: &Client) -> Result<UpdateEvent, Lost> {
        loop {
            match self.ready.pop_front() {
                Some(Event::NewCut) => return Ok(UpdateEvent::NewCut),
                Some(Event::RefreshedBlock) => return Ok(UpdateEvent::RefreshedBlock),
                Some(Event::Other(name)) => {
                    tracing::debug!(name, "ignoring an unknown update event");
                    continue;
                }
                None => {}
            }
            let idle = client.limits().updates_idle;
            let chunk = timeout(idle, self.response.chunk()).await;
            match chunk {
                Ok(Ok(Some(bytes))) => self.events.feed(&bytes, &mut self.ready),
                Ok(Ok(None)) => return Err(Lost::Ended),
                Ok(Err(error)) => {
                    return Err(Lost::Failed(
                        NoAnswer::from_reqwest(&error, client.endpoint()).into(),
                    ));
                }
                Err(_) => return Err(Lost::Failed(silent(client, idle).into())),
            }
        }
    }
}

fn silent(client: &Client, after: Duration) -> NoAnswer {
    NoAnswer::Timeout {
        endpoint: client.endpoint().to_string(),
        after,
    }
}

fn expect_events(response: Response) -> Result<Response, Error> {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.map_or_else(String::new, |value| {
        excerpt(&String::from_utf8_lossy(value.as_bytes()))
    });
    if content_type
        .to_ascii_lowercase()
        .starts_with("text/event-stream")
    {
        return Ok(response);
    }
    Err(Malformed::NotEvents { content_type }.into())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::{Config, Limits, Miner};

    fn updates() -> Updates {
        let client = Client::new(Config {
            endpoint: "localhost".parse().expect("it is an address"),
            miner: Miner::new(None, None),
            trust: crate::Trust::default(),
            limits: Limits::default(),
        });
        Updates {
            client: client.expect("plain HTTP needs nothing of the system"),
            version: "development".parse().expect("it is a name"),
            chain: ChainId::new(0),
            state: State::Waiting(Duration::ZERO),
            failures: 0,
            unanswered: 0,
            rng: SmallRng::seed_from_u64(7),
        }
    }

    #[track_caller]
    fn check(updates: &mut Updates, lived_ms: u64, longest_pause_ms: u64, failures: u32) {
        let event = updates.lost(Lost::Ended, Duration::from_millis(lived_ms));
        assert_eq!(event, UpdateEvent::Lost(Lost::Ended));
        let State::Waiting(pause) = updates.state else {
            panic!("still open")
        };
        assert!(
            pause <= Duration::from_millis(longest_pause_ms),
            "{pause:?}"
        );
        assert_eq!(updates.failures, failures);
    }

    #[test]
    fn pauses_grow_only_after_streams_that_end_as_soon_as_they_begin() {
        let updates = &mut updates();
        // Four minutes, as a node ends them: at once.
        check(updates, 240_000, 100, 0);
        check(updates, 240_000, 100, 0);
        check(updates, 0, 100, 1);
        check(updates, 10, 200, 2);
        check(updates, 1500, 400, 3);
        check(updates, 1501, 100, 0);
        check(updates, 0, 100, 1);
    }
    #[test]
    fn a_pause_that_the_node_requests_is_kept() {
        for (requested, pause) in [(7, 7), (3600, 60)] {
            let mut updates = updates();
            let busy = Refusal::Busy {
                status: 429,
                retry_after: Some(Duration::from_secs(requested)),
                text: String::new(),
            };
            updates.lost(Lost::Failed(busy.into()), Duration::ZERO);
            let State::Waiting(waiting) = updates.state else {
                panic!("still open")
            };
            assert_eq!(waiting, Duration::from_secs(pause));
        }
    }
}
