//! What costs an operator work or blocks, and what to do about it: the one place that decides.
//!
//! Pure: alerts, pages and the terminal render the [`Problem`]s of a snapshot. A figure that moves
//! around a limit makes one problem, which ends at a second limit; so the problems of the snapshot
//! before are an argument.

mod devices;
mod nodes;
#[cfg(test)]
mod tests;

use std::time::Duration;

use super::problem::{DAY_SECONDS, Kind, Lost, Problem, Severity};
use super::snapshot::{Payee, Snapshot};
use crate::meter::Rate;
use crate::units::HashRate;

/// How long no work arrives before that is a problem.
pub(crate) const WORK_PATIENCE: Duration = Duration::from_secs(30);
/// A percentage of stale work that is a problem, and the one below which it ends.
const STALE_PERCENT: (f64, f64) = (4.0, 2.5);

/// Returns the problems of a snapshot, the worst first. `before` are those of the snapshot before.
pub fn problems(snapshot: &Snapshot, before: &[Problem]) -> Vec<Problem> {
    let mut found = nodes::problems(snapshot, before);
    let is_stopped = |found: &[Problem]| {
        let mut severities = found.iter().map(|problem| problem.severity);
        severities.any(|severity| severity == Severity::Stopped)
    };
    if snapshot.without_work >= WORK_PATIENCE && !is_stopped(&found) {
        let nodes = snapshot.nodes.iter().map(|node| node.address.clone());
        found.push(
            Problem::new(Kind::NoWork, Severity::Stopped, nodes.collect())
                .says(
                    match &*snapshot.nodes {
                        [_] => "No work arrives from the node.",
                        _ => "No work arrives from any node.",
                    },
                    "Look at the node's log: it may still be catching up with its network.",
                )
                .costs(all_work(snapshot)),
        );
    }
    if let Some(devices) = &snapshot.devices {
        let is_stopped = is_stopped(&found);
        let of_devices = devices::problems(snapshot, &devices.each, before);
        // Without work, devices send no shares.
        let of_devices = of_devices.into_iter();
        found.extend(of_devices.filter(|problem| !is_stopped || problem.kind <= Kind::DeviceGone));
    }
    found.extend(of_program(snapshot, before));
    found.sort_by(|one, other| {
        let worst_first = other.severity.cmp(&one.severity);
        worst_first.then(one.kind.cmp(&other.kind))
    });
    found
}

fn of_program(snapshot: &Snapshot, before: &[Problem]) -> Vec<Problem> {
    let mut found = Vec::new();
    let has_proof = matches!(snapshot.hashing.present, Rate::Hashed(_) | Rate::Unknown);
    let is_evm = snapshot.nodes.iter().all(|node| node.is_evm);
    let is_unpaid = snapshot.program.payee == Payee::NoKey && has_proof && !is_evm;
    if is_unpaid && snapshot.counters.jobs > 0 {
        found.push(
            Problem::new(Kind::NoPublicKey, Severity::Stopped, Vec::new()).says(
                "Blocks are paid to no account.",
                "Set --public-key to the key that you mine for.",
            ),
        );
    }
    let stale = snapshot.stale_percent.unwrap_or_default();
    if exceeds(stale, STALE_PERCENT, was(before, Kind::WorkStale, None)) {
        let lost = all_work(snapshot).map(|all| all.part(stale / 100.0));
        found.push(
            Problem::new(Kind::WorkStale, Severity::Losing, Vec::new())
                .says(
                    format!("{stale:.1} % of the work goes into outdated jobs."),
                    "Measure the way to the node with the command doctor, and move this program \
                     closer to the node and the devices.",
                )
                .costs(lost),
        );
    }
    if let Some(fault) = snapshot.disk_fault {
        let what = fault.what();
        found.push(
            Problem::new(Kind::DiskFailing, Severity::Losing, Vec::new()).says(
                format!("{what}: a block that waits for the node is lost if the program ends."),
                fault.remedy(),
            ),
        );
    }
    found
}

impl Lost {
    fn of(snapshot: &Snapshot, rate: f64) -> Option<Self> {
        let job = snapshot.jobs.iter().next();
        let per_day = job.map(|job| DAY_SECONDS / job.work.target().difficulty().as_f64());
        (rate > 0.0).then(|| Self {
            rate: HashRate(rate),
            blocks_per_day: per_day.map(|blocks| blocks * rate),
        })
    }

    fn part(self, part: f64) -> Self {
        Self {
            rate: HashRate(self.rate.0 * part),
            blocks_per_day: self.blocks_per_day.map(|blocks| blocks * part),
        }
    }
}

/// Returns all work that the worker can do, if that is known.
fn all_work(snapshot: &Snapshot) -> Option<Lost> {
    let hashing = &snapshot.hashing;
    let known = [hashing.present, hashing.mean].into_iter();
    let mut known = known.filter_map(|rate| match rate {
        Rate::Hashed(rate) if rate.0 > 0.0 => Some(rate.0),
        _ => None,
    });
    Lost::of(snapshot, known.next()?)
}

/// Whether a figure is above the first limit, or above the second after it was above the first.
fn exceeds(figure: f64, (begin, end): (f64, f64), was: bool) -> bool {
    figure >= if was { end } else { begin }
}

/// Whether there was a problem of this kind, with this subject if there is one.
fn was(before: &[Problem], kind: Kind, subject: Option<&str>) -> bool {
    let mut same = before.iter().filter(|problem| problem.kind == kind);
    same.any(|problem| {
        subject.is_none_or(|subject| {
            let found = problem
                .subjects
                .binary_search_by(|one| (**one).cmp(subject));
            found.is_ok()
        })
    })
}
