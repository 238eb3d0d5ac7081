//! One client's conversation as a pure state machine: lines, boards and time in, an [`Outbox`] out.
//!
//! Every line is answered, in order, and nothing is sent unasked before the client has subscribed and authorized or
//! taken too long for the latter. A session mines one job at a time. A job goes out under a share target no harder than
//! any live block's, so that no block is lost on the device. Nothing here knows a socket or a clock.

mod allowance;
mod effort;
mod outbox;
mod submission;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{Level, Target};

use self::allowance::Allowance;
use self::effort::{Change, Effort};
pub use self::outbox::{Close, Outbox, ShareEvent, Solution};
use self::submission::{cut, parse_nonce2};
use crate::judge::{Accepted, Circumstances, SentJobs, ShareTarget};
use crate::message::{Answer, Call, Refusal, Request};
use crate::vardiff::start::vendor_rate;
use crate::{Board, JobId, Nonce1, StratumJob, Terms, WorkerName, WorkerSession};

/// No device gets jobs of its own more often than this. Those that would need them do some work twice.
const LEAST_REFRESH: Duration = Duration::from_millis(50);

/// The part of a header's nonces after which a device gets another one.
const USED_PART: f64 = 0.75;

/// A session under more names counts under the last of these: names are kept for a while, and their number is limited.
const MOST_NAMES: u8 = 16;

/// Devices are known to roll no more than six bytes, whatever they are given.
const MOST_NONCE2_BYTES: u8 = 6;

/// A session.
#[derive(Debug)]
pub struct Session {
    terms: Arc<Terms>,
    /// Which lane of a board is this session's.
    rank: u32,
    login: Login,
    nonce1: Option<Nonce1>,
    agent: Box<str>,
    /// Hashes per second of such a device, by its vendor.
    vendor_rate: f64,
    worker: Option<WorkerSession>,
    /// Who the client says it is before it has subscribed: strangers leave no trace in the statistics.
    announced: Option<WorkerName>,
    /// How many names it has had.
    names: u8,
    /// What the worker ran at before this session.
    remembered: Option<Level>,
    password: Box<str>,
    effort: Effort,
    next_tick: Option<Instant>,
    /// The share target in force; `None` before the first was sent.
    asked: Option<Arc<ShareTarget>>,
    /// The one before, and until when shares count that meet it.
    previous: Option<(Arc<ShareTarget>, Instant)>,
    board: Arc<Board>,
    /// The job of the board that was taken last.
    picked: Option<JobId>,
    /// The job of the board that was taken last of each live work.
    taken: Vec<(u64, JobId)>,
    sent: SentJobs,
    sent_at: Instant,
    /// When the last job was sent.
    job_sent_at: Instant,
    /// When the device has used up the header it has, if that is before the next board.
    refresh_at: Option<Instant>,
    allowance: Allowance,
}

/// How far the client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Login {
    /// Neither subscribed nor authorized.
    Stranger { since: Instant },
    /// Authorized, not subscribed.
    Named { since: Instant },
    /// Subscribed, not authorized: it has to wait for its first job.
    Anonymous { since: Instant },
    /// Subscribed, and waited long enough to get jobs without a name.
    Served,
    /// Subscribed and authorized.
    Complete,
}

impl Session {
    /// The session of a client that has just connected.
    pub fn new(terms: Arc<Terms>, board: Arc<Board>, rank: u32, now: Instant) -> Self {
        Self {
            rank,
            login: Login::Stranger { since: now },
            nonce1: None,
            agent: "".into(),
            vendor_rate: 0.0,
            worker: None,
            announced: None,
            names: 0,
            remembered: None,
            password: "".into(),
            effort: Effort::new(&terms, now, None, "", ""),
            next_tick: Effort::tick_interval(&terms).map(|interval| now + interval),
            asked: None,
            previous: None,
            board,
            picked: None,
            taken: Vec::new(),
            sent: SentJobs::default(),
            sent_at: now,
            job_sent_at: now,
            refresh_at: None,
            allowance: Allowance::new(now, &terms.limits),
            terms,
        }
    }

    /// Who the client says it is; `None` if it has not said it.
    pub fn worker(&self) -> Option<&WorkerName> {
        let worker = self.worker.as_ref().map(WorkerSession::name);
        worker.or(self.announced.as_ref())
    }

    /// What the client calls itself.
    pub fn agent(&self) -> &str {
        &self.agent
    }

    /// The server's part of the nonce, if the client has subscribed.
    pub fn nonce1(&self) -> Option<&Nonce1> {
        self.nonce1.as_ref()
    }

