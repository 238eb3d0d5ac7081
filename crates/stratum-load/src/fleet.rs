//! Thousands of sessions in one thread, in one loop over `epoll`.
//!
//! The loop shares the machine with the measured server, so it does little: for each readable
//! session one read, one reading of the clock, and a short parse of each line. It hashes only where
//! a share must meet, or miss, a target that not every nonce meets.

mod connection;
mod plan;
mod rounds;
mod session;
mod shares;
mod sockets;
mod tally;
mod wire;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::time::Duration;

pub(crate) use plan::Idle;
pub use plan::{ConnectPace, FleetPlan, Mix, Shares, Storm};
use rand::SeedableRng;
use rand::rngs::StdRng;
pub(crate) use rounds::Round;
use rounds::Rounds;
use rustix::event::epoll;
use session::{Session, State};
use sockets::SourceAddresses;
pub use tally::{Kind, Outcomes, Tally};

use crate::child::ServerChild;
use crate::clock::Moment;
use crate::distribution::Distribution;

/// Maximum number of events per call of `epoll_wait`.
const EVENTS: usize = 1024;

/// Maximum number of bytes per read.
const READ_BYTES: usize = 64 << 10;

/// Marks events of the server process; other values are indices of sessions.
const PUBLISHER: u64 = u64::MAX;

/// An action due at a certain time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// A session's next share; void if the session has been opened again since.
    Share { session: usize, opened: u64 },
    /// The next storm.
    Storm,
}

/// Sessions and their measurements.
#[derive(Debug)]
pub struct Fleet {
    plan: FleetPlan,
    epoll: rustix::fd::OwnedFd,
    sessions: Vec<Session>,
    /// Indices of sessions to open, the next one last.
    to_open: Vec<usize>,
    next_open: Moment,
    /// Number of sessions that are connecting or logging in.
    logging_in: usize,
    timers: BinaryHeap<Reverse<(Moment, Timer)>>,
    sources: SourceAddresses,
    idle: Idle,
    tally: Tally,
    rounds: Rounds,
    rng: StdRng,
    buffer: Vec<u8>,
}

impl Fleet {
    /// Creates the sessions of a plan, without connecting them.
    ///
    /// # Errors
    /// Returns errors of creating the `epoll` instance.
    pub fn new(plan: FleetPlan, now: Moment) -> io::Result<Self> {
        let storm = plan.storm;
        let storm = storm.map(|storm| Reverse((now.after(storm.every), Timer::Storm)));
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            sessions: (0..plan.sessions).map(|_| Session::default()).collect(),
            to_open: (0..plan.sessions).rev().collect(),
            next_open: now,
            logging_in: 0,
            timers: storm.into_iter().collect(),
            sources: SourceAddresses::new(plan.address, plan.seed),
            idle: Idle::Sleep,
            tally: Tally::default(),
            rounds: Rounds::default(),
            rng: StdRng::seed_from_u64(plan.seed),
            buffer: vec![0; READ_BYTES],
            plan,
        })
    }

    /// Returns counts and times.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Returns the publications and their arrivals, oldest first.
    pub fn rounds(&self) -> &[Round] {
        &self.rounds.rounds
    }

    /// Clears round trips and outcomes of shares.
    pub(crate) fn reset_shares(&mut self) {
        self.tally.round_trip = Distribution::default();
        self.tally.shares.clear();
        self.tally.answered = 0;
    }

    /// Sets how the loop waits.
    pub(crate) fn set_idle(&mut self, idle: Idle) {
        self.idle = idle;
    }

    /// Changes when all sessions submit shares.
    pub(crate) fn set_shares(&mut self, shares: Shares) {
        self.plan.shares = shares;
        for index in 0..self.sessions.len() {
            if self.sessions[index].state == State::Ready {
                let result = self.begin_shares(index, Moment::now());
                self.settle(index, result);
            }
        }
    }

    /// Runs until `until`, or until `done` returns true; it is called after each batch of events.
    /// Publications of `server` start rounds.
    ///
    /// # Errors
    /// Returns errors of `epoll` and of reading from the server process.
    pub fn drive(
        &mut self,
        until: Moment,
        mut server: Option<&mut ServerChild>,
        mut done: impl FnMut(&Self) -> bool,
    ) -> io::Result<()> {
        if let Some(server) = &server {
            let data = epoll::EventData::new_u64(PUBLISHER);
            epoll::add(&self.epoll, server.as_fd(), data, epoll::EventFlags::IN)?;
        }
        let result = self.drive_with(until, &mut server, &mut done);
        if let Some(server) = &server {
            epoll::delete(&self.epoll, server.as_fd())?;
        }
        result
    }

    fn drive_with(
        &mut self,
        until: Moment,
        server: &mut Option<&mut ServerChild>,
        done: &mut dyn FnMut(&Self) -> bool,
    ) -> io::Result<()> {
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            let now = Moment::now();
            self.open_due(now);
            self.fire_timers(now);
            if now >= until || done(self) {
                return Ok(());
            }
            events.clear();
            let timeout = match self.idle {
                Idle::Spin => Duration::ZERO,
                Idle::Sleep => {
                    let wakeup = self.next_wakeup().map_or(until, |next| next.min(until));
                    wakeup.since(Moment::now())
                }
            };
            let buffer = rustix::buffer::spare_capacity(&mut events);
            let timeout = timeout
                .try_into()
                .expect("a run is not longer than the clock");
            match epoll::wait(&self.epoll, buffer, Some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                // The event is packed: its fields cannot be borrowed.
                let (data, flags) = (event.data, event.flags);
                match (data.u64(), &mut *server) {
                    (PUBLISHER, Some(server)) => {
                        for (key, moment) in server.publications()? {
                            self.rounds.published(key, moment);
                        }
                    }
                    (index, _) => {
                        let index = usize::try_from(index).expect("the value is an index");
                        self.session_event(index, flags);
                    }
                }
            }
        }
    }

    fn next_wakeup(&self) -> Option<Moment> {
        let timer = self.timers.peek().map(|Reverse((moment, _))| *moment);
        let may_open = !self.to_open.is_empty() && !self.is_at_limit();
        let open = may_open.then_some(self.next_open);
        timer.into_iter().chain(open).min()
    }

    fn fire_timers(&mut self, now: Moment) {
        while let Some(Reverse((moment, timer))) = self.timers.peek().copied() {
            if moment > now {
                break;
            }
            self.timers.pop();
            match timer {
                Timer::Share { session, opened } => self.share_is_due(session, opened, moment, now),
                Timer::Storm => self.storm(moment),
            }
        }
    }

    /// Closes and reopens the storm's number of sessions.
    fn storm(&mut self, moment: Moment) {
        let Some(storm) = self.plan.storm else { return };
        let numbered = self.sessions.iter().enumerate();
        let ready = numbered.filter(|(_, session)| session.state == State::Ready);
        let chosen: Vec<_> = ready.map(|(index, _)| index).take(storm.sessions).collect();
        for index in chosen {
            self.close(index);
            self.open(index);
        }
        let next = moment.after(storm.every);
        self.timers.push(Reverse((next, Timer::Storm)));
    }
}
