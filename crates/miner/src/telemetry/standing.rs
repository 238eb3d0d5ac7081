//! What a node is good for, judged by its answers and by comparison with the other nodes.

use std::fmt;

/// What a node is good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Its first answers, or the first comparison with other nodes, are missing.
    #[default]
    Unknown,
    /// It issues work.
    Ready,
    /// It answers, but issues no work at present.
    NoWork,
    /// It refuses the miner key.
    Unauthorized,
    /// It does not serve the mining API.
    MiningDisabled,
    /// Its cut has been behind that of another node for seconds.
    Behind,
    /// Its blocks differ from those of most nodes, or of those with more work.
    Forked,
    /// It serves another network than the first node.
    OtherNetwork,
    /// It does not answer, or takes too long.
    Unreachable,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Unknown,
        Self::Ready,
        Self::NoWork,
        Self::Unauthorized,
        Self::MiningDisabled,
        Self::Behind,
        Self::Forked,
        Self::OtherNetwork,
        Self::Unreachable,
    ];

    /// Returns the name for machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ready => "ready",
            Self::NoWork => "no_work",
            Self::Unauthorized => "unauthorized",
            Self::MiningDisabled => "mining_disabled",
            Self::Behind => "behind",
            Self::Forked => "forked",
            Self::OtherNetwork => "other_network",
            Self::Unreachable => "unreachable",
        }
    }

    /// Whether solutions of its jobs are lost, or make blocks that the network does not take.
    pub(crate) fn loses_blocks(self) -> bool {
        match self {
            Self::Behind | Self::Forked | Self::OtherNetwork | Self::Unreachable => true,
            Self::Unknown
            | Self::Ready
            | Self::NoWork
            | Self::Unauthorized
            | Self::MiningDisabled => false,
        }
    }

    /// Whether its cuts count in a comparison.
    pub(crate) fn is_comparable(self) -> bool {
        !matches!(self, Self::OtherNetwork | Self::Unreachable)
    }
}

/// Writes a predicate whose subject is the node.
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "has not been compared with the others yet",
            Self::Ready => "issues work",
            Self::NoWork => "issues no work at present",
            Self::Unauthorized => "refuses the miner key",
            Self::MiningDisabled => "does not serve the mining API",
            Self::Behind => "is behind the other nodes",
            Self::Forked => "is on a fork",
            Self::OtherNetwork => "serves another network",
            Self::Unreachable => "does not answer in time",
        })
    }
}