    /// Hashes per second of the device, estimated from its shares.
    pub fn hash_rate(&self, now: Instant) -> f64 {
        self.effort.hash_rate(now)
    }

    fn is_served(&self) -> bool {
        matches!(self.login, Login::Served | Login::Complete)
    }

    /// Takes in that so many bytes came, whatever they are.
    pub fn heard(&mut self, now: Instant, bytes: usize, out: &mut Outbox) {
        let spent = self.allowance.spend_bytes(now, bytes, &self.terms.limits);
        if spent.is_err() {
            out.close = Some(Close::Flood);
        }
    }

    /// Answers one line.
    pub fn line(&mut self, now: Instant, line: &[u8], out: &mut Outbox) {
        if self.allowance.spend_line(now, &self.terms.limits).is_err() {
            out.close = Some(Close::Flood);
            return;
        }
        let request = Request::parse(line);
        let mut nonce1 = String::new();
        let mut change = Change::None;
        let answer = match &request.call {
            Ok(Call::Submit { job, nonce2 }) => match self.submit(now, job, nonce2, out) {
                Ok(level) => {
                    change = level;
                    Answer::True
                }
                Err(refusal) => Answer::Rejected(refusal),
            },
            Ok(Call::Subscribe { agent }) => match self.subscribe(now, agent) {
                Ok(slot) => {
                    nonce1 = slot.to_string();
                    Answer::Subscribed {
                        nonce1: &nonce1,
                        nonce2_size: slot.size().nonce2_bytes(),
                    }
                }
                Err(refusal) => {
                    out.refused_subscriptions += 1;
                    Answer::Refused(refusal)
                }
            },
            Ok(Call::Authorize { user, password }) => {
                change = self.authorize(now, user, password);
                Answer::True
            }
            Ok(Call::ExtranonceSubscribe) => Answer::True,
            Ok(Call::Configure) => Answer::Configured,
            Ok(Call::Ping) => Answer::Pong,
            Ok(Call::Unknown(_)) => Answer::Refused(Refusal::UnknownMethod),
            Err(bad) => {
                out.bad_lines += 1;
                Answer::Refused(Refusal::BadRequest(*bad))
            }
        };
        answer.write(request.id, &mut out.answers);
        drop(nonce1);
        if self.login == Login::Complete && self.asked.is_none() {
            self.serve(now, out);
        } else if change == Change::Level {
            self.change_level(now, out);
        }
    }

    fn subscribe(&mut self, now: Instant, agent: &str) -> Result<&Nonce1, Refusal> {
        let slot = match self.nonce1.take() {
            Some(slot) => slot,
            None => {
                let slot = self.terms.nonce1.take().map_err(|_| Refusal::NoNonce1)?;
                self.agent = cut(agent, 64).into();
                self.vendor_rate = vendor_rate(&self.agent);
                self.login = match self.login {
                    Login::Named { .. } => Login::Complete,
                    _ => Login::Anonymous { since: now },
                };
                self.effort = self.first_effort(now);
                if let Some(name) = self.announced.take() {
                    self.open(now, &name);
                }
                slot
            }
        };
        Ok(self.nonce1.insert(slot))
    }

    fn authorize(&mut self, now: Instant, user: &str, password: &str) -> Change {
        let name = WorkerName::of_user(user.as_bytes());
        let password = cut(password, 128);
        let is_new = self.worker() != Some(&name) || *self.password != *password;
        self.login = match self.login {
            Login::Stranger { since } | Login::Named { since } => Login::Named { since },
            Login::Anonymous { .. } | Login::Served | Login::Complete => Login::Complete,
        };
        if !is_new {
            return Change::None;
        }
        self.password = password.into();
        if self.nonce1.is_some() {
            self.open(now, &name)
        } else {
            self.announced = Some(name);
            Change::None
        }
    }

    /// Becomes a session of the worker of this name, whose level and password decide over its effort.
    fn open(&mut self, now: Instant, name: &WorkerName) -> Change {
        if self.names == MOST_NAMES {
            return Change::None;
        }
        self.names += 1;
        self.remember_level();
        let worker = self.terms.stats.open(now, name);
        self.remembered = worker.remembered();
        self.worker = Some(worker);
        let before = self.effort.target();
        self.effort = self.first_effort(now);
        if before == self.effort.target() {
            Change::None
        } else {
            Change::Level
        }
    }

    fn first_effort(&self, now: Instant) -> Effort {
        Effort::new(
            &self.terms,
            now,
            self.remembered,
            &self.password,
            &self.agent,
        )
    }

