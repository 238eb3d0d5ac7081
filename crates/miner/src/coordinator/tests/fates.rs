//! The place of a block by the votes of several nodes.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use chainweb::{BlockHash, ChainId};
use node::{Cut, Mined, Progress, Tip};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::super::tracked_block::{NewBlock, Status, Voter};
use super::super::tracker::{BlockTracker, Form};
use super::pieces::block;
use crate::job::{JobId, NodeId};
use crate::telemetry::Event;
use crate::telemetry::event::{BlockEvent, BlockRef, Untracked};
use crate::timing::Timing;

const CHAIN: ChainId = ChainId::new(0);
const OURS: u8 = 1;
const OTHER: u8 = 2;

/// A block of height 1 that was submitted two seconds ago, where several nodes vote.
struct Ballot {
    tracker: BlockTracker,
    now: Instant,
    /// How far the cut of each node is that votes.
    voters: BTreeMap<usize, u64>,
}

fn new(block: BlockRef) -> NewBlock {
    NewBlock {
        block,
        mined: Mined::from(&fixtures::fields().encode()),
        status: Status::Pending,
        taken_by: NodeId(0),
        is_late: false,
    }
}

impl Ballot {
    fn new(heights: &[u64]) -> Self {
        let (now, timing) = (Instant::now(), Timing::default());
        let mut tracker = BlockTracker::new(&timing, heights.len(), 6);
        let submitted = BlockRef {
            job: JobId(1),
            node: NodeId(0),
            chain: CHAIN,
            height: 1,
            hash: Some(block(0, 1, OURS)),
        };
        tracker.track(now, new(submitted));
        Self {
            tracker,
            now: now + timing.first_block_lookup,
            voters: heights.iter().copied().enumerate().collect(),
        }
    }

    fn voters(&self) -> Vec<Voter> {
        let voters = self.voters.iter().map(|(id, height)| {
            let progress = Progress {
                weight: None,
                height: *height,
            };
            (NodeId(*id), Some(progress))
        });
        voters.collect()
    }

    /// A node shows its cut. Returns the heights for which its branch is requested.
    fn cut(&mut self, id: usize, height: u64, hash: BlockHash) -> Option<RangeInclusive<u64>> {
        let tips = [(CHAIN, Tip { height, hash })].into();
        let cut = Cut { tips, weight: None };
        let voters = self.voters();
        let mut requested = self.tracker.cut(self.now, (NodeId(id), &cut), &voters);
        requested.remove(&CHAIN).map(|below| below.heights)
    }

    /// A node answers which block it has below its tip.
    fn branch(&mut self, id: usize, height: u64, there: Option<u8>) {
        let there = there.map(|which| (1, block(0, 1, which)));
        let (hashes, voters) = (there.into_iter().collect(), self.voters());
        self.tracker.branch(
            self.now,
            NodeId(id),
            (CHAIN, height),
            (Form::Hashes, &hashes),
            &voters,
        );
    }

    /// A node has this block, below a tip of its own at this height.
    #[track_caller]
    fn vote(&mut self, id: usize, height: u64, which: u8) {
        let tip = block(0, height, u8::try_from(10 + id).expect("few nodes"));
        assert_eq!(self.cut(id, height, tip), Some(1..=1));
        self.branch(id, height, Some(which));
    }

    fn forgoes(&mut self, id: usize) {
        self.voters.remove(&id);
        let voters = self.voters();
        self.tracker.judge(&voters);
    }

    /// The node that took a block does not answer why it is orphaned.
    fn answers_no_inquiry(&mut self) {
        let voters = self.voters();
        for (_, block) in self.tracker.take_inquiries() {
            self.tracker.inquired(block.job, None, &voters);
        }
    }

    #[track_caller]
    fn gives(&mut self, expected: &[BlockEvent]) {
        self.answers_no_inquiry();
        let events = self.tracker.take_events();
        let events = events.into_iter().map(|event| match event {
            Event::Block(_, event) => event,
            event => panic!("not of a block: {event:?}"),
        });
        assert_eq!(events.collect::<Vec<_>>(), expected);
    }
}

