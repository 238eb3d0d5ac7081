//! Of nodes, of what they get, and of the choice between them.

use chainweb::{ChainId, WorkHeader};
use node::Cut;

use super::super::super::super::Request;
use super::super::super::super::event::Purpose;
use super::super::answers::block_hash;
use super::super::{Flight, World};
use crate::demand::Demand;
use crate::job::{Job, JobId, NodeId, Proof};
use crate::telemetry::Standing;
use crate::timing::Timing;

impl World {
    fn standing_of(&self, id: NodeId) -> Standing {
        self.coordinator.nodes[id.0].peer.standing
    }

    fn are_nodes_compared(&self) -> bool {
        self.nodes.len() > 1 && !self.coordinator.is_stopping()
    }

    /// A node that does not answer is known to be lost.
    pub(super) fn a_mute_node_is_known_to_be_one(&self) {
        if !self.are_nodes_compared() {
            return;
        }
        let hang = Timing::default().hang_max;
        for flight in self.flights.iter().filter(|flight| flight.is_of_gate()) {
            let is_missing = flight.sent + hang <= self.now;
            let answered = self.answered.get(&flight.node);
            let is_mute = is_missing && answered.is_none_or(|at| *at <= flight.sent);
            let is_known = matches!(
                self.standing_of(flight.node),
                Standing::Unreachable | Standing::OtherNetwork
            );
            assert!(!is_mute || is_known, "waits for a dead node: {flight:?}");
        }
    }

    /// Another node serves if the serving one is not good and one is ready.
    pub(super) fn a_good_node_serves(&self) {
        if !self.are_nodes_compared() {
            return;
        }
        let serving = self.coordinator.upstreams.serving;
        assert!(!self.coordinator.is_submit_only(serving));
        let standing = self.standing_of(serving);
        let is_good = matches!(standing, Standing::Ready | Standing::Unknown);
        let ready = self.coordinator.issuers().next();
        assert!(
            is_good || ready.is_none(),
            "{serving:?} serves in spite of {ready:?}: {standing:?}"
        );
    }

    /// A new cut retires no job for sure in a flood: then the job waits for the cut.
    pub(in super::super) fn the_cut_decides_in_a_flood(&mut self, node: NodeId, chain: ChainId) {
        let live = self.coordinator.live.find(node, chain);
        let is_suspect = live.is_none_or(|live| live.is_unconfirmed());
        assert!(is_suspect, "the cut would not decide");
    }

    /// No other good node has shown a block in place of the one to be mined.
    pub(in super::super) fn no_job_is_passed(&self, job: &Job) {
        let is_known = |id: NodeId| self.coordinator.nodes[id.0].peer.cut.is_some();
        let own = self.cuts.get(&job.node).filter(|_| is_known(job.node));
        let own = own.map(Cut::progress);
        if own.is_none() && self.coordinator.nodes[job.node.0].heights_of_work.is_some() {
            // It cannot be compared.
            return;
        }
        let others = self.cuts.iter().filter(|(id, _)| **id != job.node);
        for (id, cut) in others.filter(|(id, _)| is_known(**id)) {
            let is_ready = self.standing_of(*id) == Standing::Ready;
            let is_ahead = own.is_none_or(|own| cut.progress().is_ahead_of(&own));
            let tip = cut.tip(job.chain()).map_or(0, |tip| tip.height);
            assert!(
                !is_ready || !is_ahead || tip < job.work.header().height(),
                "{id:?} has passed {job:?}: {:?}",
                self.coordinator.nodes[id.0].peer
            );
        }
    }

    pub(in super::super) fn check_request(&mut self, node: NodeId, request: &Request) {
        self.no_request_is_made_twice(node, request);
        self.work_is_wanted(request);
        if let Request::Submit {
            header,
            version,
            job,
            ..
        } = request
        {
            if !self.submitted_blocks.contains_key(job) {
                let parent = header.parent();
                self.submitted_blocks.insert(*job, (node, parent, None));
                self.unanswered.push(*job);
                self.by_parent.entry(parent).or_default().push(*job);
            }
            self.a_submission_solves_a_job(*job, header);
            assert_eq!(
                version.as_str().strip_prefix("net-").map(str::parse),
                Some(Ok(header.version_code())),
                "submitted to another network"
            );
            self.ours.insert(block_hash(header));
        }
    }

    /// A node gets no request that is in flight to it already.
    fn no_request_is_made_twice(&self, node: NodeId, request: &Request) {
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
    }

    /// Work is requested only if the worker wants some, on a chain that it wants.
    fn work_is_wanted(&self, request: &Request) {
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
    }

    /// What is submitted solves a job of this run, in its time, or is a block of an earlier one.
    fn a_submission_solves_a_job(&self, job: JobId, header: &WorkHeader) {
        let is_restored = self.restored.get(&job) == Some(header);
        assert!(
            is_restored
                || self.config.proof == Proof::None
                || pow::verify(header, &header.target()),
            "sent without proof of work"
        );
        let of_run = self.published.get(&job).map(|place| &self.jobs[*place]);
        let is_of_run = of_run.is_some_and(|job| {
            let work = job.work.header();
            work.differs_only_in_time_and_nonce(header)
                && (work.creation_time()..=job.creation_time_at(self.now))
                    .contains(&header.creation_time())
        });
        assert!(
            is_of_run || is_restored,
            "no solution of any job: {header:?}"
        );
    }
}
