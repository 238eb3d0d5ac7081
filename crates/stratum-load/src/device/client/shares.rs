//! Shares: submission, and assessment of the server's answer.

use serde_json::json;

use crate::device::client::requests::Request;
use crate::device::client::{Client, Found, Output, Phase};
use crate::device::line::{Answer, Outcome};
use crate::device::report::{Fault, Rejection};
use crate::device::rules::Rule;

/// Error code of a stale share.
const STALE: i64 = 21;

impl Client<'_> {
    /// Submits a found share. Returns no output unless the session is running.
    pub(crate) fn found(&mut self, found: &Found) -> Vec<Output> {
        if self.phase != Phase::Running || !self.requests.has_room() {
            return Vec::new();
        }
        self.report.sent += 1;
        let (user, job_id, nonce2) = (&self.config.login.user, &*found.job_id, &found.nonce2);
        let params = if self.config.firmware.submits_chain {
            json!([user, job_id, nonce2, found.chain.get()])
        } else {
            json!([user, job_id, nonce2])
        };
        let request = Request::Share {
            work_key: found.work_key,
        };
        self.send([(request, "mining.submit", params)])
    }

    /// Handles the answer to a share.
    ///
    /// # Errors
    /// Returns the rule that a malformed answer breaks.
    pub(super) fn share_answered(
        &mut self,
        work_key: u64,
        answer: Answer,
    ) -> Result<Vec<Output>, Rule> {
        let outcome = answer.outcome();
        let (code, reason) = match &outcome {
            Ok(Outcome::Success(_)) => {
                self.report.accepted += 1;
                return Ok(Vec::new());
            }
            Ok(Outcome::Refusal { code, reason }) => (*code, reason.clone()),
            Err(rule) => (None, rule.to_string()),
        };
        // Answers and jobs arrive in the order in which the server made them. If the server had
        // replaced the work before it rejected the share, the new job would already be here. A
        // refresh replaces nothing.
        let fault = if code == Some(STALE) && !self.assignments.is_on(work_key) {
            Fault::None
        } else {
            Fault::Server
        };
        self.report.rejection(Rejection {
            code,
            reason,
            fault,
        });
        outcome.map(|_| Vec::new())
    }
}