fn displaced() -> BlockEvent {
    let by = block(0, 1, OTHER);
    BlockEvent::Displaced { by }
}

fn orphaned(depth: u64) -> BlockEvent {
    let by = block(0, 1, OTHER);
    BlockEvent::Orphaned {
        by,
        depth,
        reason: None,
    }
}

#[test]
fn of_two_nodes_that_disagree_the_heavier_counts_and_nothing_is_final() {
    for (heights, first, second) in [
        ([20, 10], OURS, OTHER),
        ([10, 20], OTHER, OURS),
        // Of equal ones the first.
        ([10, 10], OURS, OTHER),
    ] {
        let mut ballot = Ballot::new(&heights);
        ballot.vote(0, 9, first);
        ballot.vote(1, 9, second);
        ballot.gives(&match first {
            OURS => vec![BlockEvent::Accepted],
            _ => vec![displaced(), BlockEvent::Accepted],
        });
        assert_eq!(ballot.tracker.counts().accepted, 1);
        // It is looked up again, and they agree.
        ballot.now += Duration::from_secs(20);
        ballot.vote(usize::from(first == OURS), 10, OURS);
        ballot.gives(&[BlockEvent::Confirmed { depth: 8 }]);
    }
}

#[test]
fn of_three_nodes_the_majority_counts_though_the_other_is_heavier() {
    let mut ballot = Ballot::new(&[10, 99, 10]);
    ballot.vote(1, 9, OTHER);
    ballot.gives(&[displaced()]);
    ballot.vote(0, 9, OURS);
    ballot.gives(&[]);
    ballot.vote(2, 9, OURS);
    ballot.gives(&[BlockEvent::Accepted]);
    ballot.forgoes(1);
    ballot.gives(&[BlockEvent::Confirmed { depth: 8 }]);
}

#[test]
fn the_place_is_final_when_it_is_deep_at_all_nodes() {
    let mut ballot = Ballot::new(&[10, 10]);
    ballot.vote(0, 9, OURS);
    ballot.vote(1, 6, OURS);
    ballot.gives(&[BlockEvent::Accepted]);
    ballot.now += Duration::from_secs(20);
    ballot.vote(1, 7, OURS);
    ballot.gives(&[BlockEvent::Confirmed { depth: 6 }]);
}

#[test]
fn a_node_that_falls_out_stops_voting() {
    let mut ballot = Ballot::new(&[10, 20]);
    ballot.vote(0, 9, OURS);
    ballot.vote(1, 9, OTHER);
    ballot.gives(&[BlockEvent::Accepted, displaced()]);
    ballot.forgoes(0);
    ballot.gives(&[orphaned(8)]);
}

#[test]
fn a_node_that_never_answers_for_a_block_does_not_keep_it_open() {
    let mut ballot = Ballot::new(&[10, 10]);
    ballot.vote(0, 9, OURS);
    for height in 9..12 {
        assert!(ballot.cut(1, height, block(0, height, 3)).is_some());
        ballot.gives(match height {
            9 => &[BlockEvent::Accepted],
            _ => &[],
        });
        ballot.branch(1, height, None);
        ballot.now += Duration::from_secs(20);
    }
    ballot.gives(&[BlockEvent::Confirmed { depth: 8 }]);
}

#[test]
fn a_branch_is_requested_of_one_of_the_nodes_with_its_tip() {
    let mut ballot = Ballot::new(&[10, 10, 10]);
    let tip = block(0, 9, 0);
    assert_eq!(ballot.cut(0, 9, tip), Some(1..=1));
    assert_eq!(ballot.cut(1, 9, tip), None);
    ballot.branch(0, 9, Some(OURS));
    ballot.gives(&[BlockEvent::Accepted]);
    for id in 1..3 {
        assert_eq!(ballot.cut(id, 9, tip), None);
    }
    ballot.gives(&[BlockEvent::Confirmed { depth: 8 }]);
}

