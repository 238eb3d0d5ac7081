//! What holds of the coordinator after every event.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use chainweb::Work;
use node::Cut;

use super::super::super::Request;
use super::super::super::event::Purpose;
use super::answers::block_hash;
use super::{Flight, World};
use crate::demand::{Demand, Source, View};
use crate::job::{Job, Jobs, NodeId, Proof};
use crate::telemetry::event::BlockEvent;
use crate::telemetry::{self, Standing};
use crate::timing::Timing;

/// A solution with a submission under way.
#[derive(Debug)]
pub(super) struct OpenSolution {
    pub(super) job: Arc<Job>,
    pub(super) work: Work,
    is_outdated: bool,
    expires: Instant,
}

impl Flight {
    /// Whether its answer shows that the node lives, and its lack that the node does not.
    pub(super) fn is_of_gate(&self) -> bool {
        matches!(
            self.request,
            Request::Identify | Request::Work { .. } | Request::Cut { .. }
        )
    }
}

impl World {
    /// What holds after every event.
    pub(super) fn check(&self) {
        self.check_refreshes();
        if self.nodes.len() > 1 && !self.coordinator.is_stopping() {
            self.check_nodes();
        }
        let jobs = self.coordinator.jobs();
        assert!(jobs.iter().len() <= self.slots);
        let places: BTreeSet<_> = jobs.iter().map(|job| job.chain()).collect();
        assert_eq!(places.len(), jobs.iter().len(), "two jobs on a chain");
        for job in jobs.iter() {
            assert!(!self.coordinator.is_submit_only(job.node), "{job:?}");
            assert!(self.demand.admits(job.chain()), "not wanted: {job:?}");
            assert!(
                !self.retired.contains(&job.id),
                "back from the dead: {job:?}"
            );
            let (_, asked) = self
                .jobs
                .iter()
                .find(|(known, _)| known.id == job.id)
                .expect("all live jobs are published");
            let place = (job.node, job.chain());
            let moved = self.new_cuts.get(&place);
            let flooded = self.floods.get(&place);
            assert!(
                moved.is_none_or(|moved| moved <= asked) || flooded >= Some(asked),
                "live though its chain has a new tip: {job:?}"
            );
            let parent = job.work.header().parent();
            let is_behind = self.submitted_blocks.values().any(|(_, solved, answered)| {
                *solved == parent && answered.is_none_or(|at| at > *asked)
            });
            assert!(!is_behind, "live though its parent is solved: {job:?}");
        }
        let is_lost = |job: &Arc<Job>| {
            let standing = self.coordinator.nodes[job.node.0].peer.standing;
            standing.loses_blocks()
        };
        assert!(
            jobs.iter().all(is_lost) || !jobs.iter().any(is_lost),
            "a lost node beside a good one: {jobs:?}"
        );
        let wakeup = self.coordinator.next_wakeup();
        assert!(
            wakeup.is_none_or(|at| at > self.now),
            "a wakeup that has passed"
        );
        assert!(
            wakeup.is_some()
                || !self.flights.is_empty()
                || self.coordinator.is_finished()
                || self.demand == Demand::Nothing,
            "waits for nothing"
        );
    }

    /// A node that does not answer is known to be lost, and another serves if one is ready.
    fn check_nodes(&self) {
        let standing = |id: NodeId| self.coordinator.nodes[id.0].peer.standing;
        let hang = Timing::default().hang_max;
        for flight in self.flights.iter().filter(|flight| flight.is_of_gate()) {
            let is_missing = flight.sent + hang <= self.now;
            let answered = self.answered.get(&flight.node);
            let is_mute = is_missing && answered.is_none_or(|at| *at <= flight.sent);
            let is_known = matches!(
                standing(flight.node),
                Standing::Unreachable | Standing::OtherNetwork
            );
            assert!(!is_mute || is_known, "waits for a dead node: {flight:?}");
        }
        let serving = self.coordinator.upstreams.serving;
        assert!(!self.coordinator.is_submit_only(serving));
        let is_good = matches!(standing(serving), Standing::Ready | Standing::Unknown);
        let ready = self.coordinator.issuers().next();
        assert!(
            is_good || ready.is_none(),
            "{serving:?} serves in spite of {ready:?}: {:?}",
            standing(serving)
        );
    }

