//! Stories of work and solutions.

use std::time::Duration;

use chainweb::{ChainGraph, ChainId, CreationTime, Difficulty, Nonce, PayloadHash, Work};

use crate::config::{Config, GenesisBlocks, Miner, Miners, ProofOfWork};
use crate::network::Network;
use crate::network::outcome::{Invalid, MoveError, Solved, Update, WorkAnswer};
use crate::network::payload::Payload;

pub(super) const START: CreationTime = CreationTime::from_micros(1_700_000_000_000_000);

/// A network and its current time.
pub(super) struct Story {
    pub(super) network: Network,
    pub(super) now: CreationTime,
}

impl Story {
    /// A network on which any hash is a solution.
    fn new(graph: ChainGraph) -> Self {
        Self::with(Config {
            graph,
            start_difficulty: Difficulty::from_u128(1),
            ..Config::default()
        })
    }

    pub(super) fn with(config: Config) -> Self {
        Self {
            network: Network::new(config, START),
            now: START,
        }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
        self.network.advance(self.now);
    }

    fn answer(&mut self, chain: u32) -> WorkAnswer {
        self.pass(Duration::from_millis(10));
        self.network
            .work(&miner(), Some(ChainId::new(chain)), self.now)
    }

    pub(super) fn work(&mut self, chain: u32) -> Work {
        match self.answer(chain) {
            WorkAnswer::Work(work) => {
                assert_eq!(work.chain(), ChainId::new(chain));
                work
            }
            other => panic!("{other:?} instead of work"),
        }
    }

    pub(super) fn solve(&mut self, work: &Work) -> Solved {
        self.network.solve(work.header().as_bytes(), self.now)
    }

    pub(super) fn mine_foreign(&mut self, chain: u32) {
        self.pass(Duration::from_millis(10));
        self.network
            .mine_foreign(ChainId::new(chain), self.now)
            .expect("the chain can be extended");
    }

    /// Returns the updates of a chain since the last call.
    pub(super) fn updates(&mut self, chain: u32) -> Vec<Update> {
        self.network
            .take_events()
            .into_iter()
            .filter(|(on, _)| *on == ChainId::new(chain))
            .map(|(_, update)| update)
            .collect()
    }
}

fn miner() -> Miner {
    Miner::with_public_key(fixtures::PUBLIC_KEY)
}

fn accepted(solved: &Solved) -> bool {
    matches!(solved, Solved::Accepted(_))
}

#[test]
fn a_solution_becomes_the_tip_once() {
    let mut story = Story::new(ChainGraph::pair());
    let work = story.work(0);
    let hash = work.header().block_hash().expect("a recorded header");
    assert_eq!(story.solve(&work), Solved::Accepted(hash));
    assert_eq!(story.solve(&work), Solved::UnknownPayload);
    let tip = story.network.tips()[&ChainId::new(0)];
    assert_eq!((tip.height, tip.hash), (1, hash));
    let report = story.network.report();
    assert_eq!(
        (report.tally.accepted, report.tally.unknown_payload),
        (1, 1)
    );
    assert_eq!(report.own_in_cut.len(), 1);
    assert_eq!(report.own_in_cut[0].hash, hash);
}

#[test]
fn a_chain_waits_for_its_adjacent_chains() {
    let mut story = Story::new(ChainGraph::pair());
    story.mine_foreign(0);
    // Chain 0 is ahead: a request for it gets work on chain 1.
    let WorkAnswer::Work(work) = story.answer(0) else {
        panic!("chain 1 has work");
    };
    assert_eq!(work.chain(), ChainId::new(1));
    assert_eq!(
        story.network.mine_foreign(ChainId::new(0), story.now),
        Err(MoveError::Blocked(ChainId::new(0)))
    );
}

#[test]
fn bad_proof_of_work_removes_the_payload() {
    let mut story = Story::with(Config {
        graph: ChainGraph::singleton(),
        start_difficulty: Difficulty::from_u128(1 << 60),
        ..Config::default()
    });
    let work = story.work(0);
    assert_eq!(story.solve(&work), Solved::BadPow);
    assert_eq!(story.solve(&work), Solved::UnknownPayload);
    // Another request restores the same payload.
    let again = story.work(0);
    assert!(again.header().differs_only_in_time_and_nonce(work.header()));
    assert_eq!(story.solve(&work), Solved::BadPow);
}

