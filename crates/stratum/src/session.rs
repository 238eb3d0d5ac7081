//! The session of one client, as a state machine without sockets or clocks.
//!
//! Input is lines, job sets and time; output is an [`Outbox`]. Each line is answered, in order. No
//! notification is sent before the client has subscribed and either authorized or taken too long
//! to: the Antminer KA3 expects the answer as the first line. A job's share target is never harder
//! than a live block target, or blocks would be lost on the device.

mod difficulty;
mod identity;
mod login;
mod outbox;
mod rate_limit;
mod record;
mod refresh;
mod text;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use chainweb::{Level, Target};

use self::difficulty::{Change, ShareDifficulty};
use self::login::Login;
pub use self::outbox::{Close, Outbox, SettingWarning, ShareEvent, Solution};
use self::rate_limit::RateLimit;
use self::refresh::refresh_after;
use self::text::parse_nonce2;
use crate::asked::Asked;
use crate::context::SessionContext;
use crate::job::StratumJob;
use crate::job_id::JobId;
use crate::job_set::JobSet;
use crate::message::{Answer, Call, Refusal, Request};
use crate::nonce1::Nonce1;
use crate::sent_jobs::{Accepted, SentJobs, ShareContext};
use crate::share_target::ShareTarget;
use crate::stats::{WorkerName, WorkerSession};

/// A job is late this part, as a divisor, of the usual time after it was due: at the default after
/// 1.5 s. The fastest devices begin to search the same nonces again after 1.7 s.
const LATE_PART: u32 = 2;

/// A session.
#[derive(Debug)]
pub struct Session {
    context: Arc<SessionContext>,
    /// Selects the lane of a job set.
    rank: u32,
    login: Login,
    nonce1: Option<Nonce1>,
    agent: Box<str>,
    /// The address that the client connects from, if it is known.
    peer: Option<IpAddr>,
    /// The vendor's figure for the hash rate, in hashes per second; 0 if unknown.
    vendor_rate: f64,
    worker: Option<WorkerSession>,
    /// The name of a client that has not subscribed, and so is not in the statistics.
    pending_name: Option<WorkerName>,
    /// The number of worker names so far.
    names: u8,
    /// The number of warnings of settings under the last name.
    setting_warnings: u8,
    /// The level of the worker's last share before this session.
    last_level: Option<Level>,
    password: Box<str>,
    /// The whole user name for the log of shares; empty if there is none.
    user: Arc<str>,
    /// The difficulty that the client asked for last, not in its password.
    suggested: Option<Box<Asked>>,
    difficulty: ShareDifficulty,
    next_tick: Option<Instant>,
    /// The share target in force; `None` before the first is sent.
    target: Option<Arc<ShareTarget>>,
    /// The target before it, and until when shares that meet it are accepted.
    previous_target: Option<(Arc<ShareTarget>, Instant)>,
    jobs: Arc<JobSet>,
    /// The job of the set that was used last.
    current_job: Option<JobId>,
    /// For each live work, its key and the job of the set that was used last.
    seen_jobs: Vec<(u64, JobId)>,
    recent_jobs: SentJobs,
    /// When a target or job was last sent.
    sent_at: Instant,
    /// When the last job was sent; `None` without live work.
    job_sent_at: Option<Instant>,
    /// When the device needs another header, if that is before the next refresh of the slice.
    refresh_at: Option<Instant>,
    rate_limit: RateLimit,
}

impl Session {
    /// Creates the session of a client that has just connected. `jobs` are those of its slice, and
    /// `rank` selects the lane.
    pub fn new(context: Arc<SessionContext>, jobs: Arc<JobSet>, rank: u32, now: Instant) -> Self {
        Self {
            rank,
            login: Login::Connected { since: now },
            nonce1: None,
            agent: "".into(),
            peer: None,
            vendor_rate: 0.0,
            worker: None,
            pending_name: None,
            names: 0,
            setting_warnings: 0,
            last_level: None,
            password: "".into(),
            user: "".into(),
            suggested: None,
            difficulty: ShareDifficulty::new(&context, now, None, None, ""),
            next_tick: ShareDifficulty::tick_interval(&context).map(|interval| now + interval),
            target: None,
            previous_target: None,
            jobs,
            current_job: None,
            seen_jobs: Vec::new(),
            recent_jobs: SentJobs::default(),
            sent_at: now,
            job_sent_at: None,
            refresh_at: None,
            rate_limit: RateLimit::new(now, &context.limits),
            context,
        }
    }

