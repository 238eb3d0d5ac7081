//! The measurements of a bench.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::bench::flags::BenchArgs;
use crate::bench::table::{Bound, Figure, Section};
use crate::child::ServerChild;
use crate::clock::Moment;
use crate::device::Login;
use crate::distribution::Percentiles;
use crate::fleet::{ConnectPace, Fleet, FleetPlan, Idle, Mix, Shares};
use crate::load::{FanOut, ServerCost};

/// Duration of the measurement of connections, in seconds.
pub(super) const CONNECT_SECONDS: usize = 10;

/// Pace of sessions where it does not matter: the number that connect or log in at a time.
const PACE: ConnectPace = ConnectPace::InFlight(64);

/// Number of sessions that submit one share at a time.
const ONE_BY_ONE: usize = 1000;

/// Number of sessions with pipelined shares.
const PIPELINED: usize = 100;

/// Number of unanswered shares of a session with pipelined shares.
const DEPTH: usize = 32;

/// Time limit of each wait.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Pause after which a server is idle.
const SETTLE: Duration = Duration::from_secs(2);

/// Pause between the rounds of a fan-out.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(200);

/// Interval between publications while round trips are measured with notifies.
const PUBLICATIONS: Duration = Duration::from_secs(15);

/// Kind of a server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// This project's, with a new job each second for every session, as in production.
    Refreshing,
    /// This project's, without new work only with heartbeats.
    Quiet,
    Writer,
    Echo,
}

/// A running server with its sessions.
struct Trial {
    server: ServerChild,
    fleet: Fleet,
    sessions: usize,
}

impl Trial {
    fn drive(&mut self, time: Duration, done: impl FnMut(&Fleet) -> bool) -> io::Result<()> {
        let until = Moment::now().after(time);
        self.fleet.drive(until, Some(&mut self.server), done)
    }

    fn drive_for(&mut self, time: Duration) -> io::Result<()> {
        self.drive(time, |_| false)
    }

    /// Drives the fleet until all sessions are ready, or the time limit.
    fn connect(&mut self) -> io::Result<()> {
        let sessions = self.sessions;
        self.drive(TIMEOUT, |fleet| fleet.tally().ready == sessions)
    }

    /// Publishes new work repeatedly. A round lasts until the work has arrived at all sessions, or
    /// the time limit.
    fn fan_out(&mut self, rounds: usize) -> io::Result<FanOut> {
        for _ in 0..rounds {
            let round = self.fleet.rounds().len();
            self.server.publish()?;
            self.drive(TIMEOUT, |fleet| {
                let round = fleet.rounds().get(round);
                round.is_some_and(|round| round.is_complete() && round.is_published())
            })?;
            self.drive_for(BETWEEN_ROUNDS)?;
        }
        Ok(FanOut::of(&self.fleet))
    }
}

/// A running bench.
pub(super) struct Bench<'a> {
    args: &'a BenchArgs,
    /// Path of `stratum-load`, which also runs the servers.
    program: PathBuf,
    /// Number of fleets so far. Each has its own source addresses, as closed ports stay occupied.
    fleets: u64,
}

impl<'a> Bench<'a> {
    pub(super) fn new(args: &'a BenchArgs, program: PathBuf) -> Self {
        Self {
            args,
            program,
            fleets: 0,
        }
    }

    /// Starts a server, and creates its sessions without connecting them.
    fn start(&mut self, kind: Kind, sessions: usize, pace: ConnectPace) -> io::Result<Trial> {
        let core = self.args.server_core.to_string();
        let connections = sessions.to_string();
        let arguments: &[&str] = match kind {
            Kind::Refreshing => &["serve", "--rate", "1s"],
            Kind::Quiet => &["serve", "--rate", "1h"],
            Kind::Writer => &["floor", "write", &connections],
            Kind::Echo => &["floor", "echo"],
        };
        let arguments = arguments.iter().copied().chain(["--core", &core]);
        let server = ServerChild::start(&self.program, arguments)?;
        self.fleets += 1;
        let login = match kind {
            Kind::Refreshing | Kind::Quiet => Some(Login {
                user: "load".to_owned(),
                password: "d=0".to_owned(),
            }),
            Kind::Writer | Kind::Echo => None,
        };
        let plan = FleetPlan {
            address: server.address(),
            sessions,
            pace,
            login,
            shares: Shares::None,
            mix: Mix::VALID,
            slow_readers: 0,
            storm: None,
            seed: self.args.seed.wrapping_add(self.fleets),
        };
        let fleet = Fleet::new(plan, Moment::now())?;
        Ok(Trial {
            server,
            fleet,
            sessions,
        })
    }

