//! Differences between firmwares, as data.
//!
//! Each quirk is a field, so that a test can vary one of them. The quirks of the KA3 come from one
//! published analysis of its firmware, not checked against a device; those of the others from
//! issues and recorded sessions. The agent of the KA3 is the real one; the others are placeholders,
//! since no server may depend on them.

use std::fmt;
use std::ops::RangeInclusive;

use clap::ValueEnum;
use serde::Serialize;

/// Model of an emulated device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum FirmwareName {
    /// Bitmain Antminer KA3.
    Ka3,
    /// Goldshell KD-BOX.
    KdBox,
    /// iBeLink BM-K1.
    BmK1,
    /// A client without quirks.
    #[default]
    Plain,
}

/// Formats the name in flags and reports.
impl fmt::Display for FirmwareName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.to_possible_value().expect("no variant is skipped");
        f.pad(name.get_name())
    }
}

/// Form of the parameters of `mining.subscribe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubscribeForm {
    /// `["agent",null]`
    AgentAndNull,
    /// `["agent"]`
    AgentOnly,
}

/// Order of the login's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoginOrder {
    /// Subscribe; authorize after the answer.
    SubscribeFirst,
    /// Authorize; subscribe after the answer.
    AuthorizeFirst,
    /// Subscribe and authorize at once.
    Together,
}

/// Division of requests into writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segments {
    /// One write per request.
    Lines,
    /// One write per request, terminated by `\r\n`.
    CarriageReturns,
    /// One write for simultaneous requests, without a newline between the objects.
    Glued,
    /// Writes of this many bytes.
    Fragments(usize),
}

/// Behaviour of a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Firmware {
    pub(crate) name: FirmwareName,
    /// The vendor's hash rate, in hashes per second; for `Plain` that of a KD-BOX.
    pub(crate) rate: f64,
    pub(crate) agent: &'static str,
    pub(crate) subscribe: SubscribeForm,
    /// `mining.submit` has a fourth parameter, the chain id.
    pub(crate) submits_chain: bool,
    pub(crate) login: LoginOrder,
    /// The first line must be the answer to `mining.subscribe`, and an unusable line ends the
    /// login.
    pub(crate) strict_login: bool,
    /// Unless the third parameter of `mining.notify` is `true`, the device hashes the new header
    /// under the old job's id.
    pub(crate) needs_clean_flag: bool,
    /// Division of requests into writes.
    pub segments: Segments,
    /// Lengths of nonce2 that the device supports, in bytes.
    pub(crate) nonce2_bytes: RangeInclusive<u64>,
    /// Binary logarithm of the number of nonces that the device tries per header before it starts
    /// over. A shorter nonce2 has fewer.
    pub(crate) nonce_bits: u32,
    /// Ticket mask: the device reports only hashes with this many leading zero bits, even if the
    /// target is easier.
    pub(crate) ticket_mask_bits: u32,
}

impl Firmware {
    /// Returns the firmware of a model.
    pub fn new(name: FirmwareName) -> Self {
        let plain = Self {
            name,
            rate: 1.6e12,
            agent: "plain-miner/1.0",
            subscribe: SubscribeForm::AgentAndNull,
            submits_chain: false,
            login: LoginOrder::Together,
            strict_login: false,
            needs_clean_flag: false,
            segments: Segments::Lines,
            nonce2_bytes: 1..=8,
            nonce_bits: 64,
            ticket_mask_bits: 0,
        };
        match name {
            FirmwareName::Plain => plain,
            FirmwareName::Ka3 => Self {
                rate: 166e12,
                agent: "GodMiner/2.0.0",
                login: LoginOrder::SubscribeFirst,
                strict_login: true,
                needs_clean_flag: true,
                nonce2_bytes: 5..=8,
                nonce_bits: 48,
                ticket_mask_bits: 40,
                ..plain
            },
            FirmwareName::KdBox => Self {
                agent: "kd-box/2.0.7",
                login: LoginOrder::SubscribeFirst,
                submits_chain: true,
                segments: Segments::CarriageReturns,
                ..plain
            },
            FirmwareName::BmK1 => Self {
                rate: 5.3e12,
                agent: "bm-k1/1.0",
                login: LoginOrder::AuthorizeFirst,
                subscribe: SubscribeForm::AgentOnly,
                ..plain
            },
        }
    }
}
