//! The log: each event as one line with a constant message and its data in fields.
//!
//! Levels: error if a person has to act, warn for faults the program works around, info for the
//! life of the program and of blocks, debug for jobs.
//!
//! Fields are for machines: `event` is a stable name, and the name of a number contains its unit.
//! The formatter of plain lines omits `event` and writes numbers with their unit.

use std::time::{Duration, Instant};

use stratum::WorkerName;
use tracing::field::display;
use tracing::{debug, error, info, warn};

use super::blocks::{BlockLog, BlockTotals, Lines};
use super::event::{
    BlockEvent, BlockRef, DeviceChange, Event, FailureCause, JobEvent, JobRef, NodeEvent,
    RefreshOutcome, RequestKind, Retirement, SolutionDiscarded, Untracked, WorkDiscarded,
};
use super::snapshot::{NodeSnapshot, Payee, Program};
use crate::job::Proof;

/// What to do about a node that requires proof of work.
const ENABLE_NO_POW: &str = "the workers simulation, constant-delay and on-demand do none: start \
    the node of a development network with --disable-pow (DISABLE_POW_VALIDATION has no effect \
    since chainweb-node 2.19.2), or mine with --worker cpu or stratum";

/// A line about a block.
macro_rules! block_line {
    ($level:ident, $block:ident, $event:literal, $message:literal $(, $field:ident = $value:expr)*) => {
        $level!(
            event = $event,
            chain = $block.chain.get(),
            height = $block.height,
            block = $block.hash.map(display),
            $($field = $value,)*
            $message
        )
    };
}

/// A line about a block at info, or at debug where blocks are summed.
macro_rules! block_news {
    ($lines:ident, $block:ident, $event:literal, $message:literal $(, $field:ident = $value:expr)*) => {
        match $lines {
            Lines::Each => block_line!(info, $block, $event, $message $(, $field = $value)*),
            Lines::TooMany | Lines::Summed => {
                block_line!(debug, $block, $event, $message $(, $field = $value)*);
            }
        }
    };
}

/// A line about a job.
macro_rules! job_line {
    ($level:ident, $job:ident, $event:literal, $message:literal $(, $field:ident = $value:expr)*) => {
        $level!(
            event = $event,
            job = $job.id.0,
            chain = $job.chain.get(),
            height = $job.height,
            $($field = $value,)*
            $message
        )
    };
}

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
        self.tick(now);
        match event {
            Event::MiningStarted { node } => log_start(program, &nodes[node.0]),
            Event::NoPublicKey { node } => warn!(
                event = "no_public_key",
                node = nodes[node.0].address,
                "no --public-key: blocks will be paid to no one"
            ),
            Event::Block(block, event) => {
                let lines = self.blocks.count(now, event);
                if lines == Lines::TooMany {
                    info!(
                        event = "blocks_summarized",
                        "more than one block a second: from now on a summary once a minute"
                    );
                }
                log_block(block, event, lines);
            }
            other => log_other(other, nodes),
        }
    }

    /// Logs the summary of blocks when it is due. To be called at least once a second.
    pub(super) fn tick(&mut self, now: Instant) {
        if let Some((totals, time)) = self.blocks.due(now, false) {
            log_totals(totals, time);
        }
    }

    /// Logs the rest of the summary of blocks.
    pub(super) fn finish(&mut self, now: Instant) {
        if let Some((totals, time)) = self.blocks.due(now, true) {
            log_totals(totals, time);
        }
    }
}

fn log_start(program: &Program, node: &NodeSnapshot) {
    let account = match &program.payee {
        Payee::Account(account) => Some(short_account(account)),
        Payee::NoKey | Payee::Simulated => None,
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
        "mining"
    );
}

/// The account with the middle of a key left out: its ends are enough to recognise it.
fn short_account(account: &str) -> String {
    match account.strip_prefix("k:") {
        Some(key) if key.len() == 64 && key.is_ascii() => {
            format!("k:{}…{}", &key[..4], &key[60..])
        }
        _ => account.to_owned(),
    }
}

fn log_totals(totals: BlockTotals, time: Duration) {
    info!(
        event = "blocks_summary",
        blocks = totals.found,
        accepted = totals.accepted,
        blocks_orphaned = totals.orphaned,
        blocks_rejected = totals.rejected,
        blocks_stale = totals.stale,
        time_seconds = time.as_secs_f64(),
        "blocks made"
    );
}

