//! The page at `/`, and what only it asks for.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{get, request, start, wait_for};

#[test]
fn the_page_has_all_its_files_and_links_nowhere_else() {
    let (_demo, address) = start(&["demo", "--graph=pair", "--block-delay=1s"]);
    let (mut seen, mut next) = (BTreeSet::new(), vec![String::new()]);
    while let Some(path) = next.pop() {
        let file = get(&address, &format!("/{path}"));
        assert_eq!(file.status, 200, "{path}");
        let media = match path.rsplit('.').next() {
            Some("js") => "text/javascript",
            Some("css") => "text/css",
            Some("svg") => "image/svg+xml",
            _ => "text/html",
        };
        for header in [
            &format!("content-type: {media}"),
            "content-security-policy: default-src 'self'; frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "x-frame-options: DENY",
            "cache-control: no-cache",
        ] {
            assert!(
                file.head.contains(header),
                "{path}: {header}: {}",
                file.head
            );
        }
        let tag = file
            .head
            .lines()
            .find_map(|line| line.strip_prefix("etag: "));
        let again = format!("Host: here\r\nIf-None-Match: {}\r\n", tag.unwrap());
        let again = request(&address, "GET", &format!("/{path}"), &again);
        assert_eq!((again.status, &*again.body), (304, ""), "{path}");

        let packed = "Host: here\r\nAccept-Encoding: gzip\r\n";
        let packed = request(&address, "GET", &format!("/{path}"), packed);
        assert!(packed.head.contains("content-encoding: gzip"), "{path}");

        let links = [r#"href=""#, r#"src=""#, "from './"]
            .iter()
            .flat_map(|start| {
                let parts = file.body.split(start).skip(1);
                parts.map(|part| part.split(['"', '\'']).next().unwrap().to_owned())
            });
        for link in links {
            assert!(
                !link.starts_with(['/', '.']) && !link.contains(':'),
                "{path}: {link}"
            );
            let end = link.rsplit('.').next();
            let is_file = matches!(end, Some("js" | "css" | "svg"));
            let link = match path.rsplit_once('/') {
                Some((folder, _)) => format!("{folder}/{link}"),
                None => link,
            };
            if is_file && seen.insert(link.clone()) {
                next.push(link);
            }
        }
    }
    assert!(seen.len() > 12, "{seen:?}");
    assert_eq!(get(&address, "/page/../Cargo.toml").status, 404);
}

#[test]
fn a_page_can_show_chains_and_what_a_day_brought() {
    let (demo, address) = start(&["demo", "--graph=pair", "--block-delay=1s"]);
    let earnings = wait_for(&demo, &address, "/api/v1/earnings", |answer| {
        answer["spans"][0]["fates"]
            .as_array()
            .is_some_and(|fates| fates.iter().any(|it| it["fate"] == json!("confirmed")))
    });
    let names = [0, 1, 2].map(|at| earnings["spans"][at]["span"].clone());
    assert_eq!(names, [json!("day"), json!("week"), json!("month")]);
    let nodes = wait_for(&demo, &address, "/api/v1/nodes", |answer| {
        answer["chains"][1]["height"].as_u64() > Some(2)
    });
    assert_eq!(nodes["chains"][0]["adjacents"], json!([1]));
    assert_eq!(nodes["chains"][1]["is_watched"], json!(true));
    assert_eq!(nodes["nodes"][0]["streams_open"], json!(2));
    let status = get(&address, "/api/v1/status").json();
    assert_eq!(
        (&status["problems"], &status["stratum_port"]),
        (&json!([]), &json!(null))
    );
}

#[test]
fn a_page_can_compare_several_nodes() {
    let (demo, address) = start(&["demo", "--nodes=2", "--graph=pair", "--block-delay=2s"]);
    let is_ready = |node: &Value| node["standing"] == "ready" && node["lag_blocks"].is_u64();
    let nodes = wait_for(&demo, &address, "/api/v1/nodes", |answer| {
        answer["nodes"].as_array().unwrap().iter().all(is_ready)
    });
    assert_eq!(nodes["nodes"][0]["is_serving"], json!(true));
    assert_eq!(nodes["nodes"][1]["standing_reason"], json!("issues work"));
    assert!(nodes["nodes"][1]["standing_since_unix_ms"].is_i64());
    let other = nodes["nodes"][1]["address"].clone();
    wait_for(&demo, &address, "/api/v1/jobs", |answer| {
        let mut jobs = answer["jobs"].as_array().unwrap().iter();
        jobs.any(|job| job["insured_by"] == json!([other]))
    });
    // The demo takes the first one away.
    let nodes = wait_for(&demo, &address, "/api/v1/nodes", |answer| {
        answer["nodes"][1]["is_serving"] == json!(true)
    });
    assert!(nodes["nodes"][0]["losses"].as_u64() > Some(0), "{nodes}");
    wait_for(&demo, &address, "/api/v1/nodes", |answer| {
        answer["nodes"][1]["blocks_taken"].as_u64() > Some(0)
    });
}
