//! The names of events and requests in metrics and other interfaces. They never change.

use super::event::{FailureCause, Operation, Retirement};

impl Retirement {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Solved => "solved",
            Self::ParentSolved => "parent_solved",
            Self::NewCut => "new_cut",
            Self::NotInCut => "not_in_cut",
            Self::Preempted => "preempted",
            Self::Superseded => "superseded",
            Self::Refetched => "refetched",
            Self::NodeLost => "node_lost",
            Self::Expired => "expired",
            Self::NetworkChanged => "network_changed",
            Self::PowRequired => "pow_required",
            Self::Unwanted => "unwanted",
            Self::Stopping => "stopping",
        }
    }
}

impl Operation {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Work => "work",
            Self::Cut => "cut",
            Self::Ancestors => "ancestors",
            Self::Submit => "submit",
        }
    }
}

impl FailureCause {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Proxy => "proxy",
            Self::NoAnswer => "no_answer",
            Self::Refused => "refused",
            Self::NotServed => "not_served",
            Self::Foreign => "foreign",
            Self::Misconfigured => "misconfigured",
            Self::Malformed => "malformed",
        }
    }
}