    /// Returns the worker name, or `None` if the client has not authorized.
    pub fn worker(&self) -> Option<&WorkerName> {
        let worker = self.worker.as_ref().map(WorkerSession::name);
        worker.or(self.pending_name.as_ref())
    }

    /// Records the address that the client connects from.
    pub fn set_peer(&mut self, peer: IpAddr) {
        self.peer = Some(peer);
    }

    /// Returns the client's agent, cut to 64 bytes; empty if the client did not send one.
    pub fn agent(&self) -> &str {
        &self.agent
    }

    /// Returns the server's part of the nonce, or `None` if the client has not subscribed.
    pub fn nonce1(&self) -> Option<&Nonce1> {
        self.nonce1.as_ref()
    }

    /// Returns when the event arrived that last changed the live work of the session.
    pub(crate) fn work_since(&self) -> Option<Instant> {
        self.jobs.since()
    }

    /// Returns the hash rate of the device in hashes per second, estimated from its shares.
    pub fn hash_rate(&self, now: Instant) -> f64 {
        self.difficulty.hash_rate(now)
    }

    /// Accounts for received bytes, of any content, in the rate limit.
    pub fn received(&mut self, now: Instant, bytes: usize, out: &mut Outbox) {
        let spent = self
            .rate_limit
            .spend_bytes(now, bytes, &self.context.limits);
        if spent.is_err() {
            out.close = Some(Close::Flood);
        }
    }