    /// Returns the solutions under way, and the other nodes that hold their payloads.
    pub(super) fn open_solutions(&self) -> Vec<OpenSolution> {
        let open = self.coordinator.submissions.open.values();
        let open = open.map(|open| OpenSolution {
            job: Arc::clone(&open.job),
            work: Work::new(open.header.clone()).expect("it was work"),
            is_outdated: open.is_outdated,
            expires: open.expires,
        });
        open.collect()
    }

    /// A solution that ended without success could not be taken by any node that holds its payload,
    /// or a good node shows a block in its place.
    pub(super) fn check_given_up(&mut self, solution: &OpenSolution) {
        let OpenSolution { job, work, .. } = solution;
        let last = self.blocks.get(&job.id).and_then(|events| events.last());
        let is_given_up = matches!(
            last,
            Some(
                BlockEvent::Stale
                    | BlockEvent::Rejected { .. }
                    | BlockEvent::SubmissionUncertain { .. }
            )
        );
        let height = job.work.header().height();
        let mut cuts = self.cuts.iter().filter(|(id, _)| **id != job.node);
        let is_passed = cuts.any(|(id, cut)| {
            let tip = cut.tip(job.chain());
            self.coordinator.trusted_cut(*id).is_some() && tip.is_some_and(|it| it.height >= height)
        });
        if !is_given_up || is_passed || solution.expires <= self.now {
            return;
        }
        let twins = self.coordinator.live.insured.get(&job.id).into_iter();
        let twins: Vec<_> = twins.flatten().copied().collect();
        let issuer = Some(job.node).filter(|_| !solution.is_outdated);
        let all = twins.into_iter().chain(issuer);
        for id in all.filter(|id| !self.stale.contains(&(*id, job.id))) {
            let network = self.nodes[id.0].networks;
            let of_network = self.nodes.iter().filter(|node| node.networks == network);
            let heights = of_network.map(|node| node.chains[&job.chain()].blocks.len());
            let is_behind =
                heights.max() > Some(self.nodes[id.0].chains[&job.chain()].blocks.len());
            let node = &mut self.nodes[id.0];
            let is_good = !node.is_down
                && !node.hangs
                && !self.coordinator.nodes[id.0].peer.standing.loses_blocks();
            assert!(
                !is_good || is_behind || !node.would_take(self.now, work),
                "{id:?} would have taken a solution: {last:?} of {job:?}"
            );
        }
    }

    /// No other good node has shown a block in place of the one to be mined.
    pub(super) fn check_not_passed(&self, job: &Job) {
        let is_known = |id: NodeId| self.coordinator.nodes[id.0].peer.cut.is_some();
        let own = self.cuts.get(&job.node).filter(|_| is_known(job.node));
        let own = own.map(Cut::progress);
        if own.is_none() && self.coordinator.nodes[job.node.0].heights_of_work.is_some() {
            // It cannot be compared.
            return;
        }
        let others = self.cuts.iter().filter(|(id, _)| **id != job.node);
        for (id, cut) in others.filter(|(id, _)| is_known(**id)) {
            let is_ready = self.coordinator.nodes[id.0].peer.standing == Standing::Ready;
            let is_ahead = own.is_none_or(|own| cut.progress().is_ahead_of(&own));
            let tip = cut.tip(job.chain()).map_or(0, |tip| tip.height);
            assert!(
                !is_ready || !is_ahead || tip < job.work.header().height(),
                "{id:?} has passed {job:?}: {:?}",
                self.coordinator.nodes[id.0].peer
            );
        }
    }

