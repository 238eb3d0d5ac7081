//! Fork votes and fork numbers, which nodes of the community's line write into the flags.
//!
//! The low half of the flags is the fork number, the high half are the votes. An epoch of votes is
//! over after its last blocks have spread the mean over all chains; the first block of the next one
//! decides (`newForkState` in `Chainweb/BlockHeader/Internal.hs`; the phase is that of the new
//! height).

use chainweb::{BlockHeader, ForkState, WorkHeader};

use crate::config::ForkRules;

/// What a block adds to the votes of its parent; means keep fractions of it.
const VOTE: u32 = 1000;

/// Returns the header with the fork number and the votes that follow from its parents.
pub(super) fn with_fork_state(
    header: &WorkHeader,
    rules: &ForkRules,
    parent: &BlockHeader,
    adjacent: &[&BlockHeader],
) -> WorkHeader {
    let (number, votes) = next_state(rules, header.height(), parent, adjacent);
    let flags = u64::from(number) | u64::from(votes) << 32;
    let bytes = [&flags.to_le_bytes(), &header.as_bytes()[8..]].concat();
    WorkHeader::decode(&bytes).expect("only the flags differ")
}

pub(super) fn next_state(
    rules: &ForkRules,
    height: u64,
    parent: &BlockHeader,
    adjacent: &[&BlockHeader],
) -> (u32, u32) {
    let state = |block: &BlockHeader| ForkState::from_flags(block.work().flags());
    let own = state(parent);
    let (number, votes) = (own.number(), own.millivotes());
    let vote = if number < rules.target { VOTE } else { 0 };
    let place = height % rules.epoch();
    if place == 0 {
        let is_decided = own.votes() * 3 >= rules.casting * 2;
        (number + u32::from(is_decided), vote)
    } else if place < rules.casting {
        (number, votes.saturating_add(vote))
    } else {
        let all = adjacent.iter().chain([&parent]);
        let sum: u64 = all.map(|block| u64::from(state(block).millivotes())).sum();
        let mean = sum / (adjacent.len() as u64 + 1);
        (number, u32::try_from(mean).expect("at most the largest"))
    }
}
