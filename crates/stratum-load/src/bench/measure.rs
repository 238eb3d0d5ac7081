//! The measurements of a bench.

use std::net::SocketAddr;
use std::time::Duration;

use crate::bench::plan::BenchPlan;
use crate::bench::table::{Bound, Figure};
use crate::child::ServerChild;
use crate::clock::Moment;
use crate::fleet::{ConnectPace, Fleet, FleetPlan, Greeting, Idle, Mix, Shares};
use crate::load::{FanOut, LoadError, ServerCost};

/// Duration of the measurement of connections, in seconds.
pub(super) const CONNECT_SECONDS: usize = 10;

/// Number of sessions that connect or log in at a time where the pace does not matter.
const IN_FLIGHT: usize = 64;

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

/// Rate of new jobs without new work.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refresh {
    /// One a second for every session, as in production.
    EverySecond,
    /// Only heartbeats.
    Rarely,
}

/// Kind of a server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Server(Refresh),
    Writer,
    Echo,
}

/// A running bench.
pub(super) struct Bench<'a> {
    plan: &'a BenchPlan,
    /// Number of fleets so far. Each has its own source addresses, as closed ports stay occupied.
    fleets: u64,
}

impl<'a> Bench<'a> {
    pub(super) fn new(plan: &'a BenchPlan) -> Self {
        Self { plan, fleets: 0 }
    }

    fn start(&self, kind: Kind) -> Result<ServerChild, LoadError> {
        let core = self.plan.server_core.to_string();
        let arguments: &[&str] = match kind {
            Kind::Server(Refresh::EverySecond) => &["serve", "--rate", "1s"],
            Kind::Server(Refresh::Rarely) => &["serve", "--rate", "1h"],
            Kind::Writer => &["floor", "write"],
            Kind::Echo => &["floor", "echo"],
        };
        let arguments = arguments.iter().copied().chain(["--core", &core]);
        Ok(ServerChild::start(&self.plan.program, arguments)?)
    }

    fn fleet(
        &mut self,
        kind: Kind,
        address: SocketAddr,
        sessions: usize,
    ) -> Result<Fleet, LoadError> {
        self.paced_fleet(kind, address, sessions, ConnectPace::InFlight(IN_FLIGHT))
    }

    fn paced_fleet(
        &mut self,
        kind: Kind,
        address: SocketAddr,
        sessions: usize,
        pace: ConnectPace,
    ) -> Result<Fleet, LoadError> {
        self.fleets += 1;
        let greeting = match kind {
            Kind::Server(_) => Greeting::Login {
                user: "load".to_owned(),
                password: "d=0".to_owned(),
            },
            Kind::Writer | Kind::Echo => Greeting::Silence,
        };
        let plan = FleetPlan {
            address,
            sessions,
            pace,
            greeting,
            shares: Shares::None,
            mix: Mix::VALID,
            slow_readers: 0,
            storm: None,
            seed: self.plan.seed.wrapping_add(self.fleets),
        };
        Ok(Fleet::new(plan, Moment::now())?)
    }

    /// Measures the memory of idle sessions, and the fan-out of new work compared with the writer.
    pub(super) fn idle_and_fan_out(&mut self, sessions: usize) -> Result<Vec<Figure>, LoadError> {
        let kind = Kind::Server(Refresh::Rarely);
        let mut server = self.start(kind)?;
        let before = server.usage()?;
        let mut fleet = self.fleet(kind, server.address(), sessions)?;
        connect(&mut fleet, &mut server, sessions)?;
        fleet.drive(Moment::now().after(SETTLE), Some(&mut server), |_| false)?;
        let cost = ServerCost::new(before, server.usage()?, fleet.tally().ready);
        fleet.set_idle(Idle::Spin);
        self.rounds(&mut fleet, &mut server)?;
        let ours = FanOut::of(&fleet);
        let ready = fleet.tally().ready;
        let failures = fleet.tally().failure_count();
        drop((fleet, server));

        let mut writer = self.start(Kind::Writer)?;
        writer.accept(sessions)?;
        let mut fleet = self.fleet(Kind::Writer, writer.address(), sessions)?;
        let until = Moment::now().after(TIMEOUT);
        fleet.drive(until, None, |fleet| fleet.tally().ready == sessions)?;
        writer.wait_until_accepted()?;
        fleet.set_idle(Idle::Spin);
        // The first work of a session is not new work: there is no round to wait for.
        writer.publish()?;
        fleet.drive(Moment::now().after(SETTLE), Some(&mut writer), |_| false)?;
        self.rounds(&mut fleet, &mut writer)?;
        let floor = FanOut::of(&fleet);

        let of = |what: &str| format!("{sessions} sessions: {what}");
        Ok(vec![
            Figure::new(
                of("held"),
                ready as f64,
                "sessions",
                Bound::AtLeast(sessions as f64),
            ),
            Figure::new(of("failures"), failures as f64, "", Bound::AtMost(0.0)),
            Figure::new(
                of("resident memory of an idle session"),
                cost.rss_per_session_kib.unwrap_or(f64::NAN),
                "KiB",
                Bound::AtMost(4.0),
            ),
            Figure::new(
                of("new work to the first notify"),
                ours.first_us / 1e3,
                "ms",
                Bound::Any,
            ),
            Figure::new(
                of("new work to half of the notifies"),
                ours.median_us / 1e3,
                "ms",
                Bound::Any,
            ),
            Figure::new(
                of("new work to the last notify"),
                ours.last_us / 1e3,
                "ms",
                Bound::Any,
            ),
            Figure::new(
                of("bare loop to the last notify"),
                floor.last_us / 1e3,
                "ms",
                Bound::Any,
            ),
            Figure::new(
                of("ratio to the bare loop"),
                ours.last_us / floor.last_us,
                "",
                Bound::AtMost(1.4),
            ),
            Figure::new(
                of("missing notifies"),
                ours.missing as f64,
                "",
                Bound::AtMost(0.0),
            ),
        ])
    }