#[test]
fn another_node_is_asked_if_the_first_does_not_answer() {
    let mut ballot = Ballot::new(&[10, 10]);
    let tip = block(0, 9, 0);
    assert_eq!(ballot.cut(0, 9, tip), Some(1..=1));
    assert_eq!(ballot.cut(1, 9, tip), None);
    ballot.branch(0, 9, None);
    assert_eq!(ballot.cut(1, 9, tip), Some(1..=1));
}

#[test]
fn a_chain_is_reset_when_it_ends_far_below_at_all_nodes() {
    let mut ballot = Ballot::new(&[10, 10]);
    ballot.tracker.untrack(Untracked::TooMany, |_| true);
    let high = BlockRef {
        job: JobId(2),
        node: NodeId(0),
        chain: CHAIN,
        height: 90,
        hash: Some(block(0, 90, OURS)),
    };
    ballot.tracker.track(ballot.now, new(high));
    ballot.cut(0, 3, block(0, 3, 0));
    assert_eq!(ballot.tracker.counts().pending, 1);
    ballot.cut(1, 3, block(0, 3, 0));
    assert_eq!(ballot.tracker.counts().pending, 0);
}

/// Nodes of random weights vote, change their minds and fall out, in an order from the seed.
#[test]
fn no_place_is_final_that_a_node_disputes_in_any_order() {
    let mut ends = 0;
    for seed in 0..300 {
        let mut rng = StdRng::seed_from_u64(seed);
        let nodes = rng.random_range(1..=5);
        // No two are equal.
        let weights: Vec<_> = (0..nodes)
            .map(|id| 10 * rng.random_range(1..5) + id)
            .collect();
        let mut ballot = Ballot::new(&weights);
        // What each node said last, and how deep.
        let mut said: BTreeMap<usize, (u8, u64)> = BTreeMap::new();
        for step in 0..40 {
            let voters: Vec<_> = ballot.voters.keys().copied().collect();
            let id = *voters.choose(&mut rng).expect("one is left");
            if voters.len() > 1 && rng.random_bool(0.05) {
                ballot.forgoes(id);
            } else {
                let height = rng.random_range(2..12);
                let which = *[OURS, OURS, OTHER].choose(&mut rng).expect("not empty");
                ballot.now += Duration::from_mins(5);
                let tip = block(step, height, 7);
                assert!(ballot.cut(id, height, tip).is_some());
                ballot.branch(id, height, Some(which));
                said.insert(id, (which, height - 1));
            }
            let votes = ballot.voters.iter();
            let votes = votes.map(|(id, weight)| (said.get(id).copied(), *weight));
            let votes: Vec<_> = votes.collect();
            let of = |wanted| {
                let cast = votes
                    .iter()
                    .filter_map(|(vote, weight)| Some((vote.as_ref()?.0, *weight)));
                let weights = cast
                    .filter(|(which, _)| *which == wanted)
                    .map(|(_, weight)| weight);
                (weights.clone().count(), weights.max())
            };
            let is_ours = of(OURS) > of(OTHER);
            let is_final = |wanted| {
                votes.iter().all(|(vote, _)| {
                    vote.is_some_and(|(which, depth)| which == wanted && depth >= 6)
                })
            };
            ballot.answers_no_inquiry();
            let counts = ballot.tracker.counts();
            let events = ballot.tracker.take_events();
            let end = events.iter().find_map(|event| match event {
                Event::Block(_, BlockEvent::Confirmed { .. }) => Some(OURS),
                Event::Block(_, BlockEvent::Orphaned { .. }) => Some(OTHER),
                _ => None,
            });
            assert_eq!(
                end.is_some(),
                is_final(OURS) || is_final(OTHER),
                "seed {seed}: {votes:?}"
            );
            if let Some(end) = end {
                assert!(is_final(end), "seed {seed}: {votes:?}");
                ends += 1;
                break;
            }
            if of(OURS) != of(OTHER) {
                assert_eq!(
                    (counts.accepted, counts.displaced),
                    (u64::from(is_ours), u64::from(!is_ours)),
                    "seed {seed}: {votes:?}"
                );
            }
        }
    }
    assert!(ends > 100, "{ends}");
}
