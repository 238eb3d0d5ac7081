//! Stories of two or three nodes, on the model.

mod fates;
mod figures;
mod forks;
mod insurers;
mod slow;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::{ChainId, HeaderFields};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus as Chance;

use super::super::super::{Config, Event, Request};
use super::super::pieces::{busy, not_served, unauthorized};
use super::model::Model;
use super::{Flight, World};
use crate::job::{Job, NodeId};
use crate::telemetry::event::{NodeEvent, Retirement};
use crate::telemetry::{self, Standing};

const CHAINS: u32 = 10;
const SECOND: Duration = Duration::from_secs(1);

/// Returns the chance of all stories: which chains nodes issue work on.
fn chance() -> Chance {
    Chance::seed_from_u64(8)
}

impl World {
    /// Returns the newest live job.
    fn newest_job(&self) -> Arc<Job> {
        let jobs = self.coordinator.jobs();
        Arc::clone(jobs.iter().next().expect("there are jobs"))
    }

    /// Good nodes that have been mined on for ten seconds, the first of which serves.
    fn mining(nodes: usize) -> Self {
        Self::mining_with(nodes, false)
    }

    /// The same, with payloads that are equal on all nodes or not.
    fn mining_with(nodes: usize, shares_payloads: bool) -> Self {
        Self::mining_under(&Config::of_nodes(nodes), shares_payloads)
    }

    /// The same with this configuration.
    fn mining_under(config: &Config, shares_payloads: bool) -> Self {
        let mut world = Self::of(config, CHAINS, chance());
        for node in &mut world.nodes {
            node.shares_payloads = shares_payloads;
        }
        world.handle(Event::Tick);
        world.blocks(10);
        world.expect_jobs_of(0);
        world.reports.clear();
        world
    }

    /// For this many seconds other miners find a block each second, on one chain after the other.
    pub(super) fn blocks(&mut self, seconds: u64) {
        for second in 0..seconds {
            self.calm(SECOND);
            let next = second % self.nodes[0].chains.len() as u64;
            let chain = ChainId::new(u32::try_from(next).expect("a small number"));
            let source = self
                .nodes
                .iter()
                .rposition(|node| !node.is_frozen && !node.is_down);
            if let Some(source) = source {
                self.nodes[source].foreign_block(chain);
                self.gossip(source, chain);
            }
        }
        self.calm(Duration::ZERO);
    }

    #[track_caller]
    fn expect_jobs_of(&self, node: usize) {
        let jobs: Vec<_> = self
            .coordinator
            .jobs()
            .iter()
            .map(|job| job.node.0)
            .collect();
        assert_eq!(jobs, [node, node]);
    }

    /// Whether all jobs of the worker are of a node, and there are some.
    fn mines_on(&self, node: usize) -> bool {
        let mut jobs = self.coordinator.jobs().iter();
        jobs.len() > 0 && jobs.all(|job| job.node.0 == node)
    }

    /// Returns the place of the submission in flight to a node.
    #[track_caller]
    pub(super) fn submission_to(&self, node: usize) -> usize {
        let is_it = |flight: &Flight| {
            flight.node.0 == node && matches!(flight.request, Request::Submit { .. })
        };
        let at = self.flights.iter().position(is_it);
        at.expect("it is in flight")
    }

    fn standing(&self, node: usize) -> Standing {
        self.coordinator.nodes[node].peer.standing
    }

    /// How often another node was chosen since the last call.
    fn changes(&mut self) -> usize {
        let reports = std::mem::take(&mut self.reports);
        let is_choice =
            |event: &telemetry::Event| matches!(event, telemetry::Event::NodeChosen { .. });
        reports.iter().filter(|(_, event)| is_choice(event)).count()
    }

    fn reported(&self, node: usize, wanted: Standing) -> Option<Instant> {
        let mut reports = self.reports.iter();
        let found = reports.find(|(_, event)| match event {
            telemetry::Event::Node(id, NodeEvent::Standing { standing, .. }) => {
                (id.0, *standing) == (node, wanted)
            }
            _ => false,
        });
        found.map(|(at, _)| *at)
    }

