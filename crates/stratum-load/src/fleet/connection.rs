//! Connections of the sessions: opening, reading, writing and closing.

use std::io::{self, ErrorKind, Read, Write};

use chainweb::{Target, WorkHeader};
use rustix::event::epoll;
use rustix::net::sockopt;

use crate::clock::Moment;
use crate::fleet::plan::{ConnectPace, Greeting};
use crate::fleet::session::{AUTHORIZE, Novelty, Reads, SUBSCRIBE, Session, State};
use crate::fleet::wire::{self, Line};
use crate::fleet::{Fleet, READ_BYTES};
use crate::synthetic::work_key;

/// Receive buffer of a session that does not read; the system raises it to its minimum.
const SLOW_BUFFER_BYTES: usize = 2048;

/// Maximum length of a line in bytes.
const LINE_BYTES: usize = 64 << 10;

impl Fleet {
    /// Whether the maximum number of sessions is connecting or logging in.
    pub(super) fn is_at_limit(&self) -> bool {
        match self.plan.pace {
            ConnectPace::InFlight(limit) => self.logging_in >= limit,
            ConnectPace::PerSecond(_) => false,
        }
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
        // The last sessions, since storms reopen the first ones.
        let is_slow = index + self.plan.slow_readers >= self.sessions.len();
        let reads = if is_slow {
            Reads::UntilReady
        } else {
            Reads::Always
        };
        let since = Moment::now();
        let opened = self.sources.open().and_then(|stream| {
            let data = epoll::EventData::new_u64(index as u64);
            let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT;
            epoll::add(&self.epoll, &stream, data, flags)?;
            Ok(stream)
        });
        match opened {
            Ok(stream) => {
                self.logging_in += 1;
                let previous = &self.sessions[index];
                self.sessions[index] = Session {
                    stream: Some(stream),
                    state: State::Connecting,
                    opened: previous.opened + 1,
                    reads,
                    since,
                    ..Session::new()
                };
            }
            Err(_) => self.tally.fail("connection refused"),
        }
    }

    /// Closes a session.
    pub(super) fn close(&mut self, index: usize) {
        let session = &mut self.sessions[index];
        let opened = session.opened;
        match session.state {
            State::Ready => {
                self.tally.ready -= 1;
                if session.reads == Reads::Always && session.recent[0].is_some() {
                    self.rounds.readers -= 1;
                }
            }
            State::Connecting | State::LoggingIn => self.logging_in -= 1,
            State::Closed => {}
        }
        // Closing the socket removes it from the epoll set.
        *session = Session {
            opened,
            ..Session::new()
        };
    }

    fn fail(&mut self, index: usize, failure: &'static str) {
        self.tally.fail(failure);
        self.close(index);
    }

    pub(super) fn session_event(&mut self, index: usize, flags: epoll::EventFlags) {
        match self.sessions[index].state {
            State::Closed => {}
            State::Connecting => self.connected(index),
            State::LoggingIn | State::Ready => {
                if flags.contains(epoll::EventFlags::OUT) {
                    self.flush(index);
                }
                let readable =
                    epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR;
                if flags.intersects(readable) {
                    self.readable(index);
                }
            }
        }
    }

    fn connected(&mut self, index: usize) {
        let now = Moment::now();
        let session = &mut self.sessions[index];
        let stream = session
            .stream
            .as_ref()
            .expect("a connecting session has a socket");
        if !matches!(stream.take_error(), Ok(None)) {
            return self.fail(index, "connection refused");
        }
        self.tally.connected += 1;
        self.tally.connect.add(now.since(session.since));
        session.since = now;
        session.state = State::LoggingIn;
        if self.watch(index, epoll::EventFlags::IN).is_err() {
            return self.fail(index, "system error");
        }
        match &self.plan.greeting {
            Greeting::Silence => self.ready(index, now),
            Greeting::Login { user, password } => {
                let user = serde_json::json!(format!("{user}.{index}"));
                let password = serde_json::json!(password);
                let text = format!(
                    "{{\"id\":{SUBSCRIBE},\"method\":\"mining.subscribe\",\"params\":[\"stratum-load\",null]}}\n\
                     {{\"id\":{AUTHORIZE},\"method\":\"mining.authorize\",\"params\":[{user},{password}]}}\n"
                );
                self.sessions[index].answers_missing = 2;
                self.write(index, text.as_bytes());
            }
        }
    }

    /// Sets the events that wake the loop for a session.
    fn watch(&self, index: usize, flags: epoll::EventFlags) -> io::Result<()> {
        let Some(stream) = &self.sessions[index].stream else {
            return Ok(());
        };
        let data = epoll::EventData::new_u64(index as u64);
        Ok(epoll::modify(&self.epoll, stream, data, flags)?)
    }

    /// Writes bytes, and queues those that the socket does not accept.
    pub(super) fn write(&mut self, index: usize, bytes: &[u8]) {
        let session = &mut self.sessions[index];
        let Some(stream) = &mut session.stream else {
            return;
        };
        if !session.output.is_empty() {
            session.output.extend_from_slice(bytes);
            return;
        }
        let written = match stream.write(bytes) {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(_) => return self.fail(index, "closed by the server"),
        };
        if written < bytes.len() {
            session.output.extend_from_slice(&bytes[written..]);
            let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT;
            if self.watch(index, flags).is_err() {
                self.fail(index, "system error");
            }
        }
    }