    /// Measures the memory of idle sessions, and the fan-out of new work compared with the writer.
    pub(super) fn idle_and_fan_out(&mut self, sessions: usize) -> io::Result<Vec<Figure>> {
        let mut ours = self.start(Kind::Quiet, sessions, PACE)?;
        let before = ours.server.usage()?;
        ours.connect()?;
        ours.drive_for(SETTLE)?;
        let cost = ServerCost::new(before, ours.server.usage()?, ours.fleet.tally().ready);
        ours.fleet.set_idle(Idle::Spin);
        let fan_out = ours.fan_out(self.args.rounds)?;
        let ready = ours.fleet.tally().ready;
        let failures = ours.fleet.tally().failure_count();
        drop(ours);

        let mut writer = self.start(Kind::Writer, sessions, PACE)?;
        writer.connect()?;
        writer.fleet.set_idle(Idle::Spin);
        // The first work of a session is not new work: there is no round to wait for.
        writer.server.publish()?;
        writer.drive_for(SETTLE)?;
        let floor = writer.fan_out(self.args.rounds)?;
        let ours = fan_out.times;
        let memory = cost.rss_per_session_kib.unwrap_or(f64::NAN);
        let every_session = Bound::AtLeast(sessions as f64);
        let ratio = ours.last_us / floor.times.last_us;
        let mut table = Section::new(format!("{sessions} sessions"));
        table.add("held", ready as f64, "sessions", every_session);
        table.add("failures", failures as f64, "", Bound::AtMost(0.0));
        let name = "resident memory, idle session and worker";
        table.add(name, memory, "KiB", Bound::AtMost(4.0));
        table.add_time("new work to the first notify", ours.first_us);
        table.add_time("new work to half of the notifies", ours.median_us);
        for (what, of) in [("new work", &fan_out), ("bare loop", &floor)] {
            table.add_time(&format!("{what} to the last notify"), of.times.last_us);
            let p99 = format!("{what} to the last notify, p99 of rounds");
            table.add_time(&p99, of.last_p99_us);
        }
        table.add("ratio to the bare loop", ratio, "", Bound::AtMost(1.4));
        let missing = fan_out.missing as f64;
        table.add("missing notifies", missing, "", Bound::AtMost(0.0));
        Ok(table.figures)
    }

    /// Measures shares that wait for the previous answer, compared with an echo.
    pub(super) fn shares_one_by_one(&mut self) -> io::Result<Vec<Figure>> {
        let ours = self.shares_per_cpu_second(Kind::Refreshing, ONE_BY_ONE, 1)?;
        let echo = self.shares_per_cpu_second(Kind::Echo, ONE_BY_ONE, 1)?;
        let mut table = Section::new(format!("shares one by one, {ONE_BY_ONE} sessions"));
        table.add("server", ours, "per CPU-second", Bound::Any);
        table.add("echo", echo, "per CPU-second", Bound::Any);
        table.add("ratio", ours / echo, "", Bound::AtLeast(0.65));
        Ok(table.figures)
    }

    /// Measures shares that do not wait for answers.
    pub(super) fn shares_pipelined(&mut self) -> io::Result<Vec<Figure>> {
        let ours = self.shares_per_cpu_second(Kind::Refreshing, PIPELINED, DEPTH)?;
        let echo = self.shares_per_cpu_second(Kind::Echo, PIPELINED, DEPTH)?;
        let name = format!("shares pipelined, {PIPELINED} sessions by {DEPTH}");
        let mut table = Section::new(name);
        table.add("server", ours, "per CPU-second", Bound::AtLeast(150_000.0));
        table.add("echo", echo, "per CPU-second", Bound::Any);
        Ok(table.figures)
    }

