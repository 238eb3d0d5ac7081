//! Blocks and branches: how a miner looks up its block, and the pitfalls.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chainweb::{BlockHash, BlockHeader, ChainGraph, ChainId};
use serde_json::{Value, json};
use simnet::{Config, Simnet};

use crate::wire::{JSON, Reply, ask, node, path};

/// Chain 0 of a pair, with its block at height 3 replaced.
struct Story {
    simnet: Simnet,
    /// Block hashes by height, from 1 on.
    in_cut: Vec<BlockHash>,
    orphan: BlockHash,
}

async fn story() -> Story {
    let simnet = node(Config {
        graph: ChainGraph::pair(),
        ..Config::default()
    })
    .await;
    let zero = ChainId::new(0);
    let mut in_cut = Vec::new();
    let mut orphan = None;
    for height in 1..=5 {
        let mut hash = simnet.mine_foreign(zero).unwrap();
        if height == 3 {
            orphan = Some(hash);
            hash = simnet.reorganise(zero).unwrap();
        }
        in_cut.push(hash);
        simnet.mine_foreign(ChainId::new(1)).unwrap();
    }
    Story {
        simnet,
        in_cut,
        orphan: orphan.unwrap(),
    }
}

impl Story {
    fn at(&self, height: usize) -> String {
        self.in_cut[height - 1].to_string()
    }

    async fn get(&self, end: &str, headers: &[&str]) -> Reply {
        let line = format!("GET {}", path(&format!("chain/0/{end}")));
        ask(&self.simnet, &line, headers, b"").await
    }

    async fn post(&self, end: &str, body: &Value) -> Reply {
        let line = format!("POST {}", path(&format!("chain/0/{end}")));
        ask(&self.simnet, &line, &[JSON], body.to_string().as_bytes()).await
    }

    /// Requests a page of the branch below these upper bounds.
    async fn branch(&self, query: &str, upper: &[&str]) -> Value {
        let reply = self
            .post(&format!("hash/branch{query}"), &json!({ "upper": upper }))
            .await;
        assert_eq!(reply.status(), 200);
        reply.json()
    }
}

fn page(items: &[String], next: Option<&str>) -> Value {
    json!({ "limit": items.len(), "items": items, "next": next })
}

#[tokio::test]
async fn one_lookup_decides_whether_a_block_is_in_the_cut() {
    let story = story().await;
    let tip = story.at(5);
    let at_three = story.branch("?minheight=3&maxheight=3", &[&tip]).await;
    assert_eq!(at_three, page(&[story.at(3)], None));
    // The orphan is in its own branch.
    let orphan = story.orphan.to_string();
    let own = story.branch("?minheight=2", &[&orphan]).await;
    assert_eq!(own, page(&[orphan, story.at(2)], None));
}

#[tokio::test]
async fn a_branch_descends_in_pages() {
    let story = story().await;
    let tip = story.at(5);
    let first = story.branch("?minheight=1&limit=2", &[&tip]).await;
    let next = format!("inclusive:{}", story.at(3));
    assert_eq!(first, page(&[story.at(5), story.at(4)], Some(&next)));
    let query = format!("?minheight=1&next={next}");
    let rest = [story.at(3), story.at(2), story.at(1)];
    assert_eq!(story.branch(&query, &[&tip]).await, page(&rest, None));
    let query = format!("?minheight=1&next=exclusive%3A{}", story.at(3));
    assert_eq!(story.branch(&query, &[&tip]).await, page(&rest[1..], None));
}

#[tokio::test]
async fn lower_bounds_end_a_branch_unless_they_are_unknown() {
    let story = story().await;
    let body = json!({ "upper": [story.at(4)], "lower": [story.orphan.to_string()] });
    let page_of = story.post("hash/branch", &body).await.json();
    assert_eq!(page_of, page(&[story.at(4), story.at(3)], None));
    let unknown = BlockHash::new([1; 32]).to_string();
    let body = json!({ "upper": [story.at(1)], "lower": [unknown] });
    let items = story.post("hash/branch", &body).await.json()["items"].clone();
    assert_eq!(items.as_array().unwrap().len(), 2);
    let only_lower = json!({ "lower": [story.at(1)] });
    assert_eq!(
        story.post("hash/branch", &only_lower).await.json(),
        page(&[], None)
    );
}

