//! Work, and sessions driven by hand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{Level, Nonce, Target, WorkHeader};
use rand::SeedableRng;
use rand::rngs::StdRng;
use stratum::{
    DifficultyMode, Instance, JobIds, JobSets, LiveWork, LogLimit, LoggedShares, Nonce1Size,
    Nonce1Space, Outbox, Session, SessionContext, SessionLimits, ShareTargets, Stats,
};

pub(crate) fn level(bits: u16) -> Target {
    Level::new(bits).unwrap().target()
}

/// Returns work on a chain with this block target. Its key is its height.
pub(crate) fn work(chain: u32, key: u64, target: Target, received: Instant) -> LiveWork {
    LiveWork {
        key,
        work: fixtures::work(chain, key, target),
        received,
    }
}

/// The state of a server without sockets: one slice, and a clock moved by hand.
pub(crate) struct TestServer {
    pub(crate) now: Instant,
    pub(crate) context: Arc<SessionContext>,
    pub(crate) jobs: JobSets,
}

impl TestServer {
    pub(crate) fn new(difficulty: DifficultyMode) -> Self {
        Self::with_limits(difficulty, SessionLimits::default())
    }

    pub(crate) fn with_limits(difficulty: DifficultyMode, limits: SessionLimits) -> Self {
        let rng = &mut StdRng::seed_from_u64(4);
        let context = SessionContext {
            difficulty,
            min_level: Level::new(40).unwrap(),
            rate: Duration::from_secs(1),
            limits,
            nonce1: Nonce1Space::new(Nonce1Size::TWO, Instance::WHOLE, rng),
            job_ids: Arc::new(JobIds::new(rng)),
            stats: Arc::new(Stats::new(100)),
            targets: ShareTargets::default(),
            setting_warnings: LogLimit::once(),
            logged: LoggedShares::default(),
        };
        let jobs = JobSets::new(Arc::clone(&context.job_ids), 1);
        Self {
            now: Instant::now(),
            context: Arc::new(context),
            jobs,
        }
    }

    pub(crate) fn work(&self, chain: u32, key: u64, block_level: u16) -> LiveWork {
        work(chain, key, level(block_level), self.now)
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    pub(crate) fn client(&self, rank: u32) -> Client {
        let jobs = Arc::clone(self.jobs.slice(0));
        Client {
            session: Session::new(Arc::clone(&self.context), jobs, rank, self.now),
            out: Outbox::default(),
        }
    }
}

/// A session and its output.
pub(crate) struct Client {
    pub(crate) session: Session,
    pub(crate) out: Outbox,
}

/// A job as sent to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SentJob {
    pub(crate) id: String,
    pub(crate) header: WorkHeader,
}

impl Client {
    /// Handles a line and returns what is sent.
    pub(crate) fn line(&mut self, server: &TestServer, line: &str) -> String {
        self.session
            .handle_line(server.now, line.as_bytes(), &mut self.out);
        self.sent()
    }

    /// Updates the jobs and returns what is sent.
    pub(crate) fn update_jobs(&mut self, server: &TestServer) -> String {
        let jobs = Arc::clone(server.jobs.slice(0));
        self.session.set_jobs(server.now, jobs, &mut self.out);
        self.sent()
    }

    /// Handles what is due and returns what is sent.
    pub(crate) fn tick(&mut self, server: &TestServer) -> String {
        self.session.tick(server.now, &mut self.out);
        self.sent()
    }

    fn sent(&mut self) -> String {
        String::from_utf8(self.out.take_lines().to_vec()).unwrap()
    }

    /// Logs in and returns the first job.
    pub(crate) fn log_in(&mut self, server: &TestServer, user: &str, password: &str) -> SentJob {
        self.line(
            server,
            r#"{"id":1,"method":"mining.subscribe","params":["test"]}"#,
        );
        let params = format!(r#"["{user}","{password}"]"#);
        let line = format!(r#"{{"id":2,"method":"mining.authorize","params":{params}}}"#);
        last_job(&self.line(server, &line)).unwrap()
    }

    /// Submits a share and returns the error code of the answer.
    pub(crate) fn submit(
        &mut self,
        server: &TestServer,
        job: &str,
        nonce2: u64,
    ) -> Result<(), i64> {
        let sent = self.line(
            server,
            &format!(
                r#"{{"id":3,"method":"mining.submit","params":["u.w","{job}","{nonce2:012x}"]}}"#
            ),
        );
        answer(sent.lines().next().unwrap())
    }

    /// Returns the whole nonce for the device's part.
    pub(crate) fn nonce(&self, nonce2: u64) -> Nonce {
        self.session.nonce1().unwrap().with_nonce2(nonce2)
    }

    /// Returns the smallest nonce2 from `from` on whose hash of the job is as wanted.
    pub(crate) fn find(
        &self,
        job: &SentJob,
        from: u64,
        wanted: impl Fn(&chainweb::PowHash) -> bool,
    ) -> u64 {
        let is_wanted =
            |&nonce2: &u64| wanted(&pow::hash(&job.header.with_nonce(self.nonce(nonce2))));
        (from..from + (1 << 20)).find(is_wanted).unwrap()
    }
}

/// Returns `Ok` if the answer is `true`, or else its error code.
pub(crate) fn answer(line: &str) -> Result<(), i64> {
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    match value["result"].as_bool() {
        Some(true) => Ok(()),
        _ => Err(value["error"][0].as_i64().unwrap()),
    }
}

/// Returns the last job in some lines.
pub(crate) fn last_job(lines: &str) -> Option<SentJob> {
    let line = lines.lines().rfind(|line| line.contains("mining.notify"))?;
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    let header = const_hex::decode(value["params"][1].as_str().unwrap()).unwrap();
    Some(SentJob {
        id: value["params"][0].as_str().unwrap().to_owned(),
        header: WorkHeader::decode(&header).unwrap(),
    })
}
