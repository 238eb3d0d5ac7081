//! The server on real sockets.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chainweb::{CreationTime, Level, Nonce, PowHash};
use listen::Interface;
use rand::SeedableRng;
use rand::rngs::StdRng;
use stratum::framing::MAX_LINE;
use stratum::{
    Config, Counters, DifficultyMode, LiveSet, LoggedShares, Server, ServerError, SessionLimits,
    ShareLog, Solution, WorkerName,
};
use tokio::net::TcpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::client::Socket;
use crate::fixture::{self, answer, level};

/// A running server, and the other ends of its channels.
pub(crate) struct Setting {
    pub(crate) address: SocketAddr,
    pub(crate) work: watch::Sender<LiveSet>,
    solutions: mpsc::Receiver<Solution>,
    pub(crate) counters: Arc<Counters>,
    stop: CancellationToken,
    running: JoinSet<Result<(), ServerError>>,
}

impl Setting {
    pub(crate) async fn new(config: Config) -> Self {
        let listener = "127.0.0.1"
            .parse::<Interface>()
            .unwrap()
            .listen(0)
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        let first = [fixture::work(0, 1, level(BLOCK), Instant::now())];
        let (work, live) = watch::channel(LiveSet::new(first));
        let (found, solutions) = mpsc::channel(4);
        let stop = CancellationToken::new();
        let server = Server::new(config, &mut StdRng::seed_from_u64(1));
        let counters = server.counters();
        let mut running = JoinSet::new();
        running.spawn(server.run(listener, live, found, stop.clone()));
        Self {
            address,
            work,
            solutions,
            counters,
            stop,
            running,
        }
    }

    async fn ended(mut self) -> Result<(), ServerError> {
        self.running.join_next().await.unwrap().unwrap()
    }
}

const BLOCK: u16 = 6;

pub(crate) fn config() -> Config {
    Config {
        difficulty: DifficultyMode::Level(Level::new(0).unwrap()),
        ..Config::default()
    }
}

fn nonce(nonce1: &str, nonce2: u64) -> Nonce {
    Nonce::new(nonce2 << 16 | u64::from_str_radix(nonce1, 16).unwrap())
}

#[tokio::test]
async fn a_block_of_a_device_is_sent_as_a_solution() {
    let mut setting = Setting::new(config()).await;
    let mut socket = Socket::connect(setting.address).await;
    let nonce1 = socket.log_in().await;
    let job = socket.job().await;
    let is_block = |hash: &PowHash| level(BLOCK).is_met_by(hash);
    let nonce2 = (0..1 << 20)
        .find(|&nonce2| is_block(&pow::hash(&job.header.with_nonce(nonce(&nonce1, nonce2)))))
        .unwrap();
    let line = format!(
        r#"{{"id":3,"method":"mining.submit","params":["a","{}","{nonce2:012x}"]}}"#,
        job.id
    );
    assert_eq!(answer(&socket.ask(&line).await), Ok(()));
    assert_eq!(
        setting.solutions.recv().await,
        Some(Solution {
            key: 1,
            nonce: nonce(&nonce1, nonce2),
            creation_time: job.header.creation_time(),
            worker: Some(WorkerName::of_user(b"a.rig")),
        })
    );
    assert_eq!(answer(&socket.ask(&line).await), Err(22));
    setting.stop.cancel();
    assert_eq!(setting.counters.solutions.load(Ordering::Relaxed), 1);
    assert!(matches!(setting.ended().await, Ok(())));
}

