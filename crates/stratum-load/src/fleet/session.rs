//! One session of the fleet: a socket, what is left of a line, and what it waits for.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use chainweb::{Target, WorkHeader};
use rustix::event::epoll;
use rustix::net::sockopt;

use crate::clock::Moment;
use crate::fleet::tally::Kind;
use crate::fleet::wire::{self, Line};
use crate::fleet::{ConnectPace, Fleet, Greeting, READ_BYTES};
use crate::synthetic::work_key;

/// The id of the subscribe request; authorize and the shares follow.
const SUBSCRIBE: u64 = 1;
const AUTHORIZE: u64 = 2;

/// The receive buffer of a session that does not read: as small as the system allows.
const SLOW_BUFFER_BYTES: usize = 2048;

/// The longest line that is read.
const LINE_BYTES: usize = 64 << 10;

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Closed,
    Connecting,
    /// Connected, without all answers or without work.
    LoggingIn,
    /// Works.
    Ready,
}

/// How a session reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    /// All that comes.
    Always,
    /// Nothing once it is logged in.
    UntilReady,
}

/// A share without an answer.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: u64,
    pub(super) kind: Kind,
    pub(super) sent: Moment,
}

/// A session; small, since there are many.
#[derive(Debug)]
pub(super) struct Session {
    stream: Option<TcpStream>,
    pub(super) state: State,
    /// How often it has been opened: what belongs to an earlier time is told by it.
    pub(super) opened: u32,
    reads: Reads,
    since: Moment,
    answers_missing: u8,
    /// The beginning of a line, without its end.
    input: Vec<u8>,
    /// What the socket did not take yet.
    output: Vec<u8>,
    pub(super) job_id: String,
    /// The digits of the job's header, kept only where shares have to be hashed.
    pub(super) header: Option<Box<WorkHeader>>,
    pub(super) target: Option<Target>,
    /// The number and the bytes of nonce1.
    pub(super) nonce1: (u64, u32),
    pub(super) next_nonce2: u64,
    pub(super) next_id: u64,
    pub(super) waiting: VecDeque<Waiting>,
    /// The works that came last.
    seen: [Option<u64>; 4],
}

impl Session {
    pub(super) fn new() -> Self {
        Self {
            stream: None,
            state: State::Closed,
            opened: 0,
            reads: Reads::Always,
            since: Moment::default(),
            answers_missing: 0,
            input: Vec::new(),
            output: Vec::new(),
            job_id: String::new(),
            header: None,
            target: None,
            nonce1: (0, 2),
            next_nonce2: 0,
            next_id: AUTHORIZE + 1,
            waiting: VecDeque::new(),
            seen: [None; 4],
        }
    }

    /// Whether every nonce meets the target.
    pub(super) fn is_target_open(&self) -> bool {
        self.target.is_none_or(|target| target == Target::MAX)
    }

    /// Notes that work came: whether it is new to the session, and whether it is the first.
    fn see(&mut self, key: u64) -> Novelty {
        if self.seen.contains(&Some(key)) {
            return Novelty::Known;
        }
        let novelty = match self.seen[0] {
            None => Novelty::First,
            Some(_) => Novelty::New,
        };
        self.seen.rotate_right(1);
        self.seen[0] = Some(key);
        novelty
    }
}

enum Novelty {
    First,
    New,
    Known,
}

impl Fleet {
    /// Whether no more connections may be on their way.
    pub(super) fn is_crowded(&self) -> bool {
        match self.plan.pace {
            ConnectPace::InFlight(limit) => self.underway >= limit,
            ConnectPace::PerSecond(_) => false,
        }
    }

    /// Opens the sessions that are due.
    pub(super) fn open_due(&mut self, now: Moment) {
        while self.next_open <= now && !self.is_crowded() {
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

    /// Begins to connect, whatever the pace is.
    pub(super) fn open(&mut self, index: usize) {
        self.tally.opened += 1;
        // The last ones, so that the first of a storm are not among them.
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
                self.underway += 1;
                let before = &self.sessions[index];
                self.sessions[index] = Session {
                    stream: Some(stream),
                    state: State::Connecting,
                    opened: before.opened + 1,
                    reads,
                    since,
                    ..Session::new()
                };
            }
            Err(_) => self.tally.fail("connection refused"),
        }
    }

    /// Closes a session from this side.
    pub(super) fn hang_up(&mut self, index: usize) {
        let session = &mut self.sessions[index];
        let opened = session.opened;
        match session.state {
            State::Ready => {
                self.tally.ready -= 1;
                if session.reads == Reads::Always && session.seen[0].is_some() {
                    self.rounds.readers -= 1;
                }
            }
            State::Connecting | State::LoggingIn => self.underway -= 1,
            State::Closed => {}
        }
        // Closing the socket takes it out of the epoll set.
        *session = Session {
            opened,
            ..Session::new()
        };
    }

