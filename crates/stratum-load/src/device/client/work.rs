//! From targets and jobs to something that can be hashed.
//!
//! A target applies to the jobs that come after it. The device's own limits, the ticket mask and the number of nonces
//! that it rolls, are scaled down here, once.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use chainweb::{ChainId, Level, Nonce, Target, WorkHeader};
use serde_json::Value;

use crate::device::{CleanFlag, Firmware, Rule};
use crate::synthetic::work_key;

/// How the eight bytes of a nonce are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NonceSplit {
    /// The server's part: the low bytes of the nonce.
    nonce1: u64,
    nonce1_bytes: u32,
}

impl NonceSplit {
    /// Reads the answer to `mining.subscribe`.
    pub(crate) fn read(result: &Value, lengths: &RangeInclusive<u64>) -> Result<Self, Rule> {
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

    /// The bits of nonce2.
    pub(crate) const fn nonce2_bits(self) -> u32 {
        64 - 8 * self.nonce1_bytes
    }

    /// The nonce of which `nonce2` is the upper part.
    pub(crate) const fn nonce(self, nonce2: u64) -> Nonce {
        let upper = match nonce2.checked_shl(8 * self.nonce1_bytes) {
            Some(upper) => upper,
            None => 0,
        };
        Nonce::new(upper | self.nonce1)
    }

    /// Tells this split from others in what makes work different.
    pub(crate) fn to_le_bytes(self) -> [u8; 9] {
        let mut bytes = [0; 9];
        bytes[..8].copy_from_slice(&self.nonce1.to_le_bytes());
        bytes[8] = u8::try_from(self.nonce1_bytes).expect("at most 8");
        bytes
    }
}

/// Something to hash.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Assignment {
    pub(crate) job_id: Arc<str>,
    pub(crate) header: WorkHeader,
    /// The easiest hash that the device reports.
    pub(crate) target: Target,
    pub(crate) split: NonceSplit,
    /// The number of nonces that the device tries before it begins again.
    pub(crate) nonces: u64,
}

impl Assignment {
    /// The share that this nonce2 makes.
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

/// A share that the hashing found.
#[derive(Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) job_id: Arc<str>,
    pub(crate) chain: ChainId,
    /// What a refresh of the same work leaves as it is.
    pub(crate) work_key: u64,
    pub(crate) nonce2: u64,
    pub(crate) nonce2_bits: u32,
}

impl Found {
    /// All digits of nonce2, most significant first.
    pub(crate) fn nonce2_be_hex(&self) -> String {
        let digits = usize::try_from(self.nonce2_bits / 4).expect("at most 16");
        format!("{:0digits$x}", self.nonce2)
    }
}

/// What a device has got of the server to work with.
#[derive(Debug)]
pub(crate) struct Desk {
    clean: CleanFlag,
    /// The number of nonces that the firmware rolls, as a power of two, scaled.
    nonce_bits: u32,
    scale_bits: u32,
    mask: Target,
    split: Option<NonceSplit>,
    /// The target of jobs to come.
    target: Option<Target>,
    job: Option<Job>,
    /// The jobs that came last.
    known: VecDeque<(Arc<str>, WorkHeader)>,
}

#[derive(Debug)]
struct Job {
    id: Arc<str>,
    header: WorkHeader,
    target: Target,
}

impl Desk {
    /// As far back as a change under a job's id is seen.
    const KNOWN: usize = 64;

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
            known: VecDeque::new(),
        }
    }

    pub(crate) fn set_split(&mut self, split: NonceSplit) {
        self.split = Some(split);
    }

    /// Whether the job that came last is for this work, be it the same job or a refresh of it.
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

    /// Takes a job, and tells what is wrong with it beside its form.
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
        match self.known.iter().find(|(known, _)| *known == id) {
            Some((_, before)) if *before != header => broken.push(Rule::JobBytesChanged),
            Some(_) => {}
            None => {
                self.known.truncate(Self::KNOWN - 1);
                self.known.push_front((Arc::clone(&id), header.clone()));
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

    /// What is to be hashed, once everything for it has come.
    pub(crate) fn assignment(&self) -> Option<Assignment> {
        let (split, job) = (self.split?, self.job.as_ref()?);
        // A firmware rolls its own number of nonces, or all of nonce2 where that is shorter: both scaled.
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
