//! The failure of a node in a demonstration with several nodes: the one that serves goes away and
//! comes back.

use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use miner::telemetry::{Event, Snapshot};
use miner::timing::Timing;
use miner::units::About;
use serde::Serialize;
use simnet::Simnet;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{error, info, warn};

/// The longest time until a node goes away, and until it is back.
const LONGEST: Duration = Duration::from_secs(10);

/// Lets a node fail, and notes what follows.
#[derive(Debug)]
pub(super) struct Failover {
    /// The time until a node goes away, and then until it is back.
    pause: Duration,
    /// What happened to which node, and when.
    steps: Vec<(Instant, usize, What)>,
    /// The number of the next event.
    next: u64,
}

impl Failover {
    /// Creates the failure of a run that ends after `duration`.
    pub(super) fn new(duration: Option<Duration>) -> Self {
        Self {
            pause: duration.map_or(LONGEST, |duration| (duration / 3).min(LONGEST)),
            steps: Vec::new(),
            next: 0,
        }
    }

    /// Returns the durations of the client, in which a node that is back serves again soon.
    pub(super) fn timing(&self) -> Timing {
        Timing {
            return_after: self.pause / 2,
            ..Timing::default()
        }
    }

    /// Lets the node fail that serves, and notes what `snapshots` show. Never ends.
    pub(super) async fn run(
        &mut self,
        simnet: &Simnet,
        mut snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    ) -> Infallible {
        let pause = self.pause;
        self.follow(&mut snapshots, sleep(pause)).await;
        let served = self.steps.iter().rev();
        let mut served = served.filter(|(_, _, what)| *what == What::Serves);
        let number = served.next().map_or(0, |(_, node, _)| *node);
        let node = simnet.node(number);
        let address = format!("http://{}", node.address());
        warn!(
            event = "demo_node_gone",
            node = %address,
            back_in_seconds = pause.as_secs_f64(),
            "the demo takes a node away"
        );
        self.steps.push((Instant::now(), number, What::GoesAway));
        let restart = node.restart_after(pause);
        match self.follow(&mut snapshots, restart).await {
            Ok(()) => {
                info!(event = "demo_node_back", node = %address, "the node is back");
                self.steps.push((Instant::now(), number, What::ComesBack));
            }
            Err(error) => error!(
                event = "demo_node_lost",
                node = %address,
                error = %error,
                "the node cannot come back"
            ),
        }
        self.follow(&mut snapshots, pending()).await
    }

    /// Notes what happens until `end` does.
    async fn follow<T>(
        &mut self,
        snapshots: &mut watch::Receiver<Option<Arc<Snapshot>>>,
        end: impl Future<Output = T>,
    ) -> T {
        let mut end = pin!(end);
        loop {
            tokio::select! {
                result = &mut end => return result,
                Ok(()) = snapshots.changed() => {
                    if let Some(snapshot) = snapshots.borrow_and_update().as_deref() {
                        self.note(snapshot);
                    }
                }
            }
        }
    }

    fn note(&mut self, snapshot: &Snapshot) {
        for record in &snapshot.events {
            if record.sequence < self.next {
                continue;
            }
            self.next = record.sequence + 1;
            if let Event::MiningStarted { node } | Event::NodeChosen { node, .. } = record.event {
                self.steps.push((record.at, node.0, What::Serves));
            }
        }
    }

    /// Returns what happened until the last snapshot.
    pub(super) fn report(mut self, last: &Snapshot) -> NodesReport {
        self.note(last);
        self.steps.sort_by_key(|(at, ..)| *at);
        let step = |(at, node, what): (Instant, usize, What)| Step {
            seconds: (at + last.elapsed)
                .saturating_duration_since(last.at)
                .as_secs_f64(),
            node: last.nodes[node].address.clone(),
            what,
        };
        let counters = &last.counters;
        NodesReport {
            timeline: self.steps.into_iter().map(step).collect(),
            without_jobs_seconds: counters.without_jobs.as_secs_f64(),
            jobs: counters.jobs,
            jobs_insured: counters.insured_jobs,
            blocks_taken: counters
                .nodes
                .iter()
                .map(|node| node.blocks_taken)
                .collect(),
        }
    }
}

