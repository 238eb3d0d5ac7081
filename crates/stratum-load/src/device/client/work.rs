//! Assignments for the hashing thread, from targets and jobs.
//!
//! A target applies to later jobs. This module scales down the firmware's ticket mask and number of
//! nonces.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use chainweb::{ChainId, Level, Target, WorkHeader};
use serde_json::Value;

use crate::device::config::DeviceConfig;
use crate::device::rules::Rule;
use crate::nonce::NonceSplit;
use crate::synthetic::key_of;

/// Parses the result of `mining.subscribe`. `lengths` are the lengths of nonce2 in bytes that the
/// device supports.
///
/// # Errors
/// Returns the broken rule.
pub(crate) fn read_split(
    result: &Value,
    lengths: &RangeInclusive<u64>,
) -> Result<NonceSplit, Rule> {
    let Some([_, nonce1, nonce2_bytes]) = result.as_array().map(Vec::as_slice) else {
        return Err(Rule::SubscribeResultForm);
    };
    let split = nonce1
        .as_str()
        .filter(|nonce1| !nonce1.starts_with("0x"))
        .and_then(NonceSplit::from_be_hex)
        .ok_or(Rule::Nonce1Form)?;
    nonce2_bytes
        .as_u64()
        .filter(|bytes| lengths.contains(bytes) && 8 * bytes == u64::from(split.nonce2_bits()))
        .map(|_| split)
        .ok_or(Rule::Nonce2Length)
}

/// Work for the hashing thread.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Assignment {
    pub(crate) job_id: Arc<str>,
    pub(crate) header: WorkHeader,
    /// Largest hash that the device reports.
    pub(crate) target: Target,
    pub(crate) split: NonceSplit,
    /// Number of nonces that the device tries before it starts over.
    pub(crate) nonces: u64,
}

impl Assignment {
    /// Returns the share with this nonce2.
    pub(crate) fn found(&self, nonce2: u64) -> Found {
        Found {
            job_id: Arc::clone(&self.job_id),
            chain: self.header.chain(),
            work_key: key_of(&self.header),
            nonce2: self.split.nonce2_be_hex(nonce2),
        }
    }
}

/// A share found by the hashing thread.
#[derive(Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) job_id: Arc<str>,
    pub(crate) chain: ChainId,
    /// Identity of the work; a refreshed creation time does not change it.
    pub(crate) work_key: u64,
    /// nonce2 in hex, most significant digit first, with leading zeros.
    pub(crate) nonce2: String,
}

/// Targets and jobs received from the server.
#[derive(Debug)]
pub(crate) struct Assignments<'a> {
    config: &'a DeviceConfig,
    pub(crate) split: Option<NonceSplit>,
    /// Target of later jobs.
    target: Option<Target>,
    job: Option<Job>,
    /// The most recent jobs, newest first.
    recent: VecDeque<(Arc<str>, WorkHeader)>,
}

#[derive(Debug)]
struct Job {
    id: Arc<str>,
    header: WorkHeader,
    target: Target,
}

impl<'a> Assignments<'a> {
    /// Number of recent jobs checked for changes under the same id.
    const RECENT: usize = 64;

    pub(crate) fn new(config: &'a DeviceConfig) -> Self {
        Self {
            config,
            split: None,
            target: None,
            job: None,
            recent: VecDeque::new(),
        }
    }

    /// Whether the current job is for this work, refreshed or not.
    pub(crate) fn is_on(&self, work_key: u64) -> bool {
        let job = self.job.as_ref();
        job.is_some_and(|job| key_of(&job.header) == work_key)
    }

    pub(crate) fn set_target(&mut self, params: &[Value]) -> Result<(), Rule> {
        let text = text(params, 0).ok_or(Rule::TargetForm)?;
        self.target = Some(Target::from_be_hex(text).map_err(|_| Rule::TargetForm)?);
        Ok(())
    }

    /// Sets the current job from the parameters of `mining.notify`. Returns the rules that a usable
    /// job breaks.
    ///
    /// # Errors
    /// Returns the rule that makes the job unusable.
    pub(crate) fn notify(&mut self, params: &[Value]) -> Result<Vec<Rule>, Rule> {
        let id = text(params, 0).ok_or(Rule::JobIdForm)?;
        let is_printable = id.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !(1..=63).contains(&id.len()) || !is_printable {
            return Err(Rule::JobIdForm);
        }
        let header = text(params, 1).and_then(read_header);
        let header = header.ok_or(Rule::HeaderForm)?;
        let Some(target) = self.target else {
            return Err(Rule::JobWithoutTarget);
        };
        let mut broken = Vec::new();
        let id: Arc<str> = id.into();
        match self.recent.iter().find(|(recent, _)| *recent == id) {
            Some((_, before)) if *before != header => broken.push(Rule::JobBytesChanged),
            Some(_) => {}
            None => {
                self.recent.truncate(Self::RECENT - 1);
                self.recent.push_front((Arc::clone(&id), header.clone()));
            }
        }
        let is_clean = params.get(2) == Some(&Value::Bool(true));
        let keeps_id = self.config.firmware.needs_clean_flag && !is_clean;
        if keeps_id {
            broken.push(Rule::CleanIsNotTrue);
        }
        let id = match &self.job {
            Some(job) if keeps_id => Arc::clone(&job.id),
            _ => id,
        };
        self.job = Some(Job { id, header, target });
        Ok(broken)
    }

    /// Returns the current assignment, once nonce1 and a job are known.
    pub(crate) fn assignment(&self) -> Option<Assignment> {
        let (split, job) = (self.split?, self.job.as_ref()?);
        let (firmware, scale_bits) = (&self.config.firmware, self.config.scale_bits);
        let mask = firmware.ticket_mask_bits.saturating_sub(scale_bits);
        let mask = u16::try_from(mask).ok().and_then(Level::new);
        let mask = mask.expect("a ticket mask has at most 256 bits").target();
        // The firmware's number of nonces, or all of nonce2 if that is smaller; both scaled.
        let bits = split.nonce2_bits().min(firmware.nonce_bits);
        Some(Assignment {
            job_id: Arc::clone(&job.id),
            header: job.header.clone(),
            target: job.target.min(mask),
            split,
            nonces: 1_u64
                .checked_shl(bits.saturating_sub(scale_bits))
                .unwrap_or(u64::MAX),
        })
    }
}

fn text(params: &[Value], index: usize) -> Option<&str> {
    params.get(index)?.as_str()
}

fn read_header(text: &str) -> Option<WorkHeader> {
    if text.len() != 2 * WorkHeader::length_of_degree(3) {
        return None;
    }
    let bytes = const_hex::decode(text).ok()?;
    WorkHeader::decode(&bytes).ok()
}