    fn remember_level(&self) {
        // Before it is served a client has no level of its own.
        if self.is_served()
            && let (Some(worker), Some(level)) = (&self.worker, self.effort.worked_at())
        {
            worker.remember(level);
        }
    }

    fn submit(
        &mut self,
        now: Instant,
        job: &str,
        nonce2: &str,
        out: &mut Outbox,
    ) -> Result<Change, Refusal> {
        let judgement = self.judge(now, job, nonce2, &mut out.solutions);
        match judgement {
            Ok(accepted) => {
                let change = self.effort.share(now, accepted.asked, accepted.found);
                // It may have shown that the device is faster than was known.
                self.set_refresh(self.effort.rate_at_last_share());
                let credited = self.effort.credit(accepted.asked);
                if let Some(worker) = &self.worker {
                    worker.accepted(now, credited, accepted.found, accepted.freshness);
                }
                out.shares.push(ShareEvent::Accepted {
                    credited,
                    found: accepted.found,
                    freshness: accepted.freshness,
                });
                Ok(change)
            }
            Err(refusal) => {
                if let Some(worker) = &self.worker {
                    worker.rejected(now, refusal.into());
                }
                out.shares.push(ShareEvent::Refused(refusal));
                Err(refusal)
            }
        }
    }

    fn judge(
        &self,
        now: Instant,
        job: &str,
        nonce2: &str,
        solutions: &mut Vec<Solution>,
    ) -> Result<Accepted, Refusal> {
        let nonce1 = self.nonce1.as_ref().ok_or(Refusal::NotSubscribed)?;
        let nonce2 = parse_nonce2(nonce2, nonce1.size()).ok_or(Refusal::BadNonce2)?;
        let nonce = nonce1.with_nonce2(nonce2);
        let previous = self.previous.as_ref().filter(|(_, until)| now <= *until);
        let circumstances = Circumstances {
            now,
            current: self.asked.as_deref(),
            previous: previous.map(|(target, _)| &**target),
            grace: self.terms.limits.share_grace,
        };
        let named = JobId::parse(job);
        let hashes = self.sent.solve(named, nonce, circumstances, |job, found| {
            if let Some(worker) = &self.worker {
                worker.block(now, found);
            }
            solutions.push(Solution {
                key: job.origin().key(),
                nonce,
                creation_time: job.creation_time(),
                worker: self.worker().cloned(),
            });
        });
        if self.login != Login::Complete {
            return Err(Refusal::Unauthorized);
        }
        self.sent.judge(&hashes, circumstances)
    }

    /// Takes in the jobs of its slice as they are now.
    pub fn board(&mut self, now: Instant, board: &Arc<Board>, out: &mut Outbox) {
        self.board = Arc::clone(board);
        if self.is_served() {
            self.pick(now, out);
        }
    }

    /// Does what is due at `now`; see [`Session::wakeup`].
    pub fn tick(&mut self, now: Instant, out: &mut Outbox) {
        let limits = self.terms.limits;
        match self.login {
            Login::Stranger { since } | Login::Named { since } => {
                if now.saturating_duration_since(since) >= limits.stranger {
                    out.close = Some(Close::Stranger);
                }
                return;
            }
            Login::Anonymous { since } => {
                if now.saturating_duration_since(since) < limits.authorize_grace {
                    return;
                }
                self.login = Login::Served;
                self.serve(now, out);
            }
            Login::Served | Login::Complete => {}
        }
        if self.next_tick.is_some_and(|due| now >= due) {
            self.next_tick = Effort::tick_interval(&self.terms).map(|interval| now + interval);
            if self.effort.tick(now) == Change::Level {
                self.change_level(now, out);
            }
        }
        if self.refresh_at.is_some_and(|due| now >= due) {
            self.refresh_at = None;
            self.restamp(now, out);
        }
        if now.saturating_duration_since(self.sent_at) >= limits.heartbeat {
            // Another header of a live work, or the same target again: any line will do.
            self.retarget(now, out);
        }
    }

    /// When [`Session::tick`] has to be called next if nothing else happens.
    pub fn wakeup(&self) -> Instant {
        let limits = &self.terms.limits;
        match self.login {
            Login::Stranger { since } | Login::Named { since } => since + limits.stranger,
            Login::Anonymous { since } => since + limits.authorize_grace,
            Login::Served | Login::Complete => {
                let heartbeat = Some(self.sent_at + limits.heartbeat);
                let dues = [heartbeat, self.next_tick, self.refresh_at];
                dues.into_iter()
                    .flatten()
                    .min()
                    .expect("the heartbeat is always due")
            }
        }
    }

