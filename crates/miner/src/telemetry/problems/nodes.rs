//! Problems with a node: whether it is reached, issues work, reports updates and takes blocks.

use std::time::Duration;

use super::{all_work, exceeds, was};
use crate::job::{NodeId, Proof};
use crate::meter::Rate;
use crate::telemetry::Standing;
use crate::telemetry::event::{FailureCause, RequestKind};
use crate::telemetry::problem::{Kind, Problem, Severity};
use crate::telemetry::snapshot::{NodeFailure, NodeSnapshot, Snapshot};
use crate::timing::SKEW_TOLERATED;
use crate::units::About;

/// How long a request may fail before that is a problem, unless a person has to change something.
const FAILURE_PATIENCE: Duration = Duration::from_secs(10);
/// The number of blocks in a row too late or orphaned: of blocks that were hashed, and of those
/// that development workers make many of.
const LATE: (u32, u32) = (3, 10);
/// How long an event without an end, such as the rejection of a block, is a problem.
const LASTING: Duration = Duration::from_mins(30);

/// How often a node is lost in ten minutes before that is a problem, and below which it ends.
const LOSSES: (f64, f64) = (4.0, 2.0);

/// A kind of problem, what is wrong and what to do about it.
type Finding = (Kind, String, &'static str);

/// Returns the problems with the nodes. What follows from another problem is none of its own.
pub(super) fn problems(snapshot: &Snapshot, before: &[Problem]) -> Vec<Problem> {
    let nodes = &snapshot.nodes;
    let issuers: Vec<_> = nodes.iter().filter(|node| !node.is_submit_only).collect();
    let are_several = issuers.len() > 1;
    let are_gone = !are_several || issuers.iter().all(|node| is_gone(snapshot, node));
    let mut found = Vec::new();
    for (id, node) in (0..).map(NodeId).zip(nodes) {
        for (kind, what, remedy) in of_node(snapshot, id, node, before) {
            let is_stopped = kind <= Kind::BlocksLate && are_gone && !node.is_submit_only;
            found.push(problem(snapshot, (kind, what, remedy), is_stopped, [node]));
        }
    }
    if are_gone && are_several {
        let is_of_issuer = |problem: &Problem| {
            let mut names = issuers.iter().map(|node| &node.address);
            names.any(|name| problem.subjects.contains(name))
        };
        let is_reached = |problem: &Problem| problem.kind != Kind::NodeDown;
        let mut of_issuers = found.iter().filter(|problem| is_of_issuer(problem));
        let is_any_reached = of_issuers.any(is_reached);
        if !is_any_reached {
            // One sentence says it all.
            found.retain(|problem| !is_of_issuer(problem));
        }
        let finding = all_gone(issuers.len(), is_any_reached);
        found.push(problem(snapshot, finding, true, issuers));
    }
    found
}

fn problem<'a>(
    snapshot: &Snapshot,
    (kind, what, remedy): Finding,
    is_stopped: bool,
    nodes: impl IntoIterator<Item = &'a NodeSnapshot>,
) -> Problem {
    let severity = if is_stopped {
        Severity::Stopped
    } else {
        Severity::Losing
    };
    let lost = all_work(snapshot).filter(|_| is_stopped);
    let mut subjects: Vec<_> = nodes.into_iter().map(|node| node.address.clone()).collect();
    subjects.sort_unstable();
    let problem = Problem::new(kind, severity, subjects);
    problem.says(what, remedy).costs(lost)
}

/// Returns the problems with a node.
fn of_node(
    snapshot: &Snapshot,
    id: NodeId,
    node: &NodeSnapshot,
    before: &[Problem],
) -> Vec<Finding> {
    if let Some(finding) = without_work(snapshot, node) {
        return vec![finding];
    }
    blocks(snapshot, node)
        .into_iter()
        .chain(among_others(snapshot, id, node))
        .chain(network(node, before))
        .chain(streams(snapshot, node))
        .chain(flapping(snapshot, node, before))
        .collect()
}

/// Whether nothing can be mined of a node.
fn is_gone(snapshot: &Snapshot, node: &NodeSnapshot) -> bool {
    let is_set_aside = matches!(
        node.standing,
        Standing::Behind | Standing::Forked | Standing::OtherNetwork
    );
    is_set_aside || without_work(snapshot, node).is_some()
}

/// Returns what is wrong if none of several nodes is of use.
fn all_gone(count: usize, is_any_reached: bool) -> Finding {
    let (what, remedy) = if is_any_reached {
        (
            format!("None of the {count} nodes is of use at present."),
            "Mend the node that is easiest to mend: the next problems are those of each.",
        )
    } else {
        (
            format!("None of the {count} nodes can be reached."),
            "Look at the network between them and this machine, and start the nodes that are down.",
        )
    };
    (Kind::AllNodesGone, what, remedy)
}

