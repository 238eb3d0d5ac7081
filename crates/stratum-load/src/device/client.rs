//! The client's side of a session, without a socket or a clock.
//!
//! Inputs are lines, found shares and the time; outputs are bytes to send, work to hash and the end
//! of the connection. The client is strict: it records each violation with its line, and ends the
//! session where the firmware would.

mod login;
mod requests;
mod shares;
#[cfg(test)]
mod tests;
mod work;

use std::time::{Duration, Instant};

pub(crate) use requests::Output;
use requests::{Call, Request, Requests};
use work::Assignments;
pub(crate) use work::{Assignment, Found};

use crate::device::config::DeviceConfig;
use crate::device::line::{Answer, ServerLine};
use crate::device::report::DeviceReport;
use crate::device::rules::Rule;

/// Progress of the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// `mining.subscribe` is sent and not answered.
    Subscribing,
    /// `mining.authorize` is sent and not answered.
    Authorizing,
    /// Both are answered.
    Running,
    /// The session has ended.
    Closed,
}

/// A session of a device.
#[derive(Debug)]
pub(crate) struct Client<'a> {
    config: &'a DeviceConfig,
    report: &'a mut DeviceReport,
    requests: Requests,
    phase: Phase,
    assignments: Assignments<'a>,
    /// Time of the last line, or of the last request of the login.
    quiet_since: Instant,
    last_line: Vec<u8>,
}

impl<'a> Client<'a> {
    /// Starts a session on a new connection. Returns it with its first outputs.
    pub(crate) fn start(
        config: &'a DeviceConfig,
        report: &'a mut DeviceReport,
        now: Instant,
    ) -> (Self, Vec<Output>) {
        report.connections += 1;
        let mut client = Self {
            config,
            report,
            requests: Requests::default(),
            phase: Phase::Subscribing,
            assignments: Assignments::new(config),
            quiet_since: now,
            last_line: Vec::new(),
        };
        let outputs = client.start_login();
        (client, outputs)
    }

    /// Returns the time at which [`Client::tick`] is due.
    pub(crate) fn deadline(&self) -> Instant {
        self.quiet_since + self.limit().0
    }

    /// Returns the time limit of the server, and the rule that it breaks by exceeding it.
    fn limit(&self) -> (Duration, Rule) {
        let limits = self.config.limits;
        match self.phase {
            Phase::Subscribing | Phase::Authorizing => (limits.login, Rule::LoginTimeout),
            Phase::Running | Phase::Closed => (limits.silence, Rule::Silence),
        }
    }

    /// Ends the session if the server has exceeded its time limit.
    pub(crate) fn tick(&mut self, now: Instant) -> Vec<Output> {
        if self.phase == Phase::Closed || now < self.deadline() {
            return Vec::new();
        }
        self.give_up(self.limit().1)
    }

    /// Handles a line from the server, without its newline.
    pub(crate) fn line(&mut self, now: Instant, line: &[u8]) -> Vec<Output> {
        let phase = self.phase;
        if phase == Phase::Closed {
            return Vec::new();
        }
        // During the login the limit applies to each answer: other lines do not extend it.
        if phase == Phase::Running {
            self.quiet_since = now;
        }
        self.last_line = line.to_vec();
        let parsed = ServerLine::parse(line);
        match parsed.and_then(|parsed| self.handle(now, parsed)) {
            Ok(outputs) => outputs,
            // A strict device takes an unusable line for the answer that it waits for.
            Err(rule) if self.config.firmware.strict_login && phase != Phase::Running => {
                self.give_up(rule)
            }
            Err(rule) => {
                self.violation(rule);
                Vec::new()
            }
        }
    }

    /// Records that the hashing thread has tried all nonces.
    pub(crate) fn exhausted(&mut self) {
        if self.phase != Phase::Closed {
            self.violation(Rule::WorkExhausted);
        }
    }

    /// Ends the session after a closed connection or an endless line.
    pub(crate) fn lost(&mut self, rule: Rule) {
        if self.phase != Phase::Closed {
            self.give_up(rule);
        }
    }

    /// Ends the session and counts the unanswered shares.
    pub(crate) fn stop(&mut self) {
        self.phase = Phase::Closed;
        self.report.unanswered += self.requests.take_shares();
    }

    fn violation(&mut self, rule: Rule) {
        self.report.violation(rule, &self.last_line);
    }

    fn give_up(&mut self, rule: Rule) -> Vec<Output> {
        self.violation(rule);
        self.stop();
        vec![Output::Disconnect]
    }

    /// Handles a parsed line.
    ///
    /// # Errors
    /// Returns the rule that makes the line unusable.
    fn handle(&mut self, now: Instant, line: ServerLine) -> Result<Vec<Output>, Rule> {
        let is_strict = self.config.firmware.strict_login;
        if is_strict && self.phase == Phase::Subscribing {
            let answered = match &line {
                ServerLine::Answer(answer) => self.requests.waiting.get(&answer.integer_id()?),
                _ => None,
            };
            if answered != Some(&Request::Subscribe) {
                return Err(Rule::FirstLineIsNotTheAnswer);
            }
        }
        match line {
            ServerLine::Answer(answer) => self.answer(now, answer),
            ServerLine::Notify(params) => {
                let broken = self.assignments.notify(&params)?;
                self.report.jobs += 1;
                for rule in broken {
                    self.violation(rule);
                }
                Ok(self.hash())
            }
            ServerLine::SetTarget(params) => {
                self.assignments.set_target(&params)?;
                Ok(Vec::new())
            }
            ServerLine::Unknown if is_strict && self.phase == Phase::Authorizing => {
                Err(Rule::UnknownLineDuringLogin)
            }
            ServerLine::SetDifficulty | ServerLine::Unknown => Ok(Vec::new()),
        }
    }

    fn answer(&mut self, now: Instant, answer: Answer) -> Result<Vec<Output>, Rule> {
        let id = answer.integer_id()?;
        let request = self.requests.waiting.remove(&id);
        match request.ok_or(Rule::UnknownAnswerId)? {
            Request::Share { work_key } => self.share_answered(work_key, answer),
            request => Ok(self.login_answered(now, &request, &answer.outcome()?)),
        }
    }

    fn send(&mut self, requests: impl IntoIterator<Item = Call>) -> Vec<Output> {
        self.requests.send(requests, self.config.firmware.segments)
    }

    /// Returns the current assignment, if the login is complete and there is one.
    fn hash(&self) -> Vec<Output> {
        let assignment = match self.phase {
            Phase::Running => self.assignments.assignment(),
            _ => None,
        };
        assignment.map(Output::Hash).into_iter().collect()
    }
}
