//! How fast and at what cost several nodes are mined on, in the time of the model.

use std::time::Duration;

use chainweb::ChainId;

use super::super::super::super::{Config, Event};
use super::{CHAINS, SECOND, World, chance};
use crate::job::NodeId;
use crate::telemetry::Standing;

const STEP: Duration = Duration::from_millis(10);

#[test]
fn a_hang_is_known_half_a_second_after_the_first_request_without_an_answer() {
    let mut world = World::mining(3);
    world.nodes[0].hangs = true;
    let is_asked = |world: &World| {
        let node = &world.coordinator.nodes[0];
        let sent = [node.work.in_flight(), node.cut.in_flight()];
        sent.into_iter().flatten().min()
    };
    while is_asked(&world).is_none() {
        world.calm(STEP);
    }
    let asked = is_asked(&world).expect("just now");
    while world.standing(0) == Standing::Ready {
        world.calm(STEP);
    }
    // Its answers took no time.
    let known = world.now - asked;
    let hang_min = Duration::from_millis(500);
    assert!(known >= hang_min && known <= hang_min + STEP, "{known:?}");
    assert!(world.mines_on(1));
}

/// Returns how long jobs lived on after their blocks, with a node that gets each block at once and
/// one that gets it 0.8 s later, or with one of the two. The nodes are given by these delays.
fn outdated(delays: &[Duration]) -> Duration {
    let mut world = World::of(&Config::of_nodes(delays.len()), CHAINS, chance());
    world.handle(Event::Tick);
    world.calm(10 * SECOND);
    let mut sum = Duration::ZERO;
    for _ in 0..200 {
        let job = world.coordinator.jobs().iter().next().cloned();
        let job = job.expect("there are jobs");
        let chain = job.chain();
        for node in &mut world.nodes {
            node.is_frozen = true;
        }
        let mut branch = world.nodes[0].chains[&chain].blocks.clone();
        let mined = world.now;
        let mut ended = None;
        for (at, node) in by_delay(delays) {
            while world.now < mined + at {
                world.calm(STEP);
                let lives = world.coordinator.jobs().contains(job.id);
                ended = ended.or((!lives).then_some(world.now));
            }
            if branch.len() == world.nodes[node].chains[&chain].blocks.len() {
                world.nodes[node].foreign_block(chain);
                branch.clone_from(&world.nodes[node].chains[&chain].blocks);
            } else {
                world.nodes[node].is_frozen = false;
                world.nodes[node].follow(chain, &branch);
                world.nodes[node].is_frozen = true;
            }
            world.calm(Duration::ZERO);
            let lives = world.coordinator.jobs().contains(job.id);
            ended = ended.or((!lives).then_some(world.now));
        }
        sum += ended.expect("all nodes have the block") - mined;
        world.calm(SECOND);
    }
    sum
}

/// Returns the numbers of the nodes in the order in which they get a block, and after what time.
fn by_delay(delays: &[Duration]) -> Vec<(Duration, usize)> {
    let mut order: Vec<_> = delays.iter().copied().zip(0..).collect();
    order.sort_unstable();
    order
}

#[test]
fn with_a_slow_node_work_is_as_fresh_as_with_the_faster_one_alone() {
    let (at_once, late) = (Duration::from_millis(100), Duration::from_millis(900));
    let faster = outdated(&[at_once]);
    assert_eq!((faster, outdated(&[late])), (200 * at_once, 200 * late));
    assert_eq!(outdated(&[late, at_once]), faster);
}

/// Returns the requests for work, and the jobs with the refreshed payloads of their chains, of ten
/// minutes with a block and a refreshed payload each second and a half.
fn requests(nodes: usize, shares_payloads: bool) -> (usize, usize) {
    let mut world = World::mining_with(nodes, shares_payloads);
    for node in &mut world.nodes {
        node.obeys_hints = true;
    }
    let before = (world.works, world.coordinator.counters().jobs);
    let mut refreshes = 0;
    for step in 0..400 {
        world.calm(SECOND);
        let chain = ChainId::new(step % CHAINS);
        world.nodes[nodes - 1].foreign_block(chain);
        world.gossip(nodes - 1, chain);
        world.calm(SECOND / 2);
        let chain = ChainId::new((step + CHAINS / 2) % CHAINS);
        refreshes += usize::from(world.coordinator.live.holds(chain));
        for node in 0..nodes {
            world.nodes[node].refresh(chain);
            world.deliver_all(NodeId(node));
        }
    }
    let jobs = world.coordinator.counters().jobs - before.1;
    let jobs = usize::try_from(jobs).expect("few");
    (world.works - before.0, jobs + refreshes)
}

#[test]
fn three_nodes_get_at_most_three_requests_for_work_per_job_and_refresh() {
    for shares_payloads in [false, true] {
        let (of_one, needs_of_one) = requests(1, shares_payloads);
        let (of_three, needs) = requests(3, shares_payloads);
        assert!(
            of_three <= 3 * needs,
            "{of_three} for {needs} jobs and refreshes; {of_one} for {needs_of_one} of one node"
        );
    }
}

#[test]
fn following_many_blocks_costs_one_request_for_32_of_them() {
    for is_evm in [false, true] {
        let mut world = World::of(&Config::of_nodes(1), CHAINS, chance());
        world.nodes[0].is_evm = is_evm;
        world.handle(Event::Tick);
        // 200 a second.
        for _ in 0..1000 {
            let job = world.coordinator.jobs().iter().next().cloned();
            if let Some(job) = job {
                let solution = world.solution_of(job);
                world.submit(solution);
            }
            world.calm(Duration::from_millis(5));
        }
        world.calm(Duration::from_mins(2));
        let taken = world.nodes[0].count(&world.ours);
        assert!(taken > 500, "{taken}");
        // A chain without new blocks has one more.
        let most = taken / 32 + world.nodes[0].chains.len();
        assert!(world.lookups <= most, "{} for {taken}", world.lookups);
        let blocks = world.coordinator.counters().blocks;
        assert_eq!((blocks.accepted, blocks.unknown), (taken as u64, 0));
    }
}