fn log_devices(change: DeviceChange, names: &[WorkerName]) {
    const LISTED: usize = 3;
    let listed = names.iter().take(LISTED).map(WorkerName::as_str);
    let mut devices = listed.collect::<Vec<_>>().join(", ");
    if names.len() > LISTED {
        devices += ", …";
    }
    let count = (names.len() > 1).then_some(names.len());
    match change {
        DeviceChange::Connected => {
            info!(event = "devices_connected", count, devices, "connected");
        }
        DeviceChange::Disconnected => {
            warn!(
                event = "devices_disconnected",
                count, devices, "disconnected"
            );
        }
        DeviceChange::Silent => warn!(
            event = "devices_silent",
            count, devices, "connected, but no shares any more"
        ),
        DeviceChange::Resumed => {
            info!(
                event = "devices_resumed",
                count, devices, "sending shares again"
            );
        }
    }
}

/// Logs an event that is neither of a block nor of the start.
fn log_other(event: &Event, nodes: &[NodeSnapshot]) {
    match event {
        Event::MiningStarted { .. } | Event::NoPublicKey { .. } | Event::Block(..) => {}
        Event::Node(id, event) => log_node(&nodes[id.0].address, event),
        Event::Job(job, event) => log_job(job, event),
        Event::Devices(change, names) => log_devices(*change, names),
        Event::WorkDiscarded {
            node,
            chain,
            height,
            reason,
        } => {
            debug!(
                event = "work_discarded",
                node = nodes[node.0].address,
                chain = chain.get(),
                height,
                reason = discarded_work(*reason),
                "discarding work"
            );
        }
        Event::SolutionDiscarded {
            job,
            found_by,
            nonce,
            creation_time,
            reason,
        } => {
            let device = found_by.as_deref();
            let (nonce, time) = (display(nonce), creation_time.as_micros());
            match reason {
                SolutionDiscarded::TargetMissed => job_line!(
                    error,
                    job,
                    "solution_discarded",
                    "discarding invalid solution from worker",
                    device = device,
                    nonce = nonce,
                    creation_time_us = time,
                    reason = "its hash misses the target"
                ),
                SolutionDiscarded::TimeOutOfRange => job_line!(
                    error,
                    job,
                    "solution_discarded",
                    "discarding invalid solution from worker",
                    device = device,
                    nonce = nonce,
                    creation_time_us = time,
                    reason = "its creation time is not one of the job"
                ),
                SolutionDiscarded::NetworkChanged => job_line!(
                    warn,
                    job,
                    "solution_discarded",
                    "discarding solution: the node serves another network now",
                    device = device
                ),
                SolutionDiscarded::Duplicate => {
                    job_line!(
                        debug,
                        job,
                        "solution_discarded",
                        "discarding second solution of a job",
                        device = device
                    );
                }
                SolutionDiscarded::PowRequired => job_line!(
                    debug,
                    job,
                    "solution_discarded",
                    "discarding solution: the node requires proof of work",
                    device = device
                ),
            }
        }
        Event::TrackerFull { limit } => {
            warn!(
                event = "tracker_full",
                limit, "too many unconfirmed blocks: no longer tracking the oldest"
            );
        }
        Event::TrackerRecovered { dropped } => {
            info!(
                event = "tracker_recovered",
                dropped, "tracking all new blocks again"
            );
        }
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
            };
            let request = name(*request);
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
        NodeEvent::PowRequired { error, retry_in } => error!(
            event = "pow_required",
            node,
            error,
            retry_in_seconds = retry_in.as_secs_f64(),
            fix = ENABLE_NO_POW,
            "node requires proof of work"
        ),
        NodeEvent::PowNotRequired => info!(
            event = "pow_not_required",
            node, "node accepts blocks without proof of work now"
        ),
        NodeEvent::LookupFailed { chain, error } => debug!(
            event = "lookup_failed",
            node,
            chain = chain.get(),
            error,
            "could not look up blocks"
        ),
        NodeEvent::ClockSkew(skew) => warn!(
            event = "clock_skew",
            node,
            skew_seconds = skew.seconds(),
            "node clock differs from this machine's"
        ),
    }
}

fn log_failure(
    node: &str,
    (request, cause): (RequestKind, FailureCause),
    error: &str,
    retry_in: Duration,
) {
    let message = match (request, cause) {
        (RequestKind::Info, FailureCause::Unreachable) => {
            "node unreachable: is it running, and is this its service port?"
        }
        (RequestKind::Info, _) => "could not read /info",
        (RequestKind::Work, FailureCause::Misconfigured) => "node refuses to issue work",
        (RequestKind::Work, _) => "could not fetch work",
        (RequestKind::Cut, _) => "could not fetch the cut",
    };
    let (request, retry_in_seconds) = (name(request), retry_in.as_secs_f64());
    warn!(
        event = "requests_failed",
        node, request, error, retry_in_seconds, "{message}"
    );
}

fn name(request: RequestKind) -> &'static str {
    match request {
        RequestKind::Info => "info",
        RequestKind::Work => "work",
        RequestKind::Cut => "cut",
    }
}