#[tokio::test]
async fn a_maximum_height_above_the_upper_bound_drops_it() {
    let story = story().await;
    let dropped = story.branch("?maxheight=6", &[&story.at(5)]).await;
    assert_eq!(dropped, page(&[], None));
}

#[tokio::test]
async fn the_table_ascends_with_orphans_and_an_extra_empty_page() {
    let story = story().await;
    let hashes = async |query: &str| story.get(&format!("hash{query}"), &[]).await.json();
    let mut third = [story.at(3), story.orphan.to_string()];
    third.sort_by_key(|hash| *hash.parse::<BlockHash>().unwrap().as_bytes());
    let next = format!("inclusive:{}", third[1]);
    assert_eq!(
        hashes("?minheight=2&limit=2").await,
        page(&[story.at(2), third[0].clone()], Some(&next))
    );
    let last = format!("exclusive:{}", story.at(5));
    let rest = [third[1].clone(), story.at(4), story.at(5)];
    assert_eq!(
        hashes(&format!("?next={next}")).await,
        page(&rest, Some(&last))
    );
    assert_eq!(hashes(&format!("?next={last}")).await, page(&[], None));
    assert_eq!(
        hashes("?minheight=1&maxheight=1").await,
        page(&[story.at(1)], Some(&format!("exclusive:{}", story.at(1))))
    );
}

#[tokio::test]
async fn a_header_has_three_forms() {
    let story = story().await;
    let end = format!("header/{}", story.at(5));
    let octets = story.get(&end, &["Accept: application/octet-stream"]).await;
    assert_eq!(
        octets.header("Content-Type"),
        Some("application/octet-stream")
    );
    let block = BlockHeader::decode(&octets.body).unwrap();
    assert!(block.hash_is_valid());
    assert_eq!(block.hash(), story.in_cut[4]);

    let text = story.get(&end, &["Accept: */*"]).await;
    assert_eq!(
        text.header("Content-Type"),
        Some("application/json;charset=utf-8")
    );
    assert_eq!(text.json(), URL_SAFE_NO_PAD.encode(&octets.body));

    let object = "Accept: application/json;blockheader-encoding=object";
    let header = block.work();
    let (adjacent_chain, adjacent) = match header.adjacents() {
        chainweb::Adjacents::Recorded(recorded) => recorded.iter().next().unwrap(),
        chainweb::Adjacents::Hashed => panic!("adjacent hashes are recorded"),
    };
    let expected = json!({
        "nonce": header.nonce().get().to_string(),
        "creationTime": header.creation_time().as_micros(),
        "parent": story.at(4),
        "adjacents": { adjacent_chain.to_string(): adjacent.to_string() },
        "target": URL_SAFE_NO_PAD.encode(header.target().to_le_bytes()),
        "payloadHash": header.payload_hash().to_string(),
        "chainId": 0,
        // Five blocks of difficulty 100,000.
        "weight": "IKEHAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "height": 5,
        "chainwebVersion": "development",
        "epochStart": header.epoch_start().as_micros(),
        "featureFlags": 0,
        "hash": story.at(5),
    });
    let actual = story.get(&end, &[object]).await.json();
    assert_eq!(actual, expected);

    let pages = story.get("header?minheight=5", &[object]).await.json();
    assert_eq!(pages["items"][0]["hash"], story.at(5));
    let upper = json!({ "upper": [story.at(5)] });
    let branch = story.post("header/branch?minheight=5", &upper).await.json();
    assert_eq!(
        branch["items"],
        json!([URL_SAFE_NO_PAD.encode(&octets.body)])
    );
    for (end, accept) in [
        (end.as_str(), "Accept: text/plain"),
        ("header", "Accept: application/octet-stream"),
        ("hash", object),
    ] {
        assert_eq!(story.get(end, &[accept]).await.status(), 406, "{end}");
    }
}

