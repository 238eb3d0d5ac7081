//! Report of a run, as text and as JSON.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::distribution::{Distribution, Percentiles, Summary, median};
use crate::fleet::{Fleet, Outcomes, Round, Tally};
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
    /// Times to the first session, to half, to 99 % and to all of them.
    #[serde(flatten)]
    pub(crate) times: Percentiles,
    /// 99th percentile of the times to all sessions, over the rounds.
    pub(crate) last_p99_us: f64,
}

impl FanOut {
    pub(crate) fn of(fleet: &Fleet) -> Self {
        let rounds = fleet.rounds().iter();
        let figures: Vec<_> = rounds.filter_map(Round::figures).collect();
        let over = |figure: fn(&Percentiles) -> f64| {
            median(figures.iter().map(|(_, arrivals)| figure(&arrivals.times)))
        };
        let last = figures.iter().map(|(_, arrivals)| arrivals.times.last_us);
        let last: Distribution = last.map(|us| Duration::from_secs_f64(us / 1e6)).collect();
        Self {
            last_p99_us: last.summary().times.p99_us,
            rounds: figures.len(),
            missing: figures.iter().map(|(missing, _)| missing).sum(),
            times: Percentiles {
                first_us: over(|times| times.first_us),
                median_us: over(|times| times.median_us),
                p99_us: over(|times| times.p99_us),
                last_us: over(|times| times.last_us),
            },
        }
    }
}

/// Measurements of a run.
#[derive(Clone, Debug, Serialize)]
pub struct LoadReport {
    /// Duration of the run in seconds.
    pub seconds: f64,
    /// Counts and times of all sessions.
    #[serde(flatten)]
    pub tally: Tally,
    /// Fan-out of publications.
    pub fan_out: FanOut,
    /// CPU time and memory of the server, if its process is known.
    pub server: Option<ServerCost>,
}

impl LoadReport {
    /// Checks that a session has logged in.
    ///
    /// # Errors
    /// Returns the failures otherwise: the run has measured nothing.
    pub fn require_login(&self) -> anyhow::Result<()> {
        let Tally {
            opened, failures, ..
        } = &self.tally;
        let failures = failures.iter();
        let failures = failures.map(|(failure, count)| format!("{count} × {failure}"));
        let failures: Vec<_> = failures.collect();
        let separator = if failures.is_empty() { "" } else { ": " };
        let failures = failures.join(", ");
        anyhow::ensure!(
            !self.tally.login.is_empty(),
            "none of {opened} sessions logged in{separator}{failures}"
        );
        Ok(())
    }
}

/// Formats a table.
impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tally, fan_out) = (&self.tally, &self.fan_out);
        writeln!(
            f,
            "{:.1} s: {} of {} connections established, {} sessions at the end, {} notifies",
            self.seconds, tally.connected, tally.opened, tally.ready, tally.notifies
        )?;
        writeln!(
            f,
            "{:<22} {:>9} {:>11} {:>11} {:>11} {:>11}",
            "ms", "count", "first", "median", "p99", "last"
        )?;
        let of_rounds = Summary {
            count: fan_out.rounds,
            times: fan_out.times,
        };
        let rows = [
            ("connect", tally.connect.summary()),
            ("login", tally.login.summary()),
            ("first job", tally.first_job.summary()),
            ("job to job", tally.job_to_job.summary()),
            ("fan-out (of rounds)", of_rounds),
            ("submit round trip", tally.round_trip.summary()),
        ];
        for (name, Summary { count, times }) in rows {
            write!(f, "{name:<22} {count:>9}")?;
            for us in [times.first_us, times.median_us, times.p99_us, times.last_us] {
                match count {
                    0 => write!(f, " {:>11}", "-")?,
                    _ => write!(f, " {:>11.3}", us / 1e3)?,
                }
            }
            writeln!(f)?;
        }
        if fan_out.missing > 0 {
            writeln!(
                f,
                "fan-out: {} notifies of new work missing",
                fan_out.missing
            )?;
        }
        for (kind, outcomes) in &tally.shares {
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
        for (failure, count) in &tally.failures {
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
