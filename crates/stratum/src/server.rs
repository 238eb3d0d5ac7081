//! The server on TCP.
//!
//! Accepting has a task of its own, each connection has one that owns its session, and this one makes the boards and
//! refreshes them slice by slice. A session learns of jobs from its slice and writes to its socket itself.
//! Ending the slices ends the sessions. Works come in and solutions go out over channels; who is behind them is not
//! known here.

mod accept;
mod connection;
mod counters;
mod slice;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::Level;
use listen::{Descriptors, raise_descriptor_limit};
use rand::Rng;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::accept::Accept;
pub use self::counters::Counters;
use self::slice::Slice;
use crate::{
    Board, Boards, DifficultyMode, Instance, JobIds, LiveWork, Nonce1Size, Nonce1Space,
    SessionLimits, ShareTargets, Solution, Stats, Terms,
};

/// In so many parts the sessions are refreshed, so that not all devices answer at once, and few enough are woken at a time
/// that a share does not have to wait for them.
const SLICES: usize = 400;

/// This part of the time between two jobs is kept free, so that refreshes can rest while new work goes out.
const REST_PART: u32 = 5;

/// File descriptors that the program needs besides those of connections.
const OTHER_DESCRIPTORS: u64 = 128;

/// Workers that have a line of their own in the log.
const TABLE_LENGTH: usize = 40;

/// How to serve.
#[derive(Clone, Debug)]
pub struct Config {
    /// How hard shares are.
    pub difficulty: DifficultyMode,
    /// The easiest level that is asked for, unless a block's target is easier or a fixed level is.
    pub min_level: Level,
    /// The longest time between two jobs of a session.
    pub rate: Duration,
    /// The size of the server's part of the nonce.
    pub nonce1: Nonce1Size,
    /// Which part of all values of nonce1 is this server's.
    pub instance: Instance,
    /// The most connections at a time.
    pub max_connections: NonZeroUsize,
    /// The most connections at a time from one address; `None` for no limit, as a farm sits behind one.
    pub max_connections_per_ip: Option<NonZeroUsize>,
    /// The most workers with statistics under their own name.
    pub max_workers: usize,
    /// How often the table of workers is logged.
    pub report_interval: Duration,
    /// Times and amounts of a session.
    pub session: SessionLimits,
    /// How long a client may leave what was sent to it unread, or unacknowledged.
    pub write_stall: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            difficulty: DifficultyMode::default(),
            min_level: Level::new(40).expect("at most 256"),
            rate: Duration::from_secs(1),
            nonce1: Nonce1Size::TWO,
            instance: Instance::WHOLE,
            max_connections: NonZeroUsize::new(10_000).expect("not zero"),
            max_connections_per_ip: None,
            max_workers: 10_000,
            report_interval: Duration::from_mins(1),
            session: SessionLimits::default(),
            write_stall: Duration::from_mins(1),
        }
    }
}

/// Why a server cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Nobody will say any more which works are live.
    #[error("the source of works has ended")]
    Works,
    /// A task ended that was not told to.
    #[error("a task of the Stratum server ended unexpectedly")]
    Task,
}

/// A Stratum server that has not begun.
#[derive(Debug)]
pub struct Server {
    config: Config,
    terms: Arc<Terms>,
    counters: Arc<Counters>,
}

impl Server {
    /// A server with job names and a nonce space of its own, both from a random start.
    pub fn new(config: Config, rng: &mut impl Rng) -> Self {
        let terms = Terms {
            difficulty: config.difficulty,
            min_level: config.min_level,
            rate: config.rate,
            limits: config.session,
            nonce1: Nonce1Space::new(config.nonce1, config.instance, rng),
            job_ids: Arc::new(JobIds::new(rng)),
            stats: Arc::new(Stats::new(config.max_workers)),
            targets: ShareTargets::default(),
        };
        Self {
            config,
            terms: Arc::new(terms),
            counters: Arc::default(),
        }
    }

