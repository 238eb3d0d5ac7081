//! Connections of the sessions: opening, reading, writing and closing.

use std::io::{ErrorKind, Read, Write};

use chainweb::{Target, WorkHeader};
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::net::sockopt;

use crate::clock::Moment;
use crate::device::Login;
use crate::fleet::plan::{ConnectPace, Shares};
use crate::fleet::session::{AUTHORIZE, SUBSCRIBE, Session, State};
use crate::fleet::wire::{self, Line};
use crate::fleet::{Fleet, READ_BYTES};
use crate::synthetic::work_key;

/// Receive buffer of a session that does not read; the system raises it to its minimum.
const SLOW_BUFFER_BYTES: usize = 2048;

/// Maximum length of a line in bytes.
const LINE_BYTES: usize = 64 << 10;

/// Name of a failure that ends a session.
pub(super) type Failure = &'static str;

const REFUSED: Failure = "connection refused";
const CLOSED: Failure = "closed by the server";
const SYSTEM: Failure = "system error";

impl Fleet {
    /// Whether the maximum number of sessions is connecting or logging in.
    pub(super) fn is_at_limit(&self) -> bool {
        match self.plan.pace {
            ConnectPace::InFlight(limit) => self.logging_in >= limit,
            ConnectPace::PerSecond(_) => false,
        }
    }

    /// Whether a session stops reading after the login. These are the last ones, since storms
    /// reopen the first ones.
    fn is_slow(&self, index: usize) -> bool {
        index + self.plan.slow_readers >= self.sessions.len()
    }

    /// Opens the sessions that are due.
    pub(super) fn open_due(&mut self, now: Moment) {
        while self.next_open <= now && !self.is_at_limit() {
            let Some(index) = self.to_open.pop() else {
                return;
            };
            self.open(index);
            if let ConnectPace::PerSecond(pace) = self.plan.pace {
                let gap = std::time::Duration::from_secs_f64(1.0 / pace);
                self.next_open = self.next_open.after(gap);
            }
        }
    }

    /// Starts connecting a session, regardless of the pace.
    pub(super) fn open(&mut self, index: usize) {
        self.tally.opened += 1;
        let since = Moment::now();
        let opened = self.sources.open().and_then(|stream| {
            let data = EventData::new_u64(index as u64);
            epoll::add(&self.epoll, &stream, data, EventFlags::IN | EventFlags::OUT)?;
            Ok(stream)
        });
        match opened {
            Ok(stream) => {
                self.logging_in += 1;
                self.sessions[index] = Session {
                    stream: Some(stream),
                    state: State::Connecting,
                    opened: self.tally.opened,
                    since,
                    ..Session::default()
                };
            }
            Err(_) => self.tally.fail(REFUSED),
        }
    }

    /// Closes a session.
    pub(super) fn close(&mut self, index: usize) {
        // Closing the socket removes it from the epoll set.
        let session = std::mem::take(&mut self.sessions[index]);
        match session.state {
            State::Ready => {
                self.tally.ready -= 1;
                if session.recent[0].is_some() && !self.is_slow(index) {
                    self.rounds.readers -= 1;
                }
            }
            State::Connecting | State::LoggingIn => self.logging_in -= 1,
            State::Closed => {}
        }
    }

    /// Closes a session that has failed.
    pub(super) fn settle(&mut self, index: usize, result: Result<(), Failure>) {
        if let Err(failure) = result {
            self.tally.fail(failure);
            self.close(index);
        }
    }

    pub(super) fn session_event(&mut self, index: usize, flags: EventFlags) {
        let result = match self.sessions[index].state {
            State::Closed => Ok(()),
            State::Connecting => self.connected(index),
            State::LoggingIn | State::Ready => self.transfer(index, flags),
        };
        self.settle(index, result);
    }

