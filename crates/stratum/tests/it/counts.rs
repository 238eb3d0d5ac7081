//! What the server counts on real sockets.

use std::time::{Duration, Instant};

use stratum::framing::MAX_LINE;
use stratum::{Close, Config, Counts, Ending, LiveSet, Nonce1Size, Rejection};
use tokio::task::yield_now;

use crate::client::Socket;
use crate::fixture::{self, answer, level};
use crate::server::{Setting, config};

const PING: &str = r#"{"id":9,"method":"mining.ping"}"#;

fn submit(job: &str, nonce2: &str) -> String {
    format!(r#"{{"id":3,"method":"mining.submit","params":["a","{job}","{nonce2}"]}}"#)
}

fn endings(counts: &Counts) -> Vec<(Ending, u64)> {
    let all = Ending::ALL.into_iter().zip(counts.endings);
    all.filter(|(_, count)| *count > 0).collect()
}

#[tokio::test]
async fn a_job_counts_from_the_event_to_its_last_byte_and_a_refresh_does_not() {
    let setting = Setting::new(config()).await;
    let mut socket = Socket::connect(setting.address).await;
    socket.log_in().await;
    socket.job().await;
    assert_eq!(setting.counters.read().notify.count(), 0);
    let past = Duration::from_secs(3);
    setting.work.send_replace(LiveSet {
        since: Instant::now().checked_sub(past),
        ..LiveSet::new([fixture::work(3, 2, level(6), Instant::now())])
    });
    while socket.job().await.header.height() == 1 {}
    // Refreshed jobs of the same work.
    socket.job().await;
    socket.job().await;
    socket.ask(PING).await;
    let notify = setting.counters.read().notify;
    assert_eq!(notify.count(), 1);
    assert!(notify.sum() >= past, "{notify:?}");
}

#[tokio::test]
async fn subscriptions_for_which_there_is_no_nonce_are_counted() {
    let setting = Setting::new(Config {
        nonce1: Nonce1Size::new(1).expect("a size"),
        // One value of 256.
        instance: "1/256".parse().expect("an instance"),
        ..config()
    });
    let setting = setting.await;
    let mut first = Socket::connect(setting.address).await;
    first.log_in().await;
    let mut second = Socket::connect(setting.address).await;
    for count in 1..4 {
        let subscribe = r#"{"id":1,"method":"mining.subscribe","params":[]}"#;
        assert_eq!(answer(&second.ask(subscribe).await), Err(20));
        second.ask(PING).await;
        assert_eq!(setting.counters.read().refused_subscriptions, count);
    }
}

#[tokio::test]
async fn refused_shares_and_ended_connections_are_counted_by_reason() {
    let setting = Setting::new(config()).await;
    let mut socket = Socket::connect(setting.address).await;
    socket.log_in().await;
    let job = socket.job().await.id;
    let nonce2 = "000000000001";
    assert_eq!(answer(&socket.ask(&submit(&job, nonce2)).await), Ok(()));
    assert_eq!(answer(&socket.ask(&submit(&job, nonce2)).await), Err(22));
    assert_eq!(answer(&socket.ask(&submit(&job, "?")).await), Err(20));
    socket.ask(PING).await;
    let counts = setting.counters.read();
    let refused = Rejection::ALL.map(|rejection| counts.rejections.of(rejection));
    assert_eq!(refused, [0, 0, 1, 0, 1, 0, 0]);
    assert_eq!(counts.rejections.total(), counts.refused_shares);
    // The difficulty of a share without leading zero bits.
    assert!((counts.credited - 1.0).abs() < 1e-9, "{counts:?}");
    let mut endless = Socket::connect(setting.address).await;
    endless.send(vec![b'x'; MAX_LINE + 1]).await;
    assert_eq!(endless.line().await, None);
    drop(socket);
    while setting.counters.read().connections > 0 {
        yield_now().await;
    }
    while setting.counters.read().endings.iter().sum::<u64>() < 2 {
        yield_now().await;
    }
    let endings = endings(&setting.counters.read());
    // The system resets the connection of a socket that is dropped with unread lines.
    assert!(
        matches!(
            endings[..],
            [
                (Ending::Left | Ending::Broken, 1),
                (Ending::Closed(Close::Oversized), 1)
            ]
        ),
        "{endings:?}"
    );
}
