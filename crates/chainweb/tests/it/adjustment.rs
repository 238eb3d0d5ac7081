//! Difficulty adjustment: recorded blocks, and each rule.

use std::time::Duration;

use chainweb::{
    AdjustmentRules, BlockHeader, ChainGraph, ChainId, CreationTime, Genesis, HeaderFields,
    PayloadHash, Target, WorkHeader, next_header,
};
use fixtures::fields;
use ruint::Uint;
use ruint::aliases::U256;

use crate::families;

const RULES: AdjustmentRules = AdjustmentRules {
    block_delay: Duration::from_secs(30),
    window: 120,
    fake_first_epoch_start: false,
};

/// Until height 771,414 mainnet adjusted each chain by itself, on the inverse of the target. Only
/// recorded blocks need this, so the rule lives here.
fn legacy_target(parent: &WorkHeader) -> Target {
    type Wide = Uint<512, 8>;
    let max = Wide::from(U256::MAX);
    let target = Wide::from(U256::from_le_bytes(parent.target().to_le_bytes()));
    let elapsed = parent
        .creation_time()
        .saturating_since(parent.epoch_start());
    let expected = Wide::from(30_000_000_u64 * 120);
    let difficulty = (max * expected).div_ceil(target * Wide::from(elapsed.as_micros()));
    Target::from_le_bytes((max / difficulty).to::<U256>().to_le_bytes())
}

#[test]
fn recorded_blocks_have_the_target_and_epoch_start_of_the_rules() {
    let families = families();
    assert_eq!(families.len(), 7);
    let mut adjusted = 0;
    for family in families {
        let (block, parent) = (family.block.work(), family.parent.work());
        let adjacent_parents: Vec<_> = family
            .adjacent_parents
            .iter()
            .map(BlockHeader::work)
            .collect();
        let legacy = block.height() < 771_414;
        let mut expected = RULES.next_target(parent, &adjacent_parents);
        if block.target() != parent.target() {
            adjusted += 1;
            if legacy {
                expected = legacy_target(parent);
            }
        }
        assert_eq!(block.target(), expected, "height {}", block.height());
        // Mainnet's first rule, below height 452,820, is not among the recorded adjustments.
        assert_eq!(block.epoch_start(), RULES.next_epoch_start(parent, 0));
        // By the later rules a block is also later than its adjacent parents.
        let adjacent = adjacent_parents.iter().filter(|_| !legacy);
        for earlier in adjacent.chain([&parent]) {
            assert!(
                block.creation_time() > earlier.creation_time(),
                "height {}: not after the block on chain {}",
                block.height(),
                earlier.chain()
            );
        }
    }
    assert_eq!(adjusted, 2, "one recorded adjustment by each rule");
}

#[test]
fn next_header_reproduces_a_recorded_block() {
    for family in families()
        .iter()
        .filter(|family| family.block.work().height() > 771_414)
    {
        let block = family.block.work();
        let adjacent_parents: Vec<_> = family.adjacent_parents.iter().collect();
        let mut built = next_header(
            &RULES,
            &family.parent,
            &adjacent_parents,
            0,
            block.payload_hash(),
            block.creation_time(),
        );
        built.set_nonce(block.nonce());
        assert_eq!(BlockHeader::seal(built), Some(family.block.clone()));
    }
}

/// Returns a block at `height`, `elapsed` after the start of its epoch.
fn at(chain: u32, height: u64, elapsed_micros: i64, target: Target) -> WorkHeader {
    let genesis = Genesis {
        version_code: 2,
        graph: ChainGraph::pair(),
        time: CreationTime::from_micros(1_000_000),
        target,
    };
    let header = genesis.header(ChainId::new(chain), PayloadHash::new([0; 32]));
    HeaderFields {
        creation_time: CreationTime::from_micros(1_000_000 + elapsed_micros),
        parent: header.hash(),
        adjacents: [].into(),
        target,
        chain: ChainId::new(chain),
        weight: header.work().weight(),
        height,
        epoch_start: CreationTime::from_micros(1_000_000),
        ..fields()
    }
    .encode()
}

fn target(value: u64) -> Target {
    Target::from_le_bytes(U256::from(value).to_le_bytes())
}

#[test]
fn targets_change_only_after_the_end_of_an_epoch() {
    // An epoch of half the intended time halves the target; the window is 12 up to height 120.
    let changed: Vec<u64> = (0..=500)
        .filter(|height| {
            let window = if *height <= 120 { 12 } else { 120 };
            let parent = at(0, *height, 15_000_000 * window, target(1000));
            match RULES.next_target(&parent, &[]) {
                next if next == target(500) => true,
                next => {
                    assert_eq!(next, target(1000));
                    false
                }
            }
        })
        .map(|parent| parent + 1)
        .collect();
    assert_eq!(
        changed,
        [12, 24, 36, 48, 60, 72, 84, 96, 108, 120, 240, 360, 480]
    );
}

#[test]
fn the_target_is_the_mean_over_adjacent_chains_rounded_as_by_the_node() {
    #[track_caller]
    fn check(parent: (u64, i64), adjacent: &[(u64, i64)], expected: u64) {
        let header = |(value, elapsed)| at(0, 11, elapsed, target(value));
        let adjacent: Vec<_> = adjacent.iter().copied().map(header).collect();
        let next = RULES.next_target(&header(parent), &adjacent.iter().collect::<Vec<_>>());
        assert_eq!(next, target(expected));
    }
    let epoch = 12 * 30_000_000;
    check((1000, epoch), &[], 1000);
    // Each share is rounded up …
    check((1000, epoch + 1), &[], 1001);
    check((1, 1), &[], 1);
    // … the mean of all down.
    check(
        (1000, epoch),
        &[(1001, epoch), (1001, epoch), (1001, epoch)],
        1000,
    );
    check((1000, 2 * epoch), &[(1000, epoch)], 1500);
    // A block older than its epoch counts as zero time; no target is ever zero.
    check((1000, -5), &[], 1);
    check((1000, 0), &[(1000, epoch)], 500);
}

#[test]
fn a_slow_epoch_saturates_at_the_easiest_target() {
    let parent = at(0, 11, i64::MAX - 1_000_000, Target::MAX);
    assert_eq!(
        RULES.next_target(&parent, &[&parent, &parent, &parent]),
        Target::MAX
    );
}

#[test]
fn epochs_start_as_by_the_rules() {
    #[track_caller]
    fn check(height: u64, fake_first_epoch_start: bool, genesis_height: u64, at_parent: bool) {
        let parent = at(0, height, 77, target(1000));
        let rules = AdjustmentRules {
            fake_first_epoch_start,
            ..RULES
        };
        let expected = if at_parent {
            parent.creation_time()
        } else {
            parent.epoch_start()
        };
        assert_eq!(rules.next_epoch_start(&parent, genesis_height), expected);
    }
    check(0, true, 0, false);
    check(1, true, 0, true);
    check(1, false, 0, false);
    check(2, true, 0, false);
    check(11, false, 0, true);
    check(12, false, 0, false);
    // The second block of a chain added with a later graph.
    check(852_055, false, 852_054, true);
    check(852_056, false, 852_054, false);
}
