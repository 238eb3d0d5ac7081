//! Shares: their timing, their kinds and their answers.
//!
//! At a target that every nonce meets, a valid share costs nothing and a low share is impossible; a
//! stale one is valid for the session's jobs, and some servers accept it. At other targets shares
//! are hashed until one is of the intended kind, up to a limit; valid shares of a level above
//! [`HASHED_LEVEL`] are not attempted.

use std::cmp::Reverse;
use std::io::Write;
use std::time::Duration;

use rand::RngExt;

use crate::clock::Moment;
use crate::fleet::connection::Failure;
use crate::fleet::plan::Shares;
use crate::fleet::session::{AUTHORIZE, Session, State, Waiting};
use crate::fleet::tally::Kind;
use crate::fleet::{Fleet, Timer};

/// Highest level at which valid shares are searched: some milliseconds each.
const HASHED_LEVEL: u16 = 14;

/// Limit of a search in hashes; at the highest level a search fails with probability e^-16.
const HASHES: u64 = 16 << HASHED_LEVEL;

/// Maximum number of unanswered shares of a session: a server that never answers must not exhaust
/// the memory.
const WAITING: usize = 4096;

/// A job id that no known server uses.
const NO_JOB: &str = "00000000";

impl Fleet {
    /// Starts the shares of a session that has work.
    pub(super) fn begin_shares(&mut self, index: usize, now: Moment) -> Result<(), Failure> {
        match self.plan.shares {
            Shares::None => Ok(()),
            Shares::PerMinute(per_minute) => {
                let interval = 60.0 / per_minute;
                let first = Duration::from_secs_f64(interval * self.rng.random::<f64>());
                self.schedule(index, now.after(first));
                Ok(())
            }
            Shares::InFlight(depth) => {
                let missing = depth.saturating_sub(self.sessions[index].waiting.len());
                self.submit(index, missing as u64, now)
            }
        }
    }

    fn schedule(&mut self, index: usize, at: Moment) {
        let timer = Timer::Share {
            session: index,
            opened: self.sessions[index].opened,
        };
        self.timers.push(Reverse((at, timer)));
    }

    /// Sends the share due at `due` and schedules the next one.
    pub(super) fn share_is_due(&mut self, index: usize, opened: u64, due: Moment, now: Moment) {
        let session = &self.sessions[index];
        let Shares::PerMinute(per_minute) = self.plan.shares else {
            return;
        };
        if session.opened != opened || session.state != State::Ready {
            return;
        }
        self.schedule(index, due.after(Duration::from_secs_f64(60.0 / per_minute)));
        let result = self.submit(index, 1, now);
        self.settle(index, result);
    }

    /// Counts the answer to a share.
    pub(super) fn share_answered(
        &mut self,
        index: usize,
        id: u64,
        rejected: Option<i64>,
        now: Moment,
    ) {
        let waiting = &mut self.sessions[index].waiting;
        // Answers arrive in order: it is nearly always the first.
        let found = waiting.iter().position(|share| share.id == id);
        match found.and_then(|at| waiting.remove(at)) {
            Some(share) => self
                .tally
                .answer(share.kind, rejected, now.since(share.sent)),
            None => self.tally.fail("answer without a request"),
        }
    }

    /// Sends `count` shares in one write.
    pub(super) fn submit(&mut self, index: usize, count: u64, now: Moment) -> Result<(), Failure> {
        let mut text = Vec::new();
        for _ in 0..count {
            let kind = self.draw_kind();
            let session = &mut self.sessions[index];
            if session.waiting.len() >= WAITING {
                self.tally.fail("too many unanswered shares");
                break;
            }
            let Some(nonce2) = session.find(kind) else {
                self.tally.outcomes(kind).impossible += 1;
                continue;
            };
            self.tally.outcomes(kind).sent += 1;
            let job_id = match kind {
                Kind::Stale => NO_JOB,
                Kind::Valid | Kind::Low => &session.job_id,
            };
            let nonce2 = session.split.nonce2_be_hex(nonce2);
            let id = AUTHORIZE + 1 + session.shares;
            let written = writeln!(
                text,
                "{{\"id\":{id},\"method\":\"mining.submit\",\"params\":[\"load.{index}\",\"{job_id}\",\"{nonce2}\"]}}"
            );
            written.expect("writing to a vector does not fail");
            session.shares += 1;
            session.waiting.push_back(Waiting {
                id,
                kind,
                sent: now,
            });
        }
        if text.is_empty() {
            return Ok(());
        }
        // Read the clock again: the time of hashing is not the server's.
        let sent = Moment::now();
        let waiting = self.sessions[index].waiting.iter_mut().rev();
        waiting
            .take_while(|share| share.sent == now)
            .for_each(|share| share.sent = sent);
        self.write(index, &text)
    }

    fn draw_kind(&mut self) -> Kind {
        let [valid, low, stale] = self.plan.mix.0;
        let draw = self.rng.random_range(0..valid + low + stale);
        if draw < valid {
            Kind::Valid
        } else if draw < valid + low {
            Kind::Low
        } else {
            Kind::Stale
        }
    }
}

impl Session {
    /// Returns the next nonce2, counting up and wrapping around.
    fn take_nonce2(&mut self) -> u64 {
        let unused = 64 - self.split.nonce2_bits();
        let nonce2 = self.next_nonce2 & u64::MAX.checked_shr(unused).unwrap_or(0);
        self.next_nonce2 = nonce2 + 1;
        nonce2
    }

    /// Searches a nonce2 for a share of this kind; `None` if there is none, or not within the
    /// limit. A server may look up the job that a share is valid for: at a target that not every
    /// nonce meets, a stale share is valid for none.
    fn find(&mut self, kind: Kind) -> Option<u64> {
        if self.is_target_open() {
            return (kind != Kind::Low).then(|| self.take_nonce2());
        }
        let is_valid = kind == Kind::Valid;
        let target = self
            .target
            .filter(|target| !is_valid || target.level().bits() <= HASHED_LEVEL)?;
        (0..HASHES).find_map(|_| {
            let nonce2 = self.take_nonce2();
            let header = self.header.as_mut()?;
            header.set_nonce(self.split.nonce(nonce2));
            (pow::verify(header, &target) == is_valid).then_some(nonce2)
        })
    }
}
