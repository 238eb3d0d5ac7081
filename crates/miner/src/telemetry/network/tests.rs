//! Jobs of a network whose chains become known one by one.

use std::collections::BTreeSet;

use chainweb::{ChainId, Difficulty};
use node::Info;

use super::NetworkWatch;
use crate::job::{JobId, NodeId};
use crate::telemetry::event::{Event, JobEvent, JobRef, NodeEvent};

const NODE: NodeId = NodeId(0);

fn info(chains: u32) -> Info {
    Info {
        version: "development".parse().expect("a version"),
        chains: (0..chains).map(ChainId::new).collect::<BTreeSet<_>>(),
        graph: None,
        block_delay: None,
        package_version: None,
        fork_number: None,
        is_evm: false,
    }
}

fn received(chain: u32, height: u64, hashes: u128) -> Event {
    let job = JobRef {
        id: JobId(1),
        node: NODE,
        chain: ChainId::new(chain),
        height,
    };
    let event = JobEvent::Received {
        difficulty: Difficulty::from_u128(hashes),
        watched: true,
    };
    Event::Job(job, event)
}

fn total(watch: &NetworkWatch) -> Option<f64> {
    watch.rates()?.total().map(|rate| rate.0)
}

#[test]
fn the_total_is_known_once_each_chain_had_a_job() {
    let mut watch = NetworkWatch::default();
    watch.note(&received(0, 5, 3000));
    assert_eq!(watch.rates(), None);
    watch.identified(&info(2));
    assert_eq!(total(&watch), None);
    watch.note(&received(1, 5, 6000));
    assert_eq!(total(&watch), Some(300.0));
    // The difficulty of an earlier block is no news.
    watch.note(&received(1, 4, 9000));
    watch.note(&received(0, 5, 6000));
    assert_eq!(total(&watch), Some(400.0));
}

#[test]
fn another_network_and_a_reset_make_all_unknown() {
    let version = info(1).version;
    let reset = NodeEvent::NetworkReset {
        version: version.clone(),
        chain: ChainId::new(0),
        from: 5,
        to: 1,
    };
    let changed = NodeEvent::NetworkChanged {
        from: version.clone(),
        version,
        chains: 1,
    };
    let mut watch = NetworkWatch::default();
    for event in [reset, changed] {
        watch.identified(&info(1));
        watch.note(&received(0, 5, 3000));
        assert_eq!(total(&watch), Some(100.0));
        watch.note(&Event::Node(NODE, event));
        assert_eq!(watch.rates(), None);
    }
    watch.note(&received(0, 5, 3000));
    watch.identified(&info(3));
    assert_eq!(watch.rates(), None);
}
