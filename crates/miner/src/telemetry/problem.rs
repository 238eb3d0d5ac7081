//! A problem: something that costs work or blocks, as plain data with its text.

use std::fmt;

use crate::units::{HashRate, Prefixed, variant};

pub(super) const DAY_SECONDS: f64 = 86_400.0;

/// Something that costs work or blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// What kind of problem it is.
    pub kind: Kind,
    /// How much it costs.
    pub severity: Severity,
    /// The node, the devices in the order of their names, or nothing for the program itself.
    pub subjects: Vec<String>,
    /// What is wrong: a sentence that names the subject.
    pub what: String,
    /// What to do about it: a sentence.
    pub remedy: String,
    /// The work that is lost, where that is known.
    pub lost: Option<Lost>,
}

/// Work that is lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lost {
    /// Hashes per second.
    pub rate: HashRate,
    /// The blocks that they would find in a day on average, if the difficulty is known.
    pub blocks_per_day: Option<f64>,
}

/// How much a problem costs. The greater is the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Some work, or some blocks.
    Losing,
    /// Everything: nothing is earned while it lasts.
    Stopped,
}

/// The kinds of problems, the worst first among those of a severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// None of several nodes is of use.
    AllNodesGone,
    /// A node cannot be reached, or does not answer.
    NodeDown,
    /// A node is not reached by TLS.
    NodeTls,
    /// A proxy is in the way to a node.
    ProxyInTheWay,
    /// The answers are not those of a chainweb node.
    NotANode,
    /// A node refuses to mine for the key.
    KeyRefused,
    /// A node does not issue work to miners.
    MiningDisabled,
    /// A node requires proof of work, which the worker does not do.
    PowRequired,
    /// A node refuses verified proof of work.
    OtherRules,
    /// No work arrives.
    NoWork,
    /// No device is connected.
    NoDevice,
    /// Blocks are paid to no account.
    NoPublicKey,
    /// All recent blocks came too late or were orphaned.
    BlocksLate,
    /// A node rejects blocks.
    BlocksRejected,
    /// A node does not answer the submission of blocks.
    BlocksWaiting,
    /// Several nodes answer at one address.
    SeveralNodes,
    /// A node serves another network than before, or than the other nodes.
    OtherNetwork,
    /// The blocks of a node differ from those of the other nodes.
    NodeForked,
    /// A node is behind the other nodes.
    NodeBehind,
    /// A node comes and goes.
    NodeFlapping,
    /// The clock of a node is off.
    ClockOff,
    /// Update streams are open, but silent.
    StreamsSilent,
    /// Update streams do not open.
    StreamsRefused,
    /// Devices are no longer connected.
    DeviceGone,
    /// Devices are connected, but send no shares.
    DeviceSilent,
    /// Devices are slower than expected.
    DeviceSlow,
    /// Many shares of devices are refused.
    SharesRefused,
    /// Much work is spent on outdated jobs.
    WorkStale,
    /// The disk does not take the history.
    DiskFailing,
}

impl Kind {
    /// Returns the stable name of the kind, in lower case with underscores.
    pub fn name(self) -> String {
        variant(self)
    }
}

impl Problem {
    pub(super) fn new(kind: Kind, severity: Severity, subjects: Vec<String>) -> Self {
        Self {
            kind,
            severity,
            subjects,
            what: String::new(),
            remedy: String::new(),
            lost: None,
        }
    }

    pub(super) fn says(mut self, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        (self.what, self.remedy) = (what.into(), remedy.into());
        self
    }

    pub(super) fn costs(mut self, lost: Option<Lost>) -> Self {
        self.lost = lost;
        self
    }
}

/// Displays what is wrong, what it costs and what to do, in one line.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(lost) = self.lost {
            write!(f, " It costs {lost}.")?;
        }
        write!(f, " {}", self.remedy)
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.blocks_per_day {
            Some(blocks) if blocks >= 0.01 => {
                let digits = usize::from(blocks < 9.95) + usize::from(blocks < 0.095);
                write!(f, "{}, about {blocks:.digits$} blocks a day", self.rate)
            }
            _ => {
                let hashes = self.rate.0 * DAY_SECONDS;
                write!(f, "{}, {}hashes a day", self.rate, Prefixed(hashes))
            }
        }
    }
}
