//! Sessions under any sequence of lines, work and times, checked against their invariants.
//!
//! A run is a string of bytes, from a seeded generator or from a fuzzer. Clients connect and leave
//! in a tiny nonce space; most shares are blocks. From the lines sent, the model derives what each
//! session has to answer and which solutions it has to report.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use chainweb::{CreationTime, Level, Nonce, Target, WorkHeader};
use rand::SeedableRng;
use rand::rngs::StdRng;
use stratum::message::Refusal;
use stratum::{
    DifficultyMode, Instance, LiveWork, Nonce1Size, Nonce1Space, SessionLimits, ShareEvent,
    Solution, StratumJob,
};

use crate::fixture::{Client, TestServer, last_job, level, work};

/// The most jobs that a session keeps.
const KEPT: usize = 10;

const MOST_CLIENTS: usize = 6;

/// The number of nonce1 values: fewer than clients.
const SLOTS: usize = 4;

/// The choices of a run.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn next(&mut self, below: usize) -> usize {
        let Some((&first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(first) % below
    }
}

/// The expected answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Expected {
    Id(String),
    Anything,
}

/// The key of a work, a creation time and a nonce.
type Solved = (u64, CreationTime, Nonce);

/// The solutions that a share makes.
#[derive(Default)]
struct Due {
    /// Of the job that it names and of newer ones.
    certain: HashSet<Solved>,
    /// Of older jobs: reported only if the share does not meet the target of the named job.
    lucky: HashSet<Solved>,
}

struct Device {
    client: Client,
    /// Whether it reads only now and then.
    slow: bool,
    expected: VecDeque<Expected>,
    subscribed: bool,
    /// The jobs received, newest first.
    jobs: VecDeque<(String, WorkHeader)>,
    target: Option<Target>,
    easiest: Option<Target>,
}

/// The sessions of a server, and the expectations on them.
pub(crate) struct Model {
    server: TestServer,
    devices: Vec<Device>,
    live: Vec<LiveWork>,
    /// All work so far, by key.
    all_work: HashMap<u64, LiveWork>,
    headers: HashMap<String, WorkHeader>,
    ids: HashMap<Vec<u8>, String>,
    reported: HashSet<Solved>,
    set_jobs: Vec<Weak<StratumJob>>,
    requests: u64,
}

impl Model {
    /// Runs the choices of `bytes`.
    ///
    /// # Panics
    /// If an invariant is violated.
    pub(crate) fn run(bytes: &[u8]) {
        let mut choices = Choices(bytes);
        let mode = match choices.next(4) {
            0 => DifficultyMode::Block,
            1 => DifficultyMode::Level(Level::new(0).unwrap()),
            2 => DifficultyMode::Level(Level::new(5).unwrap()),
            _ => DifficultyMode::default(),
        };
        let limits = SessionLimits {
            burst: u32::MAX,
            ..SessionLimits::default()
        };
        let mut server = TestServer::with_limits(mode, limits);
        let context = Arc::get_mut(&mut server.context).unwrap();
        context.min_level = Level::new(2).unwrap();
        let size = Nonce1Size::new(1).unwrap();
        let part: Instance = "3/64".parse().unwrap();
        context.nonce1 = Nonce1Space::new(size, part, &mut StdRng::seed_from_u64(9));
        let mut model = Self {
            server,
            devices: Vec::new(),
            live: Vec::new(),
            all_work: HashMap::new(),
            headers: HashMap::new(),
            ids: HashMap::new(),
            reported: HashSet::new(),
            set_jobs: Vec::new(),
            requests: 0,
        };
        while !choices.0.is_empty() {
            model.step(&mut choices);
        }
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        match choices.next(12) {
            0 if self.devices.len() < MOST_CLIENTS => self.connect(choices),
            1 if !self.devices.is_empty() && choices.next(3) == 0 => {
                let which = choices.next(self.devices.len());
                self.devices.swap_remove(which);
            }
            2 => self.change_work(choices),
            3 => {
                self.server.jobs.refresh(self.server.now, 0);
                self.publish_jobs();
            }
            4 => {
                let millis = [0, 1, 100, 900, 3000, 26_000][choices.next(6)];
                self.server.pass(Duration::from_millis(millis));
                self.tick();
            }
            5 | 6 if !self.devices.is_empty() => {
                let which = choices.next(self.devices.len());
                self.log_in(which, choices);
            }
            7 if !self.devices.is_empty() => {
                let which = choices.next(self.devices.len());
                self.send_nonsense(which, choices);
            }
            _ if !self.devices.is_empty() => {
                let which = choices.next(self.devices.len());
                self.submit(which, choices);
            }
            _ => {}
        }
        self.check_nonces();
    }