/// Returns the failure of a kind of request if it is a problem by now.
fn failure<'a>(
    snapshot: &Snapshot,
    node: &'a NodeSnapshot,
    request: RequestKind,
) -> Option<&'a NodeFailure> {
    node.failures.get(&request).filter(|failure| {
        let is_for_a_person = failure.cause == FailureCause::Misconfigured;
        let time = snapshot.at.saturating_duration_since(failure.since);
        is_for_a_person || time >= FAILURE_PATIENCE
    })
}

/// Returns why the node issues no work of use.
fn without_work(snapshot: &Snapshot, node: &NodeSnapshot) -> Option<Finding> {
    let name = &node.address;
    for request in [RequestKind::Info, RequestKind::Work] {
        if let Some(failure) = failure(snapshot, node, request) {
            return Some(unreached(request, failure.cause, name));
        }
    }
    let since = node.faults.standing_since;
    let is_mute = node.standing == Standing::Unreachable
        && since.is_some_and(|at| snapshot.at.saturating_duration_since(at) >= FAILURE_PATIENCE);
    if is_mute {
        return Some(unreached(RequestKind::Work, FailureCause::NoAnswer, name));
    }
    let finding = match node.faults.rejects_all? {
        Proof::None => (
            Kind::PowRequired,
            format!("Node {name} takes only blocks with proof of work, and this worker does none."),
            "Start the node of a development network with --disable-pow, or mine with --worker cpu \
             or stratum.",
        ),
        Proof::Verified => (
            Kind::OtherRules,
            format!("Node {name} refuses every proof of work: its network has other rules."),
            "Set --node to a node of a network with Kadena's proof of work, or mine on this one \
             with its own client.",
        ),
    };
    Some(finding)
}

/// Returns why blocks are lost.
fn blocks(snapshot: &Snapshot, node: &NodeSnapshot) -> Vec<Finding> {
    let (name, faults) = (&node.address, &node.faults);
    let mut found = Vec::new();
    let many = match snapshot.hashing.present {
        Rate::Hashed(_) | Rate::Unknown => LATE.0,
        Rate::Simulated(_) | Rate::None => LATE.1,
    };
    let late = faults.late_blocks;
    if late >= many {
        found.push((
            Kind::BlocksLate,
            format!("The last {late} blocks on node {name} came too late or were orphaned."),
            "Compare the height of the node with another node's, and measure the way to it with \
             the command doctor.",
        ));
    }
    let is_recent = |at| snapshot.at.saturating_duration_since(at) < LASTING;
    if let Some((_, error)) = faults.rejected.as_ref().filter(|(at, _)| is_recent(*at)) {
        found.push((
            Kind::BlocksRejected,
            format!("Node {name} rejected a block: {error}."),
            "Check with the command doctor that the node is on the network that you mean; the log \
             has the block's header.",
        ));
    }
    if faults.submission_failing {
        let count = snapshot.counters.solutions_open;
        found.push((
            Kind::BlocksWaiting,
            format!("Solved blocks wait for node {name} to take them: {count}."),
            "Look at the node: it takes a block within five minutes of its work, or never.",
        ));
    }
    if faults.payloads_unknown.is_some_and(is_recent) {
        found.push((
            Kind::SeveralNodes,
            format!("Several nodes answer at {name}, and blocks reach the wrong one."),
            "Make the load balancer sticky, or set --node to one of the nodes behind it.",
        ));
    }
    found
}

/// Returns what is wrong with the network and the clock of the node.
fn network(node: &NodeSnapshot, before: &[Problem]) -> Vec<Finding> {
    let name = &node.address;
    let mut found = Vec::new();
    if let Some((network, from)) = node
        .network
        .as_ref()
        .zip(node.faults.network_before.as_ref())
    {
        let now = &network.version;
        found.push((
            Kind::OtherNetwork,
            format!("Node {name} serves the network {now}, not {from} as before."),
            "Set --node to a node of the network that you mean, or restart this program.",
        ));
    }
    let tolerated = if was(before, Kind::ClockOff, Some(name)) {
        SKEW_TOLERATED / 2
    } else {
        SKEW_TOLERATED
    };
    if let Some(skew) = node.clock_skew.filter(|skew| skew.exceeds(tolerated)) {
        let side = if skew.seconds() > 0.0 {
            "ahead"
        } else {
            "behind"
        };
        let time = About::seconds(skew.seconds().abs());
        found.push((
            Kind::ClockOff,
            format!(
                "The clock of node {name} is {time} {side}: the network may refuse its blocks."
            ),
            "Set the clocks of the node and of this machine by NTP.",
        ));
    }
    found
}

