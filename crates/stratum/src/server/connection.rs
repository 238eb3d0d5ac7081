//! The connection of one client: reads lines for its session and writes the session's outbox.
//!
//! Most connections are idle, so no buffer outlives a turn: bytes are read onto the stack, and only
//! an incomplete line and unsent bytes are kept. A client that does not read is not read from
//! either, keeps only the newest job, and is disconnected in the end.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use listen::Permit;
use tokio::io::{AsyncRead, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc::error::TrySendError;
use tracing::{debug, trace, warn};

use crate::framing::{Framing, Oversized};
use crate::job_set::JobSet;
use crate::server::counters::Counters;
use crate::server::ending::Ending;
use crate::server::gate::Protocol;
use crate::server::secure::Secure;
use crate::server::shared::Shared;
use crate::server::slice::Reader;
use crate::session::{Close, Outbox, Session, ShareEvent};
use crate::stats::{Freshness, Rejection};

/// Bytes read at once.
const READ: usize = 16 * 1024;

/// The answer to a request of HTTP.
const HTTP_ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\
    Connection: close\r\n\r\nThis port speaks Stratum: stratum+tcp://\n";

/// The most bytes of unsent answers with which the socket is still read.
const MAX_UNSENT: usize = 16 * 1024;

/// A connection.
pub(super) struct Connection {
    shared: Arc<Shared>,
    socket: TcpStream,
    peer: SocketAddr,
    permit: Permit,
    /// The number of accepted connections when this one was.
    number: u64,
    /// The first bytes, until they show the client's address and protocol.
    opening: Option<Vec<u8>>,
    secure: Option<Box<Secure>>,
    session: Session,
    framing: Framing,
    /// Whether the socket wakes this task once it is readable.
    is_waiting: bool,
    outbox: Outbox,
    /// Lines that may have been sent in part.
    writing: Bytes,
    /// Since when the socket is not writable.
    stalled: Option<Instant>,
    /// When the event arrived for which a job is being sent.
    announced: Option<Instant>,
}

impl Connection {
    pub(super) fn new(
        shared: Arc<Shared>,
        socket: TcpStream,
        peer: SocketAddr,
        mut session: Session,
        permit: Permit,
    ) -> Self {
        session.set_peer(peer.ip());
        Self {
            shared,
            socket,
            peer,
            permit,
            number: 0,
            opening: Some(Vec::new()),
            secure: None,
            session,
            framing: Framing::default(),
            is_waiting: false,
            outbox: Outbox::default(),
            writing: Bytes::new(),
            stalled: None,
            announced: None,
        }
    }

    /// Serves the client until the connection or the server ends.
    ///
    /// Takes references only: a future that takes values stores them twice.
    pub(super) async fn run(&mut self, jobs: &mut Reader<JobSet>) {
        let counters = Arc::clone(&self.shared.counters);
        self.number = 1 + counters
            .accepted_connections
            .fetch_add(1, Ordering::Relaxed);
        Counters::add(&counters.connections, 1);
        debug!(peer = %self.peer, "connected");
        let ending = match self.serve(jobs).await {
            Ok(ending) => ending,
            Err(error) => {
                debug!(peer = %self.peer, %error, "connection broken");
                Ending::Broken
            }
        };
        if let Some(secure) = &mut self.secure {
            secure.close(&self.socket);
        }
        counters.connections.fetch_sub(1, Ordering::Relaxed);
        Counters::add(&counters.endings[ending.index()], 1);
        let worker = self.session.worker().map(tracing::field::display);
        let agent = self.session.agent();
        debug!(peer = %self.peer, worker, ?agent, %ending, "disconnected");
        if matches!(ending, Ending::Closed(_) | Ending::Stalled) {
            let so_far = counters.ended_by_server.fetch_add(1, Ordering::Relaxed) + 1;
            // Logged whenever the number has doubled: scanners are many. Devices have other lines.
            if worker.is_none() && so_far.is_power_of_two() {
                warn!(event = "client_disconnected", peer = %self.peer, %ending, so_far, "client disconnected");
            }
        }
    }

    async fn serve(&mut self, jobs: &mut Reader<JobSet>) -> io::Result<Ending> {
        let mut due = self.session.wakeup();
        let mut timer = pin!(tokio::time::sleep_until(due.into()));
        let mut alarm = Alarm::Unset;
        loop {
            let turn = poll_fn(|cx| {
                if let Poll::Ready(changed) = jobs.poll_changed(cx) {
                    return Poll::Ready(Ok(changed.map_or(Turn::Stop, Turn::Jobs)));
                }
                if let Poll::Ready(turn) = self.poll_io(cx) {
                    return Poll::Ready(turn);
                }
                if let Alarm::Checked = alarm {
                    // Once only: the next wake-up may be the timer's.
                    alarm = Alarm::Set;
                    return Poll::Pending;
                }
                alarm = Alarm::Set;
                timer.as_mut().poll(cx).map(|()| Ok(Turn::Due))
            });
            let turn = turn.await?;
            let is_full = matches!(turn, Turn::Full(_));
            let mut now = match turn {
                Turn::Done(now) | Turn::Full(now) => now,
                Turn::Left => return Ok(Ending::Left),
                Turn::Ended(ending) => return Ok(ending),
                Turn::Jobs(jobs) => {
                    let now = Instant::now();
                    self.set_jobs(now, jobs);
                    now
                }
                Turn::Due => {
                    let now = Instant::now();
                    // The next deadline is set below.
                    due = now + Duration::from_hours(1);
                    self.session.tick(now, &mut self.outbox);
                    now
                }
                Turn::Stop => {
                    self.flush(Instant::now())?;
                    return Ok(Ending::Stopped);
                }
            };
            if !self.outbox.solutions.is_empty() {
                for solution in std::mem::take(&mut self.outbox.solutions) {
                    // The receiver is dropped only when the program ends.
                    self.shared.solutions.send(solution).await.ok();
                }
                now = Instant::now();
            }
            let flushed = self.flush(now);
            self.record(now);
            flushed?;
            if let Some(close) = self.outbox.close {
                return Ok(Ending::Closed(close));
            }
            let mut next = self.session.wakeup();
            if let Some(since) = self.stalled {
                let end = since + self.shared.write_stall;
                if now >= end {
                    return Ok(Ending::Stalled);
                }
                next = next.min(end);
            }
            // A later deadline leaves the timer as it is: mostly it never fires.
            if next < due {
                due = next;
                timer.as_mut().reset(due.into());
                alarm = Alarm::Unset;
            } else if let Alarm::Set = alarm
                && now < due
            {
                alarm = Alarm::Checked;
            }
            if is_full {
                // Jobs of other sessions come before more lines of this one.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Counts and logs what has happened.
    fn record(&mut self, now: Instant) {
        self.count_shares();
        if let Some(log) = &self.shared.share_log {
            log.send(&mut self.outbox.records, self.number, self.peer);
        }
        if let Some(wait) = self.outbox.late_job.take() {
            self.shared.late_job(now, wait);
        }
        if !self.outbox.settings.is_empty() {
            for warning in std::mem::take(&mut self.outbox.settings) {
                Shared::warn_of_setting(self.peer, &warning);
            }
        }
    }

    fn set_jobs(&mut self, now: Instant, jobs: Arc<JobSet>) {
        let unsent = self.outbox.job.as_ref().map(|job| job.id());
        let before = self.session.work_since();
        self.session.set_jobs(now, jobs, &mut self.outbox);
        let since = self.session.work_since();
        if unsent != self.outbox.job.as_ref().map(|job| job.id()) {
            if since != before {
                self.announced = since;
            }
            if unsent.is_some() {
                Counters::add(&self.shared.counters.skipped_jobs, 1);
            }
        }
    }

    /// Ready when the socket is writable with lines unsent, or after a read. Reads only while few
    /// answers are unsent.
    fn poll_io(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Turn>> {
        if self.has_unsent() {
            let writable = self.socket.poll_write_ready(cx)?.is_ready();
            if writable {
                // The caller flushes.
                return Poll::Ready(Ok(Turn::Done(Instant::now())));
            }
            if self.writing.len() + self.outbox.answer_bytes() > MAX_UNSENT {
                return Poll::Pending;
            }
        }
        // Mostly the task was woken for a job, and waits for the socket as it did before.
        let is_readable = || self.socket.try_io(Interest::READABLE, || Ok(())).is_ok();
        if self.is_waiting && !is_readable() {
            return Poll::Pending;
        }
        let lines = self.poll_lines(cx);
        self.is_waiting = lines.is_pending();
        lines
    }

    /// Reads once and answers the lines.
    fn poll_lines(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Turn>> {
        let mut bytes = [const { MaybeUninit::uninit() }; READ];
        let mut buffer = ReadBuf::uninit(&mut bytes);
        ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buffer))?;
        let mut chunk = buffer.filled();
        if chunk.is_empty() {
            return Poll::Ready(Ok(Turn::Left));
        }
        let now = Instant::now();
        let turn = match chunk.len() {
            READ => Turn::Full(now),
            _ => Turn::Done(now),
        };
        self.session.received(now, chunk.len(), &mut self.outbox);
        let first;
        if let Some(mut opening) = self.opening.take() {
            opening.extend_from_slice(chunk);
            match self.open(now, &opening) {
                Ok(Some(header)) => {
                    first = opening;
                    chunk = &first[header..];
                }
                Ok(None) => {
                    self.opening = Some(opening);
                    return Poll::Ready(Ok(Turn::Done(now)));
                }
                Err(ending) => return Poll::Ready(Ok(Turn::Ended(ending))),
            }
        }
        let plain;
        if let Some(secure) = &mut self.secure {
            match secure.receive(chunk) {
                Ok(received) => plain = received,
                Err(error) => {
                    if secure.is_handshaking() {
                        self.shared.gate.warn_of_tls(now, self.peer, &error);
                    }
                    debug!(peer = %self.peer, %error, "TLS failed");
                    return Poll::Ready(Ok(Turn::Ended(Ending::Broken)));
                }
            }
            chunk = &plain;
        }
        while self.outbox.close.is_none() {
            match self.framing.next(&mut chunk) {
                None => break,
                Some(Err(Oversized)) => self.outbox.close = Some(Close::Oversized),
                Some(Ok(line)) => {
                    trace!(peer = %self.peer, line = %line.escape_ascii(), "line");
                    self.session.handle_line(now, line, &mut self.outbox);
                    if !self.outbox.solutions.is_empty() {
                        self.send_solutions();
                    }
                }
            }
        }
        Poll::Ready(Ok(turn))
    }

    /// Decides by the first bytes on the client's address and protocol. Returns the length of a
    /// header before the protocol, or `None` if more bytes are needed.
    fn open(&mut self, now: Instant, bytes: &[u8]) -> Result<Option<usize>, Ending> {
        let shared = &self.shared;
        let opening = match shared.gate.read(now, self.peer, bytes) {
            Ok(Some(opening)) => opening,
            Ok(None) => return Ok(None),
            Err(refused) => {
                shared.refuse(now, self.peer, refused);
                return Err(Ending::Refused);
            }
        };
        if let Some(client) = opening.client {
            debug!(peer = %client, proxy = %self.peer, "connected through a proxy");
            self.peer = client;
            self.session.set_peer(client.ip());
        }
        if !self.permit.has_client() {
            let ip = self.peer.ip();
            if let Err(refused) = shared.gate.check(ip) {
                shared.refuse(now, self.peer, refused);
                return Err(Ending::Refused);
            }
            if let Err(limit) = self.permit.set_client(ip) {
                shared.refuse_beyond(self.peer, &limit);
                return Err(Ending::Refused);
            }
        }
        match (opening.protocol, &shared.tls) {
            (Protocol::Stratum, _) => {}
            (Protocol::Tls, Some(tls)) => {
                let secure = Secure::new(tls.config()).map_err(|error| {
                    shared.gate.warn_of_tls(now, self.peer, &error);
                    Ending::Broken
                })?;
                self.secure = Some(Box::new(secure));
            }
            (protocol @ (Protocol::Tls | Protocol::Http), _) => {
                shared.gate.warn_of_protocol(now, self.peer, protocol);
                if protocol == Protocol::Http {
                    self.socket.try_write(HTTP_ANSWER).ok();
                }
                return Err(Ending::Foreign);
            }
        }
        Ok(Some(opening.header))
    }

    /// Sends solutions without waiting; those for which the channel has no room stay in the outbox.
    fn send_solutions(&mut self) {
        Counters::add(
            &self.shared.counters.solutions,
            self.outbox.solutions.len() as u64,
        );
        let shared = &self.shared;
        self.outbox.solutions.retain(|solution| {
            match shared.solutions.try_send(solution.clone()) {
                Ok(()) | Err(TrySendError::Closed(_)) => false,
                Err(TrySendError::Full(_)) => true,
            }
        });
    }

    fn has_unsent(&self) -> bool {
        let is_encrypted = self.secure.as_ref().is_some_and(|tls| tls.has_unsent());
        is_encrypted || !self.writing.is_empty() || self.outbox.has_lines()
    }

    /// Sends bytes, through TLS if the client speaks it; returns the number taken.
    fn try_write(
        socket: &TcpStream,
        secure: Option<&mut Secure>,
        bytes: &[u8],
    ) -> io::Result<usize> {
        match secure {
            Some(secure) if bytes.is_empty() => secure.flush(socket).map(|_| 0),
            Some(secure) => secure.try_write(socket, bytes),
            None => socket.try_write(bytes),
        }
    }

    /// Sends as much as the socket accepts.
    fn flush(&mut self, now: Instant) -> io::Result<()> {
        self.send_alone();
        while self.has_unsent() {
            if self.writing.is_empty() {
                self.writing = self.outbox.take_lines();
            }
            match Self::try_write(&self.socket, self.secure.as_deref_mut(), &self.writing) {
                Ok(sent) => {
                    self.writing.advance(sent);
                    self.stalled = None;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stalled.get_or_insert(now);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        self.stalled = None;
        // Frees the buffer, of which an empty rest remains.
        self.writing = Bytes::new();
        if let Some(announced) = self.announced.take() {
            let time = now.saturating_duration_since(announced);
            self.shared.counters.notify.add(time);
        }
        Ok(())
    }

    /// Sends answers or a job alone, without a copy unless the socket accepts only a part of them.
    fn send_alone(&mut self) {
        let is_first = self.writing.is_empty();
        let Some(lines) = self.outbox.alone().filter(|_| is_first) else {
            return;
        };
        match Self::try_write(&self.socket, self.secure.as_deref_mut(), lines) {
            Ok(sent) if sent == lines.len() => self.outbox.alone_sent(),
            Ok(sent) => {
                self.writing = self.outbox.take_lines();
                self.writing.advance(sent);
                self.stalled = None;
            }
            // `flush` meets the same error.
            Err(_) => {}
        }
    }

    fn count_shares(&mut self) {
        let counters = &self.shared.counters;
        if self.outbox.bad_lines > 0 {
            Counters::add(
                &counters.bad_lines,
                std::mem::take(&mut self.outbox.bad_lines),
            );
        }
        if self.outbox.refused_subscriptions > 0 {
            let more = std::mem::take(&mut self.outbox.refused_subscriptions);
            let before = counters
                .refused_subscriptions
                .fetch_add(more, Ordering::Relaxed);
            if (before + more).is_power_of_two() {
                warn!(event = "nonce_space_full", peer = %self.peer, so_far = before + more, "no nonce space left");
            }
        }
        if self.outbox.shares.is_empty() {
            return;
        }
        let (mut accepted, mut late, mut refused, mut hashes) = (0, 0, 0, 0.0);
        for share in std::mem::take(&mut self.outbox.shares) {
            match share {
                ShareEvent::Accepted {
                    freshness,
                    credited,
                    ..
                } => {
                    accepted += 1;
                    late += u64::from(freshness == Freshness::Late);
                    hashes += credited.as_f64();
                }
                ShareEvent::Refused(refusal) => {
                    refused += 1;
                    let rejection = Rejection::from(refusal);
                    Counters::add(&counters.rejections[rejection as usize], 1);
                }
            }
        }
        Counters::add(&counters.accepted_shares, accepted);
        Counters::add(&counters.late_shares, late);
        Counters::add(&counters.refused_shares, refused);
        counters.credit(hashes);
    }
}

/// Why a connection woke up, or the result.
enum Turn {
    /// The jobs have changed.
    Jobs(Arc<JobSet>),
    /// The server is stopping.
    Stop,
    /// Lines were read at this time, or the socket is writable.
    Done(Instant),
    /// As many bytes as fit were read at this time: more may follow.
    Full(Instant),
    /// The client closed its side.
    Left,
    /// The connection ends.
    Ended(Ending),
    /// The session's deadline has passed.
    Due,
}

/// The state of a connection's timer.
enum Alarm {
    /// It was reset, and is not registered to wake the task.
    Unset,
    /// It is registered, and may have fired.
    Set,
    /// It is registered, and the clock showed that it has not fired.
    Checked,
}
