//! `GET …/mining/updates`: streams that end, break and are opened again.

use std::time::Duration;

use chainweb::ChainId;
use futures_util::{Stream, StreamExt};
use node::UpdateEvent::{self, NewCut, Opened, RefreshedBlock};
use node::{Backoff, Error, Limits, Lost, Malformed, NoAnswer, Refusal};

use crate::scripted::{
    Act, Scripted, Seen, chunked, plain, request, short_limits, unfinished, version,
};

const EVENTS: &str = "200 OK\r\nContent-Type: text/event-stream";
const NEW_CUT_BYTES: &[u8] = b"event:New Cut\n\n";

/// Pauses short enough for tests.
fn quick() -> Limits {
    let reopen = Backoff {
        first: Duration::from_millis(1),
        max: Duration::from_millis(4),
    };
    Limits {
        reopen,
        ..Limits::default()
    }
}

fn hold(mut acts: Vec<Act>) -> Vec<Act> {
    acts.push(Act::Hang);
    acts
}

fn open(node: &Scripted, limits: Limits) -> impl Stream<Item = UpdateEvent> + Send + Unpin + use<> {
    node.client_with(limits)
        .updates(&version(), ChainId::new(0x0102))
}

async fn take<const N: usize>(
    stream: &mut (impl Stream<Item = UpdateEvent> + Unpin),
) -> [UpdateEvent; N] {
    let events: Vec<_> = stream.take(N).collect().await;
    events.try_into().unwrap()
}

#[tokio::test]
async fn a_stream_is_opened_with_the_chain_in_four_bytes() {
    let mut node = Scripted::start([hold(unfinished(EVENTS, &[]))]).await;
    let mut updates = open(&node, quick());
    assert_eq!(take(&mut updates).await, [Opened]);
    let headers = [
        ("accept", "*/*"),
        ("content-type", "application/octet-stream"),
        ("content-length", "4"),
    ];
    let line = "GET /chainweb/0.0/development/mining/updates HTTP/1.1";
    assert_eq!(node.request().await, request(line, &headers, &[2, 1, 0, 0]));
}

#[tokio::test]
async fn events_without_data_are_reported_in_order() {
    let chunks: [&[u8]; 4] = [
        b"event:New Cut\n\nevent:Refreshed Block\n\n",
        b"event:Something Else\n\n: a comment\n\n",
        b"event:New",
        b" Cut\n\n",
    ];
    let node = Scripted::start([hold(unfinished(EVENTS, &chunks))]).await;
    let mut updates = open(&node, quick());
    assert_eq!(
        take(&mut updates).await,
        [Opened, NewCut, RefreshedBlock, NewCut]
    );
}

#[tokio::test]
async fn an_ended_stream_is_opened_again() {
    let node = Scripted::start([
        chunked(EVENTS, &[NEW_CUT_BYTES]),
        chunked(EVENTS, &[]),
        hold(unfinished(EVENTS, &[NEW_CUT_BYTES])),
    ])
    .await;
    let mut updates = open(&node, quick());
    let ended = || UpdateEvent::Lost(Lost::Ended);
    assert_eq!(
        take(&mut updates).await,
        [Opened, NewCut, ended(), Opened, ended(), Opened, NewCut]
    );
}

