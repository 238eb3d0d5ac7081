//! The login: subscribe and authorize, in the firmware's order.

use std::time::Instant;

use serde_json::{Value, json};

use crate::device::client::requests::Request;
use crate::device::client::work::NonceSplit;
use crate::device::client::{Client, Output, Phase};
use crate::device::firmware::{LoginOrder, SubscribeForm};
use crate::device::line::Outcome;
use crate::device::rules::Rule;

/// A request with its method and parameters.
type Call = (Request, &'static str, Value);

impl Client<'_> {
    /// Sends the first requests of a session.
    pub(super) fn start_login(&mut self) -> Vec<Output> {
        let requests = match self.firmware.login {
            LoginOrder::SubscribeFirst => vec![self.subscribe()],
            LoginOrder::AuthorizeFirst => {
                self.phase = Phase::Authorizing;
                vec![self.authorize()]
            }
            LoginOrder::Together => vec![self.subscribe(), self.authorize()],
        };
        self.requests.send(requests)
    }

    fn subscribe(&self) -> Call {
        let params = match self.firmware.subscribe {
            SubscribeForm::AgentAndNull => json!([self.firmware.agent, null]),
            SubscribeForm::AgentOnly => json!([self.firmware.agent]),
        };
        (Request::Subscribe, "mining.subscribe", params)
    }

    fn authorize(&self) -> Call {
        let params = json!([self.login.user, self.login.password]);
        (Request::Authorize, "mining.authorize", params)
    }

    pub(super) fn subscribed(
        &mut self,
        now: Instant,
        outcome: &Outcome,
        line: &[u8],
    ) -> Vec<Output> {
        let Outcome::Success(result) = outcome else {
            return self.give_up(Rule::LoginRefused, line);
        };
        match NonceSplit::parse(result, &self.firmware.nonce2_bytes) {
            Ok(split) => self.assignments.set_split(split),
            // No device can mine without a nonce1.
            Err(rule) => return self.give_up(rule, line),
        }
        self.quiet_since = now;
        match self.firmware.login {
            LoginOrder::SubscribeFirst => {
                self.phase = Phase::Authorizing;
                let request = self.authorize();
                self.requests.send([request])
            }
            LoginOrder::AuthorizeFirst => self.logged_in(),
            LoginOrder::Together => {
                self.phase = Phase::Authorizing;
                Vec::new()
            }
        }
    }

    pub(super) fn authorized(
        &mut self,
        now: Instant,
        outcome: &Outcome,
        line: &[u8],
    ) -> Vec<Output> {
        let Outcome::Success(_) = outcome else {
            return self.give_up(Rule::LoginRefused, line);
        };
        self.quiet_since = now;
        match self.firmware.login {
            LoginOrder::AuthorizeFirst => {
                self.phase = Phase::Subscribing;
                let request = self.subscribe();
                self.requests.send([request])
            }
            LoginOrder::Together if self.phase == Phase::Subscribing => {
                self.give_up(Rule::AnswersOutOfOrder, line)
            }
            LoginOrder::SubscribeFirst | LoginOrder::Together => self.logged_in(),
        }
    }

    fn logged_in(&mut self) -> Vec<Output> {
        self.phase = Phase::Running;
        self.report.logins += 1;
        self.hash()
    }
}