    fn revive(&mut self, node: usize) {
        self.nodes[node].is_down = false;
    }
}

#[test]
fn a_killed_node_is_replaced_by_the_standby_job_without_a_request() {
    let mut world = World::mining(2);
    let standby = world.coordinator.live.standby().expect("it is in hand");
    assert_eq!(standby.job.node, NodeId(1));
    let standby = standby.job.id;
    world.kill(NodeId(0));
    // The first failed call.
    let at = world
        .flights
        .iter()
        .position(|flight| flight.node == NodeId(0));
    let at = at.expect("the node is asked whether it was restarted");
    world.act(at);
    world.land(at);
    assert!(world.mines_on(1));
    assert!(world.coordinator.jobs().contains(standby));
    world.calm(SECOND);
    world.expect_jobs_of(1);
    assert_eq!(world.changes(), 1);
}

#[test]
fn a_node_that_hangs_is_left_within_two_seconds() {
    let mut world = World::mining(2);
    world.nodes[0].hangs = true;
    // A request is sent within two seconds.
    world.calm(4 * SECOND);
    assert!(world.mines_on(1));
    assert_eq!(world.standing(0), Standing::Unreachable);
}

#[test]
fn a_node_without_work_gives_way_to_one_with_work() {
    let mut world = World::mining(2);
    world.nodes[0].refuses_work = Some(busy());
    world.blocks(30);
    world.expect_jobs_of(1);
    assert_eq!(world.standing(0), Standing::NoWork);
    world.nodes[0].refuses_work = None;
    world.blocks(55);
    assert_eq!(
        world.changes(),
        1,
        "it has been ready for less than a minute"
    );
    world.blocks(60);
    world.expect_jobs_of(0);
    assert_eq!(world.changes(), 1);
}

#[test]
fn a_node_that_holds_requests_for_work_keeps_its_jobs_until_they_are_outdated() {
    let mut world = World::mining(2);
    world.nodes[0].holds_work = true;
    world.blocks(60);
    assert_eq!(world.standing(0), Standing::NoWork);
    world.expect_jobs_of(1);
    let reports = world.reports.iter();
    let lost = reports.filter(|(_, event)| match event {
        telemetry::Event::Node(id, NodeEvent::Standing { standing, .. }) => {
            id.0 == 0 && standing.loses_blocks()
        }
        _ => false,
    });
    assert_eq!(lost.count(), 0);
}

#[test]
fn a_node_without_work_and_cut_does_not_keep_others_from_serving() {
    let mut world = World::of(&Config::of_nodes(2), CHAINS, chance());
    world.nodes[0].refuses_work = Some(busy());
    world.nodes[0].refuses_cut = Some(busy());
    world.handle(Event::Tick);
    world.blocks(10);
    world.expect_jobs_of(1);
}

#[test]
fn a_node_that_refuses_the_key_streams_but_gives_no_work() {
    let mut world = World::mining(2);
    world.nodes[1].refuses_work = Some(unauthorized());
    world.blocks(60);
    assert_eq!(world.standing(1), Standing::Unauthorized);
    assert!(world.nodes[1].streams.values().all(|stream| stream.is_open));
    world.expect_jobs_of(0);
    world.kill(NodeId(0));
    world.calm(5 * SECOND);
    let standing = world.standing(1);
    assert_eq!((standing, world.changes()), (Standing::Unauthorized, 0));
}

#[test]
fn a_frozen_node_is_left_within_ten_seconds_and_not_returned_to_while_it_is_behind() {
    let mut world = World::mining(2);
    world.nodes[0].is_frozen = true;
    world.blocks(10);
    assert!(world.mines_on(1));
    assert_eq!(world.standing(0), Standing::Behind);
    world.blocks(120);
    assert_eq!(world.changes(), 1);
    world.nodes[0].is_frozen = false;
    world.blocks(100);
    assert!(world.mines_on(0));
}

