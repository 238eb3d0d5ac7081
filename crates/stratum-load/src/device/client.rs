//! A device's side of a session, without a socket or a clock.
//!
//! Lines, found shares and the passing of time go in; bytes to be sent, work to be hashed and the end of the
//! connection come out. It is strict on purpose: each deviation from what the firmwares need is written down with its
//! line, and where the firmware would give up, the session ends.

mod login;
mod requests;
mod shares;
#[cfg(test)]
mod tests;
mod work;

use std::time::{Duration, Instant};

use crate::device::line::{Answer, ServerLine};
use crate::device::{CleanFlag, DeviceReport, Firmware, FirstLine, Rule};

use requests::{Request, Requests};
use work::Desk;
pub(crate) use work::{Assignment, Found};

/// How long a device waits; tests shorten it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceLimits {
    /// For the answer to each request of the login.
    pub login: Duration,
    /// For a line, once it is logged in.
    pub silence: Duration,
    /// Before it connects again.
    pub pause: Duration,
}

impl Default for DeviceLimits {
    /// Those of the KA3: 30 s, 60 s and 30 s.
    fn default() -> Self {
        Self {
            login: Duration::from_secs(30),
            silence: Duration::from_mins(1),
            pause: Duration::from_secs(30),
        }
    }
}

/// Who a device says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user, `account.worker`.
    pub user: String,
    /// The password.
    pub password: String,
}

/// What the client wants to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum Output {
    /// These bytes are to be written at once.
    Send(Vec<u8>),
    /// This is to be hashed from now on.
    Hash(Assignment),
    /// The connection is to be closed.
    Close,
}

/// How far the login is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// `mining.subscribe` is out; whether a line has come since matters to a firmware that reads one.
    Subscribing,
    /// Subscribed, or about to be; `mining.authorize` is out.
    Authorizing,
    /// Both are answered.
    Running,
    /// The session is over.
    Closed,
}

/// One session of a device.
#[derive(Debug)]
pub(crate) struct Client<'a> {
    firmware: &'a Firmware,
    login: &'a Login,
    limits: DeviceLimits,
    report: &'a mut DeviceReport,
    requests: Requests,
    phase: Phase,
    desk: Desk,
    /// When the last line came, or the last request of the login went out.
    quiet_since: Instant,
    last_line: Vec<u8>,
}

impl<'a> Client<'a> {
    /// The session of a connection that has just been made, and what is to be sent first.
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
            desk: Desk::new(firmware, scale_bits),
            quiet_since: now,
            last_line: Vec::new(),
        };
        let outputs = client.begin();
        (client, outputs)
    }

    /// When [`Client::tick`] is due.
    pub(crate) fn deadline(&self) -> Instant {
        let patience = match self.phase {
            Phase::Subscribing | Phase::Authorizing => self.limits.login,
            Phase::Running | Phase::Closed => self.limits.silence,
        };
        self.quiet_since + patience
    }

    /// Gives up on a server that has been silent for too long.
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

    /// Takes a line of the server without its newline.
    pub(crate) fn line(&mut self, now: Instant, line: &[u8]) -> Vec<Output> {
        if self.phase == Phase::Closed {
            return Vec::new();
        }
        let is_strict = self.firmware.first_line == FirstLine::Answer;
        // The limit of a login is for each answer, whatever else is said meanwhile.
        if self.phase == Phase::Running {
            self.quiet_since = now;
        }
        self.last_line.clear();
        self.last_line.extend(line.iter().take(200));
        let read = ServerLine::read(line);
        if is_strict && self.phase == Phase::Subscribing {
            let is_answer = matches!(&read, Ok(ServerLine::Answer(answer))
                if answer.integer_id().is_ok_and(|id| self.requests.is_subscribe(id)));
            if !is_answer {
                return self.give_up(first_line_rule(&read), line);
            }
        }
        let was = self.phase;
        let result = match read {
            Err(rule) => Err(rule),
            Ok(ServerLine::Answer(answer)) => self.answer(now, answer, line),
            Ok(ServerLine::Notify(params)) => self.notify(&params, line),
            Ok(ServerLine::SetTarget(params)) => self.desk.set_target(&params).map(|()| Vec::new()),
            Ok(ServerLine::Unknown) if is_strict && self.phase == Phase::Authorizing => {
                Err(Rule::UnknownLineDuringLogin)
            }
            Ok(ServerLine::SetDifficulty | ServerLine::Unknown) => Ok(Vec::new()),
        };
        match result {
            Ok(outputs) => outputs,
            // What such a device cannot use counts as the answer that it waits for.
            Err(rule) if is_strict && was != Phase::Running => self.give_up(rule, line),
            Err(rule) => {
                self.report.violation(rule, line);
                Vec::new()
            }
        }
    }

    /// Notes that the hashing has run out of nonces.
    pub(crate) fn exhausted(&mut self) {
        if self.phase != Phase::Closed {
            let line = self.last_line.clone();
            self.report.violation(Rule::WorkExhausted, &line);
        }
    }

    /// Notes that the server has closed the connection, or sent a line without an end.
    pub(crate) fn lost(&mut self, rule: Rule) {
        if self.phase != Phase::Closed {
            let line = self.last_line.clone();
            self.give_up(rule, &line);
        }
    }

    /// Ends the session from this side; shares without an answer are counted.
    pub(crate) fn stop(&mut self) {
        self.phase = Phase::Closed;
        self.report.unanswered += self.requests.take_shares();
    }

    fn give_up(&mut self, rule: Rule, line: &[u8]) -> Vec<Output> {
        self.report.violation(rule, line);
        self.stop();
        vec![Output::Close]
    }

    fn answer(&mut self, now: Instant, answer: Answer, line: &[u8]) -> Result<Vec<Output>, Rule> {
        let id = answer.integer_id()?;
        let request = self.requests.answered(id).ok_or(Rule::AnswerToNothing)?;
        match request {
            Request::Subscribe => Ok(self.subscribed(now, &answer.outcome()?, line)),
            Request::Authorize => Ok(self.authorized(now, &answer.outcome()?, line)),
            Request::Share(share) => self.judged(&share, answer).map(|()| Vec::new()),
        }
    }

    fn notify(&mut self, params: &[serde_json::Value], line: &[u8]) -> Result<Vec<Output>, Rule> {
        let broken = self.desk.notify(params)?;
        self.report.jobs += 1;
        for rule in broken {
            if rule != Rule::CleanIsNotTrue || self.firmware.clean == CleanFlag::Needed {
                self.report.violation(rule, line);
            }
        }
        Ok(self.hash())
    }

    /// What to hash now, if all that it takes is there.
    fn hash(&self) -> Vec<Output> {
        match self.phase {
            Phase::Running => self
                .desk
                .assignment()
                .map(Output::Hash)
                .into_iter()
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// What is wrong with a first line that is not the answer.
fn first_line_rule(read: &Result<ServerLine, Rule>) -> Rule {
    match read {
        Err(rule) => *rule,
        Ok(ServerLine::Answer(answer)) => match answer.integer_id() {
            Err(rule) => rule,
            Ok(_) => Rule::FirstLineIsNotTheAnswer,
        },
        Ok(_) => Rule::FirstLineIsNotTheAnswer,
    }
}