#[tokio::test]
async fn the_answer_names_an_unknown_block() {
    let story = story().await;
    let unknown = BlockHash::new([1; 32]).to_string();
    let body = json!({ "upper": [unknown] });
    for reply in [
        story.get(&format!("header/{unknown}"), &[]).await,
        story
            .get(&format!("hash?next=inclusive:{unknown}"), &[])
            .await,
        story.post("header/branch", &body).await,
    ] {
        assert_eq!(reply.status(), 404);
        assert_eq!(
            reply.header("Content-Type"),
            Some("application/json;charset=utf-8")
        );
        let expected = json!({ "reason": "key not found", "key": unknown });
        assert_eq!(reply.json(), expected);
    }
}

#[tokio::test]
async fn malformed_parameters_are_a_bad_request() {
    let story = story().await;
    for end in [
        "header/xyz",
        "hash?limit=x",
        "hash?minheight=-1",
        "hash?next=5",
    ] {
        assert_eq!(story.get(end, &[]).await.status(), 400, "{end}");
    }
    let bounds = vec![story.at(1); 33];
    let reply = story
        .post("header/branch", &json!({ "upper": bounds }))
        .await;
    assert_eq!((reply.status(), reply.header("Content-Type")), (400, None));
    assert!(reply.json().is_string());
    for body in [json!([]), json!({ "upper": ["short"] })] {
        let reply = story.post("hash/branch", &body).await;
        assert_eq!(reply.status(), 400, "{body}");
    }
    let line = format!("POST {}", path("chain/0/hash/branch"));
    let untyped = ask(&story.simnet, &line, &[], b"{}").await;
    assert_eq!(untyped.status(), 415);
}

#[tokio::test]
async fn pages_have_limits() {
    let mut config = Config {
        graph: ChainGraph::singleton(),
        ..Config::default()
    };
    config.limits.page_hashes = 7;
    let simnet = node(config).await;
    for _ in 0..400 {
        simnet.mine_foreign(ChainId::new(0)).unwrap();
    }
    let count = async |end: &str| {
        let line = format!("GET {}", path(&format!("chain/0/{end}")));
        ask(&simnet, &line, &[], b"").await.json()["limit"].clone()
    };
    assert_eq!(count("header?limit=1000").await, 360);
    assert_eq!(count("hash").await, 7);
    assert_eq!(count("hash?limit=3").await, 3);
}

#[tokio::test]
async fn dropped_blocks_are_unknown() {
    let mut config = Config {
        graph: ChainGraph::singleton(),
        ..Config::default()
    };
    config.limits.kept_heights = 1000;
    let simnet = node(config).await;
    let zero = ChainId::new(0);
    let mut hashes = vec![simnet.tips()[&zero].hash.to_string()];
    for _ in 0..1010 {
        hashes.push(simnet.mine_foreign(zero).unwrap().to_string());
    }
    // Heights 11 to 1010 are kept.
    let unknown = |key: &str| json!({ "reason": "key not found", "key": key });
    for height in [0, 10] {
        let line = format!(
            "GET {}",
            path(&format!("chain/0/header/{}", hashes[height]))
        );
        let reply = ask(&simnet, &line, &[], b"").await;
        let expected = (404, unknown(&hashes[height]));
        assert_eq!((reply.status(), reply.json()), expected);
    }
    let line = format!("GET {}", path("chain/0/hash?limit=1"));
    let first = ask(&simnet, &line, &[], b"").await.json();
    assert_eq!(first["items"], json!([hashes[11]]));
    let branch = async |query: &str, upper: &str| {
        let line = format!("POST {}", path(&format!("chain/0/hash/branch{query}")));
        let body = json!({ "upper": [upper] }).to_string();
        let reply = ask(&simnet, &line, &[JSON], body.as_bytes()).await;
        (reply.status(), reply.json())
    };
    let tip = hashes[1010].as_str();
    let lowest = page(&[hashes[11].clone()], None);
    assert_eq!(
        branch("?minheight=11&maxheight=11", tip).await,
        (200, lowest)
    );
    let dropped = (404, unknown(&hashes[10]));
    for query in [
        "?minheight=10&maxheight=10",
        "?maxheight=5",
        "?minheight=10",
        "?limit=1000",
    ] {
        assert_eq!(branch(query, tip).await, dropped, "{query}");
    }
    let (status, newest) = branch("?limit=999", tip).await;
    assert_eq!(
        (status, &newest["next"]),
        (200, &json!(format!("inclusive:{}", hashes[11])))
    );
    assert_eq!(branch("", &hashes[10]).await, dropped);
}
