//! What sets one firmware apart from another.
//!
//! Plain data: each quirk is a field that the client looks at, so that a test can vary one of them. The agent of the
//! KA3 is the one that it sends; those of the other devices are stand-ins, since no server may depend on them.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::Serialize;

/// The devices that can be emulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirmwareName {
    /// Bitmain Antminer KA3.
    Ka3,
    /// Goldshell KD-BOX.
    KdBox,
    /// iBeLink BM-K1.
    BmK1,
    /// A client without quirks.
    Plain,
}

/// A name that no device has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such device: {0:?} (there are ka3, kd-box, bm-k1 and plain)")]
pub struct UnknownFirmware(String);

impl FirmwareName {
    /// All devices.
    pub const ALL: [Self; 4] = [Self::Ka3, Self::KdBox, Self::BmK1, Self::Plain];

    /// The name in options and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ka3 => "ka3",
            Self::KdBox => "kd-box",
            Self::BmK1 => "bm-k1",
            Self::Plain => "plain",
        }
    }

    /// The vendor's hash rate in hashes per second; for the plain client that of a KD-BOX.
    pub const fn rate(self) -> f64 {
        match self {
            Self::Ka3 => 166e12,
            Self::KdBox | Self::Plain => 1.6e12,
            Self::BmK1 => 5.3e12,
        }
    }
}

impl fmt::Display for FirmwareName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for FirmwareName {
    type Err = UnknownFirmware;

    fn from_str(text: &str) -> Result<Self, UnknownFirmware> {
        let found = Self::ALL.into_iter().find(|name| name.as_str() == text);
        found.ok_or_else(|| UnknownFirmware(text.to_owned()))
    }
}

/// The parameters of `mining.subscribe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscribeForm {
    /// `["agent",null]`
    AgentAndNull,
    /// `["agent"]`
    AgentOnly,
}

/// The parameters of `mining.submit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitForm {
    /// User, job id and nonce2.
    ThreeParameters,
    /// The chain's id as one more.
    WithChain,
}

/// The order of the requests of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginOrder {
    /// Subscribe, and authorize once that is answered.
    SubscribeFirst,
    /// Authorize, and subscribe once that is answered.
    AuthorizeFirst,
    /// Subscribe and authorize without waiting.
    Together,
}

/// What the first line after `mining.subscribe` may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstLine {
    /// The answer and nothing else. Until the login is through, a line that the device cannot use ends it.
    Answer,
    /// Any line.
    Any,
}

/// What `mining.notify` needs its third parameter for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CleanFlag {
    /// Without `true` there the device hashes the new header under the old job's id.
    Needed,
    /// For nothing.
    Ignored,
}

/// How requests are cut into writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segments {
    /// One write per request.
    Lines,
    /// One write per request, which ends in `\r\n`.
    CarriageReturns,
    /// Requests that are due at the same time in one write, without a newline between the objects.
    Glued,
    /// Each request in pieces of this many bytes.
    Fragments(usize),
}

/// How a device behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the types of the fields say it")]
pub struct Firmware {
    pub name: FirmwareName,
    pub agent: &'static str,
    pub subscribe: SubscribeForm,
    pub submit: SubmitForm,
    pub login: LoginOrder,
    pub first_line: FirstLine,
    pub clean: CleanFlag,
    pub segments: Segments,
    /// The lengths of nonce2 in bytes that the device can use.
    pub nonce2_bytes: RangeInclusive<u64>,
    /// The device tries 2^this nonces for a header, fewer if nonce2 has fewer bits, then begins again.
    pub nonce_bits: u32,
    /// The device reports only hashes with this many leading zero bits, whatever the target is.
    pub ticket_mask_bits: u32,
}

impl Firmware {
    /// The firmware of this device.
    pub fn new(name: FirmwareName) -> Self {
        let plain = Self {
            name,
            agent: "plain-miner/1.0",
            subscribe: SubscribeForm::AgentAndNull,
            submit: SubmitForm::ThreeParameters,
            login: LoginOrder::Together,
            first_line: FirstLine::Any,
            clean: CleanFlag::Ignored,
            segments: Segments::Lines,
            nonce2_bytes: 1..=8,
            nonce_bits: 64,
            ticket_mask_bits: 0,
        };
        match name {
            FirmwareName::Plain => plain,
            FirmwareName::Ka3 => Self {
                agent: "GodMiner/2.0.0",
                login: LoginOrder::SubscribeFirst,
                first_line: FirstLine::Answer,
                clean: CleanFlag::Needed,
                nonce2_bytes: 5..=8,
                nonce_bits: 48,
                ticket_mask_bits: 40,
                ..plain
            },
            FirmwareName::KdBox => Self {
                agent: "kd-box/2.0.7",
                login: LoginOrder::SubscribeFirst,
                submit: SubmitForm::WithChain,
                segments: Segments::CarriageReturns,
                ..plain
            },
            FirmwareName::BmK1 => Self {
                agent: "bm-k1/1.0",
                login: LoginOrder::AuthorizeFirst,
                subscribe: SubscribeForm::AgentOnly,
                ..plain
            },
        }
    }
}
