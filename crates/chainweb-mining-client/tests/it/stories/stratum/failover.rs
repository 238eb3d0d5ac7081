//! The serving node fails, and the devices get the standby job of another node without a request.
//!
//! No block is found, so no node is asked for work unless a node fails. Before the first one fails,
//! the others refuse to issue more work: a job of theirs is the one that was in hand.

use std::time::Duration;

use chainweb::{ChainGraph, ChainId};
use futures_util::future::join_all;
use listen::{Descriptors, raise_descriptor_limit};
use miner::telemetry::Standing;
use simnet::{Endpoint, Payloads, Rule, Verdict};

use super::super::setting::{PATIENCE, Setting, Story};
use super::by_hand::Session;
use super::{Farm, without_refresh};

/// What happens to the serving node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Killed,
    Hangs,
    Busy,
    Resets,
    Slow,
}

impl Failure {
    async fn strike(self, story: &Story) {
        let node = story.simnet.node(0);
        let verdict = match self {
            Self::Killed => return node.set_listening(false).await.unwrap(),
            Self::Hangs => Verdict::Hang,
            Self::Busy => Self::busy(),
            Self::Resets => Verdict::Drop,
            Self::Slow => Verdict::Delay(Duration::from_secs(3)),
        };
        node.faults().install(Rule::on_all(verdict));
        if self == Self::Resets {
            node.end_streams();
        }
    }

    fn busy() -> Verdict {
        Verdict::Status(503, "busy".into())
    }

    async fn mend(self, story: &Story) {
        story.simnet.node(0).faults().clear();
        story.simnet.node(0).set_listening(true).await.unwrap();
    }
}

/// Three nodes on which no block is ever found. A request may take as long as it likes.
fn three_calm_nodes() -> Setting {
    let mut setting = Setting::new(ChainGraph::petersen(), 1 << 60);
    let network = &mut setting.network;
    network.nodes = 3;
    network.payloads = Payloads::Own;
    network.propagation_delay = Duration::from_millis(5);
    network.limits.payload_refresh = None;
    let limits = &mut setting.limits;
    for limit in [
        &mut limits.info,
        &mut limits.work,
        &mut limits.solved,
        &mut limits.cut,
    ] {
        *limit = PATIENCE;
    }
    setting.timing.snapshot = Duration::from_millis(20);
    setting
}

impl Story {
    /// Waits until all nodes are ready, the two jobs are of the first, and one of the second is in
    /// hand.
    async fn until_guarded(&mut self) {
        self.until_state("a standby job", |state| {
            let mut jobs = state.jobs.iter();
            let are_ready = state.nodes.iter().all(|it| it.standing == Standing::Ready);
            jobs.len() == 2
                && jobs.all(|job| job.node.0 == 0)
                && are_ready
                && state.counters.nodes[1].jobs > 0
        })
        .await;
    }
}

/// Returns the number of sessions that answer.
async fn alive(sessions: &mut [Session]) -> usize {
    join_all(sessions.iter_mut().map(Session::jobs_so_far))
        .await
        .len()
}

async fn next_chains(sessions: &mut [Session]) -> Vec<ChainId> {
    let jobs = join_all(sessions.iter_mut().map(Session::job)).await;
    jobs.iter().map(|job| job.header.chain()).collect()
}

/// Mines with this number of devices while the first node fails.
async fn fails(failure: Failure, devices: usize) {
    let story = three_calm_nodes().network().await;
    let mut farm = Farm::start(story, without_refresh()).await;
    farm.story.until_guarded().await;
    let mut sessions = Vec::new();
    for number in 0..devices {
        sessions.push(Session::log_in(farm.address, number).await);
    }
    let before = next_chains(&mut sessions).await;
    for node in [1, 2] {
        let rule = Rule::on(Endpoint::Work, Failure::busy());
        farm.story.simnet.node(node).faults().install(rule);
    }
    failure.strike(&farm.story).await;
    let after = next_chains(&mut sessions).await;
    let standby = after[0];
    assert!(
        !before.contains(&standby),
        "{failure:?}: {standby} was mined before"
    );
    assert!(
        after.iter().all(|chain| *chain == standby),
        "{failure:?}: {after:?}"
    );
    farm.story
        .until_state("jobs of another node only", |state| {
            let mut jobs = state.jobs.iter();
            jobs.len() == 1 && jobs.all(|job| job.node.0 != 0 && job.chain() == standby)
        })
        .await;
    let log = &farm.story.log;
    assert_eq!(
        log.count(&["job retired", "node_lost"]),
        2,
        "{failure:?}\n{log}"
    );
    // Two slots are filled as soon as a node issues work again.
    for node in [1, 2] {
        farm.story.simnet.node(node).faults().clear();
    }
    farm.story
        .until_state("two jobs", |state| {
            let mut jobs = state.jobs.iter();
            jobs.len() == 2 && jobs.all(|job| job.node.0 != 0)
        })
        .await;
    failure.mend(&farm.story).await;
    assert_eq!(alive(&mut sessions).await, devices);
    farm.story.ends_well().await;
}

#[tokio::test]
async fn a_killed_node_is_replaced_by_the_standby_job() {
    fails(Failure::Killed, 4).await;
}

#[tokio::test]
async fn a_node_that_hangs_is_replaced_by_the_standby_job() {
    fails(Failure::Hangs, 4).await;
}

#[tokio::test]
async fn a_node_that_refuses_everything_is_replaced_by_the_standby_job() {
    fails(Failure::Busy, 4).await;
}

#[tokio::test]
async fn a_node_that_resets_connections_is_replaced_by_the_standby_job() {
    fails(Failure::Resets, 4).await;
}

#[tokio::test]
async fn a_slow_node_is_replaced_by_the_standby_job() {
    fails(Failure::Slow, 4).await;
}

#[tokio::test]
async fn no_session_of_a_thousand_is_closed_when_a_node_fails() {
    // Both ends of a session are in this process.
    let sessions = match raise_descriptor_limit(2_500) {
        Descriptors::Enough => 1_000,
        Descriptors::Short { limit } => usize::try_from(limit / 3).unwrap(),
    };
    fails(Failure::Killed, sessions).await;
}
