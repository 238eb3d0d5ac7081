//! The fates of blocks in the metrics, the API, the history and the network itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use chainweb::Difficulty;
use rusqlite::Connection;
use rustix::process::Signal;
use simnet::{Config, Endpoint, Rule, Simnet, Times, Verdict};
use tokio::time::sleep;

use super::api::{get, start};
use super::history::directory;
use super::metrics::value;

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

/// Mines so many blocks next to foreign miners, on a node that refuses some blocks, and waits
/// until all of them have their last fate. Each of the `wanted` fates has blocks.
async fn fates_agree(blocks: f64, name: &str, wanted: &[&str]) {
    let config = Config {
        start_difficulty: Difficulty::from_u128(200_000),
        foreign_hash_rate: 2e6,
        ..Config::default()
    };
    let network = Simnet::start(config, ([127, 0, 0, 1], 0).into());
    let network = network.await.unwrap();
    let solved = |verdict, times| Rule::on(Endpoint::Solved, verdict).times(times);
    let rejected = Verdict::Status(400, "Invalid solved work: Invalid POW hash".into());
    let unknown = Verdict::Status(404, "No associated Payload".into());
    for (verdict, times) in [(rejected, Times::Every(7)), (unknown, Times::Every(11))] {
        network.faults().install(solved(verdict, times));
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
    let text = || get(&address, "/metrics").body;
    let reached = |text: &str, fate: &str| value(text, &format!("blocks_total{{fate=\"{fate}\"}}"));
    let mut tries = 0..18_000;
    while reached(&text(), "found") < Some(blocks) {
        assert!(tries.next().is_some(), "too few blocks: {}", text());
        sleep(Duration::from_millis(100)).await;
    }
    // No more work: foreign blocks bury the last ones.
    let busy = Verdict::Busy(503, Duration::from_mins(1));
    network.faults().install(Rule::on(Endpoint::Work, busy));
    let mut tries = 0..3000;
    let kept = loop {
        let text = text();
        let kept = kept(&directory);
        let counts = count(kept.iter().map(|(_, fate)| &**fate));
        let all = reached(&text, "found");
        let finals = FINAL.map(|fate| reached(&text, fate));
        let expected = FINAL.map(|fate| Some(counts.get(fate).copied().unwrap_or(0) as f64));
        let is_settled = counts.keys().all(|fate| FINAL.contains(&&**fate));
        if is_settled && finals == expected && all == Some(kept.len() as f64) {
            break kept;
        }
        assert!(tries.next().is_some(), "{counts:?}: {text}");
        sleep(Duration::from_millis(100)).await;
    };
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
    for fate in FINAL {
        let shown = status["blocks"]["by_fate"][fate].as_u64().unwrap_or(0);
        assert_eq!(shown, counts.get(fate).copied().unwrap_or(0), "{fate}");
    }
    for fate in wanted {
        assert!(counts.contains_key(*fate), "{counts:?}");
    }
    let confirmed = kept.iter().filter(|(_, fate)| fate == "confirmed");
    let confirmed: BTreeSet<_> = confirmed.map(|(hash, _)| hash.clone()).collect();
    let own = network.report().own_in_cut.into_iter();
    assert_eq!(confirmed, own.map(|block| block.hash.to_string()).collect());
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
    let wanted = ["confirmed", "rejected", "orphaned"];
    fates_agree(1000.0, "many-fates", &wanted).await;
}
