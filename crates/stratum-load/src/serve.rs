//! This project's Stratum server with synthetic work, as a child process.
//!
//! It publishes new work on the parent's command, and prints the time just before. It allows the
//! easiest targets and does not limit the rate of lines, so that a run measures the server's speed.

use std::net::Ipv4Addr;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use anyhow::Context;
use chainweb::Level;
use clap::Args;
use listen::Interface;
use rand::SeedableRng;
use rand::rngs::StdRng;
use stratum::{Config, DifficultyMode, LiveSet, LiveWork, Server, SessionLimits, Solution};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::child::{ChildEvent, PUBLISH};
use crate::clock::Moment;
use crate::synthetic::{key_of, work};

/// Flags of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Core to run on
    #[arg(long)]
    pub core: Option<usize>,
    /// Maximum time between two jobs of a session
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    rate: Duration,
    /// Number of chains with work; each publication is for the next one
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=98))]
    chains: u16,
    /// Share difficulty: `block`, a level or `auto`
    #[arg(long, default_value = "0")]
    difficulty: DifficultyMode,
}

/// Above the number of sessions of a bench: in a storm, old and new connections overlap.
const MAX_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(15_000).expect("not zero");

const GONE: &str = "the parent process is gone";
const FAILED: &str = "the server failed";

/// Seed of job ids and nonces.
const SEED: u64 = 1;

/// Capacity of the channel of solutions: synthetic work is never solved.
const SOLUTIONS: usize = 1;

/// Serves until the end of the standard input.
///
/// # Errors
/// Returns an error if the port cannot be bound, the parent process is gone or the server fails.
pub async fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let interface = Interface::Address(Ipv4Addr::LOCALHOST.into());
    let listener = interface.listen(0).await?;
    let address = listener.local_addr()?;
    let server = Server::new(config(args), &mut StdRng::seed_from_u64(SEED));
    let mut live: Vec<_> = (0..args.chains.into()).map(live_work).collect();
    let (sender, works) = watch::channel(LiveSet::new(live.clone()));
    let (solutions, mut solved) = mpsc::channel::<Solution>(SOLUTIONS);
    let stop = CancellationToken::new();
    let serving = server.run(listener, works, solutions, stop.clone());
    tokio::pin!(serving);
    ChildEvent::Listening(address).print().context(GONE)?;
    let mut input = BufReader::new(tokio::io::stdin()).lines();
    let mut published = live.len();
    loop {
        tokio::select! {
            ended = &mut serving => return ended.context(FAILED),
            line = input.next_line() => match line {
                Ok(Some(line)) if line == PUBLISH => {
                    let at = Moment::now();
                    let next = live_work(published as u64);
                    let key = key_of(next.work.header());
                    let chain = published % live.len();
                    published += 1;
                    live[chain] = next;
                    sender.send_replace(LiveSet::new(live.clone()));
                    ChildEvent::Published(key, at).print().context(GONE)?;
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
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
        min_level: Level::new(0).expect("at most 256"),
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

/// Returns the `n`th of a series of works.
fn live_work(n: u64) -> LiveWork {
    LiveWork {
        key: n,
        work: work(n),
        received: Instant::now(),
    }
}