    fn rounds(&self, fleet: &mut Fleet, server: &mut ServerChild) -> Result<(), LoadError> {
        for _ in 0..self.plan.rounds {
            publish(fleet, server)?;
            fleet.drive(Moment::now().after(BETWEEN_ROUNDS), Some(server), |_| false)?;
        }
        Ok(())
    }

    /// Measures shares that wait for the previous answer, compared with an echo.
    pub(super) fn shares_one_by_one(&mut self) -> Result<Vec<Figure>, LoadError> {
        let sessions = self.plan.one_by_one;
        let ours = self.shares_per_cpu_second(Kind::Server(Refresh::EverySecond), sessions, 1)?;
        let echo = self.shares_per_cpu_second(Kind::Echo, sessions, 1)?;
        let of = |what: &str| format!("shares one by one, {sessions} sessions: {what}");
        Ok(vec![
            Figure::new(of("server"), ours, "per CPU-second", Bound::Any),
            Figure::new(of("echo"), echo, "per CPU-second", Bound::Any),
            Figure::new(of("ratio"), ours / echo, "", Bound::AtLeast(0.8)),
        ])
    }

    /// Measures shares that do not wait for answers.
    pub(super) fn shares_pipelined(&mut self) -> Result<Vec<Figure>, LoadError> {
        let sessions = self.plan.pipelined;
        let ours =
            self.shares_per_cpu_second(Kind::Server(Refresh::EverySecond), sessions, DEPTH)?;
        let echo = self.shares_per_cpu_second(Kind::Echo, sessions, DEPTH)?;
        let of = |what: &str| format!("shares pipelined, {sessions} sessions by {DEPTH}: {what}");
        Ok(vec![
            Figure::new(
                of("server"),
                ours,
                "per CPU-second",
                Bound::AtLeast(150_000.0),
            ),
            Figure::new(of("echo"), echo, "per CPU-second", Bound::Any),
        ])
    }

    /// Returns the answered shares per second of the server's CPU time, or NaN if a share was not
    /// accepted.
    fn shares_per_cpu_second(
        &mut self,
        kind: Kind,
        sessions: usize,
        depth: usize,
    ) -> Result<f64, LoadError> {
        let mut server = self.start(kind)?;
        let mut fleet = self.fleet(kind, server.address(), sessions)?;
        connect(&mut fleet, &mut server, sessions)?;
        fleet.set_idle(Idle::Spin);
        fleet.set_shares(Shares::InFlight(depth), Moment::now());
        // A second of warm-up for caches and buffers.
        let warm = Moment::now().after(Duration::from_secs(1));
        fleet.drive(warm, Some(&mut server), |_| false)?;
        let (before, answered) = (server.usage()?, fleet.tally().answered);
        let end = Moment::now().after(self.plan.share_time);
        fleet.drive(end, Some(&mut server), |_| false)?;
        let cpu = server.usage()?.cpu.saturating_sub(before.cpu);
        let shares = fleet.tally().answered - answered;
        if fleet.tally().failure_count() > 0 || accepted(&fleet) < shares {
            // Rejections can be cheaper than accepted shares and would falsify the figure.
            return Ok(f64::NAN);
        }
        Ok(shares as f64 / cpu.as_secs_f64())
    }

