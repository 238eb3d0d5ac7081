//! Shares: when they are sent, what they are, and their answers.
//!
//! Where every nonce meets the target a good share costs nothing, and there is no low one; a stale one is good for the
//! jobs there are, and some servers take it. Otherwise shares are hashed for until one is what it is to be, which is
//! bounded: a target that takes more than 2^[`HASHED_LEVEL`] hashes is left alone.

use std::cmp::Reverse;
use std::io::Write;
use std::time::Duration;

use rand::RngExt;

use chainweb::{Nonce, Target};

use crate::clock::Moment;
use crate::fleet::session::{State, Waiting};
use crate::fleet::tally::Kind;
use crate::fleet::{Fleet, Shares, Timer};

/// Up to here good shares are hashed for: some milliseconds each.
const HASHED_LEVEL: u16 = 14;

/// Hashes until a search is given up: it failed with a probability of e^-16.
const HASHES: u64 = 16 << HASHED_LEVEL;

/// Shares of one session without an answer: a server that answers nothing does not fill the memory.
const WAITING: usize = 4096;

/// A job id that no server gives: it is unlikely in all forms of the wild.
const NO_JOB: &str = "00000000";

impl Fleet {
    /// Begins to send the shares of a session that has work.
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

    /// Sends the share that was due at `due` and plans the next one.
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

    /// Counts the answer to a share and gives the number of shares that it answers.
    pub(super) fn share_answered(
        &mut self,
        index: usize,
        id: u64,
        rejected: Option<i64>,
        now: Moment,
    ) -> usize {
        let waiting = &mut self.sessions[index].waiting;
        // Answers come in order: nearly always it is the first.
        let found = waiting.iter().position(|share| share.id == id);
        let Some(share) = found.and_then(|at| waiting.remove(at)) else {
            self.tally.fail("answer to nothing");
            return 0;
        };
        self.tally
            .answer(share.kind, rejected, now.since(share.sent));
        1
    }

    /// Sends the shares that follow on answers.
    pub(super) fn shares_answered(&mut self, index: usize, answered: usize, now: Moment) {
        let is_ready = self.sessions[index].state == State::Ready;
        if answered > 0 && is_ready && matches!(self.shares, Shares::InFlight(_)) {
            self.submit(index, answered, now);
        }
    }

    /// Sends some shares in one write.
    fn submit(&mut self, index: usize, count: usize, now: Moment) {
        let mut text = Vec::with_capacity(96 * count);
        for _ in 0..count {
            let kind = self.pick();
            let session = &mut self.sessions[index];
            if session.waiting.len() >= WAITING {
                self.tally.fail("too many shares without an answer");
                break;
            }
            let nonce2 = match kind {
                // A server may look for the job that the share is good for, so it is good for none.
                Kind::Stale if session.is_target_open() => Some(session.take_nonce2()),
                Kind::Low | Kind::Stale => session.find(Wanted::Low),
                Kind::Valid => session.find(Wanted::Good),
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
            written.expect("a vector takes all");
            session.next_id += 1;
            session.waiting.push_back(Waiting {
                id,
                kind,
                sent: now,
            });
        }
        if !text.is_empty() {
            // The clock again: what was hashed for meanwhile is not the server's time.
            let sent = Moment::now();
            let waiting = self.sessions[index].waiting.iter_mut().rev().take(count);
            waiting
                .filter(|share| share.sent == now)
                .for_each(|share| share.sent = sent);
            self.write(index, &text);
        }
    }

    fn pick(&mut self) -> Kind {
        let mix = self.plan.mix;
        let (valid, low) = (mix.valid, mix.low);
        let ticket = self.rng.random_range(0..valid + low + mix.stale);
        if ticket < valid {
            Kind::Valid
        } else if ticket < valid + low {
            Kind::Low
        } else {
            Kind::Stale
        }
    }
}

/// What a share is to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Good,
    Low,
}

impl super::session::Session {
    fn take_nonce2(&mut self) -> u64 {
        let bits = 64 - 8 * self.nonce1.1;
        let nonce2 = self.next_nonce2 & u64::MAX.checked_shr(64 - bits).unwrap_or(0);
        self.next_nonce2 = nonce2 + 1;
        nonce2
    }

    /// A nonce2 with which the share is what it is to be; `None` where that cannot be, or takes too long.
    fn find(&mut self, wanted: Wanted) -> Option<u64> {
        if self.is_target_open() {
            return (wanted == Wanted::Good).then(|| self.take_nonce2());
        }
        let target = self
            .target
            .filter(|target| wanted == Wanted::Low || target.level().bits() <= HASHED_LEVEL)?;
        (0..HASHES).find_map(|_| {
            let nonce2 = self.take_nonce2();
            (self.meets(target, nonce2)? == wanted).then_some(nonce2)
        })
    }

    fn meets(&mut self, target: Target, nonce2: u64) -> Option<Wanted> {
        let (nonce1, nonce1_bytes) = self.nonce1;
        let header = self.header.as_mut()?;
        let upper = nonce2.checked_shl(8 * nonce1_bytes).unwrap_or(0);
        header.set_nonce(Nonce::new(upper | nonce1));
        let is_good = pow::verify(header, &target);
        Some(if is_good { Wanted::Good } else { Wanted::Low })
    }
}
