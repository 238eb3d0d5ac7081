//! Report of a run, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::distribution::{Summary, median};
use crate::fleet::{Fleet, Kind, Outcomes, Round};
use crate::process::Usage;

/// CPU time and memory of the server.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ServerCost {
    /// CPU time of the run in seconds.
    pub(crate) cpu_s: f64,
    /// Resident memory before the first connection, in KiB.
    pub rss_before_kib: f64,
    /// Resident memory at the end, in KiB.
    pub rss_kib: f64,
    /// The difference per session at the end, in KiB; `None` without sessions.
    pub(crate) rss_per_session_kib: Option<f64>,
}

impl ServerCost {
    pub(crate) fn new(before: Usage, after: Usage, sessions: usize) -> Self {
        let kib = |bytes: u64| bytes as f64 / 1024.0;
        let (rss_before_kib, rss_kib) = (kib(before.rss_bytes), kib(after.rss_bytes));
        let grown = rss_kib - rss_before_kib;
        Self {
            cpu_s: after.cpu.saturating_sub(before.cpu).as_secs_f64(),
            rss_before_kib,
            rss_kib,
            rss_per_session_kib: (sessions > 0).then(|| grown / sessions as f64),
        }
    }
}

/// Fan-out of publications: medians over the rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct FanOut {
    /// Number of rounds with an arrival.
    pub rounds: usize,
    /// Number of missing arrivals, over all rounds.
    pub missing: usize,
    /// Microseconds to the first session.
    pub(crate) first_us: f64,
    /// Microseconds to half of the sessions.
    pub(crate) median_us: f64,
    /// Microseconds to 99 % of the sessions.
    pub(crate) p99_us: f64,
    /// Microseconds to the last session.
    pub(crate) last_us: f64,
}

impl FanOut {
    pub(crate) fn of(fleet: &Fleet) -> Self {
        let rounds = fleet.rounds().all().iter();
        let figures: Vec<_> = rounds.filter_map(Round::figures).collect();
        let over = |figure: fn(&Summary) -> f64| median(figures.iter().map(|f| figure(&f.times)));
        Self {
            rounds: figures.len(),
            missing: figures.iter().map(|figures| figures.missing).sum(),
            first_us: over(|times| times.first_us),
            median_us: over(|times| times.median_us),
            p99_us: over(|times| times.p99_us),
            last_us: over(|times| times.last_us),
        }
    }
}

/// Measurements of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoadReport {
    /// Duration of the run in seconds.
    pub seconds: f64,
    /// Number of attempts to connect.
    pub opened: u64,
    /// Number of connections.
    pub connected: u64,
    /// Number of sessions that are logged in and have work at the end.
    pub ready: usize,
    /// Times from the attempt to the connection.
    pub connect: Summary,
    /// Times from the connection to the last answer of the login.
    pub login: Summary,
    /// Times from the connection to the first job.
    pub first_job: Summary,
    /// Fan-out of publications.
    pub fan_out: FanOut,
    /// Number of `mining.notify` lines.
    pub notifies: u64,
    /// Times from the submission of a share to its answer.
    pub round_trip: Summary,
    /// Outcomes of shares by intended kind.
    pub shares: BTreeMap<Kind, Outcomes>,
    /// Number of failures by kind.
    pub failures: BTreeMap<&'static str, u64>,
    /// CPU time and memory of the server, if its process is known.
    pub server: Option<ServerCost>,
}

impl LoadReport {
    pub(crate) fn new(fleet: &Fleet, lasted: Duration, server: Option<ServerCost>) -> Self {
        let tally = fleet.tally();
        Self {
            seconds: lasted.as_secs_f64(),
            opened: tally.opened,
            connected: tally.connected,
            ready: tally.ready,
            connect: tally.connect.summary(),
            login: tally.login.summary(),
            first_job: tally.first_job.summary(),
            fan_out: FanOut::of(fleet),
            notifies: tally.notifies,
            round_trip: tally.round_trip.summary(),
            shares: tally.shares.clone(),
            failures: tally.failures.clone(),
            server,
        }
    }

    /// Checks that a session has logged in.
    ///
    /// # Errors
    /// Returns [`NoLogin`] otherwise: the run has measured nothing.
    pub fn require_login(&self) -> Result<(), NoLogin> {
        if self.login.count > 0 {
            return Ok(());
        }
        Err(NoLogin {
            sessions: self.opened,
            failures: self.failures.clone(),
        })
    }
}

/// No session logged in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct NoLogin {
    sessions: u64,
    failures: BTreeMap<&'static str, u64>,
}

/// Formats the error with the failures.
impl fmt::Display for NoLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "none of {} sessions logged in", self.sessions)?;
        for (number, (failure, count)) in self.failures.iter().enumerate() {
            let separator = if number == 0 { ": " } else { ", " };
            write!(f, "{separator}{count} × {failure}")?;
        }
        Ok(())
    }
}

/// Formats a table.
impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:.1} s: {} of {} connections established, {} sessions at the end, {} notifies",
            self.seconds, self.connected, self.opened, self.ready, self.notifies
        )?;
        writeln!(
            f,
            "{:<22} {:>9} {:>11} {:>11} {:>11} {:>11}",
            "ms", "count", "first", "median", "p99", "last"
        )?;
        let fan_out = Summary {
            count: self.fan_out.rounds,
            first_us: self.fan_out.first_us,
            median_us: self.fan_out.median_us,
            p99_us: self.fan_out.p99_us,
            last_us: self.fan_out.last_us,
        };
        let rows = [
            ("connect", self.connect),
            ("login", self.login),
            ("first job", self.first_job),
            ("fan-out (of rounds)", fan_out),
            ("submit round trip", self.round_trip),
        ];
        for (name, times) in rows {
            write!(f, "{name:<22} {:>9}", times.count)?;
            for us in [times.first_us, times.median_us, times.p99_us, times.last_us] {
                match times.count {
                    0 => write!(f, " {:>11}", "-")?,
                    _ => write!(f, " {:>11.3}", us / 1e3)?,
                }
            }
            writeln!(f)?;
        }
        if self.fan_out.missing > 0 {
            let missing = self.fan_out.missing;
            writeln!(f, "fan-out: {missing} notifies of new work missing")?;
        }
        for (kind, outcomes) in &self.shares {
            let Outcomes {
                sent,
                accepted,
                rejected,
                impossible,
            } = outcomes;
            write!(f, "{kind} shares: {sent} sent, {accepted} accepted")?;
            for (code, count) in rejected {
                write!(f, ", {count} rejected with error {code}")?;
            }
            if *impossible > 0 {
                write!(f, ", {impossible} impossible at the server's target")?;
            }
            writeln!(f)?;
        }
        for (failure, count) in &self.failures {
            writeln!(f, "failed: {count} × {failure}")?;
        }
        if let Some(server) = &self.server {
            write!(
                f,
                "server: {:.2} CPU-s, RSS {:.0} KiB before, {:.0} KiB at the end",
                server.cpu_s, server.rss_before_kib, server.rss_kib
            )?;
            match server.rss_per_session_kib {
                Some(each) => writeln!(f, ", {each:.2} KiB a session")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}
