//! A node whose answers have a heavy tail.

use std::time::Duration;

use super::World;

#[test]
fn slow_answers_of_the_serving_node_cost_no_hash() {
    let mut world = World::mining(2);
    for round in 0..100 {
        // One answer in ten is slow.
        let slowness = if round % 10 == 0 { 400 } else { 20 };
        world.nodes[0].slowness = Duration::from_millis(slowness);
        // The newest jobs, one after the other.
        for _ in 0..2 {
            let job = world.coordinator.jobs().iter().next();
            let chain = job.map(|job| job.chain()).expect("there are jobs");
            world.nodes[0].foreign_block(chain);
            world.gossip(1, chain);
            for _ in 0..10 {
                world.calm(Duration::from_millis(50));
                assert!(world.coordinator.jobs().iter().len() > 0);
            }
        }
    }
    assert_eq!(world.changes(), 0);
}