    fn note_level(&self) {
        self.remember_level();
        if let (Some(worker), Some(level)) = (&self.worker, self.effort.level()) {
            worker.set_level(level);
        }
    }

    /// Gives the client its first target and job.
    fn serve(&mut self, now: Instant, out: &mut Outbox) {
        self.note_level();
        self.pick(now, out);
        if self.asked.is_none() {
            self.ask(now, out);
        }
    }

    /// Goes over to the job that the board has for this session, if that is another than before.
    fn pick(&mut self, now: Instant, out: &mut Outbox) {
        let Some(job) = self.board.pick(self.rank) else {
            return;
        };
        if self.picked != Some(job.id()) {
            self.picked = Some(job.id());
            let taken = (job.origin().key(), job.id());
            let is_known = self.taken.contains(&taken);
            let board = &self.board;
            self.taken
                .retain(|&(key, _)| key != taken.0 && board.has(key));
            self.taken.push(taken);
            let job = if is_known {
                // Back from another work: what was searched of this header need not be again.
                Arc::new(StratumJob::new(
                    self.terms.job_ids.next(),
                    job.origin(),
                    now,
                ))
            } else {
                Arc::clone(job)
            };
            self.send(now, job, out);
        }
    }

    /// Takes in that shares should be harder or easier.
    fn change_level(&mut self, now: Instant, out: &mut Outbox) {
        self.note_level();
        let target = self.wanted_target();
        if self
            .asked
            .as_ref()
            .is_some_and(|asked| asked.target != target)
        {
            self.retarget(now, out);
        }
    }

    /// Sets the target anew and gives out a job under it.
    fn retarget(&mut self, now: Instant, out: &mut Outbox) {
        self.asked_again(now, out);
        // A job that is still unsent was meant for the target before.
        out.job = None;
        self.restamp(now, out);
    }

    /// Gives out the present work under another time: the same job again would have its device search the same nonces.
    fn restamp(&mut self, now: Instant, out: &mut Outbox) {
        if let Some(job) = self.sent.newest()
            && job.origin().ended_for(now).is_none()
        {
            let job = StratumJob::new(self.terms.job_ids.next(), job.origin(), now);
            self.send(now, Arc::new(job), out);
        }
    }

    fn send(&mut self, now: Instant, job: Arc<StratumJob>, out: &mut Outbox) {
        let asked = self.ask(now, out);
        self.sent.push(Arc::clone(&job), asked);
        out.job = Some(job);
        self.job_sent_at = now;
        self.set_refresh(self.effort.hash_rate(now));
    }

    /// The target in force, which is sent if it was another before.
    fn ask(&mut self, now: Instant, out: &mut Outbox) -> Arc<ShareTarget> {
        self.sent_at = now;
        let target = self.wanted_target();
        if let Some(asked) = &self.asked
            && asked.target == target
        {
            return Arc::clone(asked);
        }
        let asked = self.terms.targets.get(target);
        let previous = self.asked.replace(Arc::clone(&asked));
        self.previous = previous.map(|target| (target, now + self.terms.limits.share_grace));
        out.target = Some(target);
        asked
    }

    /// Sends the target in force also if it is the same as before.
    fn asked_again(&mut self, now: Instant, out: &mut Outbox) {
        out.target = Some(self.ask(now, out).target);
    }

    fn wanted_target(&self) -> Target {
        let wanted = self.effort.target().max(self.board.easiest_block_target());
        // Without a work there is no block to ask for, and the device wants to hear something.
        wanted.unwrap_or_else(|| self.terms.min_level.target())
    }

    /// Hashes per second decide how soon the next header is due.
    fn set_refresh(&mut self, rate: f64) {
        let after = self.refresh_after(rate);
        self.refresh_at = after.map(|period| self.job_sent_at + period);
    }

    /// How soon the device needs another header; `None` if it gets one before that anyway.
    fn refresh_after(&self, rate: f64) -> Option<Duration> {
        let size = self
            .terms
            .nonce1
            .size()
            .nonce2_bytes()
            .min(MOST_NONCE2_BYTES);
        let nonces = USED_PART * 2_f64.powi(8 * i32::from(size));
        // Nonces that are searched again show in no share: what the vendor states is not doubted.
        let rate = rate.max(self.vendor_rate);
        let seconds = nonces / rate;
        if seconds < self.terms.rate.as_secs_f64() {
            Some(Duration::from_secs_f64(seconds).max(LEAST_REFRESH))
        } else {
            None
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.remember_level();
    }
}
