//! The client's side of a session, without a socket or a clock.
//!
//! Inputs are lines, found shares and the time; outputs are bytes to send, work to hash and the end
//! of the connection. The client is strict: it records each violation with its line, and ends the
//! session where the firmware would.

mod login;
mod output;
mod requests;
mod shares;
#[cfg(test)]
mod tests;
mod work;

use std::time::{Duration, Instant};

use crate::device::firmware::{CleanFlag, Firmware, FirstLine};
use crate::device::line::{Answer, ServerLine};
use crate::device::report::DeviceReport;
use crate::device::rules::Rule;

pub(crate) use output::Output;
use requests::{Request, Requests};
use work::Assignments;
pub(crate) use work::{Assignment, Found};

/// Time limits of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceLimits {
    /// Limit for the answer to each request of the login.
    pub login: Duration,
    /// Limit for the next line after the login.
    pub silence: Duration,
    /// Pause before the next connection.
    pub pause: Duration,
}

impl Default for DeviceLimits {
    /// Returns those of the KA3: 30 s, 60 s and 30 s.
    fn default() -> Self {
        Self {
            login: Duration::from_secs(30),
            silence: Duration::from_mins(1),
            pause: Duration::from_secs(30),
        }
    }
}

/// User name and password of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// User name, `account.worker`.
    pub user: String,
    /// Password.
    pub password: String,
}

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
    firmware: &'a Firmware,
    login: &'a Login,
    limits: DeviceLimits,
    report: &'a mut DeviceReport,
    requests: Requests,
    phase: Phase,
    assignments: Assignments,
    /// Time of the last line, or of the last request of the login.
    quiet_since: Instant,
    last_line: Vec<u8>,
}

impl<'a> Client<'a> {
    /// Starts a session on a new connection. Returns it with its first outputs.
    pub(crate) fn start(
        firmware: &'a Firmware,
        login: &'a Login,
        limits: DeviceLimits,
        scale_bits: u32,
        report: &'a mut DeviceReport,
        now: Instant,
    ) -> (Self, Vec<Output>) {
        report.connections += 1;
        let mut client = Self {
            firmware,
            login,
            limits,
            report,
            requests: Requests::new(firmware.segments),
            phase: Phase::Subscribing,
            assignments: Assignments::new(firmware, scale_bits),
            quiet_since: now,
            last_line: Vec::new(),
        };
        let outputs = client.start_login();
        (client, outputs)
    }

    /// Returns the time at which [`Client::tick`] is due.
    pub(crate) fn deadline(&self) -> Instant {
        let limit = match self.phase {
            Phase::Subscribing | Phase::Authorizing => self.limits.login,
            Phase::Running | Phase::Closed => self.limits.silence,
        };
        self.quiet_since + limit
    }

    /// Ends the session if the server has exceeded its time limit.
    pub(crate) fn tick(&mut self, now: Instant) -> Vec<Output> {
        if self.phase == Phase::Closed || now < self.deadline() {
            return Vec::new();
        }
        let rule = match self.phase {
            Phase::Subscribing | Phase::Authorizing => Rule::LoginTimeout,
            Phase::Running | Phase::Closed => Rule::Silence,
        };
        let line = self.last_line.clone();
        self.give_up(rule, &line)
    }

    /// Handles a line from the server, without its newline.
    pub(crate) fn line(&mut self, now: Instant, line: &[u8]) -> Vec<Output> {
        if self.phase == Phase::Closed {
            return Vec::new();
        }
        let is_strict = self.firmware.first_line == FirstLine::Answer;
        // During the login the limit applies to each answer: other lines do not extend it.
        if self.phase == Phase::Running {
            self.quiet_since = now;
        }
        self.last_line.clear();
        self.last_line.extend(line.iter().take(200));
        let parsed = ServerLine::parse(line);
        if is_strict && self.phase == Phase::Subscribing {
            let is_answer = matches!(&parsed, Ok(ServerLine::Answer(answer))
                if answer.integer_id().is_ok_and(|id| self.requests.is_subscribe(id)));
            if !is_answer {
                return self.give_up(first_line_rule(&parsed), line);
            }
        }
        let phase = self.phase;
        let result = match parsed {
            Err(rule) => Err(rule),
            Ok(ServerLine::Answer(answer)) => self.answer(now, answer, line),
            Ok(ServerLine::Notify(params)) => self.notify(&params, line),
            Ok(ServerLine::SetTarget(params)) => {
                self.assignments.set_target(&params).map(|()| Vec::new())
            }
            Ok(ServerLine::Unknown) if is_strict && self.phase == Phase::Authorizing => {
                Err(Rule::UnknownLineDuringLogin)
            }
            Ok(ServerLine::SetDifficulty | ServerLine::Unknown) => Ok(Vec::new()),
        };
        match result {
            Ok(outputs) => outputs,
            // A strict device takes an unusable line for the answer that it waits for.
            Err(rule) if is_strict && phase != Phase::Running => self.give_up(rule, line),
            Err(rule) => {
                self.report.violation(rule, line);
                Vec::new()
            }
        }
    }

    /// Records that the hashing thread has tried all nonces.
    pub(crate) fn exhausted(&mut self) {
        if self.phase != Phase::Closed {
            let line = self.last_line.clone();
            self.report.violation(Rule::WorkExhausted, &line);
        }
    }

    /// Ends the session after a closed connection or an endless line.
    pub(crate) fn lost(&mut self, rule: Rule) {
        if self.phase != Phase::Closed {
            let line = self.last_line.clone();
            self.give_up(rule, &line);
        }
    }

    /// Ends the session and counts the unanswered shares.
    pub(crate) fn stop(&mut self) {
        self.phase = Phase::Closed;
        self.report.unanswered += self.requests.take_shares();
    }

    fn give_up(&mut self, rule: Rule, line: &[u8]) -> Vec<Output> {
        self.report.violation(rule, line);
        self.stop();
        vec![Output::Disconnect]
    }

    fn answer(&mut self, now: Instant, answer: Answer, line: &[u8]) -> Result<Vec<Output>, Rule> {
        let id = answer.integer_id()?;
        let request = self.requests.answered(id).ok_or(Rule::UnknownAnswerId)?;
        match request {
            Request::Subscribe => Ok(self.subscribed(now, &answer.outcome()?, line)),
            Request::Authorize => Ok(self.authorized(now, &answer.outcome()?, line)),
            Request::Share { work_key } => {
                self.share_answered(work_key, answer).map(|()| Vec::new())
            }
        }
    }

    fn notify(&mut self, params: &[serde_json::Value], line: &[u8]) -> Result<Vec<Output>, Rule> {
        let broken = self.assignments.notify(params)?;
        self.report.jobs += 1;
        for rule in broken {
            if rule != Rule::CleanIsNotTrue || self.firmware.clean == CleanFlag::Needed {
                self.report.violation(rule, line);
            }
        }
        Ok(self.hash())
    }

    /// Returns the current assignment, if the login is complete and there is one.
    fn hash(&self) -> Vec<Output> {
        match self.phase {
            Phase::Running => self
                .assignments
                .assignment()
                .map(Output::Hash)
                .into_iter()
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// Returns the rule broken by a first line that is not the answer.
fn first_line_rule(parsed: &Result<ServerLine, Rule>) -> Rule {
    match parsed {
        Err(rule) => *rule,
        Ok(ServerLine::Answer(answer)) => match answer.integer_id() {
            Err(rule) => rule,
            Ok(_) => Rule::FirstLineIsNotTheAnswer,
        },
        Ok(_) => Rule::FirstLineIsNotTheAnswer,
    }
}
