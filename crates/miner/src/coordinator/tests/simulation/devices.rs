//! Devices with Stratum sessions as the worker: jobs of the coordinator become job sets, and shares
//! that solve a block become solutions.
//!
//! The sessions are real, without sockets. A device hashes by chance: it sends any nonce, for a job
//! that it got lately, and the session finds out what that is worth.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::Hasher;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{CreationTime, Level, Nonce, Target, WorkHeader};
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus as Chance;
use rand::seq::IndexedRandom;
use stratum::{
    DifficultyMode, Instance, JobIds, JobSets, LogLimit, LoggedShares, Nonce1Size, Nonce1Space,
    Outbox, Session, SessionContext, SessionLimits, ShareTargets, Stats,
};

use super::super::super::Event;
use super::World;
use super::trace::Trace;
use crate::job::Jobs;
use crate::worker::asic::recent::RecentJobs;

/// The most devices: more than there are values of nonce1.
const MOST: usize = 6;
/// The number of jobs that a session keeps.
const KEPT: usize = 10;
/// The slices of the sessions, which are refreshed in turn, and the time between two.
const SLICES: usize = 2;
const REFRESH: Duration = Duration::from_secs(5);

/// A Stratum server without sockets, and its devices.
#[derive(Debug)]
pub(super) struct Farm {
    context: Arc<SessionContext>,
    sets: JobSets,
    recent: RecentJobs,
    pub(super) devices: Vec<Device>,
    /// The jobs of the present sets.
    pub(super) live: Jobs,
    refresh_due: Instant,
    next_slice: usize,
    /// The hash of the header of each job sent, by its id, and the id of each.
    pub(super) headers: BTreeMap<String, u64>,
    pub(super) ids: BTreeMap<u64, String>,
    pub(super) are_headers_unique: bool,
    /// The work of all jobs ever live, by the times and nonces reported for it.
    pub(super) reported: BTreeSet<(u64, CreationTime, Nonce)>,
}

/// A device, and what it got from its session.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) session: Session,
    out: Outbox,
    slice: usize,
    /// The number of requests, and of answers.
    pub(super) requests: u64,
    pub(super) answers: u64,
    pub(super) is_subscribed: bool,
    /// The jobs received, the newest first.
    pub(super) jobs: VecDeque<(String, WorkHeader)>,
    pub(super) target: Option<Target>,
}

fn level(bits: u16) -> Level {
    Level::new(bits).expect("at most 256")
}

fn context(difficulty: u8, rng: &mut Chance) -> SessionContext {
    let part: Instance = "3/64".parse().expect("a part");
    SessionContext {
        difficulty: match difficulty {
            0 => DifficultyMode::Block,
            1 => DifficultyMode::Level(level(0)),
            2 => DifficultyMode::Level(level(2)),
            _ => DifficultyMode::default(),
        },
        min_level: level(1),
        rate: REFRESH,
        limits: SessionLimits::default(),
        nonce1: Nonce1Space::new(Nonce1Size::new(1).expect("a size"), part, rng),
        job_ids: Arc::new(JobIds::new(rng)),
        stats: Arc::new(Stats::new(100)),
        targets: ShareTargets::default(),
        setting_warnings: LogLimit::once(),
        logged: LoggedShares::default(),
    }
}

impl Farm {
    pub(super) fn new(now: Instant, difficulty: u8, rng: &mut Chance) -> Self {
        let context = Arc::new(context(difficulty, rng));
        let mut farm = Self {
            sets: JobSets::new(Arc::clone(&context.job_ids), SLICES),
            context,
            recent: RecentJobs::default(),
            devices: Vec::new(),
            live: Jobs::default(),
            refresh_due: now + REFRESH,
            next_slice: 0,
            headers: BTreeMap::new(),
            ids: BTreeMap::new(),
            are_headers_unique: true,
            reported: BTreeSet::new(),
        };
        (0..2).for_each(|_| farm.connect(now, rng));
        farm
    }

    /// The server starts again, and the devices connect again.
    pub(super) fn restart(&mut self, now: Instant, rng: &mut Chance) {
        let devices = self.devices.len();
        let difficulty = self.context.difficulty;
        // The sessions go first: they hold values of nonce1.
        self.devices.clear();
        let fresh = context(0, rng);
        self.context = Arc::new(SessionContext {
            difficulty,
            ..fresh
        });
        self.sets = JobSets::new(Arc::clone(&self.context.job_ids), SLICES);
        self.recent = RecentJobs::default();
        self.live = Jobs::default();
        (self.refresh_due, self.next_slice) = (now + REFRESH, 0);
        self.headers.clear();
        self.ids.clear();
        self.reported.clear();
        (0..devices).for_each(|_| self.connect(now, rng));
    }