#[test]
fn without_proof_of_work_any_nonce_is_accepted() {
    let mut story = Story::with(Config {
        graph: ChainGraph::singleton(),
        start_difficulty: Difficulty::from_u128(1 << 60),
        proof_of_work: ProofOfWork::Disabled,
        ..Config::default()
    });
    let work = story.work(0);
    assert!(accepted(&story.solve(&work)));
}

#[test]
fn a_payload_is_dropped_at_the_first_pruning_after_five_minutes() {
    let mut story = Story::new(ChainGraph::singleton());
    let work = story.work(0);
    story.pass(Duration::from_secs(329));
    let refetched = story.work(0);
    story.pass(Duration::from_secs(1));
    assert_eq!(story.solve(&work), Solved::UnknownPayload);
    assert!(accepted(&story.solve(&refetched)));
}

#[test]
fn a_payload_lives_until_the_pruning() {
    let mut story = Story::new(ChainGraph::singleton());
    let work = story.work(0);
    story.pass(Duration::from_secs(329));
    assert!(accepted(&story.solve(&work)));
}

#[test]
fn work_before_a_refresh_stays_valid() {
    let mut story = Story::new(ChainGraph::singleton());
    let old = story.work(0);
    story.updates(0);
    story.pass(Duration::from_secs(15));
    assert_eq!(story.updates(0), [Update::RefreshedBlock]);
    let new = story.work(0);
    assert_eq!(new.header().parent(), old.header().parent());
    assert_ne!(new.header().payload_hash(), old.header().payload_hash());
    assert!(accepted(&story.solve(&old)));
    // The other payload is still cached, but its parent is no longer the tip.
    assert_eq!(story.solve(&new), Solved::Stale);
}

#[test]
fn work_overtaken_by_a_foreign_block_is_stale() {
    let mut story = Story::new(ChainGraph::singleton());
    let work = story.work(0);
    story.mine_foreign(0);
    assert_eq!(story.solve(&work), Solved::Stale);
    assert_eq!(story.network.report().tally.stale, 1);
}

#[test]
fn a_block_on_an_adjacent_chain_leaves_work_valid() {
    let mut story = Story::new(ChainGraph::pair());
    let work = story.work(0);
    story.mine_foreign(1);
    assert_eq!(story.updates(0), []);
    assert!(accepted(&story.solve(&work)));
}

#[test]
fn a_reorganisation_of_an_adjacent_chain_makes_work_stale_without_an_event() {
    let mut story = Story::new(ChainGraph::pair());
    story.mine_foreign(0);
    let ours = story.work(1);
    assert!(accepted(&story.solve(&ours)));
    let work = story.work(0);
    story.updates(0);
    story
        .network
        .reorganise(ChainId::new(1), story.now)
        .expect("no block is above the tip");
    assert_eq!(story.updates(0), []);
    assert_eq!(story.solve(&work), Solved::Stale);
    let report = story.network.report();
    assert_eq!(report.tally.orphaned_later, 1);
    assert_eq!(report.own_in_cut, []);
}

#[test]
fn a_block_sends_one_to_three_events_and_withholds_work_meanwhile() {
    let mut counts = [0; 4];
    let mut story = Story::with(Config {
        graph: ChainGraph::singleton(),
        proof_of_work: ProofOfWork::Disabled,
        ..Config::default()
    });
    for _ in 0..100 {
        let work = story.work(0);
        story.updates(0);
        assert!(accepted(&story.solve(&work)));
        let answer = story.network.work(&miner(), None, story.now);
        assert_eq!(answer, WorkAnswer::NotYet);
        story.pass(Duration::from_millis(4));
        let updates = story.updates(0);
        assert!(updates.iter().all(|update| *update == Update::NewCut));
        counts[updates.len()] += 1;
    }
    assert_eq!(counts[0], 0);
    assert!(counts[1..].iter().all(|count| *count > 0), "{counts:?}");
}