    fn flush(&mut self, index: usize) {
        let output = std::mem::take(&mut self.sessions[index].output);
        if !output.is_empty() {
            self.write(index, &output);
        }
        if self.sessions[index].output.is_empty()
            && self.watch(index, epoll::EventFlags::IN).is_err()
        {
            self.fail(index, "system error");
        }
    }

    /// Reads once. `epoll` reports remaining bytes again.
    fn readable(&mut self, index: usize) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let session = &mut self.sessions[index];
        let kept = session.input.len();
        buffer.resize(kept + READ_BYTES, 0);
        buffer[..kept].copy_from_slice(&session.input);
        let stream = session
            .stream
            .as_mut()
            .expect("an open session has a socket");
        let read = match stream.read(&mut buffer[kept..]) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.buffer = buffer;
                return;
            }
            Err(_) => 0,
        };
        let now = Moment::now();
        if read == 0 {
            self.buffer = buffer;
            return self.fail(index, "closed by the server");
        }
        let bytes = &buffer[..kept + read];
        let end = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        session.input.clear();
        session.input.extend_from_slice(&bytes[end..]);
        if session.input.is_empty() {
            session.input = Vec::new();
        }
        let mut answered = 0;
        for line in bytes[..end].split(|byte| *byte == b'\n') {
            // A line may close the session.
            if !line.is_empty() && self.sessions[index].state != State::Closed {
                answered += self.line(index, line, now);
            }
        }
        self.buffer = buffer;
        if self.sessions[index].input.len() > LINE_BYTES {
            return self.fail(index, "line too long");
        }
        self.shares_answered(index, answered, now);
    }

    /// Handles a line. Returns the number of shares that it answers.
    fn line(&mut self, index: usize, line: &[u8], now: Moment) -> usize {
        match wire::parse(line) {
            None => self.tally.fail("malformed line"),
            Some(Line::Other) => {}
            Some(Line::Echo { id }) => return self.share_answered(index, id, None, now),
            Some(Line::Answer {
                id: SUBSCRIBE,
                rejected: None,
                result,
            }) => {
                match wire::nonce1(result) {
                    Some(nonce1) => self.sessions[index].nonce1 = nonce1,
                    None => self.tally.fail("malformed nonce1"),
                }
                self.login_answered(index, now);
            }
            Some(Line::Answer {
                id: AUTHORIZE,
                rejected: None,
                ..
            }) => {
                self.login_answered(index, now);
            }
            Some(Line::Answer {
                id: SUBSCRIBE | AUTHORIZE,
                ..
            }) => {
                self.fail(index, "login refused");
            }
            Some(Line::Answer { id, rejected, .. }) => {
                return self.share_answered(index, id, rejected, now);
            }
            Some(Line::SetTarget(hex)) => match Target::from_be_hex(&hex) {
                Ok(target) => self.sessions[index].target = Some(target),
                Err(_) => self.tally.fail("malformed target"),
            },
            Some(Line::Notify { job_id, header_hex }) => {
                self.notified(index, &job_id, &header_hex, now);
            }
        }
        0
    }

    fn notified(&mut self, index: usize, job_id: &str, header_hex: &str, now: Moment) {
        self.tally.notifies += 1;
        let session = &mut self.sessions[index];
        session.job_id.clear();
        session.job_id.push_str(job_id);
        session.header = None;
        if !session.is_target_open() {
            let bytes = const_hex::decode(header_hex).unwrap_or_default();
            session.header = WorkHeader::decode(&bytes).ok().map(Box::new);
        }
        let key = work_key(header_hex.as_bytes());
        match session.record_work(key) {
            Novelty::Known => {}
            Novelty::New => self.rounds.arrived(key, now),
            Novelty::First => {
                self.tally.first_job.add(now.since(session.since));
                if session.state == State::Ready && session.reads == Reads::Always {
                    self.rounds.readers += 1;
                }
                self.check_ready(index, now);
            }
        }
    }

    fn login_answered(&mut self, index: usize, now: Moment) {
        let session = &mut self.sessions[index];
        session.answers_missing = session.answers_missing.saturating_sub(1);
        if session.answers_missing == 0 {
            self.tally.login.add(now.since(session.since));
        }
        self.check_ready(index, now);
    }

    fn check_ready(&mut self, index: usize, now: Moment) {
        let session = &self.sessions[index];
        let is_complete = session.answers_missing == 0 && session.recent[0].is_some();
        if session.state == State::LoggingIn && is_complete {
            self.ready(index, now);
        }
    }

    fn stop_reading(&mut self, index: usize) {
        let stream = self.sessions[index].stream.as_ref();
        // Not before the login: the handshake needs a buffer, too.
        let shrunk = stream.is_none_or(|stream| {
            sockopt::set_socket_recv_buffer_size(stream, SLOW_BUFFER_BYTES).is_ok()
        });
        if !shrunk || self.watch(index, epoll::EventFlags::empty()).is_err() {
            self.fail(index, "system error");
        }
    }

    fn ready(&mut self, index: usize, now: Moment) {
        self.tally.ready += 1;
        self.logging_in -= 1;
        let session = &mut self.sessions[index];
        session.state = State::Ready;
        if session.reads == Reads::UntilReady {
            return self.stop_reading(index);
        }
        if session.recent[0].is_some() {
            self.rounds.readers += 1;
        }
        self.begin_shares(index, now);
    }
}
