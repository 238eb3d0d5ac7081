//! This project's server with work that no node made, as the child of a run.
//!
//! New work is published when the input says so, or at an interval, and the output tells the moment just before. The
//! easiest targets are allowed and there is no limit to what a client may send: it is the server's speed that is asked
//! for.

use std::net::Ipv4Addr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::Level;
use clap::Args;
use listen::{BindError, Interface};
use rand::SeedableRng;
use rand::rngs::StdRng;
use stratum::{Config, DifficultyMode, LiveWork, Server, ServerError, SessionLimits, Solution};
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::child::{Said, Told};
use crate::clock::Moment;
use crate::synthetic::{work, work_key};

/// `serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The port to listen on, on loopback; 0 for any that is free.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// The core to run on.
    #[arg(long)]
    pub core: Option<usize>,
    /// The time after which a session gets a new job at the latest.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    pub rate: Duration,
    /// The share difficulty: `block`, a level or `auto`.
    #[arg(long, default_value = "0")]
    pub difficulty: DifficultyMode,
    /// The easiest level that is asked for in the automatic mode.
    #[arg(long, value_name = "LEVEL", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=256))]
    pub min_level: u16,
    /// Live works at a time, each on a chain of its own.
    #[arg(long, default_value = "1")]
    pub works: NonZeroUsize,
    /// Publish new work at this interval too, not only when told to.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub publish_every: Option<Duration>,
    /// Decides job ids and nonces.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// More than there can be sessions in one process here, so that a storm finds room while the sessions before it go.
const MAX_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(15_000).expect("not zero");

/// Nobody solves synthetic work.
const SOLUTIONS: usize = 1;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The port cannot be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The parent is gone.
    #[error("nobody hears the server")]
    Io(#[from] std::io::Error),
    /// The server ended.
    #[error("the server failed")]
    Server(#[from] ServerError),
}

/// Serves until the input ends.
pub async fn run(args: &ServeArgs) -> Result<(), ServeError> {
    let interface = Interface::Address(Ipv4Addr::LOCALHOST.into());
    let listener = interface.listen(args.port).await?;
    let address = listener.local_addr()?;
    let server = Server::new(config(args), &mut StdRng::seed_from_u64(args.seed));
    let mut series = Series::new(args.works);
    let (sender, works) = watch::channel(series.live());
    let (solutions, mut solved) = mpsc::channel::<Solution>(SOLUTIONS);
    let stop = CancellationToken::new();
    let serving = server.run(listener, works, solutions, stop.clone());
    tokio::pin!(serving);
    Said::Listening(address).say()?;
    let mut input = BufReader::new(tokio::io::stdin()).lines();
    loop {
        tokio::select! {
            ended = &mut serving => return Ok(ended?),
            told = next_publication(&mut input, args.publish_every) => match told {
                Some(()) => {
                    let at = Moment::now();
                    let key = series.publish();
                    sender.send_replace(series.live());
                    Said::Published(key, at).say()?;
                }
                None => break,
            },
            // A share that solves such work would be a wonder; it must not stop the session that found it.
            Some(_) = solved.recv() => {}
        }
    }
    stop.cancel();
    Ok(serving.await?)
}

fn config(args: &ServeArgs) -> Config {
    Config {
        difficulty: args.difficulty,
        min_level: Level::new(args.min_level).expect("the command line has checked it"),
        rate: args.rate,
        max_connections: MAX_CONNECTIONS,
        session: SessionLimits {
            lines_per_second: u32::MAX,
            burst: u32::MAX,
            ..SessionLimits::default()
        },
        ..Config::default()
    }
}

/// Waits for the word of the parent or for the interval; `None` when the input is over. What comes first on the input
/// is lost by nobody: reading lines is cancel-safe.
async fn next_publication(
    input: &mut Lines<BufReader<Stdin>>,
    every: Option<Duration>,
) -> Option<()> {
    let word = async {
        loop {
            match input.next_line().await {
                Ok(Some(line)) if Told::read(&line) == Some(Told::Publish) => return Some(()),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    };
    match every {
        Some(every) => tokio::time::timeout(every, word).await.unwrap_or(Some(())),
        None => word.await,
    }
}

/// The works that are published one after the other.
#[derive(Debug)]
struct Series {
    slots: usize,
    published: u64,
    /// The newest first, each on a chain of its own.
    live: Vec<LiveWork>,
}

impl Series {
    fn new(slots: NonZeroUsize) -> Self {
        let mut series = Self {
            slots: slots.get(),
            published: 0,
            live: Vec::new(),
        };
        for _ in 0..slots.get() {
            series.publish();
        }
        series
    }

    /// Puts new work in the place of the oldest, and gives its key.
    fn publish(&mut self) -> u64 {
        let key = self.published;
        self.published += 1;
        let chain = key % self.slots as u64;
        let work = work(key, u32::try_from(chain).unwrap_or(0));
        let header_hex = const_hex::encode(work.header().as_bytes());
        self.live.truncate(self.slots - 1);
        self.live.insert(
            0,
            LiveWork {
                key,
                work,
                received: Instant::now(),
            },
        );
        work_key(header_hex.as_bytes())
    }

    fn live(&self) -> Arc<[LiveWork]> {
        self.live.as_slice().into()
    }
}

/// Over when the standard input is.
pub async fn input_ends() {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(_)) = lines.next_line().await {}
}
