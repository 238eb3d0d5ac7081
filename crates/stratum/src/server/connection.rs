//! One client's connection: reads lines for its session and writes what the session wants to have sent.
//!
//! There are many idle connections, so no buffer outlives a turn: bytes are read onto the stack, and only an unfinished
//! line and unsent bytes are kept. A client that does not read is not read from either, keeps only the newest job, and
//! is given up in the end.

use std::fmt;
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
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tracing::{debug, trace, warn};

use super::counters::Counters;
use super::slice::Reader;
use crate::framing::{Framing, Oversized};
use crate::{Board, Close, Freshness, Outbox, Session, ShareEvent, Solution, Terms};

/// Bytes read at once.
const READ: usize = 16 * 1024;

/// With so many bytes of answers unsent nothing more is read.
const MAX_UNSENT: usize = 16 * 1024;

/// What all connections of a server share.
pub(super) struct House {
    pub(super) terms: Arc<Terms>,
    pub(super) counters: Arc<Counters>,
    pub(super) solutions: mpsc::Sender<Solution>,
    pub(super) write_stall: Duration,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug)]
enum Ending {
    /// The session had enough of the client.
    Closed(Close),
    /// The client left.
    Left,
    /// The connection broke.
    Broken,
    /// The client did not read what was sent to it.
    Stalled,
    /// The server stops.
    Stopped,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(close) => close.fmt(f),
            Self::Left => f.write_str("the client left"),
            Self::Broken => f.write_str("the connection broke"),
            Self::Stalled => f.write_str("the client did not read"),
            Self::Stopped => f.write_str("the server stops"),
        }
    }
}

/// A connection.
pub(super) struct Connection {
    house: Arc<House>,
    socket: TcpStream,
    peer: SocketAddr,
    session: Session,
    framing: Framing,
    outbox: Outbox,
    /// Lines of which a part may have been sent.
    writing: Bytes,
    /// Since when the socket takes nothing.
    stalled: Option<Instant>,
}

impl Connection {
    pub(super) fn new(
        house: Arc<House>,
        socket: TcpStream,
        peer: SocketAddr,
        session: Session,
    ) -> Self {
        Self {
            house,
            socket,
            peer,
            session,
            framing: Framing::default(),
            outbox: Outbox::default(),
            writing: Bytes::new(),
            stalled: None,
        }
    }

    /// Serves the client until it or the server ends.
    ///
    /// By reference, like all here: a future that takes values over has room for them twice.
    pub(super) async fn run(&mut self, boards: &mut Reader<Board>) {
        let counters = Arc::clone(&self.house.counters);
        Counters::add(&counters.accepted_connections, 1);
        Counters::add(&counters.connections, 1);
        debug!(peer = %self.peer, "connected");
        let ending = match self.serve(boards).await {
            Ok(ending) => ending,
            Err(error) => {
                debug!(peer = %self.peer, %error, "connection broken");
                Ending::Broken
            }
        };
        counters.connections.fetch_sub(1, Ordering::Relaxed);
        let worker = self.session.worker().map(tracing::field::display);
        let agent = self.session.agent();
        debug!(peer = %self.peer, worker, ?agent, %ending, "disconnected");
        if matches!(ending, Ending::Closed(_) | Ending::Stalled) {
            let so_far = counters.ended_by_server.fetch_add(1, Ordering::Relaxed) + 1;
            // Scanners come in numbers: they are said each time that those have doubled.
            if so_far.is_power_of_two() {
                warn!(peer = %self.peer, worker, %ending, so_far, "a client was disconnected");
            }
        }
    }

    async fn serve(&mut self, boards: &mut Reader<Board>) -> io::Result<Ending> {
        let mut due = self.session.wakeup();
        let mut timer = pin!(tokio::time::sleep_until(due.into()));
        let mut alarm = Alarm::Unset;
        loop {
            let turn = poll_fn(|cx| {
                if let Poll::Ready(changed) = boards.poll_changed(cx) {
                    return Poll::Ready(Ok(changed.map_or(Turn::Stop, Turn::Board)));
                }
                if let Poll::Ready(turn) = self.poll_io(cx) {
                    return Poll::Ready(turn);
                }
                if let Alarm::Checked = alarm {
                    // For this once: who is woken next may be so by the timer.
                    alarm = Alarm::Set;
                    return Poll::Pending;
                }
                alarm = Alarm::Set;
                timer.as_mut().poll(cx).map(|()| Ok(Turn::Due))
            });
            let mut now = match turn.await? {
                Turn::Done(now) => now,
                Turn::Left => return Ok(Ending::Left),
                Turn::Board(board) => {
                    let now = Instant::now();
                    self.put_on_board(now, &board);
                    now
                }
                Turn::Due => {
                    let now = Instant::now();
                    // Whatever is due now, the next time is set below.
                    due = now + Duration::from_hours(1);
                    self.session.tick(now, &mut self.outbox);
                    now
                }
                Turn::Stop => {
                    self.flush(Instant::now())?;
                    return Ok(Ending::Stopped);
                }
            };
            for solution in std::mem::take(&mut self.outbox.solutions) {
                // Nobody listens only when the program ends.
                self.house.solutions.send(solution).await.ok();
                now = Instant::now();
            }
            self.flush(now)?;
            self.count_shares();
            if let Some(close) = self.outbox.close {
                return Ok(Ending::Closed(close));
            }
            let mut next = self.session.wakeup();
            if let Some(since) = self.stalled {
                let end = since + self.house.write_stall;
                if now >= end {
                    return Ok(Ending::Stalled);
                }
                next = next.min(end);
            }
            // The timer is left alone when its time has moved back: mostly it never fires.
            if next < due {
                due = next;
                timer.as_mut().reset(due.into());
                alarm = Alarm::Unset;
            } else if let Alarm::Set = alarm
                && now < due
            {
                alarm = Alarm::Checked;
            }
        }
    }