fn log_job(job: &JobRef, event: &JobEvent) {
    match event {
        JobEvent::Received {
            difficulty,
            watched,
        } => job_line!(
            debug,
            job,
            "job_received",
            "new job",
            difficulty = difficulty.as_f64(),
            watched = watched
        ),
        JobEvent::Confirmed => job_line!(
            debug,
            job,
            "job_confirmed",
            "node issued the same work again"
        ),
        JobEvent::Retired { reason } => {
            job_line!(
                debug,
                job,
                "job_retired",
                "job retired",
                kind = reason.name(),
                reason = retired(*reason)
            );
        }
        JobEvent::Refreshed(RefreshOutcome::Preempted { outdated }) => job_line!(
            debug,
            job,
            "job_refreshed",
            "payload refresh preempts the job",
            outdated_seconds = outdated.as_secs_f64()
        ),
        JobEvent::Refreshed(RefreshOutcome::Identical) => {
            job_line!(
                debug,
                job,
                "job_refreshed",
                "payload refresh changes nothing"
            );
        }
    }
}

fn log_block(block: &BlockRef, event: &BlockEvent, lines: Lines) {
    match event {
        BlockEvent::Found {
            found_by,
            proof: Proof::Verified,
            ..
        } => block_news!(
            lines,
            block,
            "block_found",
            "block found",
            device = found_by.as_deref()
        ),
        BlockEvent::Found {
            proof: Proof::None, ..
        } => block_news!(
            lines,
            block,
            "block_made",
            "submitting block without proof of work"
        ),
        BlockEvent::SubmissionFailed {
            attempts,
            error,
            retry_in,
        } => block_line!(
            warn,
            block,
            "submission_failed",
            "could not submit block; trying again",
            attempts = attempts,
            error = error,
            retry_in_seconds = retry_in.as_secs_f64()
        ),
        BlockEvent::Submitted { attempts } => block_news!(
            lines,
            block,
            "block_submitted",
            "block submitted",
            attempts = (*attempts > 1).then_some(attempts)
        ),
        BlockEvent::SubmissionUncertain { attempts, error } => block_line!(
            warn,
            block,
            "submission_uncertain",
            "block is lost unless one of the submissions got through",
            attempts = attempts,
            error = error
        ),
        BlockEvent::Accepted => block_news!(lines, block, "block_accepted", "block accepted"),
        BlockEvent::Displaced { by } => block_news!(
            lines,
            block,
            "block_displaced",
            "block not in the cut",
            by = display(by)
        ),
        BlockEvent::Confirmed { depth } => {
            block_news!(
                lines,
                block,
                "block_confirmed",
                "block confirmed",
                depth = depth
            );
        }
        BlockEvent::Orphaned { by, .. } => {
            block_news!(
                lines,
                block,
                "block_orphaned",
                "block orphaned",
                by = display(by)
            );
        }
        BlockEvent::Rejected { error, header } => block_line!(
            error,
            block,
            "block_rejected",
            "node rejected block",
            error = error,
            header = const_hex::encode(header.as_bytes())
        ),
        BlockEvent::RejectedWithoutPow => block_line!(
            debug,
            block,
            "block_rejected",
            "node rejected block without proof of work"
        ),
        BlockEvent::Stale => block_news!(
            lines,
            block,
            "block_stale",
            "block too late: its work is outdated"
        ),
        BlockEvent::Untracked { reason } => block_line!(
            debug,
            block,
            "block_untracked",
            "block no longer tracked",
            reason = untracked(*reason)
        ),
    }
}

fn retired(reason: Retirement) -> &'static str {
    match reason {
        Retirement::Solved => "it is solved",
        Retirement::ParentSolved => "another job on its parent is solved",
        Retirement::NewCut => "its chain has a new block",
        Retirement::NotInCut => "its parent is no longer the tip of its chain",
        Retirement::Preempted => "its payload was refreshed",
        Retirement::Superseded => "newer work on other blocks replaced it",
        Retirement::Refetched => "newer work took its place",
        Retirement::Expired => "the node has discarded its payload",
        Retirement::NetworkChanged => "the node serves another network",
        Retirement::PowRequired => "the node requires proof of work",
        Retirement::Unwanted => "no block is wanted on its chain",
        Retirement::Stopping => "the program is stopping",
    }
}

fn discarded_work(reason: WorkDiscarded) -> &'static str {
    match reason {
        WorkDiscarded::Outdated => "it was outdated before it arrived",
        WorkDiscarded::ParentContested => "a block on its parent is being submitted",
        WorkDiscarded::Unwanted => "no block is wanted on its chain",
    }
}

fn untracked(reason: Untracked) -> &'static str {
    match reason {
        Untracked::NoHash => "only the node can compute its hash",
        Untracked::NetworkChanged => "the node serves another network",
        Untracked::NetworkReset => "the network was reset",
        Untracked::TooMany => "too many newer blocks are tracked",
    }
}