#[test]
fn the_blocks_of_a_node_on_a_fork_are_never_mined_on() {
    let mut world = World::mining(2);
    world.blocks(40);
    let start = world.now;
    // It is higher, and lighter.
    world.nodes[1].is_frozen = true;
    world.nodes[1].block_weight = 1;
    for chain in (0..CHAINS).map(ChainId::new) {
        world.nodes[1].fork(chain, usize::MAX, 20);
    }
    for _ in 0..60 {
        world.calm(SECOND);
        assert!(!world.mines_on(1));
    }
    let at = world.reported(1, Standing::Forked).expect("it is reported");
    assert!(at <= start + Duration::from_secs(30));
}

#[test]
fn a_node_of_another_network_is_refused() {
    let mut world = World::mining(2);
    world.restart(NodeId(1), Model::change_network);
    world.blocks(20);
    assert_eq!(world.standing(1), Standing::OtherNetwork);
    world.expect_jobs_of(0);
    assert!(world.nodes[1].streams.is_empty());
}

#[test]
fn a_solution_reaches_another_node_with_its_payload_if_the_issuer_dies() {
    let mut world = World::mining_with(2, true);
    world.blocks(20);
    let insured = world.coordinator.insured();
    assert!(
        insured
            .iter()
            .all(|(_, nodes)| nodes == &[NodeId(1)].into()),
        "{insured:?}"
    );
    world.solve();
    world.kill(NodeId(0));
    world.calm(SECOND);
    let counters = world.coordinator.counters();
    assert_eq!(
        (counters.twins_taken, counters.nodes[1].blocks_taken),
        (1, 1)
    );
    assert!(counters.insured_jobs > 0);
    assert_eq!(world.nodes[1].count(&world.ours), 1);
}

#[test]
fn a_solution_does_not_wait_for_an_issuer_that_hangs() {
    let mut world = World::mining_with(2, true);
    world.blocks(20);
    world.nodes[0].hangs = true;
    world.solve();
    world.calm(2 * SECOND);
    assert_eq!(world.coordinator.counters().twins_taken, 1);
    assert_eq!(world.nodes[1].count(&world.ours), 1);
}

#[test]
fn a_solution_is_sent_again_to_a_busy_node_though_its_issuer_died_with_the_block() {
    for is_taken in [false, true] {
        let mut world = World::mining_with(2, true);
        world.blocks(20);
        world.solve();
        if is_taken {
            world.nodes[0].slowness = SECOND;
            world.act(world.submission_to(0));
            // The node reports its new tip.
            world.deliver_all(NodeId(0));
        }
        world.kill(NodeId(0));
        world.land(world.submission_to(0));
        let at = world.submission_to(1);
        world.lose(at, &busy());
        world.land(at);
        world.calm(5 * SECOND);
        assert_eq!(world.nodes[1].count(&world.ours), 1);
    }
}

#[test]
fn a_node_that_no_longer_shows_its_cut_is_not_behind() {
    let mut world = World::mining(2);
    world.nodes[0].refuses_cut = Some(not_served());
    world.blocks(60);
    assert_eq!(world.standing(0), Standing::Ready);
    assert_eq!(world.changes(), 0);
}

#[test]
fn a_node_without_a_cut_answers_again_after_it_hung() {
    let mut world = World::mining(2);
    world.nodes[1].refuses_cut = Some(not_served());
    world.blocks(60);
    world.nodes[1].hangs = true;
    world.blocks(60);
    assert_eq!(world.standing(1), Standing::Unreachable);
    world.nodes[1].hangs = false;
    world.blocks(60);
    assert_eq!(world.standing(1), Standing::Ready);
}

#[test]
fn a_node_of_another_network_without_a_cut_may_come_back() {
    let mut world = World::mining(2);
    world.nodes[1].refuses_cut = Some(not_served());
    world.restart(NodeId(1), Model::change_network);
    world.blocks(60);
    assert_eq!(world.standing(1), Standing::OtherNetwork);
    world.nodes[1].serve(0);
    world.blocks(60);
    assert_eq!(world.standing(1), Standing::Ready);
}

