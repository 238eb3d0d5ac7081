//! Blocks and totals through the API.

use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::super::history::directory;
use super::{NO_NODE, get, start, until, wait_for};

#[test]
fn blocks_are_filtered_paged_and_exported() {
    let (demo, address) = start(&["demo", "--graph=pair", "--block-delay=1s"]);
    let all = wait_for(&demo, &address, "/api/v1/blocks?limit=100000", |answer| {
        let blocks = answer["blocks"].as_array().unwrap();
        blocks.len() > 2
            && blocks
                .iter()
                .any(|block| block["fate"] == json!("confirmed"))
    });
    assert_eq!(all["next_before"], Value::Null);
    let blocks = all["blocks"].as_array().unwrap();
    let id = |block: &Value| block["id"].as_i64().unwrap();
    assert!(blocks.is_sorted_by(|later, earlier| id(later) > id(earlier)));
    let first = blocks.last().unwrap();
    assert_eq!(first["network"], json!("development"));
    assert_eq!(first["hash"].as_str().map(str::len), Some(43));
    assert!(first["found_unix_ms"].as_i64() > Some(1_700_000_000_000));

    let last = id(&blocks[0]) + 1;
    let page = get(&address, &format!("/api/v1/blocks?limit=2&before={last}")).json();
    let ids: Vec<i64> = page["blocks"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(ids, [id(&blocks[0]), id(&blocks[1])]);
    assert_eq!(page["next_before"], json!(ids[1]));
    let confirmed = get(&address, "/api/v1/blocks?fate=confirmed").json();
    let confirmed = confirmed["blocks"].as_array().unwrap();
    assert!(!confirmed.is_empty());
    for block in confirmed {
        assert_eq!(block["fate"], json!("confirmed"));
    }

    let file = get(&address, "/api/v1/blocks?format=csv");
    assert!(file.head.contains("content-type: text/csv"), "{file:?}");
    assert!(file.head.contains("filename=\"blocks.csv\""), "{file:?}");
    let mut rows = csv::Reader::from_reader(file.body.as_bytes());
    let names = rows.headers().unwrap().clone();
    assert_eq!(&names[0], "id");
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    assert!(rows.len() >= blocks.len());
    assert_eq!(rows.last().unwrap()[0], first["id"].to_string());

    for (query, hint) in [
        ("blocks?fate=eaten", "orphaned"),
        ("blocks?limit=many", "openapi.json"),
        ("blocks?limit=0", "from 1 to 100000"),
        ("blocks?limit=100001", "from 1 to 100000"),
        ("blocks?limit=1&limit=2", "openapi.json"),
        ("blocks?format=xml", "openapi.json"),
        ("history?from_unix_ms=x", "openapi.json"),
        ("blocks?fat=orphaned", "openapi.json"),
        ("history?span=year", "day"),
        ("history?span=minute&worker=x", "hour or day"),
    ] {
        let answer = get(&address, &format!("/api/v1/{query}"));
        assert_eq!(answer.status, 400, "{query}");
        let hints = answer.json()["hint"].as_str().unwrap().to_owned();
        assert!(hints.contains(hint), "{query}: {hints}");
    }
    for (query, span) in [
        ("", "hour"),
        ("?span=day", "day"),
        ("?span=minute", "minute"),
    ] {
        let answer = get(&address, &format!("/api/v1/history{query}")).json();
        assert_eq!(answer["span"], json!(span));
        assert!(
            answer["totals"].is_array() && answer["outages"].is_array(),
            "{answer}"
        );
    }
    let worker = get(&address, "/api/v1/history?worker=no%20one&span=day").json();
    assert_eq!(worker["totals"], json!([]));
}

#[test]
fn devices_of_earlier_runs_are_served() {
    let kept = directory("earlier-devices");
    let kept_in = ["--data-dir", kept.to_str().unwrap()];
    let (client, address) = start(&[&NO_NODE[..], &kept_in].concat());
    let none = get(&address, "/api/v1/workers/old%201");
    assert_eq!(none.status, 404);
    assert!(none.json()["hint"].is_string());
    // As an earlier run leaves it.
    let database = Connection::open(kept.join("history.db")).unwrap();
    let sql =
        "INSERT INTO worker VALUES (NULL, 'old 1', 10, 20, 5e12, NULL, 0, 7, 1, 2, 0, 9.5, 44)";
    database.execute(sql, []).unwrap();
    let all = wait_for(&client, &address, "/api/v1/history/workers", |_| true);
    let one = get(&address, "/api/v1/workers/old%201").json();
    assert_eq!(all["workers"], json!([one]));
    for (field, value) in [
        ("name", json!("old 1")),
        ("first_seen_unix_ms", json!(10)),
        ("last_seen_unix_ms", json!(20)),
        ("hashes", json!(5e12)),
        ("expected_blocks", json!(null)),
        ("shares_accepted", json!(7)),
        ("shares_rejected", json!(2)),
        ("best_share_difficulty", json!(9.5)),
        ("difficulty_bits", json!(44)),
    ] {
        assert_eq!(one[field], value, "{field}");
    }
}

#[test]
fn answers_name_the_time_until_which_the_history_is_written() {
    let kept = directory("as-of");
    let kept_in = ["--data-dir", kept.to_str().unwrap()];
    let flags = ["demo", "--graph=pair", "--block-delay=1s"];
    let (demo, address) = start(&[&flags[..], &kept_in].concat());
    let as_of = |target: &str| {
        let answer = get(&address, target).json();
        answer["as_of_unix_ms"].as_i64().unwrap()
    };
    let targets = [
        "/api/v1/blocks?limit=1",
        "/api/v1/history",
        "/api/v1/history?worker=x",
        "/api/v1/history/workers",
        "/api/v1/earnings",
    ];
    let first = as_of(targets[0]);
    assert!(first > 1_700_000_000_000);
    // Each block that is found is written.
    until(&demo, || as_of(targets[0]) > first);
    let lock = Connection::open(kept.join("history.db")).unwrap();
    lock.busy_timeout(Duration::from_mins(1)).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    demo.wait_for("cannot write the history");
    let locked = targets.map(as_of);
    for _ in 0..10 {
        demo.pause();
    }
    assert_eq!(targets.map(as_of), locked);
    lock.execute_batch("ROLLBACK").unwrap();
    until(&demo, || as_of(targets[0]) > locked[0]);
}