    /// Returns the answered shares per second of the server's CPU time, or NaN if a share was not
    /// accepted.
    fn shares_per_cpu_second(
        &mut self,
        kind: Kind,
        sessions: usize,
        depth: usize,
    ) -> io::Result<f64> {
        let mut trial = self.start(kind, sessions, PACE)?;
        trial.connect()?;
        trial.fleet.set_idle(Idle::Spin);
        trial.fleet.set_shares(Shares::InFlight(depth));
        // A second of warm-up for caches and buffers.
        trial.drive_for(Duration::from_secs(1))?;
        let (before, answered) = (trial.server.usage()?, trial.fleet.tally().answered);
        trial.drive_for(self.args.share_time)?;
        let cpu = trial.server.usage()?.cpu.saturating_sub(before.cpu);
        let tally = trial.fleet.tally();
        let shares = tally.answered - answered;
        let accepted: u64 = tally.shares.values().map(|share| share.accepted).sum();
        if tally.failure_count() > 0 || accepted < shares {
            // Rejections can be cheaper than accepted shares and would falsify the figure.
            return Ok(f64::NAN);
        }
        Ok(shares as f64 / cpu.as_secs_f64())
    }

    /// Measures the round trip of shares at a usual rate, with and without notifies.
    pub(super) fn round_trips(&mut self) -> io::Result<Vec<Figure>> {
        let quiet = self.round_trip(Kind::Quiet)?;
        let busy = self.round_trip(Kind::Refreshing)?;
        let ratio = busy.p99_us / quiet.p99_us;
        let miners = self.args.miners;
        let mut table = Section::new(format!("{miners} miners, a share every 3 s"));
        table.add_time("p99 without notifies", quiet.p99_us);
        table.add_time("p99 with notifies", busy.p99_us);
        table.add("ratio", ratio, "", Bound::AtMost(2.0));
        table.add_time("median with notifies", busy.median_us);
        table.add_time("largest with notifies", busy.last_us);
        Ok(table.figures)
    }

    fn round_trip(&mut self, kind: Kind) -> io::Result<Percentiles> {
        let mut trial = self.start(kind, self.args.miners, PACE)?;
        trial.connect()?;
        trial.fleet.set_shares(Shares::PerMinute(20.0));
        // All sessions have started after three seconds.
        trial.drive_for(Duration::from_secs(4))?;
        trial.fleet.reset_shares();
        let end = Moment::now().after(3 * self.args.share_time);
        let mut next = Moment::now().after(PUBLICATIONS / 2);
        while Moment::now() < end {
            trial.drive_for(next.min(end).since(Moment::now()))?;
            if kind == Kind::Refreshing && Moment::now() < end {
                trial.server.publish()?;
            }
            next = next.after(PUBLICATIONS);
        }
        Ok(trial.fleet.tally().round_trip.summary().times)
    }

    /// Measures connections at a fixed rate, each with a login and a first job.
    pub(super) fn connects(&mut self) -> io::Result<Vec<Figure>> {
        let rate = self.args.connect_rate;
        let sessions = usize::from(rate) * CONNECT_SECONDS;
        let pace = ConnectPace::PerSecond(rate.into());
        let mut trial = self.start(Kind::Refreshing, sessions, pace)?;
        trial.connect()?;
        let tally = trial.fleet.tally();
        let failures = tally.failure_count() + (sessions - tally.ready) as u64;
        let mut table = Section::new(format!("{rate} connections a second"));
        table.add("failures", failures as f64, "", Bound::AtMost(0.0));
        table.add_time("login p99", tally.login.summary().times.p99_us);
        table.add_time("first job p99", tally.first_job.summary().times.p99_us);
        Ok(table.figures)
    }
}
