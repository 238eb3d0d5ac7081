//! The login: subscribe and authorize, in the firmware's order.

use std::time::Instant;

use serde_json::json;

use crate::device::client::requests::{Call, Request};
use crate::device::client::work::read_split;
use crate::device::client::{Client, Output, Phase};
use crate::device::firmware::{LoginOrder, SubscribeForm};
use crate::device::line::Outcome;
use crate::device::rules::Rule;

impl Client<'_> {
    /// Sends the first requests of a session.
    pub(super) fn start_login(&mut self) -> Vec<Output> {
        let requests = match self.config.firmware.login {
            LoginOrder::SubscribeFirst => vec![self.subscribe()],
            LoginOrder::AuthorizeFirst => {
                self.phase = Phase::Authorizing;
                vec![self.authorize()]
            }
            LoginOrder::Together => vec![self.subscribe(), self.authorize()],
        };
        self.send(requests)
    }

    fn subscribe(&self) -> Call {
        let agent = self.config.firmware.agent;
        let params = match self.config.firmware.subscribe {
            SubscribeForm::AgentAndNull => json!([agent, null]),
            SubscribeForm::AgentOnly => json!([agent]),
        };
        (Request::Subscribe, "mining.subscribe", params)
    }

    fn authorize(&self) -> Call {
        let params = json!([self.config.login.user, self.config.login.password]);
        (Request::Authorize, "mining.authorize", params)
    }

    /// Handles the answer to a request of the login.
    pub(super) fn login_answered(
        &mut self,
        now: Instant,
        request: &Request,
        outcome: &Outcome,
    ) -> Vec<Output> {
        let Outcome::Success(result) = outcome else {
            return self.give_up(Rule::LoginRefused);
        };
        let firmware = &self.config.firmware;
        let is_subscribe = *request == Request::Subscribe;
        if is_subscribe {
            match read_split(result, &firmware.nonce2_bytes) {
                Ok(split) => self.assignments.split = Some(split),
                // No device can mine without a nonce1.
                Err(rule) => return self.give_up(rule),
            }
        }
        self.quiet_since = now;
        match firmware.login {
            LoginOrder::SubscribeFirst if is_subscribe => {
                self.phase = Phase::Authorizing;
                self.send([self.authorize()])
            }
            LoginOrder::AuthorizeFirst if !is_subscribe => {
                self.phase = Phase::Subscribing;
                self.send([self.subscribe()])
            }
            LoginOrder::Together if is_subscribe => {
                self.phase = Phase::Authorizing;
                Vec::new()
            }
            LoginOrder::Together if self.phase == Phase::Subscribing => {
                self.give_up(Rule::AnswersOutOfOrder)
            }
            _ => {
                self.phase = Phase::Running;
                self.report.logins += 1;
                self.hash()
            }
        }
    }
}
