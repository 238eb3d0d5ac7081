//! The log: each event as one line with a constant message and its data in fields.
//!
//! Levels: error if a person has to act, warn for faults the program works around, info for the
//! life of the program and of blocks, debug for jobs.
//!
//! Fields are for machines: `event` is a stable name, and the name of a number contains its unit.
//! The formatter of plain lines omits `event` and writes numbers with their unit.

mod block;
mod health;

use std::time::{Duration, Instant};

use stratum::WorkerName;
use tracing::{debug, error, info, warn};

use self::block::log_block;
use self::health::{log_choice, log_health, log_updates_refused};
use super::blocks::{BlockLog, Lines, Summary};
use super::counters::Counters;
use super::event::{
    DeviceChange, Event, FailureCause, JobEvent, JobRef, NodeEvent, RefreshOutcome, RequestKind,
    SolutionDiscarded, Unfinished,
};
use super::snapshot::{NodeSnapshot, Payee, Program};
use crate::job::Proof;
use crate::units::{list, variant};

/// The remedy against a load balancer that leads work and its solution to different nodes.
const STICKY: &str = "make the load balancer sticky (ip_hash in nginx, balance source in \
    haproxy), or set --node to one of the nodes behind it";
/// What to do about a node that requires proof of work.
const ENABLE_NO_POW: &str = "the workers simulation, constant-delay and on-demand do none: start \
    the node of a development network with --disable-pow (DISABLE_POW_VALIDATION has no effect \
    since chainweb-node 2.19.2), or mine with --worker cpu or stratum";

/// What to do about a node that refuses verified proof of work.
const OTHER_RULES: &str = "set --node to a node of a network with Kadena's proof of work, or mine \
    on this one with its own client (docs/networks.md); if the network is right, something on the \
    way to the node changes solutions";

/// Writes events to the log.
#[derive(Debug)]
pub(super) struct Log {
    blocks: BlockLog,
}

impl Log {
    pub(super) fn new(now: Instant, proof: Proof) -> Self {
        Self {
            blocks: BlockLog::new(now, proof),
        }
    }

    /// Logs an event.
    pub(super) fn event(
        &mut self,
        now: Instant,
        event: &Event,
        program: &Program,
        nodes: &[NodeSnapshot],
    ) {
        match event {
            Event::Block(block, event) => {
                let lines = self.blocks.lines(now, event);
                if lines == Lines::TooMany {
                    info!(
                        event = "blocks_summarized",
                        "more than one block a second: from now on a summary once a minute"
                    );
                }
                log_block(block, event, lines);
            }
            _ => log_event(event, program, nodes),
        }
    }

    /// Logs the summary of blocks when it is due. To be called about once a second.
    pub(super) fn tick(&mut self, now: Instant, counters: &Counters) {
        if let Some(summary) = self.blocks.due(now, counters, false) {
            log_summary(&summary);
        }
    }

    /// Logs the rest of the summary of blocks.
    pub(super) fn finish(&mut self, now: Instant, counters: &Counters) {
        if let Some(summary) = self.blocks.due(now, counters, true) {
            log_summary(&summary);
        }
    }
}

/// Logs an event, of each block with a line of its own.
pub fn log_event(event: &Event, program: &Program, nodes: &[NodeSnapshot]) {
    match event {
        Event::MiningStarted { node } => log_start(program, &nodes[node.0]),
        Event::Block(block, event) => log_block(block, event, Lines::Each),
        other => log_other(other, nodes),
    }
}

fn log_start(program: &Program, node: &NodeSnapshot) {
    let (message, account) = match &program.payee {
        Payee::Account(account) => ("mining for", Some(account)),
        Payee::NoKey | Payee::Simulated => ("mining", None),
    };
    info!(
        event = "mining_started",
        account,
        node = node.address,
        network = node
            .network
            .as_ref()
            .map(|network| display(&network.version)),
        version = program.version,
        "{message}"
    );
}

fn log_summary(summary: &Summary) {
    info!(
        event = "blocks_summary",
        made = summary.totals.made,
        accepted = summary.totals.accepted,
        orphaned = summary.totals.orphaned,
        rejected = summary.totals.rejected,
        stale = summary.totals.stale,
        time_seconds = summary.time.as_secs_f64(),
        "summary of blocks"
    );
    if summary.is_last {
        info!(
            event = "blocks_each",
            "fewer than one block a second: each is logged again"
        );
    }
}

