//! The measurements of the table.

use std::net::SocketAddr;
use std::time::Duration;

use crate::bench::{BenchPlan, Bound, Figure};
use crate::child::ServerChild;
use crate::clock::Moment;
use crate::fleet::{ConnectPace, Fleet, FleetPlan, Greeting, Idle, Mix, Publisher, Shares};
use crate::load::{FanOut, LoadError, ServerCost};

/// How long connections are made at a fixed pace.
pub(super) const CONNECT_SECONDS: usize = 10;

/// Connections on their way where the pace does not matter.
const IN_FLIGHT: usize = 64;

/// Shares on their way of a session that does not wait for answers.
const DEPTH: usize = 32;

/// The longest that something is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// A pause in which a server comes to rest.
const REST: Duration = Duration::from_secs(2);

/// Between the rounds of a fan-out.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(200);

/// The time between publications while round trips are measured with notifies.
const PUBLICATIONS: Duration = Duration::from_secs(15);

/// What a server does beside answering.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refresh {
    /// New jobs once a second for every session, as a miner's server does.
    EverySecond,
    /// No more than heartbeats.
    Rarely,
}

/// The kinds of children.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Server(Refresh),
    Writer,
    Echo,
}

/// The bench at work.
pub(super) struct Bench<'a> {
    plan: &'a BenchPlan,
    /// Fleets so far: each has source addresses of its own, as ports rest.
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

    /// Memory of idle sessions, and new work to all of them, beside the loop that only writes.
    pub(super) fn idle_and_fan_out(&mut self, sessions: usize) -> Result<Vec<Figure>, LoadError> {
        let kind = Kind::Server(Refresh::Rarely);
        let mut server = self.start(kind)?;
        let before = server.usage()?;
        let mut fleet = self.fleet(kind, server.address(), sessions)?;
        connect(&mut fleet, &mut server, sessions)?;
        fleet.drive(Moment::now().after(REST), Some(&mut server), |_| false)?;
        let cost = ServerCost::new(before, server.usage()?, fleet.tally().ready);
        fleet.set_idle(Idle::Awake);
        self.rounds(&mut fleet, &mut server)?;
        let ours = FanOut::of(&fleet);
        let ready = fleet.tally().ready;
        let failures = fleet.tally().failure_count();
        drop((fleet, server));

        let mut writer = self.start(Kind::Writer)?;
        writer.accept(sessions)?;
        let mut fleet = self.fleet(Kind::Writer, writer.address(), sessions)?;
        let until = Moment::now().after(PATIENCE);
        fleet.drive(until, None, |fleet| fleet.tally().ready == sessions)?;
        writer.wait_until_accepted()?;
        fleet.set_idle(Idle::Awake);
        // The first work that a session gets counts as none that is new to it: no round to be waited for.
        writer.publish()?;
        fleet.drive(Moment::now().after(REST), Some(&mut writer), |_| false)?;
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
                of("the same of the bare loop"),
                floor.last_us / 1e3,
                "ms",
                Bound::Any,
            ),
            Figure::new(
                of("their ratio"),
                ours.last_us / floor.last_us,
                "",
                Bound::AtMost(1.4),
            ),
            Figure::new(
                of("notifies that did not come"),
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

    /// Shares each of which waits for the answer to the one before, beside an echo.
    pub(super) fn shares_one_by_one(&mut self) -> Result<Vec<Figure>, LoadError> {
        let sessions = self.plan.one_by_one;
        let ours = self.shares_per_cpu_second(Kind::Server(Refresh::EverySecond), sessions, 1)?;
        let echo = self.shares_per_cpu_second(Kind::Echo, sessions, 1)?;
        let of = |what: &str| format!("shares one by one, {sessions} sessions: {what}");
        Ok(vec![
            Figure::new(of("judged"), ours, "per CPU-second", Bound::Any),
            Figure::new(of("echoed"), echo, "per CPU-second", Bound::Any),
            Figure::new(of("their ratio"), ours / echo, "", Bound::AtLeast(0.8)),
        ])
    }

    /// Shares that do not wait.
    pub(super) fn shares_pipelined(&mut self) -> Result<Vec<Figure>, LoadError> {
        let sessions = self.plan.pipelined;
        let ours =
            self.shares_per_cpu_second(Kind::Server(Refresh::EverySecond), sessions, DEPTH)?;
        let echo = self.shares_per_cpu_second(Kind::Echo, sessions, DEPTH)?;
        let of = |what: &str| format!("shares pipelined, {sessions} sessions by {DEPTH}: {what}");
        Ok(vec![
            Figure::new(
                of("judged"),
                ours,
                "per CPU-second",
                Bound::AtLeast(150_000.0),
            ),
            Figure::new(of("echoed"), echo, "per CPU-second", Bound::Any),
        ])
    }

    fn shares_per_cpu_second(
        &mut self,
        kind: Kind,
        sessions: usize,
        depth: usize,
    ) -> Result<f64, LoadError> {
        let mut server = self.start(kind)?;
        let mut fleet = self.fleet(kind, server.address(), sessions)?;
        connect(&mut fleet, &mut server, sessions)?;
        fleet.set_idle(Idle::Awake);
        fleet.set_shares(Shares::InFlight(depth), Moment::now());
        // The first second is for caches and buffers to grow.
        let warm = Moment::now().after(Duration::from_secs(1));
        fleet.drive(warm, Some(&mut server), |_| false)?;
        let (before, answered) = (server.usage()?, fleet.tally().answered);
        let end = Moment::now().after(self.plan.share_time);
        fleet.drive(end, Some(&mut server), |_| false)?;
        let cpu = server.usage()?.cpu.saturating_sub(before.cpu);
        let judged = fleet.tally().answered - answered;
        if fleet.tally().failure_count() > 0 || accepted(&fleet) < judged {
            // Refusals are cheaper than judgements: no figure is better than a wrong one.
            return Ok(f64::NAN);
        }
        Ok(judged as f64 / cpu.as_secs_f64())
    }

    /// The round trip of shares at their usual pace, with and without notifies between them.
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
                of("their ratio"),
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
        // All of them have begun after three seconds.
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

    /// Connections at a fixed pace, each with its login and its first job.
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

/// Drives until all sessions are there, or until it takes too long.
fn connect(fleet: &mut Fleet, server: &mut ServerChild, sessions: usize) -> Result<(), LoadError> {
    let until = Moment::now().after(PATIENCE);
    Ok(fleet.drive(until, Some(server), |fleet| fleet.tally().ready == sessions)?)
}

/// Publishes new work and drives until it has reached all sessions, or until it takes too long.
fn publish(fleet: &mut Fleet, server: &mut ServerChild) -> Result<(), LoadError> {
    let before = fleet.rounds().all().len();
    server.publish()?;
    let until = Moment::now().after(PATIENCE);
    let publisher: &mut dyn Publisher = server;
    Ok(fleet.drive(until, Some(publisher), |fleet| {
        let rounds = fleet.rounds().all();
        rounds
            .get(before)
            .is_some_and(|round| round.is_complete() && round.is_published())
    })?)
}
