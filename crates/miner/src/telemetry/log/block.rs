//! Lines about blocks.

use std::time::Duration;

use chainweb::{BlockHash, WorkHeader};
use tracing::{debug, error, info, warn};

use crate::job::Proof;
use crate::telemetry::blocks::Lines;
use crate::telemetry::event::{BlockEvent, BlockRef};
use crate::units::variant;

/// The fields of a line about a block that only some events have.
#[derive(Default)]
struct BlockFields<'a> {
    device: Option<&'a str>,
    attempts: Option<u32>,
    error: Option<&'a String>,
    retry_in: Option<Duration>,
    by: Option<&'a BlockHash>,
    depth: Option<u64>,
    reason: Option<String>,
    header: Option<&'a WorkHeader>,
}

impl<'a> BlockFields<'a> {
    /// Returns the name and the message of an event, and sets its fields.
    fn describe(&mut self, event: &'a BlockEvent) -> (&'static str, &'static str) {
        match event {
            BlockEvent::Found {
                found_by, proof, ..
            } => {
                self.device = found_by.as_deref();
                match proof {
                    Proof::Verified => ("block_found", "block found"),
                    Proof::None => ("block_made", "submitting block without proof of work"),
                }
            }
            BlockEvent::Restored { .. } => ("block_restored", "block of an earlier run"),
            BlockEvent::SubmissionFailed {
                attempts,
                error,
                retry_in,
            } => {
                (self.attempts, self.error) = (Some(*attempts), Some(error));
                self.retry_in = Some(*retry_in);
                ("submission_failed", "could not submit block; trying again")
            }
            BlockEvent::Submitted { attempts } => {
                self.attempts = Some(*attempts).filter(|attempts| *attempts > 1);
                ("block_submitted", "block submitted")
            }
            BlockEvent::SubmissionUncertain {
                attempts,
                error,
                header,
            } => {
                (self.attempts, self.error) = (Some(*attempts), Some(error));
                self.header = Some(header);
                let message = "block is lost unless one of the submissions got through";
                ("submission_uncertain", message)
            }
            BlockEvent::Accepted => ("block_accepted", "block accepted"),
            BlockEvent::Displaced { by } => {
                self.by = Some(by);
                ("block_displaced", "block not in the cut")
            }
            BlockEvent::Confirmed { depth } => {
                self.depth = Some(*depth);
                ("block_confirmed", "block confirmed")
            }
            BlockEvent::Orphaned { by, depth, reason } => {
                (self.by, self.depth) = (Some(by), Some(*depth));
                self.reason = reason.map(variant);
                ("block_orphaned", "block orphaned")
            }
            BlockEvent::Rejected { error, header } => {
                (self.error, self.header) = (Some(error), Some(header));
                ("block_rejected", "node rejected block")
            }
            BlockEvent::RejectedWithoutPow => {
                let message = "node rejected block without proof of work";
                ("block_rejected", message)
            }
            BlockEvent::Stale => ("block_stale", "block too late: its work is outdated"),
            BlockEvent::Untracked { reason } => {
                self.reason = Some(variant(reason));
                ("block_untracked", "block no longer tracked")
            }
        }
    }
}

/// Logs an event of a block.
pub(super) fn log_block(block: &BlockRef, event: &BlockEvent, lines: Lines) {
    let mut fields = BlockFields::default();
    let (name, message) = fields.describe(event);
    macro_rules! line {
        ($level:ident) => {
            $level!(
                event = name,
                chain = block.chain.get(),
                height = block.height,
                block = block.hash.map(display),
                device = fields.device,
                attempts = fields.attempts,
                error = fields.error.map(display),
                retry_in_seconds = fields.retry_in.map(|pause| pause.as_secs_f64()),
                by = fields.by.map(display),
                depth = fields.depth,
                reason = fields.reason,
                header = fields.header.map(WorkHeader::to_hex),
                "{message}"
            )
        };
    }
    match event {
        BlockEvent::Rejected { .. } => line!(error),
        BlockEvent::SubmissionFailed { .. } | BlockEvent::SubmissionUncertain { .. }
            if lines == Lines::Each =>
        {
            line!(warn);
        }
        BlockEvent::RejectedWithoutPow
        | BlockEvent::Untracked { .. }
        | BlockEvent::Restored { .. } => line!(debug),
        _ if lines == Lines::Each => line!(info),
        _ => line!(debug),
    }
}
