//! How the votes on the next fork stand, how the node votes, and whether it knows the forks.
//!
//! A node rejects blocks of forks that it does not know, its own included, and stops at the first.

use chainweb::{ForkState, WorkHeader};
use node::{Client, Cut, Info};

use super::check::{Check, Finding};
use crate::networks::{fork_in_words, fork_state, knows_fork};

/// Judges the fork state of the highest block of the cut, for a node that issues no work.
pub(super) async fn of_cut(client: &Client, info: &Info, cut: Option<&Cut>) -> Finding {
    let tips = cut.into_iter().flat_map(|cut| &cut.tips);
    if let Some((chain, tip)) = tips.max_by_key(|(_, tip)| tip.height)
        && let Ok(block) = client.block_header(&info.version, *chain, tip.hash).await
    {
        return judge(info, block.work(), None);
    }
    Finding::skipped(Check::Forks, "without work and without a header of the cut")
}

/// Judges the fork state of a header. Only work shows how the node votes, beside its parent.
pub(super) fn judge(info: &Info, header: &WorkHeader, parent: Option<&WorkHeader>) -> Finding {
    let height = header.height();
    let Some(state) = fork_state(header) else {
        return Finding::skipped(Check::Forks, "the flags of early blocks are a nonce");
    };
    let (number, next) = (state.number(), state.number().saturating_add(1));
    let mut figure = fork_in_words(state, height);
    if knows_fork(info, number) == Some(false) {
        figure = format!("fork {number}, which this node does not know");
        let advice = "the network has forked, and this node does not follow it: it rejects all new \
                      blocks, its own too. Upgrade it";
        return Finding::fail(Check::Forks, figure, advice);
    }
    if state.is_decided() && knows_fork(info, next) == Some(false) {
        let left = ForkState::EPOCH - height % ForkState::EPOCH;
        figure = format!("{figure}: it is decided, and this node does not know fork {next}");
        let advice = format!(
            "upgrade the node before height {}, in {left} blocks: it does not get past it",
            height.saturating_add(left)
        );
        return Finding::warn(Check::Forks, figure, advice);
    }
    let parent = parent.map(|parent| ForkState::from_flags(parent.flags()));
    figure += match parent.and_then(|parent| state.has_voted(parent, height)) {
        Some(true) => "; this node votes for it",
        Some(false) if state.millivotes() > 0 => "; this node does not vote for it",
        _ => "",
    };
    Finding::ok(Check::Forks, figure)
}

#[cfg(test)]
mod tests {
    use chainweb::HeaderFields;

    use super::*;

    const START: u64 = 14_400 * 500;

    fn header(number: u32, votes: u32, height: u64) -> WorkHeader {
        let flags = u64::from(number) | u64::from(votes * 1000) << 32;
        let fields = HeaderFields {
            flags: flags.to_le_bytes(),
            height,
            ..fixtures::fields()
        };
        fields.encode()
    }

    /// Judges a node of the main network.
    fn judged(
        fork_number: Option<u32>,
        header: &WorkHeader,
        parent: Option<&WorkHeader>,
    ) -> Finding {
        let info = Info {
            version: "mainnet01".parse().expect("a name"),
            chains: [].into(),
            graph: None,
            block_delay: None,
            package_version: Some("3.2".to_owned()),
            fork_number,
            is_evm: false,
        };
        judge(&info, header, parent)
    }

    #[test]
    fn the_votes_are_those_of_the_work_and_the_vote_is_the_difference() {
        #[track_caller]
        fn check(votes: (u32, u32), height: u64, expected: &str) {
            let parent = header(0, votes.0, height - 1);
            let found = judged(None, &header(0, votes.1, height), Some(&parent));
            assert_eq!(found, Finding::ok(Check::Forks, expected));
        }
        check((0, 0), START + 7, "fork 0, no votes for the next one");
        check(
            (41, 42),
            START + 99,
            "fork 0; 42 of the 9520 votes that fork 1 needs, after 100 of 14280 blocks; this node \
             votes for it",
        );
        check(
            (42, 42),
            START + 99,
            "fork 0; 42 of the 9520 votes that fork 1 needs, after 100 of 14280 blocks; this node \
             does not vote for it",
        );
        check(
            (9000, 9001),
            START + 14_300,
            "fork 0; 9001 of the 9520 votes that fork 1 needs, after 14280 of 14280 blocks",
        );
    }

    #[test]
    fn a_fork_that_the_node_does_not_know_is_an_error_and_before_a_warning() {
        let forked = judged(Some(0), &header(1, 0, START), None);
        assert_eq!(forked.figure, "fork 1, which this node does not know");
        assert_eq!(
            forked.advice.map(|advice| advice.contains("Upgrade")),
            Some(true)
        );

        let decided = header(0, 9520, START + 14_390);
        let before = judged(Some(0), &decided, None);
        let figure = "fork 0; 9520 of the 9520 votes that fork 1 needs, after 14280 of 14280 \
                      blocks: it is decided, and this node does not know fork 1";
        assert_eq!(before.figure, figure);
        let advice =
            "upgrade the node before height 7214400, in 10 blocks: it does not get past it";
        assert_eq!(before.advice.as_deref(), Some(advice));
        assert_eq!(judged(Some(1), &decided, None).advice, None);
        // By the release.
        assert_eq!(judged(None, &decided, None).advice, None);
        assert_eq!(
            judged(Some(0), &header(0, 9519, START + 14_390), None).advice,
            None
        );
    }

    #[test]
    fn any_flags_and_heights_have_a_finding() {
        for (flags, height) in [([0xff; 8], u64::MAX), ([0xff; 8], 0), ([0; 8], u64::MAX)] {
            let fields = HeaderFields {
                flags,
                height,
                ..fixtures::fields()
            };
            let header = fields.encode();
            for known in [None, Some(0), Some(u32::MAX)] {
                assert_ne!(judged(known, &header, Some(&header)).figure, "");
            }
        }
    }

    #[test]
    fn the_flags_of_early_blocks_of_mainnet_are_no_fork_number() {
        let early = judged(None, &header(7, 7, 500_000), None);
        let expected = Finding::skipped(Check::Forks, "the flags of early blocks are a nonce");
        assert_eq!(early, expected);
    }
}