#[test]
fn a_network_that_one_node_enters_after_the_other_is_followed_at_both() {
    let mut world = World::mining(2);
    for id in [NodeId(1), NodeId(0)] {
        world.restart(id, Model::change_network);
        world.blocks(60);
    }
    for node in &world.nodes {
        assert_eq!(world.standing(node.id.0), Standing::Ready);
        assert_eq!(node.streams.len(), node.chains.len());
    }
}

#[test]
fn a_solution_that_the_issuer_took_reaches_the_other_node_a_second_later() {
    let mut world = World::mining_with(2, true);
    world.blocks(20);
    world.nodes[1].is_frozen = true;
    world.solve();
    world.calm(Duration::from_millis(900));
    assert_eq!(world.nodes[1].count(&world.ours), 0);
    world.calm(SECOND);
    assert_eq!(world.nodes[1].count(&world.ours), 1);
    let counters = world.coordinator.counters();
    assert_eq!((counters.solutions_submitted, counters.twins_taken), (1, 0));
}

#[test]
fn a_job_with_another_payload_elsewhere_is_not_insured() {
    let mut world = World::mining_with(3, false);
    world.blocks(20);
    assert!(
        world
            .coordinator
            .insured()
            .iter()
            .all(|(_, nodes)| nodes.is_empty())
    );
    world.solve();
    world.kill(NodeId(0));
    world.calm(SECOND);
    assert_eq!(world.coordinator.counters().twins_taken, 0);
}

#[test]
fn flapping_costs_at_most_three_changes() {
    let mut world = World::mining(2);
    for _ in 0..100 {
        world.kill(NodeId(0));
        world.blocks(3);
        world.revive(0);
        world.blocks(3);
    }
    let changes = world.changes();
    assert!((1..=3).contains(&changes), "{changes}");
}

#[test]
fn all_nodes_gone_and_back_are_mined_on_again() {
    let mut world = World::mining(3);
    for node in 0..3 {
        world.kill(NodeId(node));
    }
    world.calm(30 * SECOND);
    for node in 0..3 {
        world.revive(node);
    }
    world.calm(5 * SECOND);
    assert_eq!(world.coordinator.jobs().iter().len(), 2);
    world.blocks(90);
    assert!(world.mines_on(0));
}

#[test]
fn a_block_that_another_node_shows_first_outdates_a_job() {
    let mut world = World::mining(2);
    world.nodes[0].is_frozen = true;
    let job = world.newest_job();
    let new_cuts = |world: &World| {
        let counters = world.coordinator.counters();
        let retired = counters
            .jobs_retired
            .iter()
            .find(|(reason, _)| *reason == Retirement::NewCut);
        (
            retired.map_or(0, |(_, count)| count),
            counters.nodes[1].first_events,
        )
    };
    let before = new_cuts(&world);
    world.nodes[1].foreign_block(job.chain());
    world.calm(Duration::ZERO);
    assert!(!world.coordinator.jobs().contains(job.id));
    assert_eq!(new_cuts(&world), (before.0 + 1, before.1 + 1));
}

#[test]
fn a_node_whose_work_is_of_another_network_is_reported_once_and_never_mined() {
    let mut world = World::mining(3);
    // It keeps its name.
    world.nodes[0].networks = 7;
    let start = world.now;
    world.blocks(60);
    assert_eq!(world.standing(0), Standing::OtherNetwork);
    world.expect_jobs_of(1);
    let is_report = |event: &telemetry::Event| match event {
        telemetry::Event::Node(id, NodeEvent::Standing { standing, .. }) => {
            (id.0, *standing) == (0, Standing::OtherNetwork)
        }
        _ => false,
    };
    let reports = world.reports.iter().filter(|(_, event)| is_report(event));
    assert_eq!(reports.count(), 1);
    let foreign = world
        .jobs
        .iter()
        .filter(|job| job.received > start && job.work.header().version_code() == 7);
    assert_eq!(foreign.count(), 0);
    world.nodes[0].networks = 0;
    world.restart(NodeId(0), Model::restart);
    world.blocks(90);
    world.expect_jobs_of(0);
}