    pub(super) fn check_request(&mut self, node: NodeId, request: &Request) {
        let same = |flight: &Flight| {
            flight.node == node
                && match (&flight.request, request) {
                    (Request::Identify, Request::Identify)
                    | (Request::Work { .. }, Request::Work { .. })
                    | (Request::Cut { .. }, Request::Cut { .. }) => true,
                    (
                        Request::Ancestors {
                            chain,
                            version,
                            purpose: Purpose::Lookup,
                            ..
                        },
                        Request::Ancestors {
                            chain: c,
                            version: v,
                            purpose: Purpose::Lookup,
                            ..
                        },
                    ) => chain == c && version == v,
                    (Request::Submit { job, .. }, Request::Submit { job: j, .. }) => job == j,
                    _ => false,
                }
        };
        assert!(
            !self.flights.iter().any(same),
            "in flight already: {request:?}"
        );
        if let Request::Work { chain, .. } = request {
            match &self.demand {
                Demand::Any => {}
                Demand::Nothing => panic!("work is requested without demand"),
                Demand::Chains { named, .. } => {
                    let hint = chain.expect("a chain is named");
                    assert!(named.contains(&hint), "not wanted: {hint}");
                }
            }
        }
        if let Request::Submit {
            header,
            version,
            job,
            ..
        } = request
        {
            self.submitted_blocks
                .entry(*job)
                .or_insert((node, header.parent(), None));
            assert!(
                self.proof == Proof::None || pow::verify(header, &header.target()),
                "sent without proof of work"
            );
            let is_of_a_job = self.jobs.iter().any(|(job, _)| {
                let work = job.work.header();
                work.differs_only_in_time_and_nonce(header)
                    && (work.creation_time()..=job.creation_time_at(self.now))
                        .contains(&header.creation_time())
            });
            assert!(is_of_a_job, "no solution of any job: {header:?}");
            assert_eq!(
                version.as_str(),
                format!("net-{}", header.version_code()),
                "submitted to another network"
            );
            self.ours.insert(block_hash(header));
        }
    }

    /// Reports about a block start with its discovery and end with its final place.
    pub(super) fn check_report(&mut self, event: telemetry::Event) {
        if matches!(
            event,
            telemetry::Event::Node(..) | telemetry::Event::NodeChosen { .. }
        ) {
            self.reports.push((self.now, event));
            return;
        }
        if let telemetry::Event::Block(block, event) = event {
            if let BlockEvent::Untracked { .. } = event {
                // Its parent is not solved.
                self.submitted_blocks.remove(&block.job);
            }
            let events = self.blocks.entry(block.job).or_default();
            assert_eq!(
                events.is_empty(),
                matches!(event, BlockEvent::Found { .. }),
                "{event:?} after {events:?}"
            );
            let is_over = events.last().is_some_and(|last| {
                matches!(
                    last,
                    BlockEvent::Confirmed { .. }
                        | BlockEvent::Orphaned { .. }
                        | BlockEvent::Rejected { .. }
                        | BlockEvent::RejectedWithoutPow
                        | BlockEvent::Stale
                        | BlockEvent::Untracked { .. }
                )
            });
            assert!(!is_over, "{event:?} after {events:?}");
            if let BlockEvent::Displaced { by } | BlockEvent::Orphaned { by, .. } = event {
                assert_ne!(Some(by), block.hash, "in its own place");
            }
            assert_ne!(events.last(), Some(&event), "reported twice");
            events.push(event);
        }
    }

    /// The same work never replaces a live job.
    pub(super) fn check_replacements(&self, jobs: &Jobs) {
        let live = self.jobs.iter().map(|(job, _)| job);
        for old in live.filter(|job| self.live.contains(&job.id) && !jobs.contains(job.id)) {
            let same = |new: &&Arc<Job>| {
                let (old, new) = (old.work.header(), new.work.header());
                old.differs_only_in_time_and_nonce(new)
            };
            let same = jobs.iter().filter(|new| new.node == old.node).find(same);
            assert!(same.is_none(), "preempted by the same work: {old:?}");
        }
    }

    /// Every refresh has one outcome.
    pub(super) fn check_refreshes(&self) {
        let tally = self.coordinator.counters().refreshes;
        let known = tally.preempted + tally.identical + tally.skipped + tally.pending;
        assert_eq!(tally.received, known, "{tally:?}");
        assert!(tally.pending <= self.slots as u64, "{tally:?}");
    }

    /// Views go to a worker with a demand only. Those of a cut are complete.
    pub(super) fn check_view(&self, view: &View) {
        assert_ne!(self.demand, Demand::Any, "shown without demand");
        if let Some(heights) = &view.heights {
            for chain in heights.of.keys() {
                assert!(heights.requested(*chain) <= Some(self.now));
            }
            if let Source::Cut(_) = heights.source {
                assert_eq!(heights.of.len(), view.graph.len());
            }
        }
    }
}
