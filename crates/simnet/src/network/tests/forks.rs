//! Every field of the headers of a network with fork votes, by rules written down here a second
//! time: from bytes, without the code of the network or of its headers.

use std::collections::BTreeMap;
use std::time::Duration;

use chainweb::{BlockHeader, ChainGraph, ChainId, Difficulty, Genesis, PayloadHash, WorkHeader};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use ruint::Uint;
use sha2::{Digest, Sha512_256};

use super::stories::{START, Story};
use crate::config::{Config, ForkRules, Preset, ProofOfWork, Release};
use crate::network::forks::next_state;
use crate::network::outcome::{Invalid, Solved};

/// Holds the product of a target and a time.
type U512 = Uint<512, 8>;

/// The fields of a header of the Petersen graph.
struct Fields {
    flags: u64,
    time: u64,
    parent: [u8; 32],
    adjacents: Vec<(u32, [u8; 32])>,
    target: U512,
    chain: u32,
    weight: U512,
    height: u64,
    version: u32,
    epoch_start: u64,
    hash: [u8; 32],
    leaves: Vec<[u8; 32]>,
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("within the header")
}

fn sha(parts: &[&[u8]]) -> [u8; 32] {
    Sha512_256::digest(parts.concat()).into()
}

fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    if let [leaf] = leaves {
        return *leaf;
    }
    let mut split = 1;
    while split * 2 < leaves.len() {
        split *= 2;
    }
    let (left, right) = leaves.split_at(split);
    sha(&[&[1], &root(left), &root(right)])
}

fn parse(bytes: &[u8]) -> Fields {
    assert_eq!(bytes.len(), 318);
    assert_eq!(part(bytes, 48), [3, 0]);
    let record = |at| (u32::from_le_bytes(part(bytes, at)), part(bytes, at + 4));
    let adjacents: Vec<_> = [50, 86, 122].map(record).into();
    let leaf = |tag: u8, at: usize, length: usize| sha(&[&[0, 0, tag], &bytes[at..at + length]]);
    let mut leaves = vec![
        leaf(0x06, 0, 8),
        leaf(0x07, 8, 8),
        part(bytes, 16),
        leaf(0x11, 158, 32),
        part(bytes, 190),
        leaf(0x02, 222, 4),
        leaf(0x04, 226, 32),
        leaf(0x03, 258, 8),
        leaf(0x08, 266, 4),
        leaf(0x19, 270, 8),
        leaf(0x20, 278, 8),
    ];
    leaves.extend(adjacents.iter().map(|(_, hash)| hash));
    Fields {
        flags: u64::from_le_bytes(part(bytes, 0)),
        time: u64::from_le_bytes(part(bytes, 8)),
        parent: part(bytes, 16),
        adjacents,
        target: U512::from_le_slice(&bytes[158..190]),
        chain: u32::from_le_bytes(part(bytes, 222)),
        weight: U512::from_le_slice(&bytes[226..258]),
        height: u64::from_le_bytes(part(bytes, 258)),
        version: u32::from_le_bytes(part(bytes, 266)),
        epoch_start: u64::from_le_bytes(part(bytes, 270)),
        hash: part(bytes, 286),
        leaves,
    }
}

type Blocks = BTreeMap<u32, Vec<Fields>>;

/// The network that the checker expects.
struct Checker {
    version: u32,
    block_micros: u64,
    genesis_time: u64,
    /// Whether the first epoch starts at height 1.
    fakes_first_epoch: bool,
    casting: u64,
    /// Whether the block of a chain at a height votes for a next fork.
    votes: fn(u32, u64) -> bool,
}

