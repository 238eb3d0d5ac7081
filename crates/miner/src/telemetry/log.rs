//! The log: each event as one line with a constant message and its data in fields.
//!
//! Levels: error if a person has to act, warn for faults the program works around, info for the
//! life of the program and of blocks, debug for jobs.

use std::fmt::Display;

use tracing::field::display;
use tracing::{debug, error, info, warn};

use super::event::{
    BlockEvent, BlockRef, Event, FailureCause, JobEvent, JobRef, NodeEvent, RefreshOutcome,
    RequestKind, Retirement, SolutionDiscarded, Untracked, WorkDiscarded,
};
use crate::job::Proof;
use crate::units::About;

/// What to do about a node that requires proof of work.
const ENABLE_NO_POW: &str = "the workers simulation, constant-delay and on-demand do none: start \
    the node of a development network with --disable-pow (DISABLE_POW_VALIDATION has no effect \
    since chainweb-node 2.19.2), or mine with --worker cpu or stratum";

/// A line about a block.
macro_rules! block_line {
    ($level:ident, $block:ident, $message:literal $(, $field:ident = $value:expr)*) => {
        $level!(
            chain = %$block.chain,
            height = $block.height,
            block = $block.hash.map(display),
            $($field = $value,)*
            $message
        )
    };
}

/// A line about a job.
macro_rules! job_line {
    ($level:ident, $job:ident, $message:literal $(, $field:ident = $value:expr)*) => {
        $level!(
            job = %$job.id,
            chain = %$job.chain,
            height = $job.height,
            $($field = $value,)*
            $message
        )
    };
}

/// Logs an event. `nodes` are the addresses of the nodes, in the order of their ids.
pub(crate) fn log(event: &Event, nodes: &[impl Display]) {
    match event {
        Event::Node(id, event) => log_node(&nodes[id.0], event),
        Event::Job(job, event) => log_job(job, event),
        Event::Block(block, event) => log_block(block, event),
        Event::WorkDiscarded {
            node,
            chain,
            height,
            reason,
        } => {
            let (node, reason) = (&nodes[node.0], discarded_work(*reason));
            debug!(%node, %chain, height, reason, "discarding work");
        }
        Event::SolutionDiscarded {
            job,
            found_by,
            nonce,
            creation_time,
            reason,
        } => {
            let by = found_by.as_deref().map(display);
            let (nonce, time) = (display(nonce), creation_time.as_micros());
            match reason {
                SolutionDiscarded::TargetMissed => job_line!(
                    error,
                    job,
                    "discarding invalid solution from worker",
                    by = by,
                    nonce = nonce,
                    time = time,
                    reason = "its hash misses the target"
                ),
                SolutionDiscarded::TimeOutOfRange => job_line!(
                    error,
                    job,
                    "discarding invalid solution from worker",
                    by = by,
                    nonce = nonce,
                    time = time,
                    reason = "its creation time is not one of the job"
                ),
                SolutionDiscarded::NetworkChanged => job_line!(
                    warn,
                    job,
                    "discarding solution: the node serves another network now",
                    by = by
                ),
                SolutionDiscarded::Duplicate => {
                    job_line!(debug, job, "discarding second solution of a job", by = by);
                }
                SolutionDiscarded::PowRequired => job_line!(
                    debug,
                    job,
                    "discarding solution: the node requires proof of work",
                    by = by
                ),
            }
        }
        Event::TrackerFull { limit } => {
            warn!(
                limit,
                "too many unconfirmed blocks: no longer tracking the oldest"
            );
        }
        Event::TrackerRecovered { dropped } => {
            info!(dropped, "tracking all new blocks again");
        }
    }
}