#[track_caller]
fn check_stall(alter: impl FnOnce(&mut Story, &mut Vec<u8>), expected: Invalid) {
    let mut story = Story::with(Config {
        graph: ChainGraph::singleton(),
        proof_of_work: ProofOfWork::Disabled,
        ..Config::default()
    });
    let mut bytes = story.work(0).header().as_bytes().to_vec();
    alter(&mut story, &mut bytes);
    assert_eq!(
        story.network.solve(&bytes, story.now),
        Solved::Invalid(expected)
    );
    story.pass(Duration::from_hours(1));
    assert_eq!(story.answer(0), WorkAnswer::NotYet);
    story.mine_foreign(0);
    story.work(0);
}

#[test]
fn an_invalid_block_stalls_its_chain_until_the_next_foreign_block() {
    let time_of = |time: CreationTime| time.as_micros().to_le_bytes();
    check_stall(
        |story, bytes| {
            let future = story.now.saturating_add(Duration::from_micros(1));
            bytes[8..16].copy_from_slice(&time_of(future));
        },
        Invalid::Future,
    );
    check_stall(
        |_, bytes| bytes[8..16].copy_from_slice(&time_of(START)),
        Invalid::NotAfterParents,
    );
    check_stall(|_, bytes| bytes[0] ^= 1, Invalid::Fields);
    // A singleton's header has its target at offset 50.
    check_stall(|_, bytes| bytes[50..82].fill(0xff), Invalid::Fields);
    check_stall(
        |story, bytes| {
            let other = PayloadHash::new([7; 32]);
            let other_parent = chainweb::BlockHash::new([8; 32]);
            let chain = ChainId::new(0);
            let payloads = &mut story.network.payloads;
            let payload = Payload {
                chain,
                parent: other_parent,
                account: miner().account,
                inserted: story.now,
            };
            payloads.insert(other, payload);
            bytes[82..114].copy_from_slice(other.as_bytes());
        },
        Invalid::Payload,
    );
}

#[test]
fn an_adjacent_parent_must_have_the_parents_height() {
    let mut story = Story::new(ChainGraph::pair());
    story.mine_foreign(1);
    let mut bytes = story.work(0).header().as_bytes().to_vec();
    let too_high = story.network.tips()[&ChainId::new(1)].hash;
    bytes[54..86].copy_from_slice(too_high.as_bytes());
    assert_eq!(
        story.network.solve(&bytes, story.now),
        Solved::Invalid(Invalid::Adjacents)
    );
}

#[test]
fn changed_adjacent_hashes_make_an_orphan() {
    let mut story = Story::new(ChainGraph::pair());
    let mut bytes = story.work(0).header().as_bytes().to_vec();
    bytes[54] ^= 1;
    assert_eq!(story.network.solve(&bytes, story.now), Solved::Stale);
}

#[test]
fn a_solution_may_change_time_and_nonce() {
    let mut story = Story::new(ChainGraph::singleton());
    let work = story.work(0);
    story.pass(Duration::from_secs(1));
    let changed = work
        .header()
        .with_creation_time(story.now)
        .with_nonce(Nonce::new(u64::MAX));
    let solved = story.network.solve(changed.as_bytes(), story.now);
    assert_eq!(
        solved,
        Solved::Accepted(changed.block_hash().expect("recorded"))
    );
}

#[test]
fn a_body_that_is_not_a_header_is_malformed() {
    let mut story = Story::new(ChainGraph::pair());
    let bytes = story.work(0).header().as_bytes().to_vec();
    for malformed in [&bytes[..213], &[bytes.as_slice(), &[0]].concat(), &[]] {
        let solved = story.network.solve(malformed, story.now);
        assert!(matches!(solved, Solved::Malformed(_)), "{solved:?}");
    }
    assert!(accepted(&story.network.solve(&bytes, story.now)));
}

#[test]
fn the_number_of_payloads_is_checked_before_the_miner() {
    let mut config = Config {
        graph: ChainGraph::singleton(),
        miners: Miners::Only(vec![miner()]),
        ..Config::default()
    };
    config.limits.payloads = 1;
    let mut story = Story::with(config);
    let unknown_miner = Miner {
        predicate: "keys-any".to_owned(),
        ..miner()
    };
    let request = |story: &mut Story, miner: &Miner| story.network.work(miner, None, story.now);
    assert_eq!(
        request(&mut story, &unknown_miner),
        WorkAnswer::Unauthorized
    );
    story.work(0);
    story.work(0);
    story
        .network
        .refresh(ChainId::new(0))
        .expect("a chain of the graph");
    story.work(0);
    assert_eq!(
        request(&mut story, &unknown_miner),
        WorkAnswer::TooManyPayloads
    );
    assert_eq!(request(&mut story, &miner()), WorkAnswer::TooManyPayloads);
}