impl Checker {
    fn check(&self, blocks: &Blocks, block: &Fields) {
        let place = format!("chain {} at {}", block.chain, block.height);
        assert_eq!(root(&block.leaves), block.hash, "hash, {place}");
        assert_eq!(block.version, self.version);
        let height = block.height;
        let index = usize::try_from(height).expect("few");
        let before = index - 1;
        let parent = &blocks[&block.chain][before];
        assert_eq!(block.parent, parent.hash, "{place}");
        let mut parents = vec![parent];
        for (chain, hash) in &block.adjacents {
            parents.push(&blocks[chain][before]);
            assert_eq!(blocks[chain][before].hash, *hash, "{place}");
        }
        let chains: Vec<_> = block.adjacents.iter().map(|(chain, _)| *chain).collect();
        assert_eq!(chains, PETERSEN[block.chain as usize], "{place}");
        assert!(
            parents.iter().all(|parent| parent.time < block.time),
            "{place}"
        );

        let window = if height <= 121 { 12 } else { 120 };
        let is_last = height.is_multiple_of(window);
        let target = if is_last {
            let epoch = U512::from(window * self.block_micros);
            let adjusted = parents.iter().map(|parent| {
                let actual = U512::from(parent.time - parent.epoch_start);
                (actual * parent.target).div_ceil(epoch)
            });
            let sum = adjusted.fold(U512::ZERO, |sum, target| sum + target);
            sum / U512::from(parents.len())
        } else {
            parent.target
        };
        assert_eq!(block.target, target, "target, {place}");
        let max = (U512::from(1) << 256) - U512::from(1);
        assert_eq!(block.weight, parent.weight + max / block.target, "{place}");
        let epoch_start = match height {
            1 => self.genesis_time,
            2 if self.fakes_first_epoch => parent.time,
            _ if is_last => parent.time,
            _ => parent.epoch_start,
        };
        assert_eq!(block.epoch_start, epoch_start, "epoch start, {place}");

        let number_and_votes = |fields: &Fields| (fields.flags & 0xffff_ffff, fields.flags >> 32);
        let (number, votes) = number_and_votes(parent);
        let added = if (self.votes)(block.chain, height) && number < 2 {
            1000
        } else {
            0
        };
        let phase = height % (self.casting + 120);
        let expected = if phase == 0 {
            // No number of votes here is exactly between two whole ones.
            assert_ne!(votes % 1000, 500, "{place}");
            let is_enough = (votes + 500) / 1000 * 3 >= self.casting * 2;
            (number + u64::from(is_enough), added)
        } else if phase < self.casting {
            (number, votes + added)
        } else {
            let sum: u64 = parents
                .iter()
                .map(|parent| number_and_votes(parent).1)
                .sum();
            (number, sum / 4)
        };
        assert_eq!(number_and_votes(block), expected, "fork, {place}");
    }
}

/// The adjacent chains of each chain.
const PETERSEN: [[u32; 3]; 10] = [
    [2, 3, 5],
    [3, 4, 6],
    [0, 4, 7],
    [0, 1, 8],
    [1, 2, 9],
    [0, 6, 9],
    [1, 5, 7],
    [2, 6, 8],
    [3, 7, 9],
    [4, 5, 8],
];

/// Lets clients and foreign miners extend all chains of a network to a height, and returns the
/// bytes of all headers.
fn mine(mut config: Config, votes: fn(u32, u64) -> bool, height: u64) -> Vec<Vec<u8>> {
    config.graph = ChainGraph::petersen();
    config.proof_of_work = ProofOfWork::Disabled;
    config.start_difficulty = Difficulty::from_u128(1_000_000);
    config.block_delay = Duration::from_secs(1);
    let mut story = Story::with(config);
    let mut rng = StdRng::seed_from_u64(16);
    loop {
        let tips = story.network.tips();
        let open = tips
            .iter()
            .filter(|(chain, tip)| tip.height < height && story.network.is_mineable(**chain));
        let open: Vec<_> = open.map(|(chain, tip)| (*chain, tip.height + 1)).collect();
        if open.is_empty() {
            break;
        }
        let (chain, next) = open[rng.random_range(0..open.len())];
        let is_vote = votes(chain.get(), next);
        story.network.config.forks.target = if is_vote { 2 } else { 0 };
        story.pass(Duration::from_micros(rng.random_range(10_000..200_000)));
        if rng.random_bool(0.5) {
            let work = story.work(chain.get());
            assert!(matches!(story.solve(&work), Solved::Accepted(_)));
        } else {
            story.mine_foreign(chain.get());
        }
    }
    let tally = story.network.report().tally;
    assert!(tally.accepted > 0 && tally.foreign_blocks > 0, "{tally:?}");
    let chains = story.network.graph().chains();
    let chains = chains.map(|chain| story.network.chain(chain).expect("a chain of the graph"));
    let blocks = chains.flat_map(|chain| (0..=height).filter_map(|height| chain.at(height)));
    blocks.map(|block| block.encode()).collect()
}

/// Checks all headers, and returns the fork numbers of the last ones.
fn check_all(config: Config, mut checker: Checker, height: u64) -> Vec<u64> {
    let headers = mine(config, checker.votes, height);
    let mut blocks = Blocks::new();
    for header in &headers {
        let fields = parse(header);
        blocks.entry(fields.chain).or_default().push(fields);
    }
    checker.genesis_time = blocks[&0][0].time;
    let mut checked = 0;
    for block in blocks.values().flatten().filter(|block| block.height > 0) {
        checker.check(&blocks, block);
        checked += 1;
    }
    assert_eq!(checked, 10 * height);
    let last = blocks.values().filter_map(|blocks| blocks.last());
    last.map(|block| block.flags & 0xffff_ffff).collect()
}

