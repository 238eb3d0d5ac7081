//! Twin submission: a solution also goes to other nodes that hold the payload of its work.
//!
//! Two nodes that have issued work with the same parent and payload hash both take its solution
//! (chainweb-node looks up the payload hash alone). So the other nodes are asked for work on the
//! chains of live jobs; a job with the same payload on another node is *insured* by it. If the
//! issuer does not answer or does not take the solution, the others get it at once.
//!
//! If the issuer took it, the others get it as well, in case the issuer fails before it passes the
//! block on, but not before the creation time has passed on their clocks: a node stalls a chain
//! whose block is from its future.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use chainweb::{ChainId, CreationTime, Work};
use node::Error;

use super::action::Connection;
use super::live::Live;
use super::state::Coordinator;
use super::submissions::{Later, Submission, Twin};
use crate::job::{Job, JobId, NodeId};
use crate::telemetry::Standing;

/// How far a creation time is behind the clock of a node before it gets a twin.
const MARGIN: Duration = Duration::from_secs(1);
/// How often a node is asked for work on a chain if it issues work on others.
const TRIES: u32 = 3;
/// The most solutions that wait to be sent to other nodes although their issuer took them.
const MAX_LATER: usize = 64;

impl Coordinator {
    /// Returns the chain of a live job of another node that this node is to insure.
    pub(super) fn insurable(&self, id: NodeId) -> Option<ChainId> {
        let may_insure = self.has_several_nodes()
            && self.nodes[id.0].peer.standing == Standing::Ready
            && self.nodes[id.0]
                .info
                .as_ref()
                .is_some_and(|info| !info.is_evm);
        let (now, again) = (self.now, self.config.timing.refetch_age);
        let mut jobs = self.live.published().filter(|_| may_insure);
        let job = jobs.find(|live| {
            let asked = live.asked.get(&id);
            live.job.node != id
                && asked.is_none_or(|(at, tries)| *tries < TRIES || *at + again <= now)
        });
        job.map(|live| live.job.chain())
    }

    /// A node issued work: it holds its payload from now on, and its clock shows the creation time.
    pub(super) fn insure(&mut self, id: NodeId, work: &Work) {
        let header = work.header();
        self.nodes[id.0].peer.clock = Some((header.creation_time(), self.now));
        let now = self.now;
        let jobs = self.live.jobs.iter_mut();
        let is_on_chain =
            |live: &&mut Live| live.job.node != id && live.job.chain() == work.chain();
        for live in jobs.filter(is_on_chain) {
            live.asked.insert(id, (now, TRIES));
            let other = live.job.work.header();
            if (other.parent(), other.payload_hash()) == (header.parent(), header.payload_hash()) {
                let by = self.live.insured.entry(live.job.id).or_default();
                self.counters.insured_jobs += u64::from(by.is_empty());
                by.insert(id);
            }
        }
    }

    /// Returns the nodes that hold the payload of a job besides its own.
    pub(super) fn twins_of(&self, job: &Job) -> Vec<Twin> {
        let insured = self.live.insured.get(&job.id).into_iter().flatten();
        let twin = |id: &NodeId| Twin {
            node: *id,
            attempts: 0,
            due: Some(self.now),
        };
        insured.map(twin).collect()
    }

    /// The issuer did not take a solution, or did not answer: sends it to the other nodes that hold
    /// its payload. Returns whether an answer of theirs is missing.
    pub(super) fn send_twins(&mut self, job: JobId) -> bool {
        let open = self.submissions.open.get(&job);
        let is_passed = open.is_some_and(|open| self.is_job_passed(&open.job));
        let Some(submission) = self.submissions.open.get_mut(&job) else {
            return false;
        };
        submission.is_hastened = true;
        let (now, nodes) = (self.now, &self.nodes);
        // A node that does not answer gets it once it does.
        let due = submission.twins.iter_mut().filter(|twin| {
            let is_good = !nodes[twin.node.0].peer.standing.loses_blocks();
            is_good && !is_passed && twin.due.is_some_and(|at| at <= now)
        });
        let sent = due.map(|twin| {
            (twin.attempts, twin.due) = (twin.attempts.saturating_add(1), None);
            (twin.node, submission.header.clone())
        });
        let sent: Vec<_> = sent.collect();
        let is_any = !submission.twins.is_empty();
        for (node, header) in sent {
            self.submit_to(node, job, header, Connection::Any);
        }
        is_any
    }