#[tokio::test]
async fn half_an_event_is_not_completed_by_the_next_stream() {
    for (end, is_clean) in [
        (Act::Close, false),
        (Act::Reset, false),
        (Act::Send(b"0\r\n\r\n".to_vec()), true),
    ] {
        let mut cut_off = unfinished(EVENTS, &[b"event:New Cut\n"]);
        cut_off.push(end);
        let node = Scripted::start([
            cut_off,
            hold(unfinished(EVENTS, &[b"\nevent:Refreshed Block\n\n"])),
        ])
        .await;
        let mut updates = open(&node, quick());
        let [opened, lost, again, event] = take(&mut updates).await;
        assert_eq!([opened, again, event], [Opened, Opened, RefreshedBlock]);
        match lost {
            UpdateEvent::Lost(Lost::Ended) => assert!(is_clean),
            UpdateEvent::Lost(Lost::Failed(Error::NoAnswer(NoAnswer::Broken { .. }))) => {
                assert!(!is_clean);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_refused_stream_is_retried_until_it_opens() {
    let text = "No more update streams available currently. Retry later.";
    let node = Scripted::start([
        plain("503 Service Unavailable", text.as_bytes()),
        plain("404 Not Found", b""),
        plain("500 Internal Server Error", b"Something went wrong"),
        plain(
            "200 OK\r\nContent-Type: text/html",
            b"<p>Welcome to our hotel",
        ),
        vec![Act::Close],
        hold(unfinished(EVENTS, &[])),
    ])
    .await;
    let mut updates = open(&node, quick());
    let path = || "/chainweb/0.0/development/mining/updates".to_owned();
    let failed = |error| UpdateEvent::Lost(Lost::Failed(error));
    let status = Refusal::Status {
        path: path(),
        status: 500,
        text: "Something went wrong".to_owned(),
    };
    let [busy, absent, broken, hotel, closed, opened] = take(&mut updates).await;
    assert_eq!(
        busy,
        failed(Error::Refused(Refusal::Busy {
            status: 503,
            retry_after: None,
            text: text.to_owned()
        }))
    );
    assert_eq!(
        absent,
        failed(Error::Refused(Refusal::NotServed { path: path() }))
    );
    assert_eq!(broken, failed(Error::Refused(status)));
    assert_eq!(
        hotel,
        failed(Error::Malformed(Malformed::NotEvents {
            content_type: "text/html".to_owned()
        }))
    );
    assert!(matches!(
        closed,
        UpdateEvent::Lost(Lost::Failed(Error::NoAnswer(NoAnswer::Broken { .. })))
    ));
    assert_eq!(opened, Opened);
}

#[tokio::test]
async fn a_silent_stream_is_lost_after_the_idle_limit() {
    let node = Scripted::start([
        vec![Act::Hang],
        hold(unfinished(EVENTS, &[])),
        hold(unfinished(EVENTS, &[NEW_CUT_BYTES])),
    ])
    .await;
    let limits = Limits {
        reopen: quick().reopen,
        ..short_limits(250)
    };
    let mut updates = open(&node, limits);
    let timeout = NoAnswer::Timeout {
        endpoint: node.url(),
        after: Duration::from_millis(250),
    };
    let lost = || UpdateEvent::Lost(Lost::Failed(Error::NoAnswer(timeout.clone())));
    assert_eq!(
        take(&mut updates).await,
        [lost(), Opened, lost(), Opened, NewCut]
    );
}

#[tokio::test]
async fn openings_without_a_response_have_a_limit_of_their_own_that_grows() {
    let mut acts = vec![vec![Act::Hang]; 5];
    acts.push(hold(unfinished(EVENTS, &[])));
    let node = Scripted::start(acts).await;
    let limits = Limits {
        updates_open: Duration::from_millis(100),
        ..quick()
    };
    let mut updates = open(&node, limits);
    let lost = [100, 200, 400, 600, 600].map(|after| {
        let timeout = NoAnswer::Timeout {
            endpoint: node.url(),
            after: Duration::from_millis(after),
        };
        UpdateEvent::Lost(Lost::Failed(Error::NoAnswer(timeout)))
    });
    assert_eq!(take(&mut updates).await, lost);
    assert_eq!(take(&mut updates).await, [Opened]);
}

#[tokio::test]
async fn a_stream_reopens_once_the_node_is_back() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = crate::scripted::client_of(&format!("http://{address}"), quick());
    drop(listener);
    let mut updates = client.updates(&version(), ChainId::new(0));
    for event in take::<3>(&mut updates).await {
        assert!(
            matches!(
                event,
                UpdateEvent::Lost(Lost::Failed(Error::NoAnswer(NoAnswer::Connect { .. })))
            ),
            "{event:?}"
        );
    }
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let _node = Scripted::start_on(listener, [hold(unfinished(EVENTS, &[]))]);
    let mut found = updates.skip_while(|event| std::future::ready(*event != Opened));
    let opened = found.next();
    assert_eq!(
        tokio::time::timeout(Duration::from_secs(10), opened).await,
        Ok(Some(Opened))
    );
}

#[tokio::test]
async fn dropping_a_stream_closes_the_connection() {
    let mut acts = unfinished(EVENTS, &[]);
    acts.push(Act::AwaitHangup);
    let mut node = Scripted::start([acts]).await;
    let mut updates = open(&node, quick());
    assert_eq!(take(&mut updates).await, [Opened]);
    node.request().await;
    drop(updates);
    assert_eq!(node.seen().await, Seen::Hangup);
}

#[tokio::test]
async fn dropping_the_future_of_the_next_event_loses_none() {
    let node = Scripted::start([hold(unfinished(EVENTS, &[NEW_CUT_BYTES]))]).await;
    let mut updates = open(&node, quick());
    let mut events = Vec::new();
    while events.len() < 2 {
        // Polled once and dropped, repeatedly.
        tokio::select! {
            biased;
            event = updates.next() => events.push(event.unwrap()),
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(events, [Opened, NewCut]);
}

#[tokio::test]
async fn an_endless_line_is_skipped() {
    let flood = [
        b"event:".as_slice(),
        "x".repeat(100_000).as_bytes(),
        b"\n\n",
    ]
    .concat();
    let node = Scripted::start([hold(unfinished(EVENTS, &[&flood, NEW_CUT_BYTES]))]).await;
    let mut updates = open(&node, quick());
    assert_eq!(take(&mut updates).await, [Opened, NewCut]);
}
