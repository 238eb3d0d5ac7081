//! `doctor` on several nodes: what it says of them in comparison.

use std::time::Duration;

use chainweb::ChainId;
use serde_json::Value;
use simnet::{Config, Link, Payloads, Simnet};
use tokio::time::sleep;

use super::{network, run_json};

/// Returns what is said of each node, and whether mining would work.
async fn compared(flags: &[String]) -> (Vec<Value>, bool) {
    let command = ["client", "doctor", "--json", "--timeout=1m"].map(str::to_owned);
    let (out, works) = run_json(command.iter().chain(flags)).await;
    let out = String::from_utf8(out).unwrap();
    let last: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    let rows = last["nodes"].as_array().unwrap().clone();
    (rows, works)
}

#[track_caller]
fn check(row: &Value, state: &str, figure: &str) {
    assert_eq!(row["state"], state, "{row:#}");
    assert!(row["figure"].as_str().unwrap().contains(figure), "{row:#}");
    let has_advice = row["advice"].is_string();
    assert_eq!(has_advice, ["warn", "fail"].contains(&state), "{row:#}");
}

fn several(nodes: usize) -> Config {
    Config {
        nodes,
        propagation_delay: Duration::from_millis(1),
        ..Config::default()
    }
}

fn flag(simnet: &Simnet, node: usize) -> String {
    format!("--node={}", simnet.node(node).address())
}

#[tokio::test]
async fn each_node_is_compared_with_the_first() {
    let simnet = network(several(3)).await;
    let other = network(Config {
        version: "another".to_owned(),
        ..Config::default()
    });
    let other = other.await;
    simnet.node(1).set_link(Link::Frozen);
    for chain in (0..20).cycle().take(100).map(ChainId::new) {
        simnet.node(0).mine_foreign(chain).ok();
    }
    sleep(Duration::from_millis(100)).await;
    let first = simnet.node(0).address();
    let insurer = simnet.node(2).address();
    let (rows, works) = compared(&[
        flag(&simnet, 0),
        flag(&simnet, 1),
        flag(&other, 0),
        format!("--node=localhost:{}", first.port()),
        format!("--submit-only-node={insurer}"),
        "--node=127.0.0.1:1".to_owned(),
    ])
    .await;
    let [one, frozen, foreign, same, silent, insuring] = rows.as_slice() else {
        panic!("{rows:?}");
    };
    check(one, "ok", "compared with");
    check(frozen, "warn", "lacks blocks that another node has had");
    let networks = "serves another network: another, not development";
    check(foreign, "fail", networks);
    check(same, "warn", &format!("is the same node as http://{first}"));
    check(silent, "skipped", "does not answer");
    check(insuring, "ok", "has the same payload");
    let roles = rows.iter().map(|row| row["is_submit_only"] == true);
    assert_eq!(
        roles.collect::<Vec<_>>(),
        [false, false, false, false, false, true]
    );
    assert!(!works);
}

#[tokio::test]
async fn a_node_with_another_payload_does_not_insure() {
    let simnet = network(Config {
        payloads: Payloads::Own,
        ..several(2)
    });
    let simnet = simnet.await;
    let (rows, works) = compared(&[flag(&simnet, 0), flag(&simnet, 1)]).await;
    check(&rows[1], "ok", "another payload than the first");
    assert!(works);
}

#[tokio::test]
async fn work_of_another_network_than_that_of_info_is_found() {
    let simnet = network(several(1)).await;
    let other = network(Config {
        version_code: 7,
        ..Config::default()
    });
    let other = other.await;
    let (rows, works) = compared(&[flag(&simnet, 0), flag(&other, 0)]).await;
    check(&rows[1], "fail", "its work is of another network");
    assert!(!works);
}
