//! Thousands of sessions in one thread: one loop over `epoll`, one owner of everything.
//!
//! The loop shares the machine with the server that it measures, so it does little: a read into one buffer for a
//! session that has something to say, a look at each line, a stamp of the clock between the two. Nothing is hashed
//! unless a share has to be good at a target that not every nonce meets.

mod plan;
mod rounds;
mod session;
mod shares;
mod sockets;
mod tally;
mod wire;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rustix::event::epoll;
use rustix::time::Timespec;

use crate::clock::Moment;

pub use plan::{ConnectPace, FleetPlan, Greeting, Idle, Mix, MixError, Shares, Storm, StormError};
pub use rounds::{Round, Rounds};
pub use tally::{Kind, Outcomes, Tally};

use session::{Session, State};
use sockets::SourceAddresses;

/// Events that are taken from the system at once.
const EVENTS: usize = 1024;

/// Bytes that are read from a session at once.
const READ_BYTES: usize = 64 << 10;

/// What marks an event of the publisher and not of a session.
const PUBLISHER: u64 = u64::MAX;

/// Something that is due at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// A session's next share; only if the session has not been opened again since.
    Share { session: usize, opened: u32 },
    /// The next storm.
    Storm,
}

/// Where publications are told, as text that is read when there is some.
pub trait Publisher {
    /// What to wait for.
    fn as_fd(&self) -> BorrowedFd<'_>;
    /// The publications that have been told: key and moment. Called when there is something to be read.
    fn publications(&mut self) -> io::Result<Vec<(u64, Moment)>>;
}

/// The sessions, and what has been measured.
pub struct Fleet {
    plan: FleetPlan,
    epoll: rustix::fd::OwnedFd,
    sessions: Vec<Session>,
    /// Sessions to be connected, by their numbers, the next one last.
    to_open: Vec<usize>,
    next_open: Moment,
    /// Sessions that are connecting or logging in.
    underway: usize,
    timers: BinaryHeap<Reverse<(Moment, Timer)>>,
    sources: SourceAddresses,
    shares: Shares,
    idle: Idle,
    tally: Tally,
    rounds: Rounds,
    rng: StdRng,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet")
            .field("plan", &self.plan)
            .field("tally", &self.tally)
            .finish_non_exhaustive()
    }
}

impl Fleet {
    /// The sessions of the plan, none of them connected yet.
    pub fn new(plan: FleetPlan, now: Moment) -> io::Result<Self> {
        let mut fleet = Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            sessions: (0..plan.sessions).map(|_| Session::new()).collect(),
            to_open: (0..plan.sessions).rev().collect(),
            next_open: now,
            underway: 0,
            timers: BinaryHeap::new(),
            sources: SourceAddresses::new(plan.address, plan.seed),
            shares: plan.shares,
            idle: Idle::Asleep,
            tally: Tally::default(),
            rounds: Rounds::default(),
            rng: StdRng::seed_from_u64(plan.seed),
            events: Vec::with_capacity(EVENTS),
            buffer: vec![0; READ_BYTES],
            plan,
        };
        if let Some(storm) = fleet.plan.storm {
            fleet
                .timers
                .push(Reverse((now.after(storm.every), Timer::Storm)));
        }
        Ok(fleet)
    }

    /// What has been counted and measured.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The publications and when they reached the sessions.
    pub fn rounds(&self) -> &Rounds {
        &self.rounds
    }

    /// Forgets the round trips and outcomes so far, for the next measurement.
    pub fn reset_shares(&mut self) {
        self.tally.reset_shares();
    }

    /// Waits in another way from now on.
    pub fn set_idle(&mut self, idle: Idle) {
        self.idle = idle;
    }

    /// Lets all sessions submit in another way from now on.
    pub fn set_shares(&mut self, shares: Shares, now: Moment) {
        self.shares = shares;
        for index in 0..self.sessions.len() {
            if self.sessions[index].state == State::Ready {
                self.begin_shares(index, now);
            }
        }
    }

    /// Runs until a moment, or until `done` says so, which is asked after each batch of events.
    pub fn drive(
        &mut self,
        until: Moment,
        mut publisher: Option<&mut dyn Publisher>,
        mut done: impl FnMut(&Self) -> bool,
    ) -> io::Result<()> {
        if let Some(publisher) = &publisher {
            let data = epoll::EventData::new_u64(PUBLISHER);
            epoll::add(&self.epoll, publisher.as_fd(), data, epoll::EventFlags::IN)?;
        }
        let result = self.drive_with(until, &mut publisher, &mut done);
        if let Some(publisher) = &publisher {
            epoll::delete(&self.epoll, publisher.as_fd())?;
        }
        result
    }

    fn drive_with(
        &mut self,
        until: Moment,
        publisher: &mut Option<&mut dyn Publisher>,
        done: &mut dyn FnMut(&Self) -> bool,
    ) -> io::Result<()> {
        loop {
            let now = Moment::now();
            self.open_due(now);
            self.fire_timers(now);
            if now >= until || done(self) {
                return Ok(());
            }
            let mut events = std::mem::take(&mut self.events);
            events.clear();
            let timeout = match self.idle {
                Idle::Awake => Duration::ZERO,
                Idle::Asleep => {
                    let wakeup = self.next_wakeup().map_or(until, |next| next.min(until));
                    wakeup.since(Moment::now())
                }
            };
            let buffer = rustix::buffer::spare_capacity(&mut events);
            match epoll::wait(&self.epoll, buffer, Some(&timespec(timeout))) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                // The event is packed: its fields are copied, never borrowed.
                let (data, flags) = (event.data, event.flags);
                match (data.u64(), &mut *publisher) {
                    (PUBLISHER, Some(publisher)) => {
                        for (key, moment) in publisher.publications()? {
                            self.rounds.published(key, moment);
                        }
                    }
                    (index, _) => {
                        let index = usize::try_from(index).expect("it was made of one");
                        self.session_event(index, flags);
                    }
                }
            }
            self.events = events;
        }
    }

    fn next_wakeup(&self) -> Option<Moment> {
        let timer = self.timers.peek().map(|Reverse((moment, _))| *moment);
        let may_open = !self.to_open.is_empty() && !self.is_crowded();
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

    /// Lets the storm's number of sessions go and come back at once.
    fn storm(&mut self, moment: Moment) {
        let Some(storm) = self.plan.storm else { return };
        let mut left = storm.sessions;
        for index in 0..self.sessions.len() {
            if left > 0 && self.sessions[index].state == State::Ready {
                left -= 1;
                self.hang_up(index);
                self.open(index);
            }
        }
        let next = moment.after(storm.every);
        self.timers.push(Reverse((next, Timer::Storm)));
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    }
}
