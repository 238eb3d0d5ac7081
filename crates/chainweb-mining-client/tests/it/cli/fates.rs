//! The fates of blocks in the metrics, the API, the history and the network itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use chainweb::{ChainId, Difficulty};
use rusqlite::Connection;
use rustix::process::Signal;
use simnet::{Config, Endpoint, Report, Rule, Simnet, Times, Verdict};
use tokio::time::sleep;

use super::api::{get, start};
use super::history::directory;
use super::metrics::value;
use super::program::field;

type Counts = BTreeMap<String, u64>;

/// The fates that a block does not leave.
const FINAL: [&str; 6] = [
    "confirmed",
    "orphaned",
    "rejected",
    "stale",
    "untracked",
    "lost",
];

/// Returns the last fate of all blocks in the history, with their hashes.
fn kept(directory: &Path) -> Vec<(String, String)> {
    let database = Connection::open(directory.join("history.db")).unwrap();
    let mut query = database.prepare("SELECT hash, fate FROM block").unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

fn count<'a>(fates: impl Iterator<Item = &'a str>) -> Counts {
    let mut counts = Counts::new();
    fates.for_each(|fate| *counts.entry(fate.to_owned()).or_default() += 1);
    counts
}

fn rejected() -> Verdict {
    Verdict::Status(400, "Invalid solved work: Invalid POW hash".into())
}

/// Orphans and refuses some blocks, and takes some without an answer; called ten times a second.
fn disturb(network: &Simnet, round: u32) {
    let rule = |endpoint, verdict, times| {
        let chain = ChainId::new(round / 10 % 20);
        let rule = Rule::on(endpoint, verdict).chain(chain);
        network.faults().install(rule.times(Times::First(times)));
    };
    let own = network.report().own_in_cut;
    match round % 10 {
        0 if let Some(block) = own.last() => {
            // It fails if a block stands on the last one of ours.
            network.reorganise(block.chain).ok();
        }
        3 => {
            // The program tries again where it does not learn of a new tip, and is refused.
            rule(Endpoint::Solved, Verdict::LoseAnswer, 1);
            rule(Endpoint::Solved, rejected(), 1);
            rule(Endpoint::Event, Verdict::Drop, 2);
        }
        6 => {
            // It tries five times, since another node may have answered.
            let unknown = Verdict::Status(404, "No associated Payload".into());
            rule(Endpoint::Solved, unknown, 5);
        }
        _ => {}
    }
}

/// Puts ten foreign blocks on the tip of each chain.
fn bury(network: &Simnet) {
    let tips = network.tips();
    let end = 10 + tips.values().map(|tip| tip.height).max().unwrap();
    while network.tips().values().any(|tip| tip.height < end) {
        for chain in tips.keys() {
            // A chain with a lower one next to it has to wait.
            network.mine_foreign(*chain).ok();
        }
    }
}