    fn fail(&mut self, index: usize, what: &'static str) {
        self.tally.fail(what);
        self.hang_up(index);
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
        let stream = session.stream.as_ref().expect("it is connecting");
        if !matches!(stream.take_error(), Ok(None)) {
            return self.fail(index, "connection refused");
        }
        self.tally.connected += 1;
        self.tally.connect.add(now.since(session.since));
        session.since = now;
        session.state = State::LoggingIn;
        if let Err(error) = self.listen(index, epoll::EventFlags::IN) {
            drop(error);
            return self.fail(index, "refused by the system");
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

    fn listen(&self, index: usize, flags: epoll::EventFlags) -> io::Result<()> {
        let Some(stream) = &self.sessions[index].stream else {
            return Ok(());
        };
        let data = epoll::EventData::new_u64(index as u64);
        Ok(epoll::modify(&self.epoll, stream, data, flags)?)
    }

    /// Writes, and keeps what the socket does not take for later.
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
            if self.listen(index, flags).is_err() {
                self.fail(index, "refused by the system");
            }
        }
    }

    fn flush(&mut self, index: usize) {
        let output = std::mem::take(&mut self.sessions[index].output);
        if !output.is_empty() {
            self.write(index, &output);
        }
        if self.sessions[index].output.is_empty()
            && self.listen(index, epoll::EventFlags::IN).is_err()
        {
            self.fail(index, "refused by the system");
        }
    }

    /// Reads once: what is left makes the next event.
    fn readable(&mut self, index: usize) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let session = &mut self.sessions[index];
        let kept = session.input.len();
        buffer.resize(kept + READ_BYTES, 0);
        buffer[..kept].copy_from_slice(&session.input);
        let stream = session
            .stream
            .as_mut()
            .expect("a session that is open has a socket");
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
            // What a line does may close the session.
            if !line.is_empty() && self.sessions[index].state != State::Closed {
                answered += self.line(index, line, now);
            }
        }
        self.buffer = buffer;
        if self.sessions[index].input.len() > LINE_BYTES {
            return self.fail(index, "line without an end");
        }
        self.shares_answered(index, answered, now);
    }

    /// Takes a line and gives the number of shares that it answers.
    fn line(&mut self, index: usize, line: &[u8], now: Moment) -> usize {
        match wire::read(line) {
            None => self.tally.fail("line that cannot be read"),
            Some(Line::Other) => {}
            Some(Line::Echo { id }) => return self.share_answered(index, id, None, now),
            Some(Line::Answer {
                id: SUBSCRIBE,
                rejected: None,
                result,
            }) => {
                match wire::nonce1(result) {
                    Some(nonce1) => self.sessions[index].nonce1 = nonce1,
                    None => self.tally.fail("nonce1 that cannot be read"),
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
                Err(_) => self.tally.fail("target that cannot be read"),
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
        match session.see(key) {
            Novelty::Known => {}
            Novelty::New => self.rounds.arrived(key, now),
            Novelty::First => {
                self.tally.first_job.add(now.since(session.since));
                if session.state == State::Ready && session.reads == Reads::Always {
                    self.rounds.readers += 1;
                }
                self.ready_if_all_is_there(index, now);
            }
        }
    }

    fn login_answered(&mut self, index: usize, now: Moment) {
        let session = &mut self.sessions[index];
        session.answers_missing = session.answers_missing.saturating_sub(1);
        if session.answers_missing == 0 {
            self.tally.login.add(now.since(session.since));
        }
        self.ready_if_all_is_there(index, now);
    }

    fn ready_if_all_is_there(&mut self, index: usize, now: Moment) {
        let session = &self.sessions[index];
        let has_all = session.answers_missing == 0 && session.seen[0].is_some();
        if session.state == State::LoggingIn && has_all {
            self.ready(index, now);
        }
    }

    fn stop_reading(&mut self, index: usize) {
        let stream = self.sessions[index].stream.as_ref();
        // Not before the connection is made: the handshake needs a buffer too.
        let shrunk = stream.is_none_or(|stream| {
            sockopt::set_socket_recv_buffer_size(stream, SLOW_BUFFER_BYTES).is_ok()
        });
        if !shrunk || self.listen(index, epoll::EventFlags::empty()).is_err() {
            self.fail(index, "refused by the system");
        }
    }

    fn ready(&mut self, index: usize, now: Moment) {
        self.tally.ready += 1;
        self.underway -= 1;
        let session = &mut self.sessions[index];
        session.state = State::Ready;
        if session.reads == Reads::UntilReady {
            return self.stop_reading(index);
        }
        if session.seen[0].is_some() {
            self.rounds.readers += 1;
        }
        self.begin_shares(index, now);
    }
}