    fn connect(&mut self, choices: &mut Choices<'_>) {
        let rank = u32::try_from(choices.next(256)).unwrap();
        self.devices.push(Device {
            client: self.server.client(rank),
            slow: choices.next(3) == 0,
            expected: VecDeque::new(),
            subscribed: false,
            jobs: VecDeque::new(),
            target: None,
            easiest: None,
        });
    }

    fn change_work(&mut self, choices: &mut Choices<'_>) {
        if !self.live.is_empty() && choices.next(2) == 0 {
            let which = choices.next(self.live.len());
            self.live.remove(which);
        }
        if self.live.len() < 3 && choices.next(4) != 0 {
            let key = self.all_work.len() as u64;
            let block_level = [1, 3, 6][choices.next(3)];
            let fresh = work(0, key, level(block_level), self.server.now);
            self.all_work.insert(key, fresh.clone());
            self.live.insert(0, fresh);
        }
        self.server.jobs.set_work(self.server.now, &self.live);
        self.publish_jobs();
    }

    fn publish_jobs(&mut self) {
        let jobs = Arc::clone(self.server.jobs.slice(0));
        let current = (0..8).filter_map(|rank| jobs.job_for(rank));
        self.set_jobs.extend(current.map(Arc::downgrade));
        for which in 0..self.devices.len() {
            let device = &mut self.devices[which];
            device.client.session.set_jobs(
                self.server.now,
                Arc::clone(&jobs),
                &mut device.client.out,
            );
            self.after(which, Due::default());
        }
        self.set_jobs.retain(|job| job.strong_count() > 0);
        let alive: HashSet<_> = self.set_jobs.iter().map(Weak::as_ptr).collect();
        // A slow device's unsent job, and those of the set.
        let most = self.devices.len() * (KEPT + 1) + 8;
        assert!(alive.len() <= most, "{} jobs are kept", alive.len());
    }

    fn tick(&mut self) {
        let mut which = 0;
        while which < self.devices.len() {
            let device = &mut self.devices[which];
            let due = device.client.session.wakeup() <= self.server.now;
            device
                .client
                .session
                .tick(self.server.now, &mut device.client.out);
            assert!(
                device.client.session.wakeup() > self.server.now
                    || device.client.out.close.is_some(),
                "everything due is done"
            );
            let silent = !device.client.out.has_lines() && device.client.out.close.is_none();
            assert!(
                due || silent || device.slow,
                "nothing is done before it is due"
            );
            self.after(which, Due::default());
            if self.devices[which].client.out.close.is_some() {
                assert!(
                    !self.devices[which].subscribed,
                    "only clients without subscription are closed"
                );
                self.devices.swap_remove(which);
            } else {
                which += 1;
            }
        }
    }