    /// Sends solutions to the other nodes whose issuer does not answer in time, or is lost.
    pub(super) fn hasten_twins(&mut self) {
        if !self.has_several_nodes() {
            return;
        }
        let late = self.submissions.open.values().filter(|open| {
            let is_late = self.late_at(open).is_some_and(|at| at <= self.now);
            let is_lost = self.nodes[open.job.node.0].peer.standing.loses_blocks();
            open.is_hastened || is_late || is_lost
        });
        let late: Vec<_> = late.map(|open| open.job.id).collect();
        for job in late {
            self.send_twins(job);
        }
        for job in self
            .submissions
            .hopeless(self.now, |job| self.is_job_passed(job))
        {
            if let Some(submission) = self.submissions.end(job, self.seq)
                && let Some(error) = &submission.refused
            {
                self.given_up(&submission, error);
            }
        }
    }

    /// When the answers to submissions count as missing that other nodes can get.
    pub(super) fn late_submissions(&self) -> impl Iterator<Item = Instant> {
        let open = self.submissions.open.values();
        open.filter_map(|open| self.late_at(open))
    }

    fn late_at(&self, open: &Submission) -> Option<Instant> {
        let limit = self.nodes[open.job.node.0].peer.limit(&self.config.timing);
        let is_waiting = !open.is_hastened && !open.twins.is_empty();
        open.sent.filter(|_| is_waiting).map(|sent| sent + limit)
    }

    /// Another node than the issuer answered.
    pub(super) fn twin_answered(&mut self, id: NodeId, job: JobId, result: &Result<(), Error>) {
        if let Err(error) = result {
            self.nodes[id.0].suspect_after(error);
        }
        let Some(submission) = self.submissions.open.get_mut(&job) else {
            return;
        };
        match result {
            Ok(()) => {
                if let Some(submission) = self.submissions.end(job, self.seq) {
                    self.counters.twins_taken += 1;
                    self.node_changed(id);
                    self.taken(id, &submission);
                }
            }
            Err(error) => {
                if let Error::NoAnswer(_) = error {
                    // It may have taken the solution.
                    submission.attempts = submission.attempts.saturating_add(1);
                }
                submission.retry_twin(self.now, &self.config.timing, id, error);
            }
        }
    }

    /// The issuer took a solution: the other nodes get it once its time has passed on their clocks.
    pub(super) fn send_twins_later(&mut self, submission: &Submission) {
        let time = submission.header.creation_time();
        for twin in submission.twins.iter().filter(|twin| twin.attempts == 0) {
            let Some((clock, at)) = self.nodes[twin.node.0].peer.clock else {
                continue;
            };
            if self.submissions.later.len() == MAX_LATER {
                self.submissions.later.pop_front();
            }
            self.submissions.later.push_back(Later {
                job: submission.job.id,
                header: submission.header.clone(),
                node: twin.node,
                due: at + until(clock, time) + MARGIN,
            });
        }
    }

    /// Sends what is due of solutions that their issuers took.
    pub(super) fn submit_later(&mut self) {
        let (now, is_stopping) = (self.now, self.is_stopping);
        let later = std::mem::take(&mut self.submissions.later);
        for later in later {
            if later.due > now && !is_stopping {
                self.submissions.later.push_back(later);
                continue;
            }
            let is_good = !self.nodes[later.node.0].peer.standing.loses_blocks();
            if is_good && later.due <= now {
                self.submit_to(later.node, later.job, later.header, Connection::Any);
            }
        }
    }

    /// Returns the nodes that insure each live job.
    pub(crate) fn insured(&self) -> BTreeMap<JobId, BTreeSet<NodeId>> {
        let jobs = self.live.published();
        let by = |id| self.live.insured.get(&id).cloned().unwrap_or_default();
        jobs.map(|live| (live.job.id, by(live.job.id))).collect()
    }
}

/// Returns the time from one creation time to another; zero if the other one is earlier.
fn until(from: CreationTime, to: CreationTime) -> Duration {
    let micros = to.as_micros().saturating_sub(from.as_micros());
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
