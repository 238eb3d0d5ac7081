//! Shares: from the find to the judgement of the judgement.

use serde_json::json;

use crate::device::client::requests::Request;
use crate::device::client::{Client, Found, Output, Phase};
use crate::device::line::{Answer, Outcome};
use crate::device::{Fault, Rejection, Rule, SubmitForm};

/// The code of a share for a job that is no longer wanted.
const STALE: i64 = 21;

/// A share without an answer.
#[derive(Debug, PartialEq)]
pub(crate) struct SentShare {
    /// The work that it was sent for.
    work_key: u64,
}

impl Client<'_> {
    /// Sends what the hashing found. Sets `Output::Send` for a session that runs, nothing for one that is over.
    pub(crate) fn found(&mut self, found: &Found) -> Vec<Output> {
        if self.phase != Phase::Running || !self.requests.has_room() {
            return Vec::new();
        }
        self.report.sent += 1;
        let mut params = json!([&self.login.user, &*found.job_id, found.nonce2_be_hex()]);
        if self.firmware.submit == SubmitForm::WithChain {
            let params = params.as_array_mut().expect("it is made of an array");
            params.push(json!(found.chain.get()));
        }
        let share = SentShare {
            work_key: found.work_key,
        };
        self.requests
            .send([(Request::Share(share), "mining.submit", params)])
    }

    pub(super) fn judged(&mut self, share: &SentShare, answer: Answer) -> Result<(), Rule> {
        let (code, reason) = match answer.outcome() {
            Ok(Outcome::Success(_)) => {
                self.report.accepted += 1;
                return Ok(());
            }
            Ok(Outcome::Refusal { code, reason }) => (code, reason),
            Err(rule) => {
                let fault = Fault::Server;
                let reason = rule.to_string();
                self.report.rejection(Rejection {
                    code: None,
                    reason,
                    fault,
                });
                return Err(rule);
            }
        };
        // Answers and jobs come in the order in which the server made them: if it had replaced the work before it
        // judged the share, the new one would be here. A refresh replaces nothing: the work is worth what it was.
        let fault = if code == Some(STALE) && !self.desk.is_on(share.work_key) {
            Fault::Nobody
        } else {
            Fault::Server
        };
        self.report.rejection(Rejection {
            code,
            reason,
            fault,
        });
        Ok(())
    }
}
