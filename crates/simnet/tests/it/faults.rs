//! Each fault, on the wire.

use std::time::{Duration, Instant};

use bytes::Bytes;
use chainweb::{ChainGraph, ChainId, Difficulty};
use simnet::{Config, Endpoint, Rule, Simnet, Times, Verdict};

use crate::wire::{
    Wire, ask, eventually, node, path, request, solved, updates, updates_request, work,
};

const ZERO: ChainId = ChainId::new(0);
const NEW_CUT: &str = "F\r\nevent:New Cut\n\n\r\n";
const REFRESHED_BLOCK: &str = "17\r\nevent:Refreshed Block\n\n\r\n";

async fn easy_node() -> Simnet {
    let mut config = Config {
        graph: ChainGraph::pair(),
        start_difficulty: Difficulty::from_u128(1),
        ..Config::default()
    };
    config.limits.payload_refresh = None;
    node(config).await
}

fn health() -> Vec<u8> {
    request("GET /health-check", &[], b"")
}

/// Requests `/health-check`. Returns whether an answer with a head came, and the raw bytes after
/// the head.
async fn health_under(verdict: Verdict) -> (bool, String) {
    let simnet = easy_node().await;
    simnet.faults().install(Rule::on(Endpoint::Health, verdict));
    let bytes = Wire::send(&simnet, &health()).await.read_to_end().await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match text.split_once("\r\n\r\n") {
        Some((_, body)) => (true, body.to_owned()),
        None => (false, text),
    }
}

#[tokio::test]
async fn bodies_can_be_replaced_broken_split_and_corrupted() {
    let garbage = Verdict::Replace(Bytes::from_static(b"<html>"));
    let usual = "11\r\nHealth check OK.\n\r\n0\r\n\r\n";
    // A body that breaks has no last chunk.
    for (verdict, body) in [
        (Verdict::Pass, usual),
        (garbage, "6\r\n<html>\r\n0\r\n\r\n"),
        (Verdict::Truncate(6), "6\r\nHealth\r\n"),
        (Verdict::Truncate(0), ""),
        (Verdict::Truncate(17), "11\r\nHealth check OK.\n\r\n"),
        (
            Verdict::Split(7),
            "7\r\nHealth \r\nA\r\ncheck OK.\n\r\n0\r\n\r\n",
        ),
        (Verdict::End, "0\r\n\r\n"),
        (
            Verdict::Corrupt,
            "11\r\nHealth c\u{fffd}eck OK.\n\r\n0\r\n\r\n",
        ),
    ] {
        let actual = health_under(verdict.clone()).await;
        assert_eq!(actual, (true, body.to_owned()), "{verdict:?}");
    }
    for verdict in [Verdict::Drop, Verdict::LoseAnswer] {
        assert_eq!(health_under(verdict).await, (false, String::new()));
    }
}

#[tokio::test]
async fn any_status_can_replace_the_nodes_answer() {
    let simnet = easy_node().await;
    let bytes = work(&simnet).await.body;
    let body = Bytes::from_static(b"busy");
    let rule = Rule::on(Endpoint::Solved, Verdict::Status(503, body)).times(Times::First(1));
    simnet.faults().install(rule);
    let refused = solved(&simnet, &bytes[36..]).await;
    assert_eq!((refused.status(), refused.text()), (503, "busy"));
    assert_eq!(solved(&simnet, &bytes[36..]).await.status(), 200);
    assert_eq!(simnet.report().tally.accepted, 1);
}

#[tokio::test]
async fn work_can_be_any_bytes() {
    let simnet = easy_node().await;
    for length in [0, 35, 321, 322, 10 << 20] {
        let bytes = Bytes::from(vec![0xa5; length]);
        let rule = Rule::on(Endpoint::Work, Verdict::Replace(bytes.clone()));
        let rule = simnet.faults().install(rule);
        let reply = work(&simnet).await;
        assert_eq!(
            reply.header("Content-Type"),
            Some("application/octet-stream")
        );
        assert_eq!((reply.status(), reply.body), (200, bytes.to_vec()));
        assert_eq!(simnet.faults().remove(rule), Some(1));
    }
}

#[tokio::test]
async fn an_answer_can_be_late() {
    let simnet = easy_node().await;
    let delay = Duration::from_millis(50);
    for verdict in [Verdict::Delay(delay), Verdict::DelayBody(delay)] {
        let rule = simnet.faults().install(Rule::on_all(verdict));
        let requested = Instant::now();
        let reply = work(&simnet).await;
        assert_eq!((reply.status(), reply.body.len()), (200, 250));
        assert!(requested.elapsed() >= delay);
        simnet.faults().remove(rule);
    }
}

#[tokio::test]
async fn a_busy_node_asks_for_a_pause() {
    let simnet = easy_node().await;
    let pause = Duration::from_secs(7);
    simnet
        .faults()
        .install(Rule::on_all(Verdict::Busy(429, pause)));
    let reply = work(&simnet).await;
    assert_eq!(
        (reply.status(), reply.header("Retry-After")),
        (429, Some("7"))
    );
}