    fn request(&mut self, which: usize, method: &str, params: &str) {
        self.requests += 1;
        let id = self.requests.to_string();
        let line = format!(r#"{{"id":{id},"method":"{method}","params":{params}}}"#);
        self.devices[which].expected.push_back(Expected::Id(id));
        self.line(which, line.as_bytes());
    }

    fn line(&mut self, which: usize, line: &[u8]) {
        let device = &mut self.devices[which];
        device
            .client
            .session
            .handle_line(self.server.now, line, &mut device.client.out);
    }

    fn log_in(&mut self, which: usize, choices: &mut Choices<'_>) {
        match choices.next(6) {
            0 => self.request(which, "mining.subscribe", "[]"),
            1 => self.request(which, "mining.subscribe", r#"["GodMiner/2.0.0",null]"#),
            2 => self.request(which, "mining.authorize", r#"["a.one","x"]"#),
            3 => {
                let params = ["[3]", "[0.1]", r#"["2k"]"#, "[]", "7"][choices.next(5)];
                self.request(which, "mining.suggest_difficulty", params);
            }
            4 => {
                let params = format!(r#"["{}"]"#, level(4).to_be_hex());
                self.request(which, "mining.suggest_target", &params);
            }
            _ => {
                let level = choices.next(9);
                let params = format!(r#"["a.two","d={level}"]"#);
                self.request(which, "mining.authorize", &params);
            }
        }
        self.after(which, Due::default());
    }

    fn send_nonsense(&mut self, which: usize, choices: &mut Choices<'_>) {
        match choices.next(4) {
            0 => self.request(which, "mining.ping", "{}"),
            1 => self.request(which, "mining.nonsense", "[1,[2]]"),
            2 => self.request(which, "mining.submit", "[1]"),
            _ => {
                let length = choices.next(24).min(choices.0.len());
                let (line, rest) = choices.0.split_at(length);
                choices.0 = rest;
                self.devices[which].expected.push_back(Expected::Anything);
                self.line(which, line);
            }
        }
        self.after(which, Due::default());
    }

    fn submit(&mut self, which: usize, choices: &mut Choices<'_>) {
        let device = &self.devices[which];
        let job = match choices.next(4) {
            0 => "00000000".to_owned(),
            1 if !self.headers.is_empty() => {
                // Of any session: the smallest, so the run does not depend on the order of a map.
                self.headers.keys().min().unwrap().clone()
            }
            _ => {
                let place = choices.next(KEPT + 2);
                let job = device.jobs.get(place).or(device.jobs.front());
                job.map_or_else(|| "zz".to_owned(), |(id, _)| id.clone())
            }
        };
        let nonce2 = choices.next(48) as u64;
        let mut due = Due::default();
        if device.subscribed && !device.slow {
            let nonce = device.client.nonce(nonce2);
            let mut is_older = false;
            for (id, header) in device.jobs.iter().take(KEPT) {
                let key = (header.height(), header.creation_time(), nonce);
                let is_solved = pow::verify(&header.with_nonce(nonce), &header.target());
                if is_solved && !self.reported.contains(&key) {
                    let solutions = if is_older {
                        &mut due.lucky
                    } else {
                        &mut due.certain
                    };
                    solutions.insert(key);
                }
                is_older |= *id == job;
            }
        }
        let params = format!(r#"["a.one","{job}","{nonce2:x}"]"#);
        self.request(which, "mining.submit", &params);
        self.after(which, due);
    }

    /// Checks the output of a session.
    fn after(&mut self, which: usize, mut due: Due) {
        let solutions = std::mem::take(&mut self.devices[which].client.out.solutions);
        let reported: HashSet<Solved> = solutions
            .iter()
            .map(|solution| self.check_solution(solution))
            .collect();
        let device = &mut self.devices[which];
        if let Some(ShareEvent::Refused(Refusal::LowDifficulty | Refusal::JobNotFound)) =
            device.client.out.shares.pop()
        {
            // The share belongs to none of the certain jobs, so all are tried.
            due.certain.extend(due.lucky.drain());
        }
        device.client.out.shares.clear();
        if !device.slow {
            assert!(
                reported.is_superset(&due.certain),
                "the blocks of a share are reported"
            );
            let others = reported.difference(&due.certain);
            assert!(
                others.copied().all(|key| due.lucky.contains(&key)),
                "no other solution is reported"
            );
        }
        // A slow device reads one time out of eight.
        if !self.devices[which].slow || self.requests.is_multiple_of(8) {
            self.read(which);
        }
    }

    fn check_solution(&mut self, solution: &Solution) -> Solved {
        let key = (solution.key, solution.creation_time, solution.nonce);
        assert!(self.reported.insert(key), "{solution:?} is reported twice");
        let work = &self.all_work[&solution.key].work;
        let mut header = work.header().with_creation_time(solution.creation_time);
        header.set_nonce(solution.nonce);
        assert!(
            pow::verify(&header, &work.target()),
            "{solution:?} is invalid"
        );
        key
    }

    fn read(&mut self, which: usize) {
        let device = &mut self.devices[which];
        let lines = device.client.out.take_lines();
        let text = std::str::from_utf8(&lines).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        let mut notified = false;
        for line in text.lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            match value["method"].as_str() {
                Some("mining.set_target") => {
                    assert!(device.subscribed, "nothing is sent before the subscription");
                    assert!(!notified, "the target comes before its job");
                    let target = Target::from_be_hex(value["params"][0].as_str().unwrap()).unwrap();
                    device.target = Some(target);
                    device.easiest = device.easiest.max(Some(target));
                }
                Some("mining.notify") => {
                    assert!(device.subscribed, "nothing is sent before the subscription");
                    assert!(!notified, "only the newest job is sent");
                    notified = true;
                    let job = last_job(line).unwrap();
                    assert!(
                        device.target >= Some(job.header.target()),
                        "no block is lost on the device"
                    );
                    let header = self
                        .headers
                        .entry(job.id.clone())
                        .or_insert(job.header.clone());
                    assert_eq!(*header, job.header, "a job's bytes never change");
                    let bytes = job.header.as_bytes().to_vec();
                    let id = self.ids.entry(bytes).or_insert(job.id.clone());
                    assert_eq!(*id, job.id, "no two jobs are the same work");
                    assert!(
                        device.jobs.iter().take(KEPT).all(|(id, _)| *id != job.id),
                        "no device gets the same header twice"
                    );
                    device.jobs.push_front((job.id, job.header));
                    device.jobs.truncate(KEPT + 2);
                }
                _ => {
                    assert!(!notified, "answers come first");
                    match device
                        .expected
                        .pop_front()
                        .expect("one answer to a request")
                    {
                        Expected::Id(id) => {
                            assert!(line.ends_with(&format!("\"id\":{id}}}")), "{line}");
                        }
                        Expected::Anything => {}
                    }
                    if value["result"].is_array() {
                        device.subscribed = true;
                    }
                }
            }
        }
        assert_eq!(device.expected.len(), 0, "every request is answered");
    }

    fn check_nonces(&self) {
        let live: Vec<u32> = self
            .devices
            .iter()
            .filter_map(|device| Some(device.client.session.nonce1()?.value()))
            .collect();
        let different: HashSet<&u32> = live.iter().collect();
        assert_eq!(
            different.len(),
            live.len(),
            "no two sessions have one nonce1"
        );
        assert!(live.len() <= SLOTS);
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the seed of a failure has to be known")]
fn sessions_keep_their_invariants_under_any_input() {
    use rand::RngExt;

    // `STRATUM_SEED=7 cargo test -p stratum --test it under_any_input` runs one seed alone.
    let only = std::env::var("STRATUM_SEED")
        .ok()
        .map(|seed| seed.parse::<u64>().unwrap());
    let seeds = only.map_or(0..200, |seed| seed..seed + 1);
    for seed in seeds {
        println!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        let bytes: Vec<u8> = (0..3000).map(|_| rng.random()).collect();
        Model::run(&bytes);
    }
}

#[test]
fn sessions_keep_their_invariants_for_the_corpus() {
    fixtures::corpus("stratum_session", Model::run);
}
