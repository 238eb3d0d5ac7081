//! Tests of several nodes on virtual time.

use std::time::Duration;

use chainweb::{BlockHash, ChainGraph, ChainId, CreationTime, Difficulty, Work};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::Nodes;
use crate::config::{Config, Miner, Payloads, ProofOfWork};
use crate::link::Link;
use crate::network::{MoveError, Network, Solved, Update, WorkAnswer, weight_of};

const START: CreationTime = CreationTime::from_micros(1_700_000_000_000_000);
const ZERO: ChainId = ChainId::new(0);
const DELAY: Duration = Duration::from_millis(100);

/// Nodes and their current time.
struct Story {
    nodes: Nodes,
    now: CreationTime,
}

/// Some nodes of two chains, on which any nonce is a solution.
fn config(nodes: usize) -> Config {
    Config {
        graph: ChainGraph::pair(),
        nodes,
        propagation_delay: DELAY,
        proof_of_work: ProofOfWork::Disabled,
        ..Config::default()
    }
}

impl Story {
    fn new(config: &Config) -> Self {
        Self {
            nodes: Nodes::new(config, START),
            now: START,
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
        self.nodes.advance(self.now);
    }

    /// Lets all cuts on their way arrive.
    fn settle(&mut self) {
        self.pass(2 * DELAY);
    }

    fn at<T>(&mut self, node: usize, access: impl FnOnce(&mut Network, CreationTime) -> T) -> T {
        self.nodes.with(node, self.now, access)
    }

    fn work(&mut self, node: usize) -> Work {
        self.pass(Duration::from_millis(10));
        let miner = Miner::with_public_key(fixtures::PUBLIC_KEY);
        match self.at(node, |network, now| network.work(&miner, Some(ZERO), now)) {
            WorkAnswer::Work(work) => work,
            other => panic!("{other:?} instead of work"),
        }
    }

    fn solve(&mut self, node: usize, work: &Work) -> Solved {
        self.at(node, |network, now| {
            network.solve(work.header().as_bytes(), now)
        })
    }

    /// Mines a block of a client at a node.
    fn mine(&mut self, node: usize) -> BlockHash {
        let work = self.work(node);
        match self.solve(node, &work) {
            Solved::Accepted(hash) => hash,
            other => panic!("{other:?} instead of a block"),
        }
    }

    fn mine_foreign(&mut self, node: usize, chain: u32) -> BlockHash {
        self.pass(Duration::from_millis(1));
        let chain = ChainId::new(chain);
        self.at(node, |network, now| network.mine_foreign(chain, now))
            .expect("the chain can be extended")
    }

    fn link(&mut self, node: usize, link: Link) {
        self.nodes.set_link(node, link, self.now);
    }

    fn tip(&self, node: usize, chain: u32) -> BlockHash {
        self.nodes.members[node].network.tips()[&ChainId::new(chain)].hash
    }

    fn has_block(&self, node: usize, hash: BlockHash) -> bool {
        let chain = self.nodes.members[node].network.chain(ZERO);
        chain.is_some_and(|chain| chain.block(&hash).is_some())
    }

    fn heights(&self, node: usize) -> Vec<u64> {
        let tips = self.nodes.members[node].network.tips();
        tips.values().map(|tip| tip.height).collect()
    }

    fn events(&mut self, node: usize) -> Vec<Update> {
        let events = self.nodes.take_events().into_iter();
        let of_node = events.filter(|(of, chain, _)| (*of, *chain) == (node, ZERO));
        of_node.map(|(_, _, update)| update).collect()
    }

    #[track_caller]
    fn check_agreement(&self) {
        let tips = |node: usize| self.nodes.members[node].network.tips();
        for node in 1..self.nodes.members.len() {
            assert_eq!(tips(node), tips(0), "node {node}");
        }
    }
}

#[test]
fn a_block_reaches_the_other_node_after_the_delay() {
    let mut story = Story::new(&config(2));
    let genesis = story.tip(1, 0);
    let block = story.mine(0);
    assert_eq!((story.tip(0, 0), story.tip(1, 0)), (block, genesis));
    story.nodes.take_events();
    story.pass(Duration::from_micros(49_999));
    assert_eq!(story.tip(1, 0), genesis);
    assert!(!story.has_block(1, block));
    assert_eq!(story.events(1), []);
    story.pass(DELAY + Duration::from_millis(10));
    assert_eq!(story.tip(1, 0), block);
    assert!(story.events(1).contains(&Update::NewCut));
    // The other node has work on it.
    assert_eq!(story.work(1).header().height(), 1, "chain 1 is next");
}

#[test]
fn delays_vary_around_their_mean() {
    let mut story = Story::new(&Config {
        graph: ChainGraph::singleton(),
        ..config(2)
    });
    let mut delays = Vec::new();
    for _ in 0..100 {
        let (block, sent) = (story.mine(0), story.now);
        while story.tip(1, 0) != block {
            story.pass(Duration::from_millis(1));
        }
        delays.push(story.now.saturating_since(sent));
    }
    let mean = delays.iter().sum::<Duration>() / 100;
    let least = delays.iter().min().expect("not empty");
    let most = delays.iter().max().expect("not empty");
    assert!(*least >= DELAY / 2 && *most <= DELAY * 3 / 2 + Duration::from_millis(1));
    assert!(
        *least < DELAY * 2 / 3 && *most > DELAY * 4 / 3,
        "{delays:?}"
    );
    assert!(mean > DELAY * 9 / 10 && mean < DELAY * 11 / 10, "{mean:?}");
}

#[test]
fn one_node_can_see_all_blocks_late() {
    let mut story = Story::new(&Config {
        graph: ChainGraph::singleton(),
        foreign_hash_rate: 1e5,
        foreign_nodes: [2].into(),
        propagation_delay: Duration::ZERO,
        node_propagation_delays: [(1, Duration::from_mins(1))].into(),
        ..config(3)
    });
    story.pass(Duration::from_secs(25));
    assert_eq!(story.heights(0), story.heights(2));
    assert!(story.heights(0)[0] > 5, "{:?}", story.heights(0));
    assert_eq!(story.heights(1), [0]);
    let of = |node: usize| story.nodes.members[node].network.tally().foreign_blocks;
    assert_eq!([of(0), of(1)], [0, 0]);
    story.pass(Duration::from_mins(2));
    assert!(story.heights(1)[0] > 5 && story.heights(1) < story.heights(0));
}

#[test]
fn a_seed_fixes_all_nodes() {
    let run = |seed| {
        let mut story = Story::new(&Config {
            seed,
            foreign_hash_rate: 1e6,
            ..config(3)
        });
        story.pass(Duration::from_mins(1));
        let tips = [0, 1, 2].map(|node| (story.tip(node, 0), story.tip(node, 1)));
        (tips, story.nodes.take_events())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).0, run(2).0);
}