/// What several nodes did.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct NodesReport {
    /// What happened, in order.
    timeline: Vec<Step>,
    /// The time in seconds for which the threads had no job, after the first one.
    without_jobs_seconds: f64,
    /// The jobs.
    jobs: u64,
    /// Of these, jobs whose payload another node held as well.
    jobs_insured: u64,
    /// The blocks that each node took.
    blocks_taken: Vec<u64>,
}

/// Something that happened to a node.
#[derive(Clone, Debug, Serialize)]
struct Step {
    /// The time since the start in seconds.
    seconds: f64,
    /// The address of the node.
    node: String,
    /// What happened.
    what: What,
}

/// What happens to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum What {
    /// It issues the work from now on.
    Serves,
    /// It closes its port.
    GoesAway,
    /// It opens its port again.
    ComesBack,
}

/// A line for each step, and what it cost.
impl fmt::Display for NodesReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gone = None;
        for step in &self.timeline {
            let time = About::seconds(step.seconds).to_string();
            let node = &step.node;
            match (step.what, gone) {
                (What::Serves, Some(since)) => {
                    let after = About::seconds(step.seconds - since);
                    writeln!(f, "{time:>7}  {node} serves, {after} later")?;
                }
                (What::Serves, None) => writeln!(f, "{time:>7}  {node} serves")?,
                (What::GoesAway, _) => writeln!(f, "{time:>7}  {node} goes away")?,
                (What::ComesBack, _) => writeln!(f, "{time:>7}  {node} is back")?,
            }
            gone = (step.what == What::GoesAway).then_some(step.seconds);
        }
        if !self.timeline.iter().any(|step| step.what == What::GoesAway) {
            writeln!(f, "The demo ended before a node went away.")?;
        }
        let blocks: Vec<_> = self.blocks_taken.iter().map(u64::to_string).collect();
        if self.without_jobs_seconds > 0.0 {
            let idle = About::seconds(self.without_jobs_seconds);
            write!(f, "The threads had no job for {idle} in all.")?;
        } else {
            write!(f, "The threads always had a job.")?;
        }
        write!(
            f,
            " The nodes took {} blocks. Of {} jobs, {} were insured by another node.",
            blocks.join(" + "),
            self.jobs,
            self.jobs_insured,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(seconds: f64, node: &str, what: What) -> Step {
        let node = node.to_owned();
        Step {
            seconds,
            node,
            what,
        }
    }

    #[test]
    fn the_end_shows_a_failover_step_by_step() {
        let mut report = NodesReport {
            timeline: vec![
                step(0.02, "http://a", What::Serves),
                step(10.0, "http://a", What::GoesAway),
                step(10.004, "http://b", What::Serves),
                step(20.0, "http://a", What::ComesBack),
                step(25.3, "http://a", What::Serves),
            ],
            without_jobs_seconds: 0.0031,
            jobs: 170,
            jobs_insured: 151,
            blocks_taken: vec![80, 52],
        };
        let cost = "The threads had no job for 3.1 ms in all. The nodes took 80 + 52 blocks. Of \
                    170 jobs, 151 were insured by another node.";
        let steps = "  \
  20 ms  http://a serves
   10 s  http://a goes away
   10 s  http://b serves, 4.0 ms later
   20 s  http://a is back
   25 s  http://a serves
";
        assert_eq!(report.to_string(), format!("{steps}{cost}"));
        report.timeline.truncate(1);
        report.without_jobs_seconds = 0.0;
        let cost = cost.replace("had no job for 3.1 ms in all", "always had a job");
        let early = "  20 ms  http://a serves\nThe demo ended before a node went away.\n";
        assert_eq!(report.to_string(), format!("{early}{cost}"));
    }
}