fn log_devices(change: DeviceChange, names: &[WorkerName]) {
    const LISTED: usize = 3;
    let listed = names.iter().take(LISTED).map(WorkerName::as_str);
    let mut devices = listed.collect::<Vec<_>>().join(", ");
    if names.len() > LISTED {
        devices += ", …";
    }
    let count = names.len();
    let subject = if count == 1 { "device" } else { "devices" };
    let (event, news) = match change {
        DeviceChange::Connected => ("devices_connected", "connected"),
        DeviceChange::Disconnected => ("devices_disconnected", "disconnected"),
        DeviceChange::Silent => ("devices_silent", "connected, but sending no shares"),
        DeviceChange::Resumed => ("devices_resumed", "sending shares again"),
    };
    match change {
        DeviceChange::Connected | DeviceChange::Resumed => {
            info!(event, count, devices, "{subject} {news}");
        }
        DeviceChange::Disconnected | DeviceChange::Silent => {
            warn!(event, count, devices, "{subject} {news}");
        }
    }
}

fn log_unfinished(what: &Unfinished) {
    match what {
        Unfinished::Submission {
            block,
            header,
            is_kept,
        } => {
            let message = if *is_kept {
                "block could not be submitted before the end: the next start submits it"
            } else {
                "block could not be submitted before the end"
            };
            warn!(
                event = "unfinished",
                chain = block.chain.get(),
                height = block.height,
                header = header.to_hex(),
                "{message}"
            );
        }
        Unfinished::Lookups => info!(
            event = "unfinished",
            "the last blocks could not be looked up before the end"
        ),
        Unfinished::Worker => warn!(event = "unfinished", "the worker did not end in time"),
    }
}

/// Logs an event that is neither of a block nor of the start.
fn log_other(event: &Event, nodes: &[NodeSnapshot]) {
    match event {
        Event::MiningStarted { .. } | Event::Block(..) => {}
        Event::Connecting { node } => {
            info!(
                event = "connecting",
                node = nodes[node.0].address,
                "connecting"
            );
        }
        Event::NodeChosen { .. } => log_choice(event, nodes),
        Event::NoPublicKey { node } => warn!(
            event = "no_public_key",
            node = nodes[node.0].address,
            "no --public-key: blocks will be paid to no one"
        ),
        Event::Unfinished(what) => log_unfinished(what),
        Event::Node(id, event) => log_node(&nodes[id.0].address, event),
        Event::Job(job, event) => log_job(job, event),
        Event::Devices(change, names) => log_devices(*change, names),
        Event::WorkDiscarded {
            node,
            chain,
            height,
            reason,
        } => debug!(
            event = "work_discarded",
            node = nodes[node.0].address,
            chain = chain.get(),
            height,
            reason = variant(reason),
            "discarding work"
        ),
        Event::SolutionDiscarded {
            job,
            found_by,
            nonce,
            creation_time,
            reason,
        } => {
            macro_rules! line {
                ($level:ident) => {
                    $level!(
                        event = "solution_discarded",
                        job = job.id.0,
                        chain = job.chain.get(),
                        height = job.height,
                        device = found_by.as_deref(),
                        %nonce,
                        creation_time_us = creation_time.as_micros(),
                        reason = variant(reason),
                        "discarding solution from worker"
                    )
                };
            }
            match reason {
                // The worker is defective.
                SolutionDiscarded::TargetMissed | SolutionDiscarded::TimeOutOfRange => line!(error),
                SolutionDiscarded::NetworkChanged => line!(warn),
                SolutionDiscarded::Duplicate | SolutionDiscarded::PowRequired => line!(debug),
            }
        }
        Event::TrackerFull { limit } => warn!(
            event = "tracker_full",
            limit, "too many unconfirmed blocks: no longer tracking the oldest"
        ),
        Event::BlocksRestored { .. } | Event::BlockLost { .. } | Event::BlockForgotten { .. } => {
            log_earlier(event);
        }
        Event::TrackerRecovered { dropped } => info!(
            event = "tracker_recovered",
            dropped, "tracking all new blocks again"
        ),
    }
}

/// Logs an event about blocks of earlier runs.
fn log_earlier(event: &Event) {
    match event {
        Event::BlocksRestored {
            submitted,
            looked_up,
        } => info!(
            event = "blocks_restored",
            submitted, looked_up, "submitting or looking up blocks of earlier runs"
        ),
        Event::BlockLost { network, header } => warn!(
            event = "block_lost",
            network,
            chain = header.chain().get(),
            height = header.height(),
            header = header.to_hex(),
            "block of an earlier run is lost: no node took it in time"
        ),
        Event::BlockForgotten { network, header } => info!(
            event = "block_untracked",
            network,
            chain = header.chain().get(),
            height = header.height(),
            reason = "too_old",
            "block of an earlier run is too old to be looked up"
        ),
        _ => {}
    }
}

