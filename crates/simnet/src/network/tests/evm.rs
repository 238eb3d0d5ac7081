//! Updates of the EVM line.

use std::time::Duration;

use chainweb::{ChainGraph, ChainId, Work};

use super::stories::{START, Story};
use crate::config::{Config, Miner, Preset};
use crate::network::outcome::Update::{self, NewCut, RefreshedBlock};
use crate::network::outcome::{Invalid, Solved, WorkAnswer};

/// A network without payload refreshes and with slow priming.
fn story(graph: ChainGraph) -> Story {
    let mut config = Config::of_network(Preset::EvmSandbox);
    config.graph = graph;
    config.limits.payload_refresh = None;
    config.limits.priming = Duration::from_secs(1);
    Story::with(config)
}

fn work_on(story: &mut Story, chain: u32) -> Work {
    loop {
        story.pass(Duration::from_millis(1));
        let miner = Miner::with_public_key("");
        let WorkAnswer::Work(work) = story.network.work(&miner, None, story.now) else {
            panic!("some chain has work");
        };
        if work.chain() == ChainId::new(chain) {
            return work;
        }
    }
}

#[track_caller]
fn check(story: &mut Story, chain: u32, expected: &[Update]) {
    let updates = story.updates(chain);
    assert_eq!(updates, expected, "chain {chain}");
}

#[test]
fn a_solution_sends_two_updates_before_its_cut_and_its_payload() {
    let mut story = story(ChainGraph::singleton());
    check(&mut story, 0, &[]);
    let work = work_on(&mut story, 0);
    assert!(matches!(story.solve(&work), Solved::Accepted(_)));
    check(&mut story, 0, &[NewCut, RefreshedBlock]);
    story.pass(Duration::from_secs(1));
    check(&mut story, 0, &[NewCut]);
    story.pass(Duration::from_secs(1));
    check(&mut story, 0, &[RefreshedBlock]);
}

#[test]
fn a_foreign_block_sends_its_cut_and_then_its_payload() {
    let mut story = story(ChainGraph::singleton());
    story.mine_foreign(0);
    check(&mut story, 0, &[NewCut]);
    story.pass(Duration::from_secs(2));
    check(&mut story, 0, &[RefreshedBlock]);
    story.network.refresh(ChainId::new(0)).expect("a chain");
    check(&mut story, 0, &[RefreshedBlock]);
}

#[test]
fn a_chain_reports_that_it_is_blocked_and_unblocked() {
    let mut story = story(ChainGraph::pair());
    story.mine_foreign(0);
    check(&mut story, 0, &[NewCut]);
    story.pass(Duration::from_secs(2));
    check(&mut story, 0, &[]);
    // Chain 1 has its parents as before.
    story.mine_foreign(1);
    let both: Vec<_> = story.network.take_events();
    let of = |chain| (ChainId::new(chain), NewCut);
    let payload = (ChainId::new(0), RefreshedBlock);
    assert_eq!(both, [of(1), of(0), payload]);
}

#[test]
fn other_adjacent_parents_are_a_new_cut() {
    let mut story = story(ChainGraph::pair());
    story.mine_foreign(0);
    story.mine_foreign(1);
    story.pass(Duration::from_secs(2));
    story.updates(0);
    let one = ChainId::new(1);
    story
        .network
        .reorganise(one, story.now)
        .expect("no block is above the tip");
    check(&mut story, 0, &[NewCut, RefreshedBlock]);
}

#[test]
fn an_invalid_solution_is_rolled_back() {
    let mut story = story(ChainGraph::singleton());
    let work = work_on(&mut story, 0);
    let future = story.now.saturating_add(Duration::from_secs(1));
    let header = work.header().with_creation_time(future);
    let solved = story.network.solve(header.as_bytes(), story.now);
    assert_eq!(solved, Solved::Invalid(Invalid::Future));
    check(
        &mut story,
        0,
        &[NewCut, RefreshedBlock, NewCut, RefreshedBlock],
    );
    let early = work.header().with_creation_time(START);
    let solved = story.network.solve(early.as_bytes(), story.now);
    assert_eq!(solved, Solved::Invalid(Invalid::NotAfterParents));
    assert!(matches!(story.solve(&work), Solved::Accepted(_)));
}