    /// Handles one line and appends its answer.
    pub fn handle_line(&mut self, now: Instant, line: &[u8], out: &mut Outbox) {
        let limits = &self.context.limits;
        if self.rate_limit.spend_line(now, limits).is_err() {
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
            Ok(Call::Subscribe { agent }) => match self.subscribe(now, agent, out) {
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
                change = self.authorize(now, user, password, out);
                Answer::True
            }
            Ok(Call::SuggestDifficulty { difficulty }) => {
                self.suggest(now, Asked::of_difficulty(difficulty), &mut change, out)
            }
            Ok(Call::SuggestTarget { target }) => {
                self.suggest(now, Asked::of_target(target), &mut change, out)
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
        if self.login == Login::Complete && self.target.is_none() {
            self.start(now, out);
        } else if change == Change::Level {
            self.update_level(now, out);
        }
    }

    fn submit(
        &mut self,
        now: Instant,
        job: &str,
        nonce2: &str,
        out: &mut Outbox,
    ) -> Result<Change, Refusal> {
        let solved = out.solutions.len();
        let verdict = self.validate(now, job, nonce2, &mut out.solutions);
        let record = self.record(now, (job, nonce2), verdict, &out.solutions[solved..]);
        out.records.extend(record);
        match verdict {
            Ok(accepted) => {
                let required = accepted.required.difficulty;
                let change = self.difficulty.share(now, required, accepted.achieved);
                // The share may reveal a higher hash rate, and so an earlier refresh.
                self.set_refresh(self.difficulty.rate_at_last_share());
                let credited = self.difficulty.credit(required);
                if let Some(worker) = &self.worker {
                    let Accepted {
                        achieved,
                        block,
                        freshness,
                        ..
                    } = accepted;
                    worker.accepted(now, credited, achieved, block, freshness);
                }
                out.shares.push(ShareEvent::Accepted {
                    credited,
                    achieved: accepted.achieved,
                    freshness: accepted.freshness,
                });
                Ok(change)
            }
            Err(refusal) => {
                if let Some(worker) = &self.worker {
                    let named = JobId::parse(job).and_then(|id| self.recent_jobs.index(id));
                    let sent = named.and_then(|index| self.recent_jobs.get(index));
                    let targets = [self.target.as_deref(), sent.map(|(_, required)| required)];
                    // It met the easier one.
                    let shares = targets
                        .into_iter()
                        .flatten()
                        .map(|target| target.difficulty);
                    let credit = shares.min().map(|share| self.difficulty.credit(share));
                    worker.rejected(now, refusal.into(), credit);
                }
                out.shares.push(ShareEvent::Refused(refusal));
                Err(refusal)
            }
        }
    }

    fn validate(
        &self,
        now: Instant,
        job: &str,
        nonce2: &str,
        solutions: &mut Vec<Solution>,
    ) -> Result<Accepted, Refusal> {
        let nonce1 = self.nonce1.as_ref().ok_or(Refusal::NotSubscribed)?;
        let nonce2 = parse_nonce2(nonce2, nonce1.size()).ok_or(Refusal::BadNonce2)?;
        let nonce = nonce1.with_nonce2(nonce2);
        let previous = self.previous_target.as_ref();
        let previous = previous.filter(|(_, until)| now <= *until);
        let context = ShareContext {
            now,
            current: self.target.as_deref(),
            previous: previous.map(|(target, _)| &**target),
            grace: self.context.limits.share_grace,
        };
        let named = JobId::parse(job);
        let hashes = self
            .recent_jobs
            .solve(named, nonce, context, |job, achieved| {
                if let Some(worker) = &self.worker {
                    worker.block(now, achieved);
                }
                solutions.push(Solution {
                    key: job.template().key(),
                    nonce,
                    creation_time: job.creation_time(),
                    worker: self.worker().cloned(),
                });
            });
        if self.login != Login::Complete {
            return Err(Refusal::Unauthorized);
        }
        self.recent_jobs.validate(&hashes, context)
    }

    /// Replaces the jobs of its slice.
    pub fn set_jobs(&mut self, now: Instant, jobs: Arc<JobSet>, out: &mut Outbox) {
        self.jobs = jobs;
        if self.login.gets_jobs() {
            self.switch_job(now, out);
        }
    }

    /// Handles everything due at `now`; see [`Session::wakeup`].
    pub fn tick(&mut self, now: Instant, out: &mut Outbox) {
        if let Some(deadline) = self.login.deadline(&self.context.limits) {
            let is_subscribed = matches!(self.login, Login::Subscribed { .. });
            if now < deadline {
                return;
            }
            if !is_subscribed {
                out.close = Some(Close::NotSubscribed);
                return;
            }
            self.login = Login::Anonymous;
            self.warn_of_settings(now, out);
            self.start(now, out);
        }
        if self.next_tick.is_some_and(|due| now >= due) {
            let interval = ShareDifficulty::tick_interval(&self.context);
            self.next_tick = interval.map(|interval| now + interval);
            self.record_last_level();
            if self.difficulty.tick(now) == Change::Level {
                self.update_level(now, out);
            }
        }
        if self.refresh_at.is_some_and(|due| now >= due) {
            self.refresh_at = None;
            self.refresh_job(now, out);
        }
        if now.saturating_duration_since(self.sent_at) >= self.context.limits.heartbeat {
            // A fresh job or, without live work, the target again: any line is a heartbeat.
            self.retarget(now, out);
        }
    }

    /// Returns when [`Session::tick`] has to be called next, unless other input comes before.
    pub fn wakeup(&self) -> Instant {
        let limits = &self.context.limits;
        self.login.deadline(limits).unwrap_or_else(|| {
            let heartbeat = self.sent_at + limits.heartbeat;
            let others = [self.next_tick, self.refresh_at];
            others.into_iter().flatten().fold(heartbeat, Instant::min)
        })
    }

    /// Sends the first target and job.
    fn start(&mut self, now: Instant, out: &mut Outbox) {
        self.record_level();
        self.switch_job(now, out);
        if self.target.is_none() {
            self.update_target(now, out);
        }
    }

    /// Sends this session's job of the set, unless it is the current one.
    fn switch_job(&mut self, now: Instant, out: &mut Outbox) {
        let Some(job) = self.jobs.job_for(self.rank) else {
            self.job_sent_at = None;
            return;
        };
        if self.current_job != Some(job.id()) {
            self.current_job = Some(job.id());
            let seen = (job.template().key(), job.id());
            let is_seen = self.seen_jobs.contains(&seen);
            let place = |is_free: &dyn Fn(u64) -> bool| {
                self.seen_jobs.iter().position(|(key, _)| is_free(*key))
            };
            let same = place(&|key| key == seen.0);
            match same.or_else(|| place(&|key| !self.jobs.is_live(key))) {
                Some(place) => self.seen_jobs[place] = seen,
                None => self.seen_jobs.push(seen),
            }
            let job = if is_seen {
                // The device returns to this work: a fresh header avoids nonces already searched.
                let id = self.context.job_ids.next();
                Arc::new(StratumJob::new(id, job.template(), now))
            } else {
                Arc::clone(job)
            };
            self.send_job(now, job, out);
        }
    }

    /// Sends the share target after a change of level, if it differs.
    fn update_level(&mut self, now: Instant, out: &mut Outbox) {
        self.record_level();
        let target = self.choose_target();
        let current = self.target.as_ref();
        if current.is_some_and(|current| current.target != target) {
            self.retarget(now, out);
        }
    }

    /// Sends the share target, changed or not, and a fresh job: targets apply to later jobs only.
    fn retarget(&mut self, now: Instant, out: &mut Outbox) {
        out.target = Some(self.update_target(now, out).target);
        // An unsent job has the target before.
        out.job = None;
        self.refresh_job(now, out);
    }

    /// Sends the current work under another creation time, so the device gets nonces to search.
    fn refresh_job(&mut self, now: Instant, out: &mut Outbox) {
        if let Some(job) = self.recent_jobs.newest()
            && job.template().retired_for(now).is_none()
        {
            let job = StratumJob::new(self.context.job_ids.next(), job.template(), now);
            self.send_job(now, Arc::new(job), out);
        }
    }

    fn send_job(&mut self, now: Instant, job: Arc<StratumJob>, out: &mut Outbox) {
        let target = self.update_target(now, out);
        self.recent_jobs.push(Arc::clone(&job), target);
        out.job = Some(job);
        let due = self.context.job_interval();
        if let Some(before) = self.job_sent_at.replace(now)
            && now > before + (due + due / LATE_PART)
        {
            out.late_job = out.late_job.max(Some(now - before));
        }
        self.set_refresh(self.difficulty.hash_rate(now));
    }

    /// Returns the share target, after sending it if it changed.
    fn update_target(&mut self, now: Instant, out: &mut Outbox) -> Arc<ShareTarget> {
        self.sent_at = now;
        let target = self.choose_target();
        if let Some(current) = &self.target
            && current.target == target
        {
            return Arc::clone(current);
        }
        let current = self.context.targets.get(target);
        let previous = self.target.replace(Arc::clone(&current));
        self.previous_target =
            previous.map(|target| (target, now + self.context.limits.share_grace));
        out.target = Some(target);
        current
    }

    /// Returns the easier of the session's share target and the easiest block target.
    fn choose_target(&self) -> Target {
        let target = self
            .difficulty
            .target()
            .max(self.jobs.easiest_block_target());
        // In the mode for blocks and without live work there is neither, but devices expect one.
        target.unwrap_or_else(|| self.context.min_level.target())
    }

    /// Sets the time of the next header by the hash rate in hashes per second, unless the next
    /// refresh of the slice comes first.
    fn set_refresh(&mut self, rate: f64) {
        // Nonces searched twice make no new shares, so the estimate may be below the vendor's
        // figure.
        let rate = rate.max(self.vendor_rate);
        let period = refresh_after(self.context.nonce1.size(), rate, self.context.rate);
        self.refresh_at = self.job_sent_at.zip(period).map(|(at, period)| at + period);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.record_last_level();
    }
}
