//! Shares on their way to a log.
//!
//! No session waits for the log: a share that finds no room in the queue is lost and counted. Files
//! and formats are not known here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use chainweb::{ChainId, Difficulty, Nonce, Target};
use tokio::sync::mpsc;
use tracing::warn;

use crate::job_id::JobId;
use crate::message::Refusal;
use crate::stats::Freshness;

/// The most shares that wait for the log: those of some seconds at any rate that devices reach.
const QUEUED: usize = 65_536;

/// Which shares a log contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoggedShares {
    /// None: there is no log.
    #[default]
    None,
    /// Accepted shares.
    Accepted,
    /// Accepted and refused shares.
    All,
}

/// A share, as its session knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareRecord {
    /// When it was received.
    pub received: Instant,
    /// The whole user name, of any characters, cut to 1024 bytes; empty if the client has not
    /// authorized.
    pub user: Arc<str>,
    /// The id of the job that it belongs to, or that the client named.
    pub job: Option<JobId>,
    /// The chain and height of the job. `None` if the session does not have the job.
    pub place: Option<(ChainId, u64)>,
    /// The whole nonce. `None` if the client's part is invalid.
    pub nonce: Option<Nonce>,
    /// The share target that its hash meets, or has to meet.
    pub target: Option<Target>,
    /// The difficulty of its hash. `None` without a job or nonce.
    pub achieved: Option<Difficulty>,
    /// Whether it was accepted.
    pub verdict: Result<Freshness, Refusal>,
    /// Whether it was reported as a solution too.
    pub is_block: bool,
}

/// A share with its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedShare {
    /// The share.
    pub record: ShareRecord,
    /// The number of the connection since the start of the server, from 1.
    pub connection: u64,
    /// The address of the client.
    pub peer: SocketAddr,
}

/// The end of the queue where shares enter. A clone leads to the same queue.
#[derive(Clone, Debug)]
pub struct ShareLog {
    queue: mpsc::Sender<LoggedShare>,
    state: Arc<ShareLogState>,
    logged: LoggedShares,
}

/// What both ends of the queue know about the log.
#[derive(Debug, Default)]
pub struct ShareLogState {
    is_failing: AtomicBool,
    lost: AtomicU64,
}

impl ShareLog {
    /// Creates a queue, and returns its other end.
    pub fn new(logged: LoggedShares) -> (Self, mpsc::Receiver<LoggedShare>, Arc<ShareLogState>) {
        let (queue, shares) = mpsc::channel(QUEUED);
        let state = Arc::<ShareLogState>::default();
        let log = Self {
            queue,
            state: Arc::clone(&state),
            logged,
        };
        (log, shares, state)
    }

    /// Returns which shares the log contains.
    pub(crate) fn logged(&self) -> LoggedShares {
        self.logged
    }

    /// Queues the shares of a connection, or counts them as lost.
    pub fn send(&self, records: &mut Vec<ShareRecord>, connection: u64, peer: SocketAddr) {
        for record in records.drain(..) {
            let lines = 1 + u64::from(record.is_block);
            let share = LoggedShare {
                record,
                connection,
                peer,
            };
            if self.queue.try_send(share).is_err() {
                self.state.lose(lines);
                if self.state.start_failing() {
                    warn!(
                        event = "share_log_failed",
                        "share log is too slow: lines are lost until it is written again"
                    );
                }
            }
        }
    }
}

impl ShareLogState {
    /// Counts lines as lost.
    pub fn lose(&self, lines: u64) {
        self.lost.fetch_add(lines, Ordering::Relaxed);
    }

    /// Notes that the log fails. Returns whether that is news.
    pub fn start_failing(&self) -> bool {
        !self.is_failing.swap(true, Ordering::Relaxed)
    }

    /// Notes that the log is written again. Returns the number of lines lost if it failed before.
    pub fn recover(&self) -> Option<u64> {
        let has_failed = self.is_failing.swap(false, Ordering::Relaxed);
        has_failed.then(|| self.lost.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Instant;

    use super::{LoggedShares, QUEUED, ShareLog, ShareRecord};
    use crate::stats::Freshness;

    #[test]
    fn lines_beyond_the_queue_are_lost_and_counted_until_the_log_recovers() {
        let (log, mut shares, state) = ShareLog::new(LoggedShares::Accepted);
        let send = |count: usize, is_block: bool| {
            let record = ShareRecord {
                received: Instant::now(),
                user: "a.b".into(),
                job: None,
                place: None,
                nonce: None,
                target: None,
                achieved: None,
                verdict: Ok(Freshness::Current),
                is_block,
            };
            let mut records = vec![record; count];
            log.send(&mut records, 1, SocketAddr::from(([127, 0, 0, 1], 1)));
            assert!(records.is_empty());
        };
        send(QUEUED, false);
        assert_eq!(state.recover(), None);
        send(3, false);
        // A share, and a line of a block.
        send(1, true);
        assert!(!state.start_failing(), "a full queue is a failure");
        assert_eq!(state.recover(), Some(5));
        assert_eq!(state.recover(), None);
        let mut waiting = 0;
        while shares.try_recv().is_ok() {
            waiting += 1;
        }
        assert_eq!(waiting, QUEUED);
        send(1, false);
        assert!(shares.try_recv().is_ok());
        assert_eq!(state.recover(), None);
    }
}
