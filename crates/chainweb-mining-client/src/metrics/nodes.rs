//! The metrics of nodes.

use miner::job::NodeId;
use miner::telemetry::counters::NodeCounts;
use miner::telemetry::event::FailureCause;
use miner::telemetry::snapshot::NodeSnapshot;
use miner::telemetry::{Snapshot, Standing};

use super::{Facts, Metric, Sample, metric};

/// The bounds of durations of requests, in milliseconds.
const DURATIONS: [u64; 7] = [5, 20, 100, 500, 2_000, 10_000, 50_000];

pub(super) static METRICS: &[Metric] = &[
    metric(
        "node_up",
        &["node"],
        "Whether the node is known and answers requests for `/info` and work (1) or not (0)",
        "Alert if it is 0 for a minute.",
        |facts| of_nodes(facts, |node, _| Some(f64::from(node.is_up()))),
    ),
    metric(
        "node_serving",
        &["node"],
        "Whether the node issues the work (1), or another one does (0)",
        "How often it changes says how reliable the preferred node is.",
        |facts| of_nodes(facts, |node, _| Some(f64::from(node.is_serving))),
    ),
    metric(
        "node_standing",
        &["node", "standing"],
        "Whether the node has this standing (1) or not (0), where there are several nodes",
        "The standings are those of [several nodes](nodes.md#what-happens-with-them). Alert if \
         `behind`, `forked` or `other_network` lasts for a minute.",
        |facts| standings(&facts.snapshot),
    ),
    metric(
        "node_lag_blocks",
        &["node"],
        "Blocks by which the node is behind the highest one, in all chains together, where there \
         are several nodes, apart from those on a fork or of another network",
        "A few come and go with each block; a node that lags for long is slow or badly connected.",
        |facts| {
            let nodes = (0..).map(NodeId).zip(&facts.snapshot.nodes);
            let lags = nodes.filter_map(|(id, node)| {
                let lag = facts.snapshot.lag_blocks(id)?;
                Some(Sample::new([&*node.address], lag as f64))
            });
            lags.collect()
        },
    ),
    metric(
        "node_losses_total",
        &["node"],
        "How often one of several nodes was lost: it was no longer ready, or did not answer any \
         more",
        "Alert if it rises by four in ten minutes: the node comes and goes.",
        |facts| of_nodes(facts, |node, _| Some(node.faults.lost as f64)),
    ),
    metric(
        "node_request_duration_seconds",
        &["node", "op", "result"],
        "Durations of requests by operation; the result is `ok` or the kind of failure",
        "The operations are `info`, `work`, `cut`, `ancestors` and `submit`. A node without work \
         holds a request for it, which counts.",
        |facts| facts.snapshot.nodes.iter().flat_map(requests).collect(),
    ),
    metric(
        "node_connections_opened_total",
        &["node"],
        "Connections opened to the node, for requests and update streams",
        "A fast rise: something between here and the node closes connections.",
        |facts| of_nodes(facts, |node, _| Some(node.connections_opened as f64)),
    ),
    metric(
        "node_cut_height",
        &["node"],
        "The sum of the heights of all chains, as the last cut and works since then show them",
        "A node that stands still is cut off from the network.",
        |facts| {
            of_nodes(facts, |_, counts| {
                counts.cut_height.map(|height| height as f64)
            })
        },
    ),
    metric(
        "node_clock_skew_seconds",
        &["node"],
        "The clock of the node minus that of this machine, to about half a second",
        "Alert beyond 5 seconds: creation times of blocks follow the clock of the node.",
        |facts| of_nodes(facts, |node, _| node.clock_skew.map(|skew| skew.seconds())),
    ),
    metric(
        "node_streams_open",
        &["node"],
        "Open update streams",
        "One a chain, if all is well.",
        |facts| of_nodes(facts, |_, counts| Some(counts.streams_open as f64)),
    ),
    metric(
        "node_first_event_total",
        &["node"],
        "Jobs that this node was the first to outdate, by its update stream or its cut",
        "With several nodes, the one that reports blocks first.",
        |facts| of_nodes(facts, |_, counts| Some(counts.first_events as f64)),
    ),
    metric(
        "node_used_total",
        &["node"],
        "Jobs made of work of this node",
        "",
        |facts| of_nodes(facts, |_, counts| Some(counts.jobs as f64)),
    ),
    metric(
        "node_blocks_taken_total",
        &["node"],
        "Blocks of ours that this node was the first to take",
        "",
        |facts| of_nodes(facts, |_, counts| Some(counts.blocks_taken as f64)),
    ),
];

/// Returns each standing of each of several nodes.
fn standings(snapshot: &Snapshot) -> Vec<Sample<'_>> {
    let nodes = snapshot.nodes.iter().filter(|_| snapshot.nodes.len() > 1);
    let samples = nodes.flat_map(|node| {
        Standing::ALL.map(|standing| {
            let labels = [&*node.address, standing.name()];
            Sample::new(labels, f64::from(standing == node.standing))
        })
    });
    samples.collect()
}

/// Returns a value of each node that has one.
fn of_nodes(
    facts: &Facts,
    value: impl Fn(&NodeSnapshot, &NodeCounts) -> Option<f64>,
) -> Vec<Sample<'_>> {
    let nodes = facts
        .snapshot
        .nodes
        .iter()
        .zip(&facts.snapshot.counters.nodes);
    let samples = nodes.filter_map(|(node, counts)| {
        let value = value(node, counts)?;
        Some(Sample::new([&*node.address], value))
    });
    samples.collect()
}

fn requests(node: &NodeSnapshot) -> impl Iterator<Item = Sample<'_>> {
    node.requests.iter().map(|((operation, failed), times)| {
        let result = failed.map_or("ok", FailureCause::name);
        Sample::times(
            [&*node.address, operation.name(), result],
            times,
            &DURATIONS,
        )
    })
}
