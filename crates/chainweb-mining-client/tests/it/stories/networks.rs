//! Each worker on the networks that exist, and what following its blocks costs.
//!
//! `cargo test -p chainweb-mining-client --test it -- --ignored --nocapture six_workers` prints a
//! row for each pair of worker and network. The normal run has one of the EVM line.

use std::num::NonZeroUsize;
use std::time::Duration;

use chainweb::{ChainGraph, Difficulty};
use miner::worker::Worker;
use miner::worker::constant_delay::ConstantDelay;
use simnet::{Endpoint, Preset, ProofOfWork};

use super::matrix::{Fault, KINDS, Kind, Mine};
use super::setting::{PATIENCE, Setting, Story};

/// The blocks of each worker that have to be confirmed.
const CONFIRMED: usize = 3;

/// Returns a setting on a network like this, where others find most blocks.
fn setting(preset: Preset, kind: Kind) -> Setting {
    let setting = Setting::new(ChainGraph::petersen(), kind.difficulty());
    let difficulty = Difficulty::from_u128(kind.difficulty().into());
    let network = simnet::Config {
        start_difficulty: difficulty,
        block_delay: setting.network.block_delay,
        seed: setting.network.seed,
        ..simnet::Config::of_network(preset)
    };
    // A block a second on each chain buries ours soon.
    let blocks = network.graph.chains().count();
    let network = simnet::Config {
        foreign_hash_rate: blocks as f64 * difficulty.as_f64(),
        ..network
    };
    Setting { network, ..setting }
}

fn lines(story: &Story, event: &str) -> usize {
    story.log.count(&[&format!("event=\"{event}\"")])
}

/// Mines until some blocks are confirmed, and checks what became of all. Prints a row.
#[expect(clippy::print_stderr, reason = "the table is the result of this tool")]
async fn row(preset: Preset, kind: Kind) {
    let mut mine = Mine::start_on(setting(preset, kind), kind, &Fault::None).await;
    let are_confirmed = |story: &Story| lines(story, "block_confirmed") >= CONFIRMED;
    // Many blocks are looked up once a minute.
    mine.story
        .until("confirmed blocks", 5 * PATIENCE, are_confirmed)
        .await;
    let count = |event| lines(&mine.story, event);
    let found = count("block_found") + count("block_made");
    let (accepted, confirmed) = (count("block_accepted"), count("block_confirmed"));
    let orphaned = count("block_orphaned");
    drop(mine.feeder);
    let ended = mine.story.end().await;
    ended.check_solutions();
    let (counters, blocks) = (&ended.counters, ended.counters.blocks);
    let rejected = counters.solutions_rejected;
    let stale = counters.solutions_stale;
    eprintln!(
        "{:14} {:14} {found:6} {accepted:9} {confirmed:10} {orphaned:9} {stale:6} {:8} {rejected:9}",
        format!("{kind:?}"),
        format!("{preset:?}"),
        blocks.unknown,
    );
    assert_eq!((blocks.unknown, rejected), (0, 0), "{}", ended.log);
}

#[expect(clippy::print_stderr, reason = "the table is the result of this tool")]
fn head() {
    eprintln!(
        "worker         network         found  accepted  confirmed  orphaned  stale  unknown  rejected"
    );
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn six_workers_have_blocks_confirmed_on_three_networks() {
    head();
    for preset in [Preset::MainnetLike, Preset::Stoa, Preset::EvmSandbox] {
        for kind in KINDS {
            row(preset, kind).await;
        }
    }
}

#[tokio::test]
async fn blocks_of_the_evm_line_are_confirmed() {
    head();
    row(Preset::EvmSandbox, Kind::External).await;
}

/// A network like this on which a development worker makes hundreds of blocks a second.
async fn made_on(preset: Preset, blocks: u64) -> Story {
    let mut setting = Setting::new(ChainGraph::petersen(), 1);
    setting.timing = miner::timing::Timing::default();
    let network = simnet::Config {
        proof_of_work: ProofOfWork::Disabled,
        block_delay: setting.network.block_delay,
        seed: setting.network.seed,
        ..simnet::Config::of_network(preset)
    };
    let mut story = Setting { network, ..setting }.network().await;
    let beat = ConstantDelay {
        block_time: Duration::from_millis(50),
        blocks: NonZeroUsize::MIN,
    };
    story.start_client_with(Worker::ConstantDelay(beat));
    let is_made = |story: &Story| story.accepted() >= blocks;
    story.until("blocks", 5 * PATIENCE, is_made).await;
    story
}

/// Checks the cost of following so many blocks of a development worker.
#[expect(clippy::print_stderr, reason = "the figure is the result of this tool")]
async fn follow(preset: Preset, blocks: u64) {
    let story = made_on(preset, blocks).await;
    let lookups = [
        Endpoint::HashBranch,
        Endpoint::HeaderBranch,
        Endpoint::Headers,
    ];
    let requests: u64 = lookups.iter().map(|endpoint| story.asked(*endpoint)).sum();
    let made = story.accepted();
    eprintln!("{preset:?}: {made} blocks, {requests} requests to follow them");
    let ended = story.ends_well().await;
    assert_eq!(ended.counters.blocks.unknown, 0);
    assert!(requests <= made / 32 + 50, "{requests} for {made} blocks");
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn following_ten_thousand_blocks_costs_few_requests() {
    for preset in [Preset::Development, Preset::EvmSandbox] {
        follow(preset, 10_000).await;
    }
}