    fn connect(&mut self, now: Instant, rng: &mut Chance) {
        let slice = rng.random_range(0..SLICES);
        let jobs = Arc::clone(self.sets.slice(slice));
        let rank = rng.random_range(0..6);
        self.devices.push(Device {
            session: Session::new(Arc::clone(&self.context), jobs, rank, now),
            out: Outbox::default(),
            slice,
            requests: 0,
            answers: 0,
            is_subscribed: false,
            jobs: VecDeque::new(),
            target: None,
        });
    }

    /// Returns when a session or the refresh of a slice is due.
    pub(super) fn next(&self) -> Instant {
        let sessions = self.devices.iter().map(|device| device.session.wakeup());
        sessions.fold(self.refresh_due, Instant::min)
    }

    /// Passes the jobs of a slice, or of all, to its sessions. Returns their number.
    fn publish(&mut self, now: Instant, slice: Option<usize>) -> u64 {
        let mut sessions = 0;
        for device in &mut self.devices {
            if slice.is_none_or(|slice| slice == device.slice) {
                let jobs = self.sets.slice(device.slice);
                device
                    .session
                    .set_jobs(now, Arc::clone(jobs), &mut device.out);
                sessions += 1;
            }
        }
        sessions
    }
}

impl World {
    /// The jobs of the coordinator become the job sets of the sessions.
    pub(super) fn give_jobs_to_devices(&mut self, jobs: &Jobs) {
        let Some(farm) = &mut self.farm else {
            return;
        };
        let live = farm.recent.live_works(jobs);
        farm.sets.set_work(self.now, &live.works);
        farm.live = jobs.clone();
        self.other_events += farm.publish(self.now, None);
        self.read_devices();
        self.devices_mine_live_jobs();
    }

    /// Does what is due in the sessions. Returns whether there was something.
    pub(super) fn devices_act(&mut self) -> bool {
        let Some(farm) = &mut self.farm else {
            return false;
        };
        let now = self.now;
        let mut events = 0;
        if farm.refresh_due <= now {
            farm.sets.refresh(now, farm.next_slice);
            events += farm.publish(now, Some(farm.next_slice));
            farm.next_slice = (farm.next_slice + 1) % SLICES;
            farm.refresh_due = now + REFRESH / 2;
            events += 1;
        }
        for device in &mut farm.devices {
            if device.session.wakeup() <= now {
                device.session.tick(now, &mut device.out);
                events += 1;
            }
        }
        if events > 0 {
            self.other_events += events;
            self.read_devices();
        }
        events > 0
    }

    /// All devices read what their sessions sent. Those that are closed leave.
    fn read_devices(&mut self) {
        let Some(farm) = &mut self.farm else {
            return;
        };
        for device in &mut farm.devices {
            device.read(&mut self.trace, &mut farm.headers, &mut farm.ids);
        }
        if !farm.are_headers_unique {
            farm.ids.clear();
        }
        farm.devices.retain(|device| device.out.close.is_none());
        self.targets_are_easy_enough();
    }

    pub(super) fn connect_device(&mut self) {
        let (now, rng) = (self.now, &mut self.rng);
        if let Some(farm) = self.farm.as_mut().filter(|farm| farm.devices.len() < MOST) {
            farm.connect(now, rng);
        }
    }

    pub(super) fn disconnect_device(&mut self) {
        if let Some(at) = self.any_device() {
            self.farm
                .as_mut()
                .expect("it has devices")
                .devices
                .swap_remove(at);
        }
    }

    fn any_device(&mut self) -> Option<usize> {
        let devices = self.farm.as_ref()?.devices.len();
        (devices > 0).then(|| self.rng.random_range(0..devices))
    }

