//! What a device has to tell when it is stopped.

use std::io;

use serde::Serialize;

use crate::device::{FirmwareName, Rule, Violation};

/// Whose fault a rejected share is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The share was good: its hash met the target that was in force for its job, it was sent once, and it was not
    /// refused as stale for work that had been replaced when the answer came. A job of the same work with another
    /// creation time, nonce or flags replaces nothing.
    Server,
    /// It was refused as stale, and a job for other work was on its way when the share was sent.
    Nobody,
}

/// A share that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// The code of the error; none where the answer had none.
    pub code: Option<i64>,
    /// The text of the error.
    pub reason: String,
    /// Whose fault it is.
    pub fault: Fault,
}

/// The nonces that a device tried on one piece of work, from nonce2 = 0 on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mined {
    /// The hash of the header without its nonce and of nonce1 with its length: what makes work different.
    pub work: [u8; 32],
    /// The number of hashes.
    pub hashes: u64,
    /// The number of nonces there are: what goes beyond was hashed before.
    pub nonces: u64,
}

/// What became of a device.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceReport {
    /// The device.
    pub device: FirmwareName,
    /// The user that it logged in as.
    pub user: String,
    /// Connections that were made.
    pub connections: u64,
    /// Connections that could not be made.
    pub failed_connections: u64,
    /// Why the last of those could not be made.
    pub connect_error: Option<String>,
    /// Logins that succeeded.
    pub logins: u64,
    /// Jobs that came.
    pub jobs: u64,
    /// Shares that were sent.
    pub sent: u64,
    /// Shares that were accepted.
    pub accepted: u64,
    /// Shares of which the answer never came.
    pub unanswered: u64,
    /// Shares that were rejected; the first [`DeviceReport::KEPT`] of them.
    pub rejections: Vec<Rejection>,
    /// The number of shares that were rejected.
    pub rejected: u64,
    /// The number of shares that were rejected by the server's fault.
    pub rejected_by_server_fault: u64,
    /// Rules that the server broke; the first [`DeviceReport::KEPT`] of them.
    pub violations: Vec<Violation>,
    /// The number of times that it broke a rule.
    pub violation_count: u64,
    /// The number of hashes.
    pub hashes: u64,
    /// What was hashed.
    #[serde(skip)]
    pub mined: Vec<Mined>,
}

impl DeviceReport {
    /// How many rejections and violations are kept in full: a broken server must not fill the memory.
    pub const KEPT: usize = 100;

    pub(crate) fn new(device: FirmwareName, user: String) -> Self {
        Self {
            device,
            user,
            connections: 0,
            failed_connections: 0,
            connect_error: None,
            logins: 0,
            jobs: 0,
            sent: 0,
            accepted: 0,
            unanswered: 0,
            rejections: Vec::new(),
            rejected: 0,
            rejected_by_server_fault: 0,
            violations: Vec::new(),
            violation_count: 0,
            hashes: 0,
            mined: Vec::new(),
        }
    }

    pub(crate) fn not_connected(&mut self, error: &io::Error) {
        self.failed_connections += 1;
        self.connect_error = Some(error.to_string());
    }

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