fn log_node(node: &impl Display, event: &NodeEvent) {
    match event {
        NodeEvent::RequestFailed {
            request,
            cause,
            error,
            retry_in,
        } => log_failure(node, (*request, *cause), error, About(*retry_in)),
        NodeEvent::RequestRecovered { request, after } => {
            let after = About(*after);
            match request {
                RequestKind::Info => info!(%node, %after, "node answers again"),
                RequestKind::Work => info!(%node, %after, "node issues work again"),
                RequestKind::Cut => info!(%node, %after, "cut requests succeed again"),
            }
        }
        NodeEvent::NetworkIdentified { version, chains } => {
            info!(%node, network = %version, chains, "connected to network");
        }
        NodeEvent::NetworkChanged {
            from,
            version,
            chains,
        } => {
            warn!(
                %node, network = %version, chains, before = %from,
                "node serves another network now"
            );
        }
        NodeEvent::NetworkReset {
            version,
            chain,
            from,
            to,
        } => {
            warn!(
                %node, network = %version, %chain, height = to, before = from,
                "network was reset"
            );
        }
        NodeEvent::PowRequired { error, retry_in } => {
            let retry_in = About(*retry_in);
            error!(%node, %error, %retry_in, fix = %ENABLE_NO_POW, "node requires proof of work");
        }
        NodeEvent::PowNotRequired => {
            info!(%node, "node accepts blocks without proof of work now");
        }
        NodeEvent::LookupFailed { chain, error } => {
            debug!(%node, %chain, %error, "could not look up blocks");
        }
        NodeEvent::ClockSkew(skew) => {
            warn!(%node, seconds = skew.seconds(), "node clock differs from this machine's");
        }
    }
}

fn log_failure(
    node: &impl Display,
    failure: (RequestKind, FailureCause),
    error: &str,
    retry_in: About,
) {
    match failure {
        (RequestKind::Info, FailureCause::Unreachable) => warn!(
            %node, %error, %retry_in,
            "node unreachable: is it running, and is this its service port?"
        ),
        (RequestKind::Info, _) => warn!(%node, %error, %retry_in, "could not read /info"),
        (RequestKind::Work, FailureCause::Misconfigured) => {
            warn!(%node, %error, %retry_in, "node refuses to issue work");
        }
        (RequestKind::Work, _) => warn!(%node, %error, %retry_in, "could not fetch work"),
        (RequestKind::Cut, _) => warn!(%node, %error, %retry_in, "could not fetch the cut"),
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
            "new job",
            difficulty = display(difficulty),
            watched = watched
        ),
        JobEvent::Confirmed => job_line!(debug, job, "node issued the same work again"),
        JobEvent::Retired { reason } => {
            job_line!(debug, job, "job retired", reason = retired(*reason));
        }
        JobEvent::Refreshed(RefreshOutcome::Preempted { outdated }) => job_line!(
            debug,
            job,
            "payload refresh preempts the job",
            outdated = display(About(*outdated))
        ),
        JobEvent::Refreshed(RefreshOutcome::Identical) => {
            job_line!(debug, job, "payload refresh changes nothing");
        }
    }
}

fn log_block(block: &BlockRef, event: &BlockEvent) {
    match event {
        BlockEvent::Found {
            found_by,
            after,
            proof,
        } => {
            let (by, after) = (found_by.as_deref().map(display), display(About(*after)));
            match proof {
                Proof::Verified => {
                    block_line!(info, block, "block found", by = by, after = after);
                }
                Proof::None => block_line!(
                    info,
                    block,
                    "submitting block without proof of work",
                    after = after
                ),
            }
        }
        BlockEvent::SubmissionFailed {
            attempts,
            error,
            retry_in,
        } => block_line!(
            warn,
            block,
            "could not submit block; trying again",
            attempts = attempts,
            error = display(error),
            retry_in = display(About(*retry_in))
        ),
        BlockEvent::Submitted { attempts } => {
            let attempts = Some(*attempts).filter(|attempts| *attempts > 1);
            block_line!(info, block, "block submitted", attempts = attempts);
        }
        BlockEvent::SubmissionUncertain { attempts, error } => block_line!(
            warn,
            block,
            "block is lost unless one of the submissions got through",
            attempts = attempts,
            error = display(error)
        ),
        BlockEvent::Accepted => block_line!(info, block, "block accepted"),
        BlockEvent::Displaced { by } => block_line!(
            info,
            block,
            "block not in the cut: another one is at its height",
            other = display(by)
        ),
        BlockEvent::Confirmed { depth } => {
            block_line!(info, block, "block confirmed", depth = depth);
        }
        BlockEvent::Orphaned { by, depth } => block_line!(
            info,
            block,
            "block orphaned",
            other = display(by),
            depth = depth
        ),
        BlockEvent::Rejected { error, header } => block_line!(
            error,
            block,
            "node rejected block",
            error = display(error),
            header = const_hex::encode(header.as_bytes())
        ),
        BlockEvent::RejectedWithoutPow => {
            block_line!(debug, block, "node rejected block without proof of work");
        }
        BlockEvent::Stale => block_line!(info, block, "block too late: its work is outdated"),
        BlockEvent::Untracked { reason } => block_line!(
            debug,
            block,
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
