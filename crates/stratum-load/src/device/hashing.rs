//! A thread that hashes at the pace of a small device.
//!
//! It takes the newest assignment, never an older one, hashes a slice of nonces every [`SLICE`] and sleeps for the
//! rest of it, so that many devices share a machine. Nonces are hashed one by one: the search kernels vary the low 16
//! bits of a nonce, and in Stratum those are nonce1, which stays.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chainweb::Nonce;
use pow::Prepared;
use tokio::sync::mpsc;

use crate::device::Mined;
use crate::device::client::{Assignment, Found};

/// How often a device hashes.
const SLICE: Duration = Duration::from_millis(20);

/// What the hashing tells the device.
#[derive(Debug)]
pub(crate) enum Event {
    /// A share.
    Found(Found),
    /// All nonces of the work have been tried, and now they are tried again.
    Exhausted,
}

/// What the thread is to do.
#[derive(Debug)]
enum Order {
    /// What it does already.
    GoOn,
    /// Hash this.
    Hash(Box<Assignment>),
    /// Hash nothing until there is new work.
    Rest,
    /// End.
    Stop,
}

#[derive(Debug)]
struct Slot {
    order: Mutex<Order>,
    changed: Condvar,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, order: Order) {
        *self.lock() = order;
        self.changed.notify_one();
    }

    /// Takes the newest order; waits for one at most for `patience`, without an end if it is none.
    fn take(&self, patience: Option<Duration>) -> Order {
        let order = self.lock();
        let is_idle = |order: &mut Order| matches!(order, Order::GoOn);
        let mut order = match patience {
            Some(patience) => {
                let waited = self.changed.wait_timeout_while(order, patience, is_idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waited = self.changed.wait_while(order, is_idle);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        };
        std::mem::replace(&mut order, Order::GoOn)
    }
}

/// The hashing of one device. The thread ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Hashing {
    slot: Arc<Slot>,
    thread: Option<JoinHandle<Vec<Mined>>>,
}

impl Hashing {
    /// Starts the thread. It stops hashing while `events` is full: what it found would be lost.
    pub(crate) fn start(
        name: String,
        hashes_per_second: f64,
        events: mpsc::Sender<Event>,
    ) -> io::Result<Self> {
        let slot = Arc::new(Slot {
            order: Mutex::new(Order::GoOn),
            changed: Condvar::new(),
        });
        let of_thread = Arc::clone(&slot);
        let thread = thread::Builder::new()
            .name(name)
            .spawn(move || work(&of_thread, hashes_per_second, &events))?;
        Ok(Self {
            slot,
            thread: Some(thread),
        })
    }

    /// Gives the thread new work.
    pub(crate) fn hash(&self, assignment: Assignment) {
        self.slot.put(Order::Hash(Box::new(assignment)));
    }

    /// Lets the thread rest.
    pub(crate) fn rest(&self) {
        self.slot.put(Order::Rest);
    }

    /// Ends the thread and gives what it hashed. Lasts up to a slice; nobody may wait for its events to be taken.
    pub(crate) fn stop(mut self) -> Vec<Mined> {
        self.slot.put(Order::Stop);
        let thread = self.thread.take().expect("it is taken only here");
        thread.join().expect("the hashing does not panic")
    }
}

impl Drop for Hashing {
    fn drop(&mut self) {
        self.slot.put(Order::Stop);
    }
}

/// An assignment and how far it is.
struct Progress {
    assignment: Assignment,
    prepared: Prepared,
    hashes: u64,
}

impl Progress {
    fn new(assignment: Assignment) -> Self {
        Self {
            prepared: Prepared::new(&assignment.header, &assignment.target),
            assignment,
            hashes: 0,
        }
    }

    fn mined(&self) -> Mined {
        let assignment = &self.assignment;
        let mut work = *self.prepared.hash_with(Nonce::default()).as_le_bytes();
        for (byte, part) in work.iter_mut().zip(assignment.split.to_le_bytes()) {
            *byte ^= part;
        }
        Mined {
            work,
            hashes: self.hashes,
            nonces: assignment.nonces,
        }
    }
}

fn work(slot: &Slot, hashes_per_second: f64, events: &mpsc::Sender<Event>) -> Vec<Mined> {
    let mut done = Vec::new();
    let mut current: Option<Progress> = None;
    let mut due = 0.0;
    let mut slice_start = Instant::now();
    loop {
        let patience = current
            .is_some()
            .then(|| SLICE.saturating_sub(slice_start.elapsed()));
        match slot.take(patience) {
            Order::GoOn => {}
            Order::Hash(assignment) => {
                let before = current.replace(Progress::new(*assignment));
                match before {
                    Some(before) => done.push(before.mined()),
                    // The time of rest is none that was hashed in.
                    None => slice_start = Instant::now(),
                }
            }
            Order::Rest => done.extend(current.take().map(|progress| progress.mined())),
            Order::Stop => {
                done.extend(current.take().map(|progress| progress.mined()));
                return done;
            }
        }
        let now = Instant::now();
        let Some(progress) = &mut current else {
            continue;
        };
        // After a stall the device does not make up for more than a slice or two: it has a pace, not a quota.
        let passed = now.duration_since(slice_start).min(2 * SLICE);
        slice_start = now;
        due += hashes_per_second * passed.as_secs_f64();
        while due >= 1.0 {
            due -= 1.0;
            for event in progress.step() {
                if events.blocking_send(event).is_err() {
                    done.push(progress.mined());
                    return done;
                }
            }
        }
    }
}

impl Progress {
    /// Hashes one nonce.
    fn step(&mut self) -> impl Iterator<Item = Event> + use<> {
        let assignment = &self.assignment;
        let nonce2 = self.hashes % assignment.nonces;
        let exhausted = (self.hashes == assignment.nonces).then_some(Event::Exhausted);
        self.hashes += 1;
        let hash = self.prepared.hash_with(assignment.split.nonce(nonce2));
        let found = assignment
            .target
            .is_met_by(&hash)
            .then(|| Event::Found(assignment.found(nonce2)));
        exhausted.into_iter().chain(found)
    }
}
