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

use chainweb::{Nonce, Target};

use crate::clock::Moment;
use crate::fleet::plan::Shares;
use crate::fleet::session::{Session, State, Waiting};
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
    pub(super) fn begin_shares(&mut self, index: usize, now: Moment) {
        match self.shares {
            Shares::None => {}
            Shares::PerMinute(per_minute) => {
                let interval = 60.0 / per_minute;
                let first = Duration::from_secs_f64(interval * self.rng.random::<f64>());
                self.schedule(index, now.after(first));
            }
            Shares::InFlight(depth) => {
                let missing = depth.saturating_sub(self.sessions[index].waiting.len());
                self.submit(index, missing, now);
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
    pub(super) fn share_is_due(&mut self, index: usize, opened: u32, due: Moment, now: Moment) {
        let session = &self.sessions[index];
        let Shares::PerMinute(per_minute) = self.shares else {
            return;
        };
        if session.opened != opened || session.state != State::Ready {
            return;
        }
        self.schedule(index, due.after(Duration::from_secs_f64(60.0 / per_minute)));
        self.submit(index, 1, now);
    }

    /// Counts the answer to a share. Returns the number of shares that it answers: 0 or 1.
    pub(super) fn share_answered(
        &mut self,
        index: usize,
        id: u64,
        rejected: Option<i64>,
        now: Moment,
    ) -> usize {
        let waiting = &mut self.sessions[index].waiting;
        // Answers arrive in order: it is nearly always the first.
        let found = waiting.iter().position(|share| share.id == id);
        let Some(share) = found.and_then(|at| waiting.remove(at)) else {
            self.tally.fail("answer without a request");
            return 0;
        };
        self.tally
            .answer(share.kind, rejected, now.since(share.sent));
        1
    }

    /// Sends one share for each answered one, if shares are kept in flight.
    pub(super) fn shares_answered(&mut self, index: usize, answered: usize, now: Moment) {
        let is_ready = self.sessions[index].state == State::Ready;
        if answered > 0 && is_ready && matches!(self.shares, Shares::InFlight(_)) {
            self.submit(index, answered, now);
        }
    }

    /// Sends `count` shares in one write.
    fn submit(&mut self, index: usize, count: usize, now: Moment) {
        let mut text = Vec::with_capacity(96 * count);
        for _ in 0..count {
            let kind = self.draw_kind();
            let session = &mut self.sessions[index];
            if session.waiting.len() >= WAITING {
                self.tally.fail("too many unanswered shares");
                break;
            }
            let nonce2 = match kind {
                Kind::Stale if session.is_target_open() => Some(session.take_nonce2()),
                // A server may look up the job that a share is valid for: a stale one is valid for
                // none.
                Kind::Low | Kind::Stale => session.find(Quality::Low),
                Kind::Valid => session.find(Quality::Valid),
            };
            let Some(nonce2) = nonce2 else {
                self.tally.outcomes(kind).impossible += 1;
                continue;
            };
            self.tally.outcomes(kind).sent += 1;
            let job_id = match kind {
                Kind::Stale => NO_JOB,
                Kind::Valid | Kind::Low => &session.job_id,
            };
            let digits = 16 - 2 * usize::try_from(session.nonce1.1).expect("at most 8");
            let id = session.next_id;
            let written = writeln!(
                text,
                "{{\"id\":{id},\"method\":\"mining.submit\",\"params\":[\"load.{index}\",\"{job_id}\",\"{nonce2:0digits$x}\"]}}"
            );
            written.expect("writing to a vector does not fail");
            session.next_id += 1;
            session.waiting.push_back(Waiting {
                id,
                kind,
                sent: now,
            });
        }
        if !text.is_empty() {
            // Read the clock again: the time of hashing is not the server's.
            let sent = Moment::now();
            let waiting = self.sessions[index].waiting.iter_mut().rev().take(count);
            waiting
                .filter(|share| share.sent == now)
                .for_each(|share| share.sent = sent);
            self.write(index, &text);
        }
    }

    fn draw_kind(&mut self) -> Kind {
        let mix = self.plan.mix;
        let (valid, low) = (mix.valid, mix.low);
        let draw = self.rng.random_range(0..valid + low + mix.stale);
        if draw < valid {
            Kind::Valid
        } else if draw < valid + low {
            Kind::Low
        } else {
            Kind::Stale
        }
    }
}

/// Whether the hash of a share meets its target.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quality {
    Valid,
    Low,
}

impl Session {
    /// Returns the next nonce2, counting up and wrapping around.
    fn take_nonce2(&mut self) -> u64 {
        let bits = 64 - 8 * self.nonce1.1;
        let nonce2 = self.next_nonce2 & u64::MAX.checked_shr(64 - bits).unwrap_or(0);
        self.next_nonce2 = nonce2 + 1;
        nonce2
    }

    /// Searches a nonce2 for a share of this quality; `None` if there is none, or not within the
    /// limit.
    fn find(&mut self, quality: Quality) -> Option<u64> {
        if self.is_target_open() {
            return (quality == Quality::Valid).then(|| self.take_nonce2());
        }
        let target = self
            .target
            .filter(|target| quality == Quality::Low || target.level().bits() <= HASHED_LEVEL)?;
        (0..HASHES).find_map(|_| {
            let nonce2 = self.take_nonce2();
            (self.quality_of(nonce2, target)? == quality).then_some(nonce2)
        })
    }

    fn quality_of(&mut self, nonce2: u64, target: Target) -> Option<Quality> {
        let (nonce1, nonce1_bytes) = self.nonce1;
        let header = self.header.as_mut()?;
        let upper = nonce2.checked_shl(8 * nonce1_bytes).unwrap_or(0);
        header.set_nonce(Nonce::new(upper | nonce1));
        Some(if pow::verify(header, &target) {
            Quality::Valid
        } else {
            Quality::Low
        })
    }
}
