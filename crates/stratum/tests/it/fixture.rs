//! Works, and sessions that are driven by hand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{Level, Nonce, Target, WorkHeader};
use rand::SeedableRng;
use rand::rngs::StdRng;
use stratum::{
    Boards, DifficultyMode, Instance, JobIds, LiveWork, Nonce1Size, Nonce1Space, Outbox, Session,
    SessionLimits, ShareTargets, Stats, Terms,
};

pub(crate) fn level(bits: u16) -> Target {
    Level::new(bits).unwrap().target()
}

/// A work on a chain whose blocks have this target; its key is its height.
pub(crate) fn work(chain: u32, key: u64, target: Target, received: Instant) -> LiveWork {
    LiveWork {
        key,
        work: fixtures::work(chain, key, target),
        received,
    }
}

/// A server's sessions without a server: one slice, and a clock that is moved by hand.
pub(crate) struct Desk {
    pub(crate) now: Instant,
    pub(crate) terms: Arc<Terms>,
    pub(crate) boards: Boards,
}

impl Desk {
    pub(crate) fn new(difficulty: DifficultyMode) -> Self {
        Self::with_limits(difficulty, SessionLimits::default())
    }

    pub(crate) fn with_limits(difficulty: DifficultyMode, limits: SessionLimits) -> Self {
        let rng = &mut StdRng::seed_from_u64(4);
        let terms = Terms {
            difficulty,
            min_level: Level::new(40).unwrap(),
            rate: Duration::from_secs(1),
            limits,
            nonce1: Nonce1Space::new(Nonce1Size::TWO, Instance::WHOLE, rng),
            job_ids: Arc::new(JobIds::new(rng)),
            stats: Arc::new(Stats::new(100)),
            targets: ShareTargets::default(),
        };
        let boards = Boards::new(Arc::clone(&terms.job_ids), 1);
        Self {
            now: Instant::now(),
            terms: Arc::new(terms),
            boards,
        }
    }

    pub(crate) fn work(&self, chain: u32, key: u64, block_level: u16) -> LiveWork {
        work(chain, key, level(block_level), self.now)
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    pub(crate) fn client(&self, rank: u32) -> Client {
        let board = Arc::clone(self.boards.board(0));
        Client {
            session: Session::new(Arc::clone(&self.terms), board, rank, self.now),
            out: Outbox::default(),
        }
    }
}

/// A session and what it wants to have done.
pub(crate) struct Client {
    pub(crate) session: Session,
    pub(crate) out: Outbox,
}

/// The job that a client was sent last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) id: String,
    pub(crate) header: WorkHeader,
}

impl Client {
    /// What is sent after a line.
    pub(crate) fn line(&mut self, desk: &Desk, line: &str) -> String {
        self.session.line(desk.now, line.as_bytes(), &mut self.out);
        self.sent()
    }

    /// What is sent when the boards have changed.
    pub(crate) fn board(&mut self, desk: &Desk) -> String {
        let board = Arc::clone(desk.boards.board(0));
        self.session.board(desk.now, &board, &mut self.out);
        self.sent()
    }

    /// What is sent when time has passed.
    pub(crate) fn tick(&mut self, desk: &Desk) -> String {
        self.session.tick(desk.now, &mut self.out);
        self.sent()
    }

    fn sent(&mut self) -> String {
        String::from_utf8(self.out.take_lines().to_vec()).unwrap()
    }

    /// Logs in and gives the first job.
    pub(crate) fn log_in(&mut self, desk: &Desk, user: &str, password: &str) -> Sent {
        self.line(
            desk,
            r#"{"id":1,"method":"mining.subscribe","params":["test"]}"#,
        );
        let params = format!(r#"["{user}","{password}"]"#);
        let line = format!(r#"{{"id":2,"method":"mining.authorize","params":{params}}}"#);
        last_job(&self.line(desk, &line)).unwrap()
    }

    /// Hands in a share and gives the answer's result and error code.
    pub(crate) fn submit(&mut self, desk: &Desk, job: &str, nonce2: u64) -> Result<(), i64> {
        let sent = self.line(
            desk,
            &format!(
                r#"{{"id":3,"method":"mining.submit","params":["u.w","{job}","{nonce2:012x}"]}}"#
            ),
        );
        answer(sent.lines().next().unwrap())
    }

    /// The whole nonce of which `nonce2` is the device's part.
    pub(crate) fn nonce(&self, nonce2: u64) -> Nonce {
        self.session.nonce1().unwrap().with_nonce2(nonce2)
    }

    /// The smallest nonce2 from `from` on with which the job's hash is as wanted.
    pub(crate) fn find(
        &self,
        job: &Sent,
        from: u64,
        wanted: impl Fn(&chainweb::PowHash) -> bool,
    ) -> u64 {
        let is_wanted =
            |&nonce2: &u64| wanted(&pow::hash(&job.header.with_nonce(self.nonce(nonce2))));
        (from..from + (1 << 20)).find(is_wanted).unwrap()
    }
}

/// `Ok` if the answer is true, or else the code of its error.
pub(crate) fn answer(line: &str) -> Result<(), i64> {
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    match value["result"].as_bool() {
        Some(true) => Ok(()),
        _ => Err(value["error"][0].as_i64().unwrap()),
    }
}

/// The last job of some lines.
pub(crate) fn last_job(lines: &str) -> Option<Sent> {
    let line = lines.lines().rfind(|line| line.contains("mining.notify"))?;
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    let header = const_hex::decode(value["params"][1].as_str().unwrap()).unwrap();
    Some(Sent {
        id: value["params"][0].as_str().unwrap().to_owned(),
        header: WorkHeader::decode(&header).unwrap(),
    })
}
