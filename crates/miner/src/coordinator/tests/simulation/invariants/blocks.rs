//! Of solutions, submissions and what is reported of blocks.

use std::sync::Arc;

use chainweb::Work;

use super::super::World;
use super::OpenSolution;
use crate::job::JobId;
use crate::telemetry;
use crate::telemetry::event::BlockEvent;

impl World {
    /// Only the first solution of a job is submitted.
    pub(in super::super) fn a_job_is_submitted_once(&mut self, solved: Option<JobId>) {
        let is_restored = solved.is_none();
        let is_first = solved.is_some_and(|job| self.solved.insert(job));
        assert!(is_first || is_restored, "submitted twice: {solved:?}");
    }

    /// Returns the solutions under way.
    pub(in super::super) fn open_solutions(&self) -> Vec<OpenSolution> {
        let open = self.coordinator.submissions.open.values();
        let open = open.map(|open| OpenSolution {
            job: Arc::clone(&open.job),
            is_outdated: open.is_outdated,
            expires: open.expires,
        });
        open.collect()
    }

    /// Returns a block as it was found.
    fn found(&self, job: JobId) -> Work {
        let found = self.blocks.get(&job).and_then(|events| events.first());
        let header = match found {
            Some(BlockEvent::Found { header, .. }) => header,
            _ => &self.restored[&job],
        };
        Work::new(header.clone()).expect("it was work")
    }

    /// A solution that ended without success could not be taken by any node that holds its payload,
    /// or a good node shows a block in its place.
    pub(in super::super) fn no_solution_is_given_up_in_vain(&mut self, solution: &OpenSolution) {
        let job = &solution.job;
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
        let work = self.found(job.id);
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
                !is_good || is_behind || !node.would_take(self.now, &work),
                "{id:?} would have taken a solution: {last:?} of {job:?}"
            );
        }
    }

    /// Reports about a block start with its discovery and end with its final place, in which it is
    /// not itself.
    pub(in super::super) fn check_report(&mut self, event: &telemetry::Event) {
        if matches!(
            event,
            telemetry::Event::Node(..) | telemetry::Event::NodeChosen { .. }
        ) {
            self.reports.push((self.now, event.clone()));
            return;
        }
        let telemetry::Event::Block(block, event) = event else {
            return;
        };
        if let BlockEvent::Untracked { .. } = event {
            // Its parent is not solved.
            self.submitted_blocks.remove(&block.job);
        }
        let events = self.blocks.entry(block.job).or_default();
        assert_eq!(
            events.is_empty(),
            matches!(
                event,
                BlockEvent::Found { .. } | BlockEvent::Restored { .. }
            ),
            "{event:?} after {events:?}"
        );
        let is_over = events.last().is_some_and(|last| {
            matches!(
                last,
                BlockEvent::Confirmed { .. }
                    | BlockEvent::Orphaned { .. }
                    | BlockEvent::Rejected { .. }
                    | BlockEvent::RejectedWithoutPow
                    | BlockEvent::RejectedLikeAll
                    | BlockEvent::Stale
                    | BlockEvent::Untracked { .. }
            )
        });
        assert!(!is_over, "{event:?} after {events:?}");
        if let BlockEvent::Displaced { by } | BlockEvent::Orphaned { by, .. } = event {
            assert_ne!(Some(*by), block.hash, "in its own place");
        }
        assert_ne!(events.last(), Some(event), "reported twice");
        events.push(event.clone());
    }
}