    fn put_on_board(&mut self, now: Instant, board: &Arc<Board>) {
        let unsent = self.outbox.job.as_ref().map(|job| job.id());
        self.session.board(now, board, &mut self.outbox);
        if unsent.is_some() && unsent != self.outbox.job.as_ref().map(|job| job.id()) {
            Counters::add(&self.house.counters.skipped_jobs, 1);
        }
    }

    /// Sends what is unsent when there is room, and reads when all answers are sent. Ready when anything was done.
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
        self.poll_lines(cx)
    }

    /// Reads once and answers the lines that came.
    fn poll_lines(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Turn>> {
        let mut bytes = [const { MaybeUninit::uninit() }; READ];
        let mut buffer = ReadBuf::uninit(&mut bytes);
        ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buffer))?;
        let mut chunk = buffer.filled();
        if chunk.is_empty() {
            return Poll::Ready(Ok(Turn::Left));
        }
        let now = Instant::now();
        self.session.heard(now, chunk.len(), &mut self.outbox);
        while self.outbox.close.is_none() {
            match self.framing.next(&mut chunk) {
                None => break,
                Some(Err(Oversized)) => self.outbox.close = Some(Close::Oversized),
                Some(Ok(line)) => {
                    trace!(peer = %self.peer, line = %line.escape_ascii(), "line");
                    self.session.line(now, line, &mut self.outbox);
                    if !self.outbox.solutions.is_empty() {
                        self.tell_solutions();
                    }
                }
            }
        }
        Poll::Ready(Ok(Turn::Done(now)))
    }

    /// Hands solutions on, before anything else is done; those that find no place are left for later.
    fn tell_solutions(&mut self) {
        Counters::add(
            &self.house.counters.solutions,
            self.outbox.solutions.len() as u64,
        );
        let house = &self.house;
        self.outbox.solutions.retain(
            |solution| match house.solutions.try_send(solution.clone()) {
                Ok(()) | Err(TrySendError::Closed(_)) => false,
                Err(TrySendError::Full(_)) => true,
            },
        );
    }

    fn has_unsent(&self) -> bool {
        !self.writing.is_empty() || self.outbox.has_lines()
    }

    /// Sends as much as the socket takes.
    fn flush(&mut self, now: Instant) -> io::Result<()> {
        self.send_answers();
        while self.has_unsent() {
            if self.writing.is_empty() {
                self.writing = self.outbox.take_lines();
            }
            match self.socket.try_write(&self.writing) {
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
        // A buffer that has been shared with its rest would live on.
        self.writing = Bytes::new();
        Ok(())
    }

    /// Sends answers that nothing is to follow, without making a buffer of them that can be kept: mostly they go at once.
    fn send_answers(&mut self) {
        let is_first = self.writing.is_empty();
        let Some(answers) = self.outbox.answers_alone().filter(|_| is_first) else {
            return;
        };
        match self.socket.try_write(answers) {
            Ok(sent) if sent == answers.len() => self.outbox.answers_sent(),
            Ok(sent) => {
                self.writing = self.outbox.take_lines();
                self.writing.advance(sent);
            }
            // It will be the same with the next attempt.
            Err(_) => {}
        }
    }

    fn count_shares(&mut self) {
        let counters = &self.house.counters;
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
                warn!(peer = %self.peer, so_far = before + more, "no nonce space left");
            }
        }
        if self.outbox.shares.is_empty() {
            return;
        }
        let (mut accepted, mut late, mut refused) = (0, 0, 0);
        for share in std::mem::take(&mut self.outbox.shares) {
            match share {
                ShareEvent::Accepted { freshness, .. } => {
                    accepted += 1;
                    late += u64::from(freshness == Freshness::Superseded);
                }
                ShareEvent::Refused(_) => refused += 1,
            }
        }
        Counters::add(&counters.accepted_shares, accepted);
        Counters::add(&counters.late_shares, late);
        Counters::add(&counters.refused_shares, refused);
    }
}

/// Why a connection was woken, or what was done about it.
enum Turn {
    /// There are other jobs.
    Board(Arc<Board>),
    /// The server stops.
    Stop,
    /// Lines were read at this time, or there is room to write.
    Done(Instant),
    /// The client has closed its side.
    Left,
    /// The session's time has come.
    Due,
}

/// What is known of the timer of a connection.
enum Alarm {
    /// It was set to another time, and would not wake the task.
    Unset,
    /// It wakes the task, and may have done so.
    Set,
    /// It wakes the task, and has not done so: the time was looked at since.
    Checked,
}