#[tokio::test]
async fn a_solution_may_be_accepted_and_never_answered() {
    let simnet = easy_node().await;
    for (verdict, accepted) in [(Verdict::Hang, 0), (Verdict::HangAnswer, 1)] {
        let header = work(&simnet).await.body[36..].to_vec();
        let before = simnet.requests().of(Endpoint::Solved);
        let rule = Rule::on(Endpoint::Solved, verdict);
        let rule = simnet.faults().install(rule);
        let line = format!("POST {}", path("mining/solved"));
        let wire = Wire::send(&simnet, &request(&line, &[], &header)).await;
        eventually(|| simnet.requests().of(Endpoint::Solved) > before).await;
        eventually(|| simnet.report().tally.accepted == accepted).await;
        // The node answers other requests meanwhile.
        assert_eq!(ask(&simnet, "GET /info", &[], b"").await.status(), 200);
        assert!(wire.is_silent());
        simnet.faults().remove(rule);
    }
}

#[tokio::test]
async fn a_solution_whose_answer_is_lost_stays_accepted() {
    let simnet = easy_node().await;
    let header = work(&simnet).await.body[36..].to_vec();
    let rule = Rule::on(Endpoint::Solved, Verdict::LoseAnswer).times(Times::First(1));
    simnet.faults().install(rule);
    let line = format!("POST {}", path("mining/solved"));
    let wire = Wire::send(&simnet, &request(&line, &[], &header)).await;
    assert_eq!(wire.read_to_end().await, b"");
    assert_eq!(simnet.report().tally.accepted, 1);
    assert_eq!(solved(&simnet, &header).await.status(), 404);
}

#[tokio::test]
async fn a_fault_can_be_limited_to_one_chain() {
    let simnet = easy_node().await;
    let refused = Verdict::Status(503, Bytes::new());
    let rule = Rule::on(Endpoint::Updates, refused).chain(ZERO);
    simnet.faults().install(rule);
    let mut wire = Wire::send(&simnet, &updates_request(0)).await;
    let line = wire.read_to("\r\n").await;
    assert_eq!(line, "HTTP/1.1 503 Service Unavailable\r\n");
    updates(&simnet, 1).await;
}

#[tokio::test]
async fn an_event_can_break_in_the_middle() {
    let simnet = easy_node().await;
    let stream = updates(&simnet, 0).await;
    simnet
        .faults()
        .install(Rule::on(Endpoint::Event, Verdict::Truncate(7)));
    simnet.refresh(ZERO).unwrap();
    assert_eq!(stream.read_to_end().await, b"7\r\nevent:R\r\n");
}

#[tokio::test]
async fn an_event_can_come_in_pieces() {
    let simnet = easy_node().await;
    let mut stream = updates(&simnet, 0).await;
    simnet
        .faults()
        .install(Rule::on(Endpoint::Event, Verdict::Split(9)));
    simnet.refresh(ZERO).unwrap();
    let pieces = "9\r\nevent:Ref\r\nE\r\nreshed Block\n\n\r\n";
    assert_eq!(stream.read_to("\n\n\r\n").await, pieces);
}

#[tokio::test]
async fn an_open_stream_can_be_silent_for_a_while() {
    let simnet = easy_node().await;
    let mut stream = updates(&simnet, 0).await;
    let silence = simnet
        .faults()
        .install(Rule::on(Endpoint::Event, Verdict::Drop).chain(ZERO));
    simnet.mine_foreign(ZERO).unwrap();
    // The block's last event means ready work: another stream can begin.
    let _other = updates(&simnet, 0).await;
    let has_events = |count| simnet.requests().of(Endpoint::Event) >= count;
    eventually(|| has_events(1)).await;
    assert!(stream.is_silent());
    let mut matched = 0;
    eventually(|| {
        simnet.refresh(ZERO).unwrap();
        matched += 1;
        matched > 3
    })
    .await;
    eventually(|| has_events(6)).await;
    assert!(stream.is_silent());
    assert!(simnet.faults().remove(silence).unwrap() >= 6);
    simnet.refresh(ZERO).unwrap();
    stream.read_to(REFRESHED_BLOCK).await;
}

#[tokio::test]
async fn a_stream_can_be_ended_or_garbled_by_an_event() {
    let simnet = easy_node().await;
    let mut stream = updates(&simnet, 0).await;
    let garbage = Verdict::Replace(Bytes::from_static(b"\xffdata\n"));
    for verdict in [garbage, Verdict::End] {
        let rule = Rule::on(Endpoint::Event, verdict).times(Times::First(1));
        simnet.faults().install(rule);
    }
    simnet.refresh(ZERO).unwrap();
    simnet.refresh(ZERO).unwrap();
    let rest = stream.read_bytes_to(b"0\r\n\r\n").await;
    assert_eq!(rest, b"6\r\n\xffdata\n\r\n0\r\n\r\n");
}

#[tokio::test]
async fn streams_can_break_after_some_bytes_or_end_at_once() {
    let simnet = easy_node().await;
    let rule = Rule::on(Endpoint::Updates, Verdict::Truncate(20)).times(Times::First(1));
    simnet.faults().install(rule);
    let stream = updates(&simnet, 0).await;
    simnet.refresh(ZERO).unwrap();
    assert_eq!(
        stream.read_to_end().await,
        b"14\r\nevent:Refreshed Bloc\r\n"
    );
    let rule = Rule::on(Endpoint::Updates, Verdict::End).times(Times::First(1));
    simnet.faults().install(rule);
    let mut ended = updates(&simnet, 0).await;
    assert_eq!(ended.read_to("\r\n\r\n").await, "0\r\n\r\n");
    let mut usual = updates(&simnet, 0).await;
    simnet.mine_foreign(ZERO).unwrap();
    assert_eq!(usual.read_to("\n\n\r\n").await, NEW_CUT);
}