#[test]
fn foreign_blocks_appear_at_all_nodes_and_are_as_many_as_at_one() {
    let blocks = |nodes| {
        let mut story = Story::new(&Config {
            foreign_hash_rate: 1e5,
            start_difficulty: Difficulty::from_u128(50_000),
            block_delay: Duration::from_secs(1),
            propagation_delay: Duration::from_millis(1),
            ..config(nodes)
        });
        story.pass(Duration::from_mins(10));
        let of = |node: usize| story.nodes.members[node].network.tally().foreign_blocks;
        let found: Vec<_> = (0..nodes).map(of).collect();
        assert_eq!(
            story.nodes.report().tally.foreign_blocks,
            found.iter().sum::<u64>()
        );
        found
    };
    let (one, three) = (blocks(1)[0], blocks(3));
    // 1200 on average, with a standard deviation of 35.
    let sum: u64 = three.iter().sum();
    assert!(one.abs_diff(sum) < 250, "{one} {three:?}");
    assert!(
        three.iter().all(|found| found.abs_diff(400) < 150),
        "{three:?}"
    );
}

#[test]
fn equal_payloads_insure_a_job_at_each_node_that_has_issued_it() {
    let mut story = Story::new(&config(3));
    let work = story.work(0);
    let twin = story.work(1);
    assert!(twin.header().differs_only_in_time_and_nonce(work.header()));
    assert_eq!(story.solve(2, &work), Solved::UnknownPayload);
    let hash = work.header().block_hash().expect("recorded");
    assert_eq!(story.solve(1, &work), Solved::Accepted(hash));
    // Before the block has arrived, the issuer takes it, too.
    assert_eq!(story.solve(0, &work), Solved::Accepted(hash));
    story.settle();
    story.check_agreement();
    let report = story.nodes.report();
    assert_eq!((report.tally.accepted, report.own_in_cut.len()), (2, 1));
}

#[test]
fn a_block_that_has_arrived_is_stale_as_a_solution() {
    let mut story = Story::new(&config(2));
    let work = story.work(0);
    story.work(1);
    assert!(matches!(story.solve(0, &work), Solved::Accepted(_)));
    story.settle();
    assert_eq!(story.solve(1, &work), Solved::Stale);
}

#[test]
fn with_own_payloads_no_other_node_takes_a_solution() {
    let mut story = Story::new(&Config {
        payloads: Payloads::Own,
        ..config(2)
    });
    let (work, other) = (story.work(0), story.work(1));
    assert_eq!(work.header().parent(), other.header().parent());
    assert_ne!(work.header().payload_hash(), other.header().payload_hash());
    assert_eq!(story.solve(1, &work), Solved::UnknownPayload);
    assert!(matches!(story.solve(0, &work), Solved::Accepted(_)));
}

