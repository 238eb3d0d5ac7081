//! The report of a device.

use serde::Serialize;

use crate::device::firmware::FirmwareName;
use crate::device::rules::{Rule, Violation};

/// The party at fault for a rejected share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The server: the share met the target of its job and was sent once. It was not stale, since
    /// no other work had replaced its work before the answer. A job of the same work with another
    /// creation time, nonce or flags replaces nothing.
    Server,
    /// Neither party: the share was rejected as stale, and its work was replaced before the answer.
    None,
}

/// A rejected share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// The error's code, if it has one.
    pub code: Option<i64>,
    /// The error's text.
    pub reason: String,
    /// The party at fault.
    pub fault: Fault,
}

/// The number of nonces tried on one piece of work, from nonce2 = 0 on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mined {
    /// Identity of the work: a digest of the header without its nonce, and of nonce1 with its
    /// length.
    pub work: [u8; 32],
    /// Number of hashes.
    pub hashes: u64,
    /// Number of nonces; further hashes repeat them.
    pub nonces: u64,
}

/// Counts and errors of one device.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DeviceReport {
    /// Model of the device.
    pub device: FirmwareName,
    /// User name of the login.
    pub user: String,
    /// Number of connections.
    pub connections: u64,
    /// Number of failed attempts to connect.
    pub failed_connections: u64,
    /// Error of the last failed attempt to connect.
    pub connect_error: Option<String>,
    /// Number of successful logins.
    pub logins: u64,
    /// Number of received jobs.
    pub jobs: u64,
    /// Number of sent shares.
    pub sent: u64,
    /// Number of accepted shares.
    pub accepted: u64,
    /// Number of shares without an answer.
    pub unanswered: u64,
    /// The first 100 rejected shares.
    pub rejections: Vec<Rejection>,
    /// Number of rejected shares.
    pub rejected: u64,
    /// Number of rejected shares with the server at fault.
    pub(crate) rejected_by_server_fault: u64,
    /// The first 100 violations.
    pub violations: Vec<Violation>,
    /// Number of violations.
    pub(crate) violation_count: u64,
    /// Number of hashes.
    pub hashes: u64,
    /// Hashed work.
    #[serde(skip)]
    pub mined: Vec<Mined>,
}

impl DeviceReport {
    /// Maximum number of rejections, and of violations, kept in full: a broken server must not
    /// exhaust the memory.
    pub(crate) const KEPT: usize = 100;

    pub(crate) fn rejection(&mut self, rejection: Rejection) {
        self.rejected += 1;
        if rejection.fault == Fault::Server {
            self.rejected_by_server_fault += 1;
        }
        if self.rejections.len() < Self::KEPT {
            self.rejections.push(rejection);
        }
    }

    pub(crate) fn violation(&mut self, rule: Rule, line: &[u8]) {
        self.violation_count += 1;
        if self.violations.len() < Self::KEPT {
            self.violations.push(Violation::new(rule, line));
        }
    }
}