    fn connected(&mut self, index: usize) -> Result<(), Failure> {
        let now = Moment::now();
        let session = &mut self.sessions[index];
        let stream = session.stream.as_ref();
        let stream = stream.expect("a connecting session has a socket");
        if !matches!(stream.take_error(), Ok(None)) {
            return Err(REFUSED);
        }
        self.tally.connected += 1;
        self.tally.connect.add(now.since(session.since));
        session.since = now;
        session.state = State::LoggingIn;
        self.watch(index, EventFlags::IN)?;
        let Some(Login { user, password }) = &self.plan.login else {
            return self.ready(index, now);
        };
        let user = serde_json::json!(format!("{user}.{index}"));
        let password = serde_json::json!(password);
        let text = format!(
            "{{\"id\":{SUBSCRIBE},\"method\":\"mining.subscribe\",\"params\":[\"stratum-load\",null]}}\n\
             {{\"id\":{AUTHORIZE},\"method\":\"mining.authorize\",\"params\":[{user},{password}]}}\n"
        );
        self.sessions[index].answers_missing = 2;
        self.write(index, text.as_bytes())
    }

    /// Sets the events that wake the loop for a session.
    fn watch(&self, index: usize, flags: EventFlags) -> Result<(), Failure> {
        let Some(stream) = &self.sessions[index].stream else {
            return Ok(());
        };
        let data = EventData::new_u64(index as u64);
        epoll::modify(&self.epoll, stream, data, flags).map_err(|_| SYSTEM)
    }

    /// Writes bytes, and queues those that the socket does not accept.
    pub(super) fn write(&mut self, index: usize, bytes: &[u8]) -> Result<(), Failure> {
        let session = &mut self.sessions[index];
        let Some(stream) = &mut session.stream else {
            return Ok(());
        };
        if !session.output.is_empty() {
            session.output.extend_from_slice(bytes);
            return Ok(());
        }
        let written = match stream.write(bytes) {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(_) => return Err(CLOSED),
        };
        if written < bytes.len() {
            session.output.extend_from_slice(&bytes[written..]);
            self.watch(index, EventFlags::IN | EventFlags::OUT)?;
        }
        Ok(())
    }