#[test]
fn equal_payloads_are_refreshed_together() {
    let mut story = Story::new(&config(3));
    let payload = |story: &mut Story, node| story.work(node).header().payload_hash();
    let all = |story: &mut Story| {
        let payloads = [0, 1, 2].map(|node| payload(story, node));
        assert!(payloads.iter().all(|other| *other == payloads[0]));
        payloads[0]
    };
    let before = all(&mut story);
    // The tips arrive at different times, and so would the refreshes.
    story.mine_foreign(1, 0);
    story.mine_foreign(2, 1);
    story.settle();
    story.nodes.take_events();
    let first = all(&mut story);
    story.pass(Duration::from_secs(15));
    let second = all(&mut story);
    assert!(before != first && first != second);
    for node in 0..3 {
        let network = &story.nodes.members[node].network;
        assert_eq!(network.refreshes(ZERO).1, 1, "node {node}");
    }
    assert_eq!(story.events(1), [Update::RefreshedBlock]);
    story
        .at(1, |network, _| network.refresh(ZERO))
        .expect("a chain");
    let third = all(&mut story);
    assert_ne!(third, second);
    // A restart loses the payload, not the transactions.
    let work = story.work(1);
    story.at(1, |network, now| network.restart(None, now));
    assert_eq!(story.solve(1, &work), Solved::UnknownPayload);
    assert_eq!(all(&mut story), third);
}

#[test]
fn a_partition_forks_and_the_heavier_side_wins() {
    let mut story = Story::new(&config(3));
    story.link(2, Link::Partitioned);
    let ours = story.mine(2);
    let theirs = [story.mine_foreign(0, 0), story.mine_foreign(0, 1)];
    story.settle();
    assert_eq!(story.tip(1, 0), theirs[0]);
    assert_eq!(story.tip(2, 0), ours);
    assert!(!story.has_block(0, ours) && !story.has_block(2, theirs[0]));
    assert_eq!(story.nodes.report().own_in_cut, []);
    story.link(2, Link::Connected);
    story.settle();
    story.check_agreement();
    assert_eq!([story.tip(2, 0), story.tip(2, 1)], theirs);
    // The other nodes know the orphan.
    assert!(story.has_block(0, ours));
    assert_eq!(story.nodes.report().tally.orphaned_later, 1);
}

#[test]
fn a_partitioned_node_with_the_heavier_cut_overturns_the_others() {
    let mut story = Story::new(&config(2));
    story.link(1, Link::Partitioned);
    let lost = story.mine(0);
    let mut won = Vec::new();
    for _ in 0..3 {
        won = vec![story.mine_foreign(1, 0), story.mine_foreign(1, 1)];
    }
    story.settle();
    story.link(1, Link::Connected);
    story.settle();
    story.check_agreement();
    assert_eq!([story.tip(0, 0), story.tip(0, 1)], won[..]);
    assert!(story.has_block(0, lost));
    assert_eq!(story.nodes.report().tally.orphaned_later, 1);
}

#[test]
fn blocks_of_both_sides_stay_where_they_fit() {
    let mut story = Story::new(&config(2));
    story.link(1, Link::Partitioned);
    let ours = story.mine(1);
    let theirs = story.mine_foreign(0, 1);
    story.link(1, Link::Connected);
    story.settle();
    story.check_agreement();
    assert_eq!((story.tip(0, 0), story.tip(0, 1)), (ours, theirs));
    let report = story.nodes.report();
    assert_eq!(
        (report.tally.orphaned_later, report.own_in_cut.len()),
        (0, 1)
    );
}

#[test]
fn a_frozen_node_answers_and_its_cut_stands() {
    let mut story = Story::new(&Config {
        foreign_hash_rate: 1e5,
        ..config(2)
    });
    story.pass(Duration::from_secs(5));
    story.settle();
    story.link(1, Link::Frozen);
    let stands = story.heights(1);
    story.pass(Duration::from_mins(1));
    assert_eq!(story.heights(1), stands);
    assert!(story.heights(0)[0] > stands[0]);
    let work = story.work(1);
    assert_eq!(story.solve(1, &work), Solved::Frozen);
    assert_eq!(story.heights(1), stands);
    assert_eq!(story.nodes.report().tally.frozen, 1);
    story.link(1, Link::Connected);
    story.settle();
    assert!(story.heights(1)[0] > stands[0]);
}