/// Waits until so many blocks are found, and then until the program has the last fate of all of
/// them. Returns the fates that it keeps in the directory, with the hashes of the blocks.
async fn settled(
    network: &Simnet,
    address: &str,
    directory: &Path,
    blocks: f64,
) -> Vec<(String, String)> {
    let text = || get(address, "/metrics").body;
    let reached = |text: &str, fate: &str| value(text, &format!("blocks_total{{fate=\"{fate}\"}}"));
    let mut rounds = 0..18_000;
    while reached(&text(), "found") < Some(blocks) {
        let round = rounds.next();
        disturb(network, round.expect("enough blocks"));
        sleep(Duration::from_millis(100)).await;
    }
    let busy = Verdict::Busy(503, Duration::from_mins(1));
    network.faults().install(Rule::on(Endpoint::Work, busy));
    let mut tries = 0..3000;
    loop {
        // No more work. Some solutions may still be on their way.
        if tries.len() % 100 == 0 {
            bury(network);
        }
        let text = text();
        let kept = kept(directory);
        let counts = count(kept.iter().map(|(_, fate)| &**fate));
        let all = reached(&text, "found");
        let finals = FINAL.map(|fate| reached(&text, fate));
        let expected = FINAL.map(|fate| Some(counts.get(fate).copied().unwrap_or(0) as f64));
        let is_settled = counts.keys().all(|fate| FINAL.contains(&&**fate));
        if is_settled && finals == expected && all == Some(kept.len() as f64) {
            return kept;
        }
        assert!(tries.next().is_some(), "{counts:?}: {text}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Mines so many blocks next to foreign miners, on a node that refuses some blocks and takes some
/// without an answer, and compares their fates. Each of the `wanted` ones has blocks.
async fn fates_agree(blocks: f64, name: &str, wanted: &[&str]) {
    let config = Config {
        start_difficulty: Difficulty::from_u128(100_000),
        foreign_hash_rate: 2e5,
        // Each chain adjusts its difficulty to this after 120 blocks.
        block_delay: Duration::from_secs(2),
        ..Config::default()
    };
    let network = Simnet::start(config, ([127, 0, 0, 1], 0).into());
    let network = network.await.unwrap();
    for (verdict, every) in [(rejected(), 7), (Verdict::LoseAnswer, 5)] {
        let rule = Rule::on(Endpoint::Solved, verdict);
        network.faults().install(rule.times(Times::Every(every)));
    }
    let (directory, node) = (directory(name), network.address().to_string());
    let flags = [
        "-w",
        "cpu",
        "-c",
        "1",
        "--cpu-kernel",
        "portable",
        "--node",
        &node,
    ];
    let kept_in = ["--data-dir", directory.to_str().unwrap()];
    let (mut client, address) = start(&[&flags[..], &kept_in].concat());
    let kept = settled(&network, &address, &directory, blocks).await;
    let counts = count(kept.iter().map(|(_, fate)| &**fate));
    let page = get(&address, "/api/v1/blocks").json();
    let fates = page["fates"].as_array().unwrap().iter();
    let fates = fates.map(|of| {
        (
            of["fate"].as_str().unwrap().to_owned(),
            of["blocks"].as_u64().unwrap(),
        )
    });
    let fates: Counts = fates.filter(|(_, blocks)| *blocks > 0).collect();
    assert_eq!(fates, counts);
    let status = get(&address, "/api/v1/status").json();
    let of = |fate: &str| counts.get(fate).copied().unwrap_or(0);
    for fate in FINAL {
        let shown = status["blocks"]["by_fate"][fate].as_u64().unwrap_or(0);
        assert_eq!(shown, of(fate), "{fate}");
    }
    for fate in wanted {
        assert!(counts.contains_key(*fate), "{counts:?}");
    }
    let confirmed = kept.iter().filter(|(_, fate)| fate == "confirmed");
    let confirmed: BTreeSet<_> = confirmed.map(|(hash, _)| hash.clone()).collect();
    let Report { tally, own_in_cut } = network.report();
    let own = own_in_cut.into_iter().map(|block| block.hash.to_string());
    let own = own.collect::<BTreeSet<_>>();
    let different = confirmed.symmetric_difference(&own).collect::<Vec<_>>();
    assert!(different.is_empty(), "{different:?} of {counts:?}");
    assert_eq!(of("confirmed"), tally.accepted - tally.orphaned_later);
    assert_eq!(of("orphaned"), tally.stale + tally.orphaned_later);
    let refused = of("rejected") + of("stale");
    let taken = tally.accepted + tally.stale;
    assert_eq!(refused + taken, kept.len() as u64, "{counts:?}");
    client.signal(Signal::TERM);
    assert_eq!(client.wait().code(), Some(0));
    network.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_api_history_and_network_agree_on_the_fates_of_blocks() {
    fates_agree(25.0, "fates", &["confirmed", "rejected"]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn metrics_api_history_and_network_agree_on_the_fates_of_a_thousand_blocks() {
    let wanted = ["confirmed", "rejected", "orphaned", "stale"];
    fates_agree(1000.0, "many-fates", &wanted).await;
}

/// Waits until a condition holds.
async fn until(holds: impl Fn() -> bool) {
    for _ in 0..3000 {
        if holds() {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("it does not come to hold");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_of_an_earlier_run_keeps_its_run_and_reaches_no_fate_twice() {
    let config = Config {
        start_difficulty: Difficulty::from_u128(200_000),
        ..Config::default()
    };
    let network = Simnet::start(config, ([127, 0, 0, 1], 0).into());
    let network = network.await.unwrap();
    let (directory, node) = (directory("fates-again"), network.address().to_string());
    let flags = ["-w", "cpu", "-c", "1", "--cpu-kernel", "portable"];
    let kept_in = ["--node", &node, "--data-dir", directory.to_str().unwrap()];
    let flags = [&flags[..], &kept_in].concat();
    let (mut client, _) = start(&flags);
    until(|| kept(&directory).iter().any(|(_, fate)| fate == "accepted")).await;
    let busy = Verdict::Busy(503, Duration::from_mins(1));
    network.faults().install(Rule::on(Endpoint::Work, busy));
    client.signal(Signal::TERM);
    assert_eq!(client.wait().code(), Some(0));
    let before = kept(&directory);
    let counts = count(before.iter().map(|(_, fate)| &**fate));
    let of = |fate| counts.get(fate).copied().unwrap_or(0);
    let open = before.len() as u64 - of("confirmed");
    assert!(of("accepted") > 0, "{counts:?}");

    bury(&network);
    let (mut client, address) = start(&flags);
    let line = client.wait_for("blocks of earlier runs");
    let restored = [field(&line, "submitted"), field(&line, "looked_up")];
    let restored = restored.map(|count| count.parse::<u64>().unwrap());
    assert_eq!(restored.iter().sum::<u64>(), open, "{line}");
    let counted = |fate| {
        let text = get(&address, "/metrics").body;
        value(&text, &format!("blocks_total{{fate=\"{fate}\"}}"))
    };
    until(|| counted("confirmed") == Some(open as f64)).await;
    let again = counted("accepted");
    client.signal(Signal::TERM);
    assert_eq!(client.wait().code(), Some(0));
    assert_eq!(again, Some((open - of("accepted")) as f64), "{counts:?}");
    let database = Connection::open(directory.join("history.db")).unwrap();
    let sql = "SELECT count(DISTINCT run) FROM block";
    let runs = database.query_row(sql, [], |row| row.get::<_, u32>(0));
    assert_eq!(runs, Ok(1));
}