/// Four of five blocks vote in the first epoch, three of five in the second.
fn votes(chain: u32, height: u64) -> bool {
    (u64::from(chain) * 7 + height * 3) % 10 < if height < 240 { 8 } else { 6 }
}

const CHECKER: Checker = Checker {
    version: 5,
    block_micros: 1_000_000,
    genesis_time: 0,
    fakes_first_epoch: false,
    casting: 120,
    votes,
};

#[test]
fn five_thousand_headers_with_votes_have_the_right_fields() {
    let mut config = Config::of_network(Preset::MainnetLike);
    config.forks = ForkRules {
        known: 2,
        target: 2,
        casting: 120,
    };
    let numbers = check_all(config, CHECKER, 500);
    // The first fork was decided, the second was not.
    assert_eq!(numbers, [1; 10]);
}

#[test]
fn the_first_epoch_of_development_networks_starts_at_height_one() {
    let mut config = Config::of_network(Preset::Development);
    config.release = Release::Community3_2;
    let checker = Checker {
        version: 2,
        fakes_first_epoch: true,
        casting: 14_280,
        ..CHECKER
    };
    check_all(config, checker, 30);
}

/// Returns the fork number and the votes after a parent and one adjacent parent, on a network with
/// the rules of the main network.
#[track_caller]
fn check_state(height: u64, parent: (u32, u32), adjacent: (u32, u32), expected: (u32, u32)) {
    let of = |(number, votes): (u32, u32)| {
        let genesis = Genesis {
            version_code: 5,
            graph: ChainGraph::pair(),
            time: START,
            target: Difficulty::from_u128(1).target(),
        };
        let header = genesis.header(ChainId::new(0), PayloadHash::new([0; 32]));
        let mut bytes = header.work().as_bytes().to_vec();
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        bytes[4..8].copy_from_slice(&votes.to_le_bytes());
        let work = WorkHeader::decode(&bytes).expect("only the flags differ");
        BlockHeader::seal(work).expect("recorded")
    };
    let rules = ForkRules::default();
    let state = next_state(&rules, height, &of(parent), &[&of(adjacent)]);
    assert_eq!(state, expected);
}

#[test]
fn votes_are_cast_counted_and_decided_at_the_heights_of_the_main_network() {
    check_state(1, (0, 0), (0, 0), (0, 1000));
    check_state(14_279, (0, 9_000_000), (0, 1000), (0, 9_001_000));
    check_state(14_280, (0, 9_000_000), (0, 1001), (0, 4_500_500));
    check_state(14_399, (0, 3), (0, 0), (0, 1));
    // 9520 of 14,280 are two thirds. Halves are rounded to the even number.
    check_state(14_400, (0, 9_519_000), (0, 0), (0, 1000));
    check_state(14_400, (0, 9_519_499), (0, 0), (0, 1000));
    check_state(14_400, (0, 9_519_500), (0, 0), (1, 1000));
    check_state(14_400, (0, 9_520_000), (0, 0), (1, 1000));
    // Nothing is left to vote for.
    check_state(14_401, (1, 1000), (1, 1000), (1, 1000));
    check_state(28_800, (1, 1000), (1, 1000), (1, 0));
    check_state(28_800, (1, 14_000_000), (1, 0), (2, 0));
}

#[test]
fn work_above_the_known_fork_number_is_accepted_and_then_invalid() {
    let mut config = Config::of_network(Preset::MainnetLike);
    config.graph = ChainGraph::singleton();
    config.proof_of_work = ProofOfWork::Disabled;
    config.forks = ForkRules {
        known: 0,
        target: 1,
        casting: 6,
    };
    let mut story = Story::with(config);
    for _ in 1..126 {
        let work = story.work(0);
        assert!(matches!(story.solve(&work), Solved::Accepted(_)));
        story.pass(Duration::from_secs(1));
    }
    // Height 126 begins the second epoch, with the new fork number.
    let work = story.work(0);
    assert_eq!(work.header().flags(), [1, 0, 0, 0, 0xe8, 3, 0, 0]);
    assert_eq!(story.solve(&work), Solved::Invalid(Invalid::ForkNumber));
    let mut story = Story::with(Config {
        graph: ChainGraph::singleton(),
        proof_of_work: ProofOfWork::Disabled,
        ..Config::of_network(Preset::MainnetLike)
    });
    let mut bytes = story.work(0).header().as_bytes().to_vec();
    bytes[0] = 2;
    let solved = story.network.solve(&bytes, story.now);
    assert_eq!(solved, Solved::Invalid(Invalid::ForkNumber));
}
