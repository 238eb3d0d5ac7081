//! This project's Stratum server with synthetic work, as a child process.
//!
//! It publishes new work on the parent's command or at an interval, and prints the time just
//! before. It allows the easiest targets and does not limit the rate of lines, so that a run
//! measures the server's speed.

use std::net::Ipv4Addr;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use anyhow::Context;
use chainweb::Level;
use clap::Args;
use listen::Interface;
use rand::SeedableRng;
use rand::rngs::StdRng;
use stratum::{Config, DifficultyMode, LiveWork, Server, SessionLimits, Solution};
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::child::{ChildEvent, PUBLISH};
use crate::clock::Moment;
use crate::synthetic::{key_of, work};

/// Flags of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Port on loopback; 0 selects a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Core to run on
    #[arg(long)]
    pub core: Option<usize>,
    /// Maximum time between two jobs of a session
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    rate: Duration,
    /// Share difficulty: `block`, a level or `auto`
    #[arg(long, default_value = "0")]
    difficulty: DifficultyMode,
    /// Lowest level of `auto`
    #[arg(long, value_name = "LEVEL", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=256))]
    min_level: u16,
    /// Number of live works, each on its own chain
    #[arg(long, default_value = "1")]
    works: NonZeroUsize,
    /// Publish new work at this interval, too, not only on command
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    publish_every: Option<Duration>,
    /// Seed of job ids and nonces
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Above the number of sessions of a bench: in a storm, old and new connections overlap.
const MAX_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(15_000).expect("not zero");

const GONE: &str = "the parent process is gone";
const FAILED: &str = "the server failed";

/// Capacity of the channel of solutions: synthetic work is never solved.
const SOLUTIONS: usize = 1;

/// Serves until the end of the standard input.
///
/// # Errors
/// Returns an error if the port cannot be bound, the parent process is gone or the server fails.
pub async fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let interface = Interface::Address(Ipv4Addr::LOCALHOST.into());
    let listener = interface.listen(args.port).await?;
    let address = listener.local_addr()?;
    let server = Server::new(config(args), &mut StdRng::seed_from_u64(args.seed));
    let chains = args.works.get() as u64;
    // The live works, newest first, each on its own chain.
    let mut live: Vec<_> = (0..chains).rev().map(|n| live_work(n, chains)).collect();
    let (sender, works) = watch::channel(live.as_slice().into());
    let (solutions, mut solved) = mpsc::channel::<Solution>(SOLUTIONS);
    let stop = CancellationToken::new();
    let serving = server.run(listener, works, solutions, stop.clone());
    tokio::pin!(serving);
    ChildEvent::Listening(address).print().context(GONE)?;
    let mut input = BufReader::new(tokio::io::stdin()).lines();
    loop {
        tokio::select! {
            ended = &mut serving => return ended.context(FAILED),
            due = next_publication(&mut input, args.publish_every) => match due {
                Some(()) => {
                    let at = Moment::now();
                    let next = live_work(live[0].key + 1, chains);
                    let key = key_of(next.work.header());
                    live.rotate_right(1);
                    live[0] = next;
                    sender.send_replace(live.as_slice().into());
                    ChildEvent::Published(key, at).print().context(GONE)?;
                }
                None => break,
            },
            // Drained, so that an improbable solution does not block its session.
            Some(_) = solved.recv() => {}
        }
    }
    stop.cancel();
    serving.await.context(FAILED)
}

fn config(args: &ServeArgs) -> Config {
    Config {
        difficulty: args.difficulty,
        min_level: Level::new(args.min_level).expect("the command line limits it to 256"),
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

/// Waits for the parent's command or for the interval. Returns `None` at the end of the input.
/// Cancel-safe, as reading lines is.
async fn next_publication(
    input: &mut Lines<BufReader<Stdin>>,
    every: Option<Duration>,
) -> Option<()> {
    let command = async {
        while let Ok(Some(line)) = input.next_line().await {
            if line == PUBLISH {
                return Some(());
            }
        }
        None
    };
    match every {
        Some(every) => tokio::time::timeout(every, command)
            .await
            .unwrap_or(Some(())),
        None => command.await,
    }
}

/// Returns the `n`th of a series of works, on one of this many chains.
fn live_work(n: u64, chains: u64) -> LiveWork {
    LiveWork {
        key: n,
        work: work(n, u32::try_from(n % chains).unwrap_or(0)),
        received: Instant::now(),
    }
}

/// Completes at the end of the standard input.
pub async fn end_of_input() {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(_)) = lines.next_line().await {}
}
