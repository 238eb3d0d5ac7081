//! Assignments for the hashing thread, from targets and jobs.
//!
//! A target applies to later jobs. This module scales down the firmware's ticket mask and number of
//! nonces.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use chainweb::{ChainId, Level, Nonce, Target, WorkHeader};
use serde_json::Value;

use crate::device::firmware::{CleanFlag, Firmware};
use crate::device::rules::Rule;
use crate::synthetic::work_key;

/// Division of the eight bytes of a nonce into nonce1 and nonce2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NonceSplit {
    /// The server's part, the low bytes of the nonce.
    nonce1: u64,
    nonce1_bytes: u32,
}

impl NonceSplit {
    /// Parses the result of `mining.subscribe`. `lengths` are the lengths of nonce2 in bytes that
    /// the device supports.
    ///
    /// # Errors
    /// Returns the broken rule.
    pub(crate) fn parse(result: &Value, lengths: &RangeInclusive<u64>) -> Result<Self, Rule> {
        let result = result.as_array().ok_or(Rule::SubscribeResultForm)?;
        let [_, nonce1, nonce2_bytes] = &result[..] else {
            return Err(Rule::SubscribeResultForm);
        };
        let nonce1 = nonce1.as_str().ok_or(Rule::Nonce1Form)?;
        let bytes = const_hex::decode(nonce1).map_err(|_| Rule::Nonce1Form)?;
        let has_prefix = nonce1.len() != 2 * bytes.len();
        if has_prefix || bytes.len() > 8 {
            return Err(Rule::Nonce1Form);
        }
        let nonce2_bytes = nonce2_bytes.as_u64().ok_or(Rule::Nonce2Length)?;
        if !lengths.contains(&nonce2_bytes) || nonce2_bytes + bytes.len() as u64 != 8 {
            return Err(Rule::Nonce2Length);
        }
        Ok(Self {
            nonce1: bytes
                .iter()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
            nonce1_bytes: u32::try_from(bytes.len()).expect("at most 8"),
        })
    }

    /// Returns the number of bits of nonce2.
    pub(crate) const fn nonce2_bits(self) -> u32 {
        64 - 8 * self.nonce1_bytes
    }

    /// Returns the nonce with `nonce2` as its upper part.
    pub(crate) const fn nonce(self, nonce2: u64) -> Nonce {
        let upper = match nonce2.checked_shl(8 * self.nonce1_bytes) {
            Some(upper) => upper,
            None => 0,
        };
        Nonce::new(upper | self.nonce1)
    }

    /// Returns nonce1 and its length, for the identity of hashed work.
    pub(crate) fn to_le_bytes(self) -> [u8; 9] {
        let mut bytes = [0; 9];
        bytes[..8].copy_from_slice(&self.nonce1.to_le_bytes());
        bytes[8] = u8::try_from(self.nonce1_bytes).expect("at most 8");
        bytes
    }
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
            work_key: key(&self.header),
            nonce2,
            nonce2_bits: self.split.nonce2_bits(),
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
    pub(crate) nonce2: u64,
    pub(crate) nonce2_bits: u32,
}

impl Found {
    /// Returns nonce2 in hex, most significant digit first, with leading zeros.
    pub(crate) fn nonce2_be_hex(&self) -> String {
        let digits = usize::try_from(self.nonce2_bits / 4).expect("at most 16");
        format!("{:0digits$x}", self.nonce2)
    }
}

/// Targets and jobs received from the server.
#[derive(Debug)]
pub(crate) struct Assignments {
    clean: CleanFlag,
    /// Binary logarithm of the number of nonces that the firmware tries, before scaling.
    nonce_bits: u32,
    scale_bits: u32,
    /// The scaled ticket mask.
    mask: Target,
    split: Option<NonceSplit>,
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

impl Assignments {
    /// Number of recent jobs checked for changes under the same id.
    const RECENT: usize = 64;

    pub(crate) fn new(firmware: &Firmware, scale_bits: u32) -> Self {
        let mask = firmware.ticket_mask_bits.saturating_sub(scale_bits);
        let mask = u16::try_from(mask).ok().and_then(Level::new);
        Self {
            clean: firmware.clean,
            nonce_bits: firmware.nonce_bits,
            scale_bits,
            mask: mask.expect("a ticket mask has at most 256 bits").target(),
            split: None,
            target: None,
            job: None,
            recent: VecDeque::new(),
        }
    }

    pub(crate) fn set_split(&mut self, split: NonceSplit) {
        self.split = Some(split);
    }

    /// Whether the current job is for this work, refreshed or not.
    pub(crate) fn is_on(&self, work_key: u64) -> bool {
        self.job
            .as_ref()
            .is_some_and(|job| key(&job.header) == work_key)
    }

    pub(crate) fn set_target(&mut self, params: &[Value]) -> Result<(), Rule> {
        let text = params
            .first()
            .and_then(Value::as_str)
            .ok_or(Rule::TargetForm)?;
        self.target = Some(Target::from_be_hex(text).map_err(|_| Rule::TargetForm)?);
        Ok(())
    }

    /// Sets the current job from the parameters of `mining.notify`. Returns the rules that a usable
    /// job breaks.
    ///
    /// # Errors
    /// Returns the rule that makes the job unusable.
    pub(crate) fn notify(&mut self, params: &[Value]) -> Result<Vec<Rule>, Rule> {
        let id = params
            .first()
            .and_then(Value::as_str)
            .ok_or(Rule::JobIdForm)?;
        let is_printable = id.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !(1..=63).contains(&id.len()) || !is_printable {
            return Err(Rule::JobIdForm);
        }
        let header = params
            .get(1)
            .and_then(Value::as_str)
            .ok_or(Rule::HeaderForm)?;
        let header = read_header(header).ok_or(Rule::HeaderForm)?;
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
        if !is_clean {
            broken.push(Rule::CleanIsNotTrue);
        }
        let id = match &self.job {
            Some(job) if !is_clean && self.clean == CleanFlag::Needed => Arc::clone(&job.id),
            _ => id,
        };
        self.job = Some(Job { id, header, target });
        Ok(broken)
    }

    /// Returns the current assignment, once nonce1 and a job are known.
    pub(crate) fn assignment(&self) -> Option<Assignment> {
        let (split, job) = (self.split?, self.job.as_ref()?);
        // The firmware's number of nonces, or all of nonce2 if that is smaller; both scaled.
        let bits = split
            .nonce2_bits()
            .min(self.nonce_bits)
            .saturating_sub(self.scale_bits);
        Some(Assignment {
            job_id: Arc::clone(&job.id),
            header: job.header.clone(),
            target: job.target.min(self.mask),
            split,
            nonces: 1_u64.checked_shl(bits).unwrap_or(u64::MAX),
        })
    }
}

fn key(header: &WorkHeader) -> u64 {
    work_key(const_hex::encode(header.as_bytes()).as_bytes())
}

fn read_header(text: &str) -> Option<WorkHeader> {
    if text.len() != 2 * WorkHeader::length_of_degree(3) {
        return None;
    }
    let bytes = const_hex::decode(text).ok()?;
    WorkHeader::decode(&bytes).ok()
}
