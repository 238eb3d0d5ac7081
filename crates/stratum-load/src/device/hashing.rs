//! A thread that hashes at the rate of a small device.
//!
//! It always works on the newest assignment. Every [`SLICE`] it hashes some nonces and then sleeps,
//! so that many devices share a machine. It hashes nonces one by one, because the search kernels
//! vary the low 16 bits of a nonce, and in Stratum those belong to the fixed nonce1.

use std::io;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chainweb::Nonce;
use pow::Prepared;
use tokio::sync::{mpsc, watch};

use crate::device::client::{Assignment, Found};
use crate::device::report::Mined;

/// Interval at which a device hashes.
const SLICE: Duration = Duration::from_millis(20);

/// An event for the device.
#[derive(Debug)]
pub(crate) enum Event {
    /// A share.
    Found(Found),
    /// All nonces of the work have been tried; the thread starts over.
    Exhausted,
}

/// Handle of a hashing thread. Dropping it stops the thread.
#[derive(Debug)]
pub(crate) struct Hashing {
    /// The newest assignment; `None` pauses the thread.
    assignment: watch::Sender<Option<Assignment>>,
    thread: JoinHandle<Vec<Mined>>,
}

impl Hashing {
    /// Starts the thread. It blocks while `events` is full, so that no share is lost.
    ///
    /// # Errors
    /// Returns the error of starting the thread.
    pub(crate) fn start(
        name: String,
        hashes_per_second: f64,
        events: mpsc::Sender<Event>,
    ) -> io::Result<Self> {
        let (assignment, assignments) = watch::channel(None);
        let thread = thread::Builder::new()
            .name(name)
            .spawn(move || work(assignments, hashes_per_second, &events))?;
        Ok(Self { assignment, thread })
    }

    /// Switches the thread to new work. With `None`, it pauses until the next assignment.
    pub(crate) fn hash(&self, assignment: Option<Assignment>) {
        self.assignment.send_replace(assignment);
        self.thread.thread().unpark();
    }

    /// Stops the thread and returns the hashed work. Blocks for up to a slice; the receiver of the
    /// events must be dropped before.
    ///
    /// # Panics
    /// Panics if the thread has panicked.
    pub(crate) fn stop(self) -> Vec<Mined> {
        drop(self.assignment);
        self.thread
            .join()
            .expect("the hashing thread does not panic")
    }
}

/// An assignment and the number of its hashes so far.
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

fn work(
    mut assignments: watch::Receiver<Option<Assignment>>,
    hashes_per_second: f64,
    events: &mpsc::Sender<Event>,
) -> Vec<Mined> {
    let mut done = Vec::new();
    let mut current: Option<Progress> = None;
    let mut due = 0.0;
    let mut slice_start = Instant::now();
    loop {
        thread::park_timeout(SLICE.saturating_sub(slice_start.elapsed()));
        match assignments.has_changed() {
            Ok(false) => {}
            Ok(true) => {
                let assignment = assignments.borrow_and_update().clone();
                if current.is_none() {
                    // Do not hash for the time of the pause.
                    slice_start = Instant::now();
                }
                done.extend(current.map(|progress| progress.mined()));
                current = assignment.map(Progress::new);
            }
            // The handle is gone.
            Err(_) => {
                done.extend(current.map(|progress| progress.mined()));
                return done;
            }
        }
        let now = Instant::now();
        // After a stall, catch up on two slices at most.
        let elapsed = now.duration_since(slice_start).min(2 * SLICE);
        slice_start = now;
        let Some(progress) = &mut current else {
            continue;
        };
        due += hashes_per_second * elapsed.as_secs_f64();
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
