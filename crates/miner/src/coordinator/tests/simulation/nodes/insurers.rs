//! A node that only insures.

use std::time::Duration;

use super::super::super::super::{Config, Event};
use super::super::super::pieces::busy;
use super::{CHAINS, Model, SECOND, World, chance};
use crate::job::NodeId;
use crate::telemetry::Standing;

/// Nodes with equal payloads, the last of which only insures.
fn with_an_insurer(nodes: usize) -> World {
    let config = Config {
        submit_only: 1,
        ..Config::of_nodes(nodes)
    };
    World::mining_under(&config, true)
}

#[test]
fn a_submit_only_node_takes_solutions_and_streams_but_never_gives_a_job() {
    let mut world = with_an_insurer(2);
    world.blocks(20);
    assert_eq!(world.standing(1), Standing::Ready);
    assert!(world.nodes[1].streams.values().all(|stream| stream.is_open));
    let insured = world.coordinator.insured();
    assert!(insured.values().all(|nodes| nodes == &[NodeId(1)].into()));
    assert!(world.coordinator.live.standby().is_none());
    // Some may be of jobs that are outdated.
    for _ in 0..5 {
        world.solve();
    }
    world.kill(NodeId(0));
    world.calm(SECOND);
    assert!(world.coordinator.counters().twins_taken > 0);
    assert!(world.nodes[1].count(&world.ours) > 0);
    world.blocks(30);
    assert_eq!(world.changes(), 0);
    world.revive(0);
    world.blocks(30);
    world.expect_jobs_of(0);
    assert_eq!(world.coordinator.counters().nodes[1].jobs, 0);
}

#[test]
fn a_submit_only_node_gives_way_to_a_node_that_issues_work() {
    let mut world = with_an_insurer(3);
    world.nodes[2].refuses_work = Some(busy());
    world.blocks(20);
    assert_eq!(world.standing(2), Standing::NoWork);
    world.nodes[2].refuses_work = None;
    world.blocks(20);
    assert_eq!(world.standing(2), Standing::Ready);
    world.kill(NodeId(0));
    world.blocks(20);
    world.expect_jobs_of(1);
    world.kill(NodeId(1));
    world.blocks(20);
    assert_eq!((world.changes(), world.standing(2)), (1, Standing::Ready));
    assert_eq!(world.coordinator.counters().nodes[2].jobs, 0);
}

#[test]
fn a_block_that_a_submit_only_node_shows_first_outdates_a_job() {
    let mut world = with_an_insurer(2);
    world.nodes[0].is_frozen = true;
    let job = world.newest_job();
    world.nodes[1].foreign_block(job.chain());
    world.calm(Duration::ZERO);
    assert!(!world.coordinator.jobs().contains(job.id));
}

#[test]
fn the_network_is_never_that_of_a_submit_only_node() {
    let config = Config {
        submit_only: 1,
        ..Config::of_nodes(2)
    };
    let mut world = World::of(&config, CHAINS, chance());
    world.nodes[0].is_down = true;
    world.nodes[1].change_network();
    world.handle(Event::Tick);
    world.calm(5 * SECOND);
    world.revive(0);
    world.blocks(20);
    world.expect_jobs_of(0);
    assert_eq!(world.standing(1), Standing::OtherNetwork);
}

#[test]
fn a_submit_only_node_stays_of_the_network_while_all_others_start_again() {
    let mut world = with_an_insurer(2);
    world.restart(NodeId(0), Model::restart);
    world.nodes[0].refuses_work = Some(busy());
    world.blocks(5);
    assert_eq!(world.standing(1), Standing::Ready);
}

#[test]
fn a_restarted_node_insures_no_job_that_it_has_not_issued_again() {
    let mut world = World::mining_with(2, true);
    world.blocks(20);
    let insured = |world: &World| world.coordinator.insured().into_values().flatten().count();
    assert_ne!(insured(&world), 0);
    world.nodes[1].refuses_work = Some(busy());
    world.restart(NodeId(1), Model::restart);
    world.calm(SECOND);
    assert_eq!(insured(&world), 0);
}

#[test]
fn a_node_that_comes_after_a_job_insures_it() {
    let mut world = World::of(&Config::of_nodes(2), CHAINS, chance());
    world.nodes[1].is_down = true;
    for node in &mut world.nodes {
        node.shares_payloads = true;
    }
    world.handle(Event::Tick);
    world.blocks(10);
    world.revive(1);
    world.calm(5 * SECOND);
    world.solve();
    world.kill(NodeId(0));
    world.calm(SECOND);
    assert_eq!(world.coordinator.counters().twins_taken, 1);
}

#[test]
fn a_solution_is_tried_at_an_insurer_once_the_node_with_another_block_is_lost() {
    let mut world = World::mining_with(3, true);
    world.blocks(20);
    let job = world.newest_job();
    world.nodes[2].is_frozen = true;
    world.nodes[2].foreign_block(job.chain());
    world.calm(Duration::ZERO);
    assert!(!world.coordinator.jobs().contains(job.id));
    world.kill(NodeId(0));
    let solution = world.solution_of(job);
    world.submit(solution);
    world.calm(SECOND);
    assert_eq!(world.coordinator.counters().twins_taken, 0);
    world.kill(NodeId(2));
    world.calm(5 * SECOND);
    assert_eq!(world.coordinator.counters().twins_taken, 1);
}