#[test]
fn a_restart_clears_payloads_and_stalls() {
    let mut story = Story::new(ChainGraph::singleton());
    let work = story.work(0);
    let renamed = Some("development-2".to_owned());
    story.network.restart(renamed, story.now);
    assert_eq!(story.network.version(), "development-2");
    assert_eq!(story.solve(&work), Solved::UnknownPayload);
    let work = story.work(0);
    let future = story.now.saturating_add(Duration::from_secs(1));
    let header = work.header().with_creation_time(future);
    assert_eq!(
        story.network.solve(header.as_bytes(), story.now),
        Solved::Invalid(Invalid::Future)
    );
    story.network.restart(None, story.now);
    assert_eq!(story.network.version(), "development-2");
    story.work(0);
}

#[test]
fn the_time_scale_divides_the_nodes_durations() {
    let mut story = Story::with(Config {
        graph: ChainGraph::singleton(),
        start_difficulty: Difficulty::from_u128(1),
        time_scale: 100.0,
        ..Config::default()
    });
    let work = story.work(0);
    story.updates(0);
    story.pass(Duration::from_millis(150));
    assert_eq!(story.updates(0), [Update::RefreshedBlock]);
    story.pass(Duration::from_millis(3300));
    assert_eq!(story.solve(&work), Solved::UnknownPayload);
}

#[test]
fn the_genesis_blocks_of_development_are_the_real_ones() {
    let expected: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../../../tests/data/genesis-development.json"))
            .expect("a list of headers");
    let config = Config {
        genesis: GenesisBlocks::Development,
        ..Config::default()
    };
    let network = Network::new(config, START);
    assert_eq!(expected.len(), 20);
    for (expected, chain) in expected.iter().zip(network.graph().chains()) {
        let block = network.chain(chain).expect("a chain of the graph").tip();
        assert_eq!(expected["header_hex"], const_hex::encode(block.encode()));
        assert_eq!(expected["hash_b64url"], block.hash().to_string());
    }
}

/// A network on which a transaction arrives this often.
fn trickle(interval: Duration) -> Story {
    Story::with(Config {
        graph: ChainGraph::singleton(),
        start_difficulty: Difficulty::from_u128(1),
        transactions_per_second: Some(1.0 / interval.as_secs_f64()),
        ..Config::default()
    })
}

#[test]
fn a_payload_is_refreshed_only_if_it_has_other_transactions() {
    let mut story = trickle(Duration::from_mins(1));
    let mut payload = story.work(0).header().payload_hash();
    let mut refreshes = 0;
    for _ in 0..240 {
        story.pass(Duration::from_secs(15));
        let updates = story.updates(0);
        let now = story.work(0).header().payload_hash();
        assert_eq!(now != payload, updates == [Update::RefreshedBlock]);
        refreshes += updates.len();
        payload = now;
    }
    assert_eq!(refreshes, 60);
}

#[test]
fn no_transactions_make_no_refreshes() {
    let mut story = Story::with(Config {
        graph: ChainGraph::pair(),
        transactions_per_second: Some(0.0),
        ..Config::default()
    });
    let payload = story.work(0).header().payload_hash();
    story.pass(Duration::from_hours(1));
    assert_eq!(story.updates(0), []);
    assert_eq!(story.work(0).header().payload_hash(), payload);
}

#[test]
fn a_block_takes_the_transactions() {
    let mut story = trickle(Duration::from_secs(20));
    story.pass(Duration::from_mins(1));
    assert_ne!(story.updates(0), []);
    let work = story.work(0);
    assert!(accepted(&story.solve(&work)));
    story.pass(Duration::from_millis(4));
    story.updates(0);
    assert_eq!(story.network.refreshes(ChainId::new(0)).1, 0);
}