fn log_node(node: &str, event: &NodeEvent) {
    match event {
        NodeEvent::RequestFailed {
            request,
            cause,
            error,
            retry_in,
        } => log_failure(node, (*request, *cause), error, *retry_in),
        NodeEvent::RequestRecovered { request, after } => {
            let after_seconds = after.as_secs_f64();
            let message = match request {
                RequestKind::Info => "node answers again",
                RequestKind::Work => "node issues work again",
                RequestKind::Cut => "cut requests succeed again",
                RequestKind::Updates => "update streams are open again",
            };
            let request = variant(request);
            info!(
                event = "requests_recovered",
                node, request, after_seconds, "{message}"
            );
        }
        NodeEvent::NetworkIdentified { version, chains } => {
            info!(event = "network_identified", node, network = %version, chains, "connected to network");
        }
        NodeEvent::NetworkChanged {
            from,
            version,
            chains,
        } => warn!(
            event = "network_changed", node, network = %version, chains, before = %from,
            "node serves another network now"
        ),
        NodeEvent::NetworkReset {
            version,
            chain,
            from,
            to,
        } => warn!(
            event = "network_reset", node, network = %version, chain = chain.get(), height = to,
            before = from,
            "network was reset: it starts again at its genesis"
        ),
        NodeEvent::PayloadsUnknown { times } => warn!(
            event = "payloads_unknown",
            node,
            times,
            fix = STICKY,
            "node does not know its own fresh work: several nodes answer at this address"
        ),
        NodeEvent::LookupFailed { chain, error } => debug!(
            event = "lookup_failed",
            node,
            chain = chain.get(),
            %error,
            "could not look up blocks"
        ),
        NodeEvent::CutNotServed => warn!(
            event = "cut_not_served",
            node,
            fix = "let all paths that begin with /chainweb/ through to the node",
            "node does not serve /cut: whether blocks are accepted cannot be checked"
        ),
        other => log_proofs(node, other),
    }
}

/// Logs an event about the proof of work that a node takes, or another one.
fn log_proofs(node: &str, event: &NodeEvent) {
    match event {
        NodeEvent::PowRequired { error, retry_in } => error!(
            event = "pow_required",
            node,
            %error,
            retry_in_seconds = retry_in.as_secs_f64(),
            fix = ENABLE_NO_POW,
            "node requires proof of work"
        ),
        NodeEvent::PowNotRequired => info!(
            event = "pow_not_required",
            node, "node accepts blocks without proof of work now"
        ),
        NodeEvent::ProofsRefused { error, retry_in } => error!(
            event = "proofs_refused",
            node,
            %error,
            retry_in_seconds = retry_in.as_secs_f64(),
            fix = OTHER_RULES,
            "node refuses verified proof of work: its network has other rules"
        ),
        NodeEvent::ProofsAccepted => info!(
            event = "proofs_accepted",
            node, "node accepts proof of work now"
        ),
        other => log_health(node, other),
    }
}

fn log_failure(
    node: &str,
    (request, cause): (RequestKind, FailureCause),
    error: &str,
    retry_in: Option<Duration>,
) {
    let message = match (request, cause) {
        (RequestKind::Updates, cause) => return log_updates_refused(node, cause, error),
        (_, FailureCause::Proxy) => "a proxy of the environment does not lead to the node",
        (RequestKind::Info, FailureCause::Unreachable) => {
            "node unreachable: is it running, and is this its service port?"
        }
        (RequestKind::Info, FailureCause::Tls) => "no TLS connection to the node",
        (RequestKind::Info, _) => "could not read /info",
        (RequestKind::Work, FailureCause::Misconfigured) => "node refuses to issue work",
        (RequestKind::Work, _) => "could not fetch work",
        (RequestKind::Cut, _) => "could not fetch the cut",
    };
    let (request, retry_in_seconds) = (variant(request), retry_in.map(|pause| pause.as_secs_f64()));
    warn!(
        event = "requests_failed",
        node, request, %error, retry_in_seconds, "{message}"
    );
}

fn log_job(job: &JobRef, event: &JobEvent) {
    let (mut difficulty, mut watched, mut reason, mut outdated) = (None, None, None, None);
    let (name, message) = match event {
        JobEvent::Received {
            difficulty: hashes,
            watched: is_watched,
        } => {
            (difficulty, watched) = (Some(hashes.as_f64()), Some(is_watched));
            ("job_received", "new job")
        }
        JobEvent::Confirmed => ("job_confirmed", "node issued the same work again"),
        JobEvent::Retired { reason: why } => {
            reason = Some(variant(why));
            ("job_retired", "job retired")
        }
        JobEvent::Refreshed(RefreshOutcome::Preempted { outdated: time }) => {
            outdated = Some(time.as_secs_f64());
            ("job_refreshed", "payload refresh preempts the job")
        }
        JobEvent::Refreshed(RefreshOutcome::Identical) => {
            ("job_refreshed", "payload refresh changes nothing")
        }
    };
    debug!(
        event = name,
        job = job.id.0,
        chain = job.chain.get(),
        height = job.height,
        difficulty,
        watched,
        reason,
        outdated_seconds = outdated,
        "{message}"
    );
}