#[test]
fn a_fork_is_higher_and_lighter_and_loses() {
    let mut story = Story::new(&config(3));
    let forked = story.at(2, |network, now| network.fork(5, now));
    assert_eq!(forked, Err(MoveError::NoFork));
    for _ in 0..4 {
        story.mine_foreign(0, 0);
        story.mine_foreign(0, 1);
    }
    let own = story.mine(0);
    story.settle();
    story.link(2, Link::Partitioned);
    story
        .at(2, |network, now| network.fork(5, now))
        .expect("there are blocks");
    let weight =
        |story: &Story, node: usize| weight_of(&story.nodes.members[node].network.cut_blocks());
    assert_eq!(story.heights(2), [10, 10]);
    assert_eq!(story.heights(0), [5, 4]);
    assert!(weight(&story, 2) < weight(&story, 0));
    // It can be mined on.
    story.pass(Duration::from_millis(10));
    story.mine(2);
    assert_eq!(story.heights(2), [11, 10]);
    story.settle();
    assert_eq!(story.heights(1), [5, 4]);
    story.link(2, Link::Connected);
    story.settle();
    story.check_agreement();
    assert_eq!(story.tip(2, 0), own);
}

#[test]
fn each_node_has_a_clock_of_its_own() {
    let ahead = Duration::from_mins(1);
    let mut story = Story::new(&Config {
        node_clock_offsets_micros: [(1, 60_000_000)].into(),
        ..config(2)
    });
    let (work, later) = (story.work(0), story.work(1));
    let difference = later
        .header()
        .creation_time()
        .saturating_since(work.header().creation_time());
    assert_eq!(difference, ahead + Duration::from_millis(10));
    // A twin whose time is ahead of the other clock stalls its chain there.
    let invalid = story.solve(0, &later);
    assert!(matches!(invalid, Solved::Invalid(_)), "{invalid:?}");
    // A block from the future is taken when its time has come.
    story.at(0, |network, now| network.restart(None, now));
    let Solved::Accepted(block) = story.solve(1, &later) else {
        panic!("the time is right at node 1");
    };
    story.pass(Duration::from_millis(59_990));
    assert_ne!(story.tip(0, 0), block);
    story.pass(Duration::from_millis(300));
    assert_eq!(story.tip(0, 0), block);
}

#[test]
fn nodes_with_slow_clocks_can_mine() {
    let mut story = Story::new(&Config {
        node_clock_offsets_micros: [(1, -3_600_000_000)].into(),
        ..config(2)
    });
    story.pass(Duration::from_secs(1));
    let block = story.mine(1);
    story.settle();
    assert_eq!(story.tip(0, 0), block);
}

/// Each cut obeys the braiding rule at all times, and nodes that are connected again agree after
/// the next block.
#[test]
fn nodes_agree_after_any_faults() {
    for seed in 0..5 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut story = Story::new(&Config {
            graph: ChainGraph::petersen(),
            seed,
            foreign_hash_rate: 2e4,
            start_difficulty: Difficulty::from_u128(1000),
            block_delay: Duration::from_millis(500),
            ..config(3)
        });
        for _ in 0..100 {
            story.pass(Duration::from_micros(rng.random_range(1..400_000)));
            let node = rng.random_range(0..3);
            match rng.random_range(0..6) {
                0 => story.link(node, Link::Partitioned),
                1 => story.link(node, Link::Frozen),
                2 => story.link(node, Link::Connected),
                3 => {
                    story.link(node, Link::Partitioned);
                    // Fails while there are few blocks.
                    let _forked = story.at(node, |network, now| network.fork(2, now));
                }
                _ => {
                    let miner = Miner::with_public_key("aa");
                    let answer = story.at(node, |network, now| network.work(&miner, None, now));
                    story.pass(Duration::from_millis(rng.random_range(1..50)));
                    if let WorkAnswer::Work(work) = answer {
                        let solved = story.solve(node, &work);
                        assert!(
                            matches!(solved, Solved::Accepted(_) | Solved::Stale | Solved::Frozen),
                            "{solved:?}, seed {seed}"
                        );
                    }
                }
            }
            for node in 0..3 {
                let network = &story.nodes.members[node].network;
                let tips = network.tips();
                for (chain, tip) in &tips {
                    for adjacent in network.graph().adjacents(*chain) {
                        assert!(
                            tip.height.abs_diff(tips[adjacent].height) <= 1,
                            "seed {seed}"
                        );
                    }
                }
            }
        }
        // Ends the foreign mining, so that everything arrives.
        for node in 0..3 {
            story.link(node, Link::Connected);
            story.nodes.members[node].network.frozen = true;
        }
        story.pass(20 * DELAY);
        let extended = (0..10).any(|chain| {
            let chain = ChainId::new(chain);
            story
                .at(0, |network, now| network.mine_foreign(chain, now))
                .is_ok()
        });
        assert!(extended, "some chain can be extended");
        story.pass(20 * DELAY);
        story.check_agreement();
    }
}