    /// Writes queued bytes, and reads, as far as the socket is ready.
    fn transfer(&mut self, index: usize, flags: EventFlags) -> Result<(), Failure> {
        if flags.contains(EventFlags::OUT) {
            let output = std::mem::take(&mut self.sessions[index].output);
            self.write(index, &output)?;
            if self.sessions[index].output.is_empty() {
                self.watch(index, EventFlags::IN)?;
            }
        }
        if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            let mut buffer = std::mem::take(&mut self.buffer);
            let result = self.read(index, &mut buffer);
            self.buffer = buffer;
            return result;
        }
        Ok(())
    }

    /// Reads once. `epoll` reports remaining bytes again.
    fn read(&mut self, index: usize, buffer: &mut Vec<u8>) -> Result<(), Failure> {
        let session = &mut self.sessions[index];
        let kept = session.input.len();
        buffer.resize(kept + READ_BYTES, 0);
        buffer[..kept].copy_from_slice(&session.input);
        let stream = session.stream.as_mut();
        let stream = stream.expect("an open session has a socket");
        let read = match stream.read(&mut buffer[kept..]) {
            Ok(read @ 1..) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Ok(0) | Err(_) => return Err(CLOSED),
        };
        let now = Moment::now();
        let bytes = &buffer[..kept + read];
        let newline = bytes.iter().rposition(|byte| *byte == b'\n');
        let (lines, rest) = bytes.split_at(newline.map_or(0, |at| at + 1));
        session.input = rest.to_vec();
        let answered = self.tally.answered;
        for line in lines.split(|byte| *byte == b'\n') {
            if !line.is_empty() {
                self.line(index, line, now)?;
            }
        }
        if self.sessions[index].input.len() > LINE_BYTES {
            return Err("line too long");
        }
        // One new share for each answered one.
        let is_ready = self.sessions[index].state == State::Ready;
        if is_ready && matches!(self.plan.shares, Shares::InFlight(_)) {
            self.submit(index, self.tally.answered - answered, now)?;
        }
        Ok(())
    }

    fn line(&mut self, index: usize, line: &[u8], now: Moment) -> Result<(), Failure> {
        match wire::parse(line) {
            None => self.tally.fail("malformed line"),
            Some(Line::Other) => {}
            Some(Line::Echo { id }) => self.share_answered(index, id, None, now),
            Some(Line::Answer {
                id: id @ (SUBSCRIBE | AUTHORIZE),
                rejected,
                result,
            }) => {
                if rejected.is_some() {
                    return Err("login refused");
                }
                let session = &mut self.sessions[index];
                if id == SUBSCRIBE {
                    match wire::nonce1(result) {
                        Some(split) => session.split = split,
                        None => self.tally.fail("malformed nonce1"),
                    }
                }
                session.answers_missing = session.answers_missing.saturating_sub(1);
                if session.answers_missing == 0 {
                    self.tally.login.add(now.since(session.since));
                }
                return self.check_ready(index, now);
            }
            Some(Line::Answer { id, rejected, .. }) => {
                self.share_answered(index, id, rejected, now);
            }
            Some(Line::SetTarget(hex)) => match Target::from_be_hex(&hex) {
                Ok(target) => self.sessions[index].target = Some(target),
                Err(_) => self.tally.fail("malformed target"),
            },
            Some(Line::Notify { job_id, header_hex }) => {
                return self.notified(index, &job_id, &header_hex, now);
            }
        }
        Ok(())
    }

    fn notified(
        &mut self,
        index: usize,
        job_id: &str,
        header_hex: &str,
        now: Moment,
    ) -> Result<(), Failure> {
        self.tally.notifies += 1;
        let is_slow = self.is_slow(index);
        let session = &mut self.sessions[index];
        session.job_id.clear();
        session.job_id.push_str(job_id);
        session.header = None;
        if !session.is_target_open() {
            let bytes = const_hex::decode(header_hex).unwrap_or_default();
            session.header = WorkHeader::decode(&bytes).ok().map(Box::new);
        }
        let before = std::mem::replace(&mut session.job_at, now);
        if session.recent[0].is_some() {
            self.tally.job_to_job.add(now.since(before));
        }
        let key = work_key(header_hex.as_bytes());
        if session.recent.contains(&Some(key)) {
            return Ok(());
        }
        let is_first = session.recent[0].is_none();
        session.recent.rotate_right(1);
        session.recent[0] = Some(key);
        if !is_first {
            self.rounds.arrived(key, now);
            return Ok(());
        }
        self.tally.first_job.add(now.since(session.since));
        if session.state == State::Ready && !is_slow {
            self.rounds.readers += 1;
        }
        self.check_ready(index, now)
    }

    fn check_ready(&mut self, index: usize, now: Moment) -> Result<(), Failure> {
        let session = &self.sessions[index];
        let is_complete = session.answers_missing == 0 && session.recent[0].is_some();
        if session.state == State::LoggingIn && is_complete {
            return self.ready(index, now);
        }
        Ok(())
    }

    fn ready(&mut self, index: usize, now: Moment) -> Result<(), Failure> {
        self.tally.ready += 1;
        self.logging_in -= 1;
        let is_slow = self.is_slow(index);
        let session = &mut self.sessions[index];
        session.state = State::Ready;
        if is_slow {
            // Not before the login: the handshake needs a buffer, too.
            if let Some(stream) = &session.stream {
                sockopt::set_socket_recv_buffer_size(stream, SLOW_BUFFER_BYTES)
                    .map_err(|_| SYSTEM)?;
            }
            return self.watch(index, EventFlags::empty());
        }
        if session.recent[0].is_some() {
            self.rounds.readers += 1;
        }
        self.begin_shares(index, now)
    }
}
