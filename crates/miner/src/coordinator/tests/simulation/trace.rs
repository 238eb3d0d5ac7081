//! A hash over all inputs and outputs of a run, in their order. Equal runs have equal hashes: it
//! knows times since the start of the run only, and no addresses.

use std::hash::{Hash, Hasher};
use std::mem::discriminant;
use std::time::Duration;

use node::{Error, UpdateEvent};

use super::super::super::{Action, Event, Request};
use crate::job::Jobs;
use crate::telemetry::event::{BlockEvent, Event as Report};

/// The odd number by which words are multiplied: the golden ratio, as in other hashes.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Trace(u64);

/// For the keys of `Hash` implementations.
impl Hasher for Trace {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.write_u64(u64::from_le_bytes(last) ^ (bytes.len() as u64).rotate_left(32));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(MULTIPLIER);
    }

    // The same on all machines.
    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        self.write_i64(word as i64);
    }
}

impl Trace {
    pub(super) fn put(&mut self, word: u64) {
        self.write_u64(word);
    }

    pub(super) fn time(&mut self, at: Duration) {
        self.write_u128(at.as_nanos());
    }

    fn result<T>(&mut self, result: &Result<T, Error>, put: impl FnOnce(&mut Self, &T)) {
        match result {
            Ok(value) => put(self, value),
            Err(error) => self.write(error.to_string().as_bytes()),
        }
    }

    /// Adds an event.
    pub(super) fn event(&mut self, event: &Event) {
        discriminant(event).hash(self);
        match event {
            Event::Identified { node, result } => {
                self.put(node.0 as u64);
                self.result(result, |trace, info| {
                    trace.write(info.version.as_str().as_bytes());
                });
            }
            Event::Work { node, seq, result } => {
                self.put(node.0 as u64 ^ seq.0 << 8);
                self.result(result, |trace, work| trace.write(work.header().as_bytes()));
            }
            Event::Cut { node, seq, result } => {
                self.put(node.0 as u64 ^ seq.0 << 8);
                self.result(result, |trace, cut| {
                    for tip in cut.tips.values() {
                        trace.put(tip.height);
                        trace.write(tip.hash.as_bytes());
                    }
                });
            }
            Event::Ancestors {
                node, seq, result, ..
            } => {
                self.put(node.0 as u64 ^ seq.0 << 8);
                self.result(result, |trace, hashes| {
                    for (height, hash) in hashes {
                        trace.put(*height);
                        trace.write(hash.as_bytes());
                    }
                });
            }
            Event::Headers {
                node, seq, result, ..
            } => {
                self.put(node.0 as u64 ^ seq.0 << 8);
                self.result(result, |trace, headers| {
                    for (height, header) in headers {
                        trace.put(*height);
                        trace.write(header.hash.as_bytes());
                    }
                });
            }
            Event::Siblings { node, job, result } => {
                self.put(node.0 as u64 ^ job.0 << 8);
                self.result(result, |trace, blocks| {
                    for block in blocks {
                        trace.write(block.hash.as_bytes());
                    }
                });
            }
            Event::Update {
                node,
                subscription,
                chain,
                update,
            } => {
                self.put(node.0 as u64 ^ u64::from(chain.get()) << 8 ^ subscription.0 << 16);
                discriminant(update).hash(self);
                if let UpdateEvent::Lost(lost) = update {
                    discriminant(lost).hash(self);
                }
            }
            Event::Solved(solution) => {
                self.put(solution.job.id.0);
                (solution.nonce, solution.creation_time).hash(self);
            }
            Event::Restored {
                node, row, work, ..
            } => {
                self.put(node.0 as u64 ^ row.unsigned_abs() << 8);
                self.write(work.header().as_bytes());
            }
            Event::Submitted { node, job, result } => {
                self.put(node.0 as u64 ^ job.0 << 8);
                self.result(result, |_, ()| {});
            }
            Event::Demand(_) | Event::Tick | Event::Stop => {}
        }
    }

    /// Adds an action.
    pub(super) fn action(&mut self, action: &Action) {
        discriminant(action).hash(self);
        match action {
            Action::Publish(jobs) => self.jobs(jobs),
            Action::Show(view) => self.put(view.graph.len() as u64),
            Action::Subscribe {
                node,
                subscription,
                chain,
                ..
            } => self.put(node.0 as u64 ^ u64::from(chain.get()) << 8 ^ subscription.0 << 16),
            Action::Unsubscribe { node } => self.put(node.0 as u64),
            Action::Request { node, request } => {
                self.put(node.0 as u64);
                self.request(request);
            }
            Action::Report(event) => self.report(event),
        }
    }

    fn jobs(&mut self, jobs: &Jobs) {
        for job in jobs.iter() {
            self.put(job.id.0);
        }
    }

    fn request(&mut self, request: &Request) {
        discriminant(request).hash(self);
        match request {
            Request::Identify => {}
            Request::Work { seq, chain, .. } => (seq.0, chain).hash(self),
            Request::Cut { seq, within, .. } => (seq.0, within).hash(self),
            Request::Ancestors {
                seq,
                chain,
                heights,
                ..
            }
            | Request::Headers {
                seq,
                chain,
                heights,
                ..
            } => (seq.0, chain, heights).hash(self),
            Request::Siblings {
                job, chain, height, ..
            } => (job.0, chain, height).hash(self),
            Request::Submit { job, header, .. } => {
                self.put(job.0);
                self.write(header.as_bytes());
            }
        }
    }

    fn report(&mut self, event: &Report) {
        discriminant(event).hash(self);
        match event {
            Report::Block(block, event) => {
                self.put(block.job.0);
                self.block(event);
            }
            Report::Job(job, event) => {
                self.put(job.id.0);
                discriminant(event).hash(self);
            }
            Report::Node(node, event) => {
                self.put(node.0 as u64);
                discriminant(event).hash(self);
            }
            Report::NodeChosen { node, before, .. } => self.put((node.0 << 8 | before.0) as u64),
            _ => {}
        }
    }

    pub(super) fn block(&mut self, event: &BlockEvent) {
        discriminant(event).hash(self);
        if let BlockEvent::Confirmed { depth } | BlockEvent::Orphaned { depth, .. } = event {
            self.put(*depth);
        }
    }
}
