//! `/info` and `/cut`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chainweb::{ChainGraph, ChainId};
use serde_json::{Value, json};
use simnet::{Config, Release};

use crate::wire::{ask, node, path};

async fn info_of(release: Release) -> (Value, String) {
    let simnet = node(Config {
        release,
        ..Config::default()
    })
    .await;
    let reply = ask(&simnet, "GET /info", &[], b"").await;
    let version = reply.header("X-Chainweb-Node-Version").unwrap().to_owned();
    (reply.json(), version)
}

fn development() -> Value {
    serde_json::from_str(include_str!("../data/info-development.json")).unwrap()
}

#[tokio::test]
async fn info_is_that_of_development() {
    let (info, version) = info_of(Release::Kadena2_32).await;
    assert_eq!(info, development());
    assert_eq!(version, "2.32.0");
}

#[tokio::test]
async fn releases_differ_in_their_fields() {
    let (info, version) = info_of(Release::Community3_2).await;
    let mut expected = development();
    expected["nodePackageVersion"] = json!("3.2");
    assert_eq!((info, version.as_str()), (expected.clone(), "3.2"));

    let (info, _) = info_of(Release::Kadena2_31).await;
    expected["nodePackageVersion"] = json!("2.31.1");
    expected["nodeServiceDate"] = Value::Null;
    assert_eq!(info, expected);

    let (info, version) = info_of(Release::Kadena2_23).await;
    let fields: Vec<_> = info.as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        [
            "nodeApiVersion",
            "nodeChains",
            "nodeGraphHistory",
            "nodeNumberOfChains",
            "nodeVersion"
        ]
    );
    assert_eq!(version, "2.23");
}

#[tokio::test]
async fn the_cut_sums_up_its_tips() {
    let simnet = node(Config {
        graph: ChainGraph::pair(),
        ..Config::default()
    })
    .await;
    for chain in [0, 1, 0] {
        simnet.mine_foreign(ChainId::new(chain)).unwrap();
    }
    let cut = ask(&simnet, &format!("GET {}", path("cut")), &[], b"").await;
    let cut = cut.json();
    let tips = simnet.tips();
    let tip = |chain| {
        let tip = tips[&ChainId::new(chain)];
        json!({ "height": tip.height, "hash": tip.hash.to_string() })
    };
    assert_eq!(cut["hashes"], json!({ "0": tip(0), "1": tip(1) }));
    assert_eq!(tip(0)["height"], 2);
    // Three blocks of the start difficulty: 300,000.
    let mut weight = [0; 32];
    weight[..4].copy_from_slice(&300_000_u32.to_le_bytes());
    assert_eq!(cut["weight"], URL_SAFE_NO_PAD.encode(weight));
    assert_eq!(
        (&cut["height"], &cut["instance"], &cut["origin"]),
        (&json!(3), &json!("development"), &Value::Null)
    );
    let lower = ask(
        &simnet,
        &format!("GET {}?maxheight=3", path("cut")),
        &[],
        b"",
    )
    .await;
    let lower = lower.json();
    assert_eq!(lower["height"], 2);
    assert_eq!(lower["hashes"]["0"]["height"], 1);
}

#[tokio::test]
async fn the_next_info_of_the_community_names_fork_numbers() {
    let (info, version) = info_of(Release::CommunityNext).await;
    let mut expected = development();
    expected["nodePackageVersion"] = json!("3.2");
    expected["nodeForkNumber"] = json!(1);
    expected["nodeLatestBehaviorHeight"] = json!({ "forkNumber": 1 });
    assert_eq!((info, version.as_str()), (expected, "3.2"));
    let mut config = Config {
        release: Release::CommunityNext,
        ..Config::default()
    };
    config.forks.known = 0;
    let simnet = node(config).await;
    let info = ask(&simnet, "GET /info", &[], b"").await.json();
    assert_eq!(info["nodeLatestBehaviorHeight"], "genesis");
}