#[test]
fn work_far_from_the_cut_of_its_node_is_never_mined() {
    let mut world = World::mining(2);
    world.nodes[0].work_above = 200;
    world.blocks(60);
    assert_eq!(world.standing(0), Standing::OtherNetwork);
    world.expect_jobs_of(1);
    let jobs = world.jobs.iter();
    let far = jobs.filter(|job| job.work.header().height() > 200);
    assert_eq!(far.count(), 0);
}

#[test]
fn far_work_counts_once_for_each_cut() {
    let mut world = World::mining(2);
    let fields = HeaderFields {
        height: 500,
        version_code: 0,
        ..fixtures::fields()
    };
    let (id, header) = (NodeId(0), fields.encode());
    let coordinator = &mut world.coordinator;
    for expected in [false, false, true] {
        coordinator.nodes[0].peer.is_cut_new = true;
        for _ in 0..5 {
            assert!(coordinator.is_foreign_work(id, &header));
        }
        assert_eq!(coordinator.nodes[0].peer.is_foreign, expected);
    }
}

#[test]
fn a_node_that_names_other_chains_is_refused_until_it_names_the_same() {
    let mut world = World::of(&Config::of_nodes(3), CHAINS, chance());
    world.nodes[1].named = Some(5);
    world.handle(Event::Tick);
    world.blocks(20);
    world.expect_jobs_of(0);
    assert_eq!(world.standing(1), Standing::OtherNetwork);
    assert_eq!(world.standing(2), Standing::Ready);
    world.kill(NodeId(1));
    world.calm(5 * SECOND);
    world.nodes[1].named = None;
    world.revive(1);
    world.blocks(20);
    assert_eq!(world.standing(1), Standing::Ready);
}

#[test]
fn all_nodes_are_asked_for_their_chains_if_one_has_more() {
    let mut world = World::of(&Config::of_nodes(2), CHAINS, chance());
    for node in &mut world.nodes {
        node.named = Some(5);
    }
    world.handle(Event::Tick);
    world.calm(SECOND);
    for node in &mut world.nodes {
        node.named = None;
    }
    world.restart(NodeId(1), Model::restart);
    world.blocks(90);
    let named = |node: usize| {
        let info = world.coordinator.nodes[node].info.as_ref();
        info.map(|info| info.chains.len())
    };
    assert_eq!([0, 1].map(named), [Some(10), Some(10)]);
    world.expect_jobs_of(0);
}

#[test]
fn insurance_waits_for_the_clock_of_the_node_that_insures() {
    let hour = Duration::from_hours(1);
    for (ahead_micros, expected) in [
        (0, SECOND),
        (3_600_000_000, SECOND),
        (-3_600_000_000, hour + SECOND),
    ] {
        let mut world = World::of(&Config::of_nodes(2), CHAINS, chance());
        for node in &mut world.nodes {
            node.shares_payloads = true;
        }
        world.nodes[1].clock_ahead_micros = ahead_micros;
        world.handle(Event::Tick);
        world.blocks(10);
        for _ in 0..5 {
            world.solve();
        }
        let solved = world.now;
        world.calm(Duration::ZERO);
        let later = &world.coordinator.submissions.later;
        // On a clock that is ahead, the time may have passed already.
        assert!(ahead_micros > 0 || !later.is_empty(), "{ahead_micros}");
        for twin in later {
            let wait = twin.due - solved;
            let near = expected.saturating_sub(15 * SECOND)..=expected + 15 * SECOND;
            assert!(near.contains(&wait), "{wait:?} with {ahead_micros}");
        }
    }
}