    /// A device sends the next line of its login.
    pub(super) fn log_in_device(&mut self) {
        let Some(at) = self.any_device() else {
            return;
        };
        let is_subscribed = self
            .farm
            .as_ref()
            .is_some_and(|it| it.devices[at].is_subscribed);
        let (method, params) = if !is_subscribed && self.rng.random_bool(0.8) {
            ("subscribe", r#"["GodMiner/2.0.0",null]"#.to_owned())
        } else {
            let user = ["k.one", "k.two", "k"]
                .choose(&mut self.rng)
                .expect("not empty");
            let password = match self.rng.random_range(0..3) {
                0 => format!("d={}", self.rng.random_range(0..6)),
                _ => "x".to_owned(),
            };
            ("authorize", format!(r#"["{user}","{password}"]"#))
        };
        self.send_line(at, method, &params);
    }

    /// A device sends what is no share.
    pub(super) fn send_nonsense(&mut self) {
        let Some(at) = self.any_device() else {
            return;
        };
        let lines = [
            ("ping", "{}"),
            ("nonsense", "[1,[2]]"),
            ("submit", "[1]"),
            ("submit", r#"["k","zz","0"]"#),
            ("suggest_difficulty", "[3]"),
            ("extranonce.subscribe", "[]"),
        ];
        let (method, params) = *lines.choose(&mut self.rng).expect("not empty");
        self.send_line(at, method, params);
    }

    /// A device sends a share: any nonce for one of its latest jobs, mostly the newest.
    pub(super) fn send_share(&mut self) {
        // No device answers at once.
        self.pass(Duration::from_millis(1));
        let Some(at) = self.any_device() else {
            return;
        };
        let farm = self.farm.as_ref().expect("it has devices");
        let device = &farm.devices[at];
        let place = self.rng.random_range(0..KEPT * 2) % (KEPT + 2);
        let place = if self.rng.random_bool(0.7) { 0 } else { place };
        let nonce2: u64 = self.rng.random_range(0..256);
        let Some((id, header)) = device.jobs.get(place).or(device.jobs.front()) else {
            return self.log_in_device();
        };
        let nonce = device.session.nonce1().map(|it| it.with_nonce2(nonce2));
        let is_kept = place < KEPT;
        let due = nonce
            .filter(|nonce| is_kept && pow::verify(&header.with_nonce(*nonce), &header.target()));
        let due = due.map(|nonce| (header.clone(), nonce));
        let params = format!(r#"["k","{id}","{nonce2:x}"]"#);
        let before = farm.reported.len();
        self.send_line(at, "submit", &params);
        if let Some((header, nonce)) = due {
            self.a_block_in_a_share_is_reported(&header, nonce, before);
        }
    }

    /// A device sends a request. Solutions in it go to the coordinator.
    fn send_line(&mut self, at: usize, method: &str, params: &str) {
        let farm = self.farm.as_mut().expect("it has devices");
        let device = &mut farm.devices[at];
        device.requests += 1;
        let id = device.requests;
        let line = format!(r#"{{"id":{id},"method":"mining.{method}","params":{params}}}"#);
        self.trace.write(line.as_bytes());
        device
            .session
            .handle_line(self.now, line.as_bytes(), &mut device.out);
        device.is_subscribed = device.session.nonce1().is_some();
        device.out.shares.clear();
        device.out.records.clear();
        device.out.settings.clear();
        let solutions = std::mem::take(&mut device.out.solutions);
        self.other_events += 1;
        self.read_devices();
        for solution in solutions {
            let farm = self.farm.as_mut().expect("it has devices");
            let is_new =
                farm.reported
                    .insert((solution.key, solution.creation_time, solution.nonce));
            let of_job = farm.recent.solution(&solution);
            self.each_solution_is_reported_once(&solution, is_new);
            if let Some(solution) = of_job {
                let before = self.coordinator.counters.solutions_rejected;
                self.handle(Event::Solved(solution));
                self.no_solution_of_a_session_is_rejected(before);
            }
        }
    }

    /// Devices that have not logged in do, since nothing else helps them.
    pub(super) fn heal_devices(&mut self) {
        let devices = self.farm.as_ref().map_or(0, |farm| farm.devices.len());
        for at in (0..devices).rev() {
            self.send_line(at, "subscribe", "[]");
        }
        let devices = self.farm.as_ref().map_or(0, |farm| farm.devices.len());
        for at in 0..devices {
            self.send_line(at, "authorize", r#"["k.one","x"]"#);
        }
    }
}

impl Device {
    /// Reads what the session sent.
    fn read(
        &mut self,
        trace: &mut Trace,
        headers: &mut BTreeMap<String, u64>,
        ids: &mut BTreeMap<u64, String>,
    ) {
        if !self.out.has_lines() {
            return;
        }
        let lines = self.out.take_lines();
        trace.write(&lines);
        let text = str::from_utf8(&lines).expect("lines are text");
        let mut is_notified = false;
        for line in text.lines() {
            let mut params = line.split('"').skip(7).step_by(2);
            if line.contains("mining.set_target") {
                self.nothing_comes_too_early(is_notified);
                let target = params.next().expect("a target");
                self.target = Some(Target::from_be_hex(target).expect("a target"));
            } else if line.contains("mining.notify") {
                self.nothing_comes_too_early(is_notified);
                is_notified = true;
                let (id, header) = (params.next().expect("an id"), params.next());
                let header = const_hex::decode(header.expect("a header")).expect("hex");
                let header = WorkHeader::decode(&header).expect("a header");
                let mut hash = Trace::default();
                hash.write(header.as_bytes());
                let hash = hash.finish();
                Self::no_job_changes(id, hash, headers, ids);
                self.jobs.push_front((id.to_owned(), header));
                self.jobs.truncate(KEPT + 2);
            } else {
                self.answers += 1;
                self.each_line_is_answered_in_order(line);
            }
        }
    }
}
