//! When counts become heights, and when they are reached.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chainweb::{ChainGraph, ChainId};

use super::{Goals, MOST_BLOCKS, MOST_CHAINS, Mark, Progress, TooMuch};
use crate::demand::{Heights, View};

/// Goals of which only chain 0 is looked at, and the time in seconds.
struct Chain {
    goals: Goals,
    start: Instant,
}

impl Chain {
    fn new() -> Self {
        Self {
            goals: Goals::default(),
            start: Instant::now(),
        }
    }

    #[track_caller]
    fn ask(&mut self, second: u64, count: u64) -> Mark {
        let counts = [(ChainId::new(0), count)].into();
        let asked = self.goals.ask(self.at(second), &counts);
        asked.expect("it is not too much")
    }

    fn at(&self, second: u64) -> Instant {
        self.start + Duration::from_secs(second)
    }

    /// The chain has this height in a cut asked for at that second; gives the goal and what is outstanding.
    fn see(&mut self, asked: u64, height: u64) -> (Option<u64>, u64) {
        self.see_on("net", asked, height)
    }

    fn see_on(&mut self, network: &str, asked: u64, height: u64) -> (Option<u64>, u64) {
        let heights = Heights {
            requested: self.at(asked),
            of: [(ChainId::new(0), height)].into(),
        };
        let lacking = self.goals.see(&View {
            version: network.parse().expect("a name"),
            graph: ChainGraph::singleton(),
            heights: Some(heights),
        });
        assert_eq!(lacking, []);
        let target = self.goals.targets().into_values().next();
        (target, self.outstanding())
    }

    fn outstanding(&self) -> u64 {
        self.goals.outstanding().into_values().sum()
    }
}

#[test]
fn a_goal_is_set_by_the_first_cut_that_is_asked_for_after_the_order() {
    let mut chain = Chain::new();
    assert_eq!(chain.see(1, 10), (None, 0));
    chain.ask(2, 3);
    assert_eq!(chain.outstanding(), 3);
    assert_eq!(chain.see(1, 10), (None, 3), "asked for before");
    assert_eq!(chain.see(3, 15), (Some(18), 3));
    assert_eq!(chain.see(4, 17), (Some(18), 1), "whosever blocks they are");
    assert_eq!(chain.see(5, 18), (None, 0));
}

#[test]
fn counts_are_added_to_what_is_outstanding() {
    let mut chain = Chain::new();
    chain.ask(0, 2);
    chain.see(0, 10);
    chain.ask(1, 3);
    assert_eq!(chain.outstanding(), 5);
    assert_eq!(chain.see(0, 11), (Some(12), 4), "not placed yet");
    assert_eq!(chain.see(1, 11), (Some(15), 4));
    // What is done when the cut is asked for is not outstanding.
    chain.ask(2, 1);
    assert_eq!(chain.see(2, 16), (Some(17), 1));
}

#[test]
fn orders_without_end_do_not_keep_a_cut_from_counting() {
    let mut chain = Chain::new();
    for second in 0..100 {
        chain.ask(second, 1);
    }
    // The first was not put off by the others.
    assert_eq!(chain.see(0, 10), (Some(11), 100));
    assert_eq!(chain.see(99, 10), (Some(110), 100));
}

#[test]
fn a_block_that_is_lost_is_made_again_and_never_more_than_were_asked_for() {
    let mut chain = Chain::new();
    chain.ask(0, 3);
    assert_eq!(chain.see(0, 10), (Some(13), 3));
    assert_eq!(chain.see(1, 12), (Some(13), 1));
    assert_eq!(chain.see(2, 11), (Some(13), 2), "one was lost");
    // The network was begun anew under the same name.
    assert_eq!(chain.see(3, 0), (Some(3), 3));
    assert_eq!(chain.see(4, 3), (None, 0));
}

#[test]
fn on_another_network_what_is_outstanding_is_kept_and_the_height_is_not() {
    let mut chain = Chain::new();
    chain.ask(0, 3);
    chain.see(0, 10);
    assert_eq!(chain.see(1, 11), (Some(13), 2));
    assert_eq!(chain.see_on("other", 2, 700), (Some(702), 2));
}

#[test]
fn orders_are_done_in_the_order_in_which_they_came() {
    let mut chain = Chain::new();
    let first = chain.ask(0, 1);
    let second = chain.ask(0, 2);
    let nothing = chain.ask(0, 0);
    assert_eq!(nothing, Mark(BTreeMap::new()));
    let progress = |chain: &Chain| [&nothing, &first, &second].map(|m| chain.goals.progress(m));
    let (made, open) = (Progress::Made, Progress::Outstanding);
    assert_eq!(progress(&chain), [made, open, open]);
    chain.see(0, 10);
    assert_eq!(progress(&chain), [made, open, open]);
    chain.see(1, 11);
    assert_eq!(progress(&chain), [made, made, open]);
    // Another order changes nothing for those before it.
    let third = chain.ask(2, 5);
    chain.see(2, 13);
    assert_eq!(progress(&chain), [made, made, made]);
    assert_eq!(chain.goals.progress(&third), open);
    chain.goals.give_up();
    assert_eq!(chain.goals.progress(&third), Progress::Dropped);
}

#[test]
fn goals_on_chains_that_the_network_lacks_end() {
    let mut goals = Goals::default();
    let [here, gone] = [0, 5].map(ChainId::new);
    let mark = goals.ask(Instant::now(), &[(here, 1), (gone, 2)].into());
    let view = View {
        version: "net".parse().expect("a name"),
        graph: ChainGraph::singleton(),
        heights: None,
    };
    assert_eq!(goals.see(&view), [gone]);
    assert_eq!(goals.outstanding(), [(here, 1)].into());
    assert_eq!(
        goals.progress(&mark.expect("it is not too much")),
        Progress::Dropped
    );
    assert_eq!(goals.see(&view), []);
}

#[test]
fn too_much_is_refused_as_a_whole() {
    let mut goals = Goals::default();
    let now = Instant::now();
    let [a, b] = [0, 1].map(ChainId::new);
    let much = TooMuch::Blocks(b);
    let refused = goals.ask(now, &[(a, 1), (b, MOST_BLOCKS + 1)].into());
    assert_eq!(refused, Err(much));
    assert_eq!(goals.outstanding(), BTreeMap::new());
    assert!(goals.ask(now, &[(b, MOST_BLOCKS)].into()).is_ok());
    for count in [1, u64::MAX] {
        assert_eq!(goals.ask(now, &[(b, count)].into()), Err(much));
    }
    let most = u32::try_from(MOST_CHAINS).expect("it is small");
    let all: BTreeMap<_, _> = (0..most)
        .map(|chain| (ChainId::new(chain), 0))
        .chain([(a, 1)])
        .collect();
    assert!(goals.ask(now, &all).is_ok(), "of most of them nothing");
    let all: BTreeMap<_, _> = (0..=most)
        .map(|chain| (ChainId::new(chain), u64::from(chain != 1)))
        .collect();
    assert_eq!(goals.ask(now, &all), Err(TooMuch::Chains));
}