    /// What the server has done so far; to be read at any time.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// What the workers have done so far; to be read at any time.
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.terms.stats)
    }

    /// The most connections for which there are file descriptors, up to the configured number. The rest of the program
    /// keeps what it needs: a client that takes the last one would cut it off from its node.
    fn possible_connections(&self) -> NonZeroUsize {
        let wanted = self.config.max_connections;
        match raise_descriptor_limit(wanted.get() as u64 + OTHER_DESCRIPTORS) {
            Descriptors::Enough => wanted,
            Descriptors::Short { limit } => {
                let possible = usize::try_from(limit.saturating_sub(OTHER_DESCRIPTORS)).ok();
                let possible = possible
                    .and_then(NonZeroUsize::new)
                    .unwrap_or(NonZeroUsize::MIN);
                warn!(
                    connections = possible,
                    wanted,
                    open_files = limit,
                    "the limit of open files allows fewer connections than --stratum-max-connections; raise it with ulimit -n"
                );
                possible
            }
        }
    }

    /// Serves until `stop` is cancelled, and returns when the last connection is closed.
    ///
    /// `works` are the live works, the newest first. A solution waits for a place in `solutions`, and its session with
    /// it.
    pub async fn run(
        self,
        listener: TcpListener,
        mut works: watch::Receiver<Arc<[LiveWork]>>,
        solutions: mpsc::Sender<Solution>,
        stop: CancellationToken,
    ) -> Result<(), ServerError> {
        // An end of its own accord is not the caller's.
        let stop = stop.child_token();
        let max_connections = self.possible_connections();
        if let Ok(address) = listener.local_addr() {
            info!(%address, difficulty = %self.config.difficulty, "Stratum server ready");
        }
        let mut publisher = Publisher::new(Arc::clone(&self.terms.job_ids));
        let first = works.borrow_and_update().clone();
        publisher.set_works(Instant::now(), &first).await;

        let mut tasks = JoinSet::new();
        let accept = Accept::new(
            &self,
            max_connections,
            publisher.slices(),
            solutions,
            stop.clone(),
        );
        tasks.spawn(accept.run(listener));
        tasks.spawn(report(
            self.stats(),
            self.config.report_interval,
            stop.clone(),
        ));

        // No device waits longer than the heartbeat, and no timer runs away.
        let period = self.config.rate.min(self.config.session.heartbeat);
        let rest = period / REST_PART;
        let beat = period.saturating_sub(rest) / u32::try_from(SLICES).expect("few");
        let mut beat = tokio::time::interval(beat.max(Duration::from_millis(1)));
        let mut rested: Option<Instant> = None;
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut result = loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break Ok(()),
                changed = works.changed() => {
                    if changed.is_err() {
                        break Err(ServerError::Works);
                    }
                    let works = works.borrow_and_update().clone();
                    let now = Instant::now();
                    publisher.set_works(now, &works).await;
                    if rested.is_none_or(|since| now - since >= period) {
                        beat.reset_after(rest);
                        rested = Some(now);
                    }
                }
                _ = tasks.join_next() => break Err(ServerError::Task),
                _ = beat.tick() => publisher.refresh_next(Instant::now()),
            }
        };
        // The end of the slices is the end of the sessions.
        stop.cancel();
        drop(publisher);
        while let Some(ended) = tasks.join_next().await {
            if ended.is_err() {
                result = Err(ServerError::Task);
            }
        }
        result
    }
}

/// Logs the table of workers over and over. Apart from the boards: a farm's table takes its time.
async fn report(stats: Arc<Stats>, interval: Duration, stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(interval))
        .await
        .is_some()
    {
        let workers = stats.snapshot(Instant::now());
        if !workers.is_empty() {
            let table = format!("\n{}", crate::table(&workers, TABLE_LENGTH));
            info!(count = workers.len(), %table, "workers");
        }
    }
}

/// What sessions learn their boards from.
type Slices = Arc<[Arc<Slice<Board>>]>;

/// Makes the boards and gives them to the sessions, which end with it.
#[derive(Debug)]
struct Publisher {
    boards: Boards,
    slices: Slices,
    next: usize,
}

impl Publisher {
    fn new(job_ids: Arc<JobIds>) -> Self {
        let boards = Boards::new(job_ids, SLICES);
        let slice = |slice| Arc::new(Slice::new(Arc::clone(boards.board(slice))));
        Self {
            slices: (0..SLICES).map(slice).collect(),
            boards,
            next: 0,
        }
    }

    fn slices(&self) -> Slices {
        Arc::clone(&self.slices)
    }

    async fn set_works(&mut self, now: Instant, works: &[LiveWork]) {
        self.boards.set_works(now, works);
        for (index, slice) in self.slices.iter().enumerate() {
            slice.set(Arc::clone(self.boards.board(index)));
        }
        // Across the slices, which is the order in which the sessions connected and nearly that of their memory. Those
        // that were woken run before more are: what a wake-up has read of them is still near.
        let mut place = 0;
        while self
            .slices
            .iter()
            .filter_map(|slice| slice.wake(place))
            .count()
            > 0
        {
            place += 1;
            tokio::task::yield_now().await;
        }
    }

    fn refresh_next(&mut self, now: Instant) {
        let index = self.next;
        self.next = (index + 1) % SLICES;
        let slice = &self.slices[index];
        if slice.has_readers() {
            self.boards.refresh(now, index);
            slice.publish(Arc::clone(self.boards.board(index)));
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.slices.iter().for_each(|slice| slice.end());
    }
}