#[tokio::test]
async fn the_log_gets_each_share_with_its_connection_and_ends_with_the_server() {
    let (log, mut shares, _state) = ShareLog::new(LoggedShares::Accepted);
    let share_log = Some(log);
    let setting = Setting::new(Config {
        share_log,
        ..config()
    })
    .await;
    for connection in 1..=2 {
        let mut socket = Socket::connect(setting.address).await;
        let nonce1 = socket.log_in().await;
        let job = socket.job().await.id;
        let line = format!(r#"{{"id":3,"method":"mining.submit","params":["a","{job}","1"]}}"#);
        assert_eq!(answer(&socket.ask(&line).await), Ok(()));
        assert_eq!(answer(&socket.ask(&line).await), Err(22));
        let share = shares.recv().await.unwrap();
        assert_eq!(share.connection, connection);
        assert_eq!(share.peer, socket.address());
        assert_eq!(&*share.record.user, "a.rig");
        assert_eq!(share.record.nonce, Some(nonce(&nonce1, 1)));
    }
    setting.stop.cancel();
    assert!(matches!(setting.ended().await, Ok(())));
    assert_eq!(shares.recv().await, None);
}

#[tokio::test]
async fn new_work_reaches_every_client_and_jobs_are_refreshed_without_it() {
    let setting = Setting::new(config()).await;
    let mut sockets = Vec::new();
    for _ in 0..60 {
        let mut socket = Socket::connect(setting.address).await;
        socket.log_in().await;
        assert_eq!(socket.job().await.header.height(), 1);
        sockets.push(socket);
    }
    setting.work.send_replace(LiveSet::new([fixture::work(
        3,
        2,
        level(BLOCK),
        Instant::now(),
    )]));
    for socket in &mut sockets {
        let mut job = socket.job().await;
        while job.header.height() == 1 {
            job = socket.job().await;
        }
        assert_eq!(job.header.height(), 2);
    }
    let first = sockets[0].job().await;
    let second = sockets[0].job().await;
    assert!(second.header.differs_only_in_time_and_nonce(&first.header));
    assert!(second.header.creation_time() > first.header.creation_time());
    assert!(first.header.creation_time() > CreationTime::from_micros(1_700_000_000_000_000));
}

#[tokio::test]
async fn lines_may_arrive_in_any_pieces() {
    let setting = Setting::new(config()).await;
    let mut socket = Socket::connect(setting.address).await;
    let ping = |id: u32| format!(r#"{{"id":{id},"method":"mining.ping"}}"#);
    let pong = |id: u32| format!(r#"{{"result":"pong","error":null,"id":{id}}}"#);
    socket
        .send(format!("\r\n{}\r\n{}{}", ping(1), ping(2), ping(3)))
        .await;
    for id in 1..=3 {
        assert_eq!(socket.line().await, Some(pong(id)));
    }
    let (head, tail) = (&ping(4)[..11], &ping(4)[11..]);
    socket.send(head).await;
    // The first piece may or may not be read before this answer: both have to work.
    let mut other = Socket::connect(setting.address).await;
    assert_eq!(other.ask(&ping(9)).await, pong(9));
    socket.send(tail).await;
    assert_eq!(socket.line().await, Some(pong(4)));
    socket.send(b"\xff\xff\n").await;
    let not_json = r#"{"result":null,"error":[20,"not a JSON object",null],"id":null}"#;
    assert_eq!(socket.line().await.as_deref(), Some(not_json));
}

#[tokio::test]
async fn a_line_without_end_closes_the_connection_and_no_other() {
    let setting = Setting::new(config()).await;
    let mut good = Socket::connect(setting.address).await;
    good.log_in().await;
    let mut bad = Socket::connect(setting.address).await;
    bad.send(vec![b'x'; MAX_LINE + 1]).await;
    assert_eq!(bad.line().await, None);
    assert_eq!(
        good.ask(r#"{"id":7,"method":"mining.ping"}"#).await,
        r#"{"result":"pong","error":null,"id":7}"#
    );
}

#[tokio::test]
async fn clients_that_do_not_subscribe_are_disconnected() {
    let limits = SessionLimits {
        subscribe_timeout: Duration::from_millis(20),
        ..SessionLimits::default()
    };
    let setting = Setting::new(Config {
        session: limits,
        ..config()
    })
    .await;
    let mut silent = Socket::connect(setting.address).await;
    assert_eq!(silent.line().await, None);
}

#[tokio::test]
async fn connections_over_the_limit_are_refused_until_one_closes() {
    let setting = Setting::new(Config {
        max_connections_per_ip: NonZeroUsize::new(1),
        ..config()
    })
    .await;
    let mut first = Socket::connect(setting.address).await;
    first.log_in().await;
    let mut second = Socket::connect(setting.address).await;
    assert_eq!(second.line().await, None);
    drop(first);
    // The server may not have noticed yet that the first has closed.
    loop {
        let mut third = Socket::connect(setting.address).await;
        third.send("{\"id\":1,\"method\":\"mining.ping\"}\n").await;
        if third.line().await.is_some() {
            break;
        }
    }
    // The limit is per address.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let stream = socket.connect(setting.address).await.unwrap();
    Socket::over(stream).log_in().await;
}

#[tokio::test]
async fn stopping_closes_all_connections() {
    let setting = Setting::new(config()).await;
    let mut sockets = Vec::new();
    for _ in 0..5 {
        let mut socket = Socket::connect(setting.address).await;
        socket.log_in().await;
        sockets.push(socket);
    }
    setting.stop.cancel();
    assert!(matches!(setting.ended().await, Ok(())));
    for mut socket in sockets {
        while socket.line().await.is_some() {}
    }
}

#[tokio::test]
async fn a_server_ends_when_the_work_channel_closes() {
    let mut setting = Setting::new(config()).await;
    let mut socket = Socket::connect(setting.address).await;
    socket.log_in().await;
    (setting.work, _) = watch::channel(LiveSet::default());
    assert!(matches!(
        setting.ended().await,
        Err(ServerError::WorkClosed)
    ));
}

/// The client sends requests and never reads: the server stops reading from it and disconnects it.
#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected() {
    let setting = Setting::new(Config {
        write_stall: Duration::from_millis(100),
        session: SessionLimits {
            burst: u32::MAX,
            ..SessionLimits::default()
        },
        ..config()
    })
    .await;
    let mut socket = Socket::connect(setting.address).await;
    let id = "1".repeat(60_000);
    let line = format!("{{\"method\":\"mining.ping\",\"id\":{id}}}\n");
    // The kernel's buffers take some megabytes in both directions.
    let flood = async {
        loop {
            socket.send_some(line.as_bytes()).await?;
        }
    };
    let ended: Result<(), std::io::Error> = flood.await;
    assert!(ended.is_err());
    assert_eq!(setting.counters.ended_by_server.load(Ordering::Relaxed), 1);
}