    /// Measures the round trip of shares at a usual rate, with and without notifies.
    pub(super) fn round_trips(&mut self) -> Result<Vec<Figure>, LoadError> {
        let miners = self.plan.miners;
        let quiet = self.round_trip(Refresh::Rarely)?;
        let busy = self.round_trip(Refresh::EverySecond)?;
        let of = |what: &str| format!("{miners} miners, a share every 3 s: {what}");
        Ok(vec![
            Figure::new(
                of("p99 without notifies"),
                quiet.p99_us / 1e3,
                "ms",
                Bound::Any,
            ),
            Figure::new(of("p99 with notifies"), busy.p99_us / 1e3, "ms", Bound::Any),
            Figure::new(
                of("ratio"),
                busy.p99_us / quiet.p99_us,
                "",
                Bound::AtMost(2.0),
            ),
            Figure::new(
                of("median with notifies"),
                busy.median_us / 1e3,
                "ms",
                Bound::Any,
            ),
            Figure::new(
                of("largest with notifies"),
                busy.last_us / 1e3,
                "ms",
                Bound::Any,
            ),
        ])
    }

    fn round_trip(&mut self, refresh: Refresh) -> Result<crate::distribution::Summary, LoadError> {
        let miners = self.plan.miners;
        let kind = Kind::Server(refresh);
        let mut server = self.start(kind)?;
        let mut fleet = self.fleet(kind, server.address(), miners)?;
        connect(&mut fleet, &mut server, miners)?;
        fleet.set_shares(Shares::PerMinute(20.0), Moment::now());
        // All sessions have started after three seconds.
        fleet.drive(
            Moment::now().after(Duration::from_secs(4)),
            Some(&mut server),
            |_| false,
        )?;
        fleet.reset_shares();
        let end = Moment::now().after(3 * self.plan.share_time);
        let mut next = Moment::now().after(PUBLICATIONS / 2);
        while Moment::now() < end {
            fleet.drive(next.min(end), Some(&mut server), |_| false)?;
            if refresh == Refresh::EverySecond && Moment::now() < end {
                server.publish()?;
            }
            next = next.after(PUBLICATIONS);
        }
        Ok(fleet.tally().round_trip.summary())
    }

    /// Measures connections at a fixed rate, each with a login and a first job.
    pub(super) fn connects(&mut self) -> Result<Vec<Figure>, LoadError> {
        let pace = self.plan.connects_per_second;
        let sessions = pace * CONNECT_SECONDS;
        let kind = Kind::Server(Refresh::EverySecond);
        let mut server = self.start(kind)?;
        let pace_of_fleet = ConnectPace::PerSecond(pace as f64);
        let mut fleet = self.paced_fleet(kind, server.address(), sessions, pace_of_fleet)?;
        connect(&mut fleet, &mut server, sessions)?;
        let tally = fleet.tally();
        let (login, job) = (tally.login.summary(), tally.first_job.summary());
        let failures = tally.failure_count() + (sessions - tally.ready) as u64;
        let of = |what: &str| format!("{pace} connections a second: {what}");
        Ok(vec![
            Figure::new(of("failures"), failures as f64, "", Bound::AtMost(0.0)),
            Figure::new(of("login p99"), login.p99_us / 1e3, "ms", Bound::Any),
            Figure::new(of("first job p99"), job.p99_us / 1e3, "ms", Bound::Any),
        ])
    }
}

fn accepted(fleet: &Fleet) -> u64 {
    let outcomes = fleet.tally().shares.values();
    outcomes.map(|outcomes| outcomes.accepted).sum()
}

/// Drives the fleet until all sessions are ready, or the time limit.
fn connect(fleet: &mut Fleet, server: &mut ServerChild, sessions: usize) -> Result<(), LoadError> {
    let until = Moment::now().after(TIMEOUT);
    Ok(fleet.drive(until, Some(server), |fleet| fleet.tally().ready == sessions)?)
}

/// Publishes new work and drives the fleet until it has arrived at all sessions, or the time limit.
fn publish(fleet: &mut Fleet, server: &mut ServerChild) -> Result<(), LoadError> {
    let round = fleet.rounds().all().len();
    server.publish()?;
    let until = Moment::now().after(TIMEOUT);
    Ok(fleet.drive(until, Some(server), |fleet| {
        let rounds = fleet.rounds().all();
        rounds
            .get(round)
            .is_some_and(|round| round.is_complete() && round.is_published())
    })?)
}