/// Returns what the comparison with the other nodes shows.
fn among_others(snapshot: &Snapshot, id: NodeId, node: &NodeSnapshot) -> Option<Finding> {
    let name = &node.address;
    match node.standing {
        Standing::OtherNetwork => Some((
            Kind::OtherNetwork,
            format!("Node {name} serves another network than the other nodes: it is not used."),
            "Leave it out of --node, or set --node to nodes of one network.",
        )),
        Standing::Forked => Some((
            Kind::NodeForked,
            format!("Node {name} is on a fork: its blocks differ from those of the other nodes."),
            "Look at its peers and its log; it is used again when it has the blocks of the others.",
        )),
        Standing::Behind => {
            let blocks = match snapshot.lag_blocks(id) {
                Some(1) => "a block ".to_owned(),
                Some(lag) if lag > 0 => format!("{lag} blocks "),
                _ => String::new(),
            };
            Some((
                Kind::NodeBehind,
                format!("Node {name} is {blocks}behind the other nodes: it is not used."),
                "Look at its peers, its disk and its load; it is used again when it has caught up.",
            ))
        }
        _ => None,
    }
}

/// Returns whether the node comes and goes.
fn flapping(snapshot: &Snapshot, node: &NodeSnapshot, before: &[Problem]) -> Option<Finding> {
    let (name, losses) = (&node.address, node.faults.losses(snapshot.at));
    let was = was(before, Kind::NodeFlapping, Some(name));
    exceeds(losses as f64, LOSSES, was).then(|| {
        (
            Kind::NodeFlapping,
            format!("Node {name} comes and goes: it was lost {losses} times in ten minutes."),
            "Look at its log, its load and the network to it; until it stays, the others serve.",
        )
    })
}

/// Returns what is wrong with the update streams.
fn streams(snapshot: &Snapshot, node: &NodeSnapshot) -> Option<Finding> {
    let name = &node.address;
    if node.faults.updates_silent {
        return Some((
            Kind::StreamsSilent,
            format!("Node {name} reports no new blocks, so work is outdated for longer."),
            "A proxy before the node may hold its streams back: in nginx, set proxy_buffering off \
             for /chainweb/.",
        ));
    }
    failure(snapshot, node, RequestKind::Updates).map(|_| {
        (
            Kind::StreamsRefused,
            format!("Node {name} opens no update streams, so work is outdated for longer."),
            "Let all paths that begin with /chainweb/ through to the node, and start it with \
             --enable-mining-coordination.",
        )
    })
}

/// Returns why a node is not reached, or issues no work.
fn unreached(request: RequestKind, cause: FailureCause, name: &str) -> Finding {
    let (kind, what, remedy) = match cause {
        FailureCause::Unreachable => (
            Kind::NodeDown,
            "cannot be reached.",
            "Start the node, and check the address and port in --node (1848 by default).",
        ),
        FailureCause::NoAnswer => (
            Kind::NodeDown,
            "does not answer.",
            "Look at the node, and at the network in between.",
        ),
        FailureCause::Tls => (
            Kind::NodeTls,
            "cannot be reached by TLS.",
            "Check http or https in --node, and the node's certificate: the command doctor says \
             what is wrong with it.",
        ),
        FailureCause::Proxy => (
            Kind::ProxyInTheWay,
            "cannot be reached through the proxy of this machine's environment.",
            "List the node's host in no_proxy, or let the proxy connect to it.",
        ),
        FailureCause::Foreign => (
            Kind::ProxyInTheWay,
            "does not answer itself: a proxy, firewall or login page does.",
            "Let requests to the node pass unchanged, or use an address that bypasses it.",
        ),
        FailureCause::NotServed if request == RequestKind::Info => (
            Kind::NotANode,
            "does not answer as the service API of a chainweb node.",
            "Set --node to the service port of the node (1848 by default).",
        ),
        FailureCause::Malformed => (
            Kind::NotANode,
            "does not answer as a chainweb node.",
            "Check the address and port in --node with the command doctor.",
        ),
        FailureCause::NotServed => (
            Kind::MiningDisabled,
            "does not issue work to miners.",
            "Start the node with --enable-mining-coordination.",
        ),
        FailureCause::Misconfigured => (
            Kind::KeyRefused,
            "refuses to mine for your key.",
            "Start the node with --mining-public-key and your key, or set --public-key and \
             --account to those of the node.",
        ),
        FailureCause::Refused => (
            Kind::NoWork,
            "issues no work.",
            "Look at the node's log: it may be starting, or overloaded.",
        ),
    };
    (kind, format!("Node {name} {what}"), remedy)
}
