//! `GET /info`.

use std::collections::BTreeSet;
use std::time::Duration;

use chainweb::{ChainGraph, ChainId};
use node::{Error, Info, Malformed, Refusal, Retry};

use crate::scripted::{Scripted, chunked, plain, request};

const OK: &str = "200 OK\r\nContent-Type: application/json;charset=utf-8";

async fn info(body: &[u8]) -> Result<Info, Error> {
    Scripted::start([chunked(OK, &[body])])
        .await
        .client()
        .info()
        .await
}

fn chains(number: u32) -> BTreeSet<ChainId> {
    (0..number).map(ChainId::new).collect()
}

#[tokio::test]
async fn info_is_requested_without_a_body() {
    let body = include_bytes!("../data/info/development.json");
    let mut node = Scripted::start([plain(OK, body)]).await;
    node.client().info().await.unwrap();
    assert_eq!(
        node.request().await,
        request("GET /info HTTP/1.1", &[("accept", "*/*")], b"")
    );
}

#[tokio::test]
async fn every_known_info_is_read() {
    let recorded: [(&[u8], &str, &str); 9] = [
        (
            include_bytes!("../data/info/development.json"),
            "development",
            "2.32.0",
        ),
        (
            include_bytes!("../data/info/evm-development.json"),
            "evm-development",
            "2.31.2",
        ),
        (
            include_bytes!("../data/info/mainnet01-community-3.2.json"),
            "mainnet01",
            "3.2",
        ),
        (
            include_bytes!("../data/info/mainnet01-kadena-2.31.1.json"),
            "mainnet01",
            "2.31.1",
        ),
        (
            include_bytes!("../data/info/mainnet01-kadena-2.32.0.json"),
            "mainnet01",
            "2.32.0",
        ),
        (
            include_bytes!("../data/info/recap-development-after-60.json"),
            "recap-development",
            "2.32.0",
        ),
        (
            include_bytes!("../data/info/testnet04-kadena-2.32.0.json"),
            "testnet04",
            "2.32.0",
        ),
        (
            include_bytes!("../data/info/testnet05-kadena-2.28.json"),
            "testnet05",
            "2.28",
        ),
        (
            include_bytes!("../data/info/testnet06-community-3.2.json"),
            "testnet06",
            "3.2",
        ),
    ];
    for (body, version, package) in recorded {
        let graph = if version == "evm-development" {
            ChainGraph::d4k4()
        } else {
            ChainGraph::twenty()
        };
        let expected = Info {
            version: version.parse().unwrap(),
            chains: graph.chains().collect(),
            graph: Some(graph),
            block_delay: Some(Duration::from_secs(30)),
            package_version: Some(package.to_owned()),
            fork_number: None,
            is_evm: version == "evm-development",
        };
        assert_eq!(info(body).await, Ok(expected));
    }
}

#[tokio::test]
async fn the_name_alone_is_enough() {
    let bare = |version: &str| Info {
        version: version.parse().unwrap(),
        chains: BTreeSet::new(),
        graph: None,
        block_delay: None,
        package_version: None,
        fork_number: None,
        is_evm: false,
    };
    assert_eq!(
        info(br#"{"nodeVersion":"mainnet01"}"#).await,
        Ok(bare("mainnet01"))
    );
    // Fields of unknown form count as absent.
    let odd = br#"{"nodeVersion":"x","nodeChains":["0","one"],"nodeGraphHistory":[[0,[[0,[1]]]]],
        "nodeBlockDelay":"30s","nodePackageVersion":{},"nodeApiVersion":7,"more":[[[]]]}"#;
    assert_eq!(info(odd).await, Ok(bare("x")));
}

/// Pull request 34 of the community's line adds a number, and makes another field an object.
#[tokio::test]
async fn the_fork_number_is_read_from_any_form_of_info() {
    let bodies = [
        (
            r#""nodeForkNumber":1,"nodeLatestBehaviorHeight":{"forkNumber":1}"#,
            Some(1),
        ),
        (
            r#""nodeForkNumber":0,"nodeLatestBehaviorHeight":"genesis""#,
            Some(0),
        ),
        (
            r#""nodeForkNumber":4294967295,"nodeLatestBehaviorHeight":[[]]"#,
            Some(u32::MAX),
        ),
        (r#""nodeLatestBehaviorHeight":6510743"#, None),
        (r#""nodeForkNumber":4294967296"#, None),
        (r#""nodeForkNumber":-1"#, None),
        (r#""nodeForkNumber":0.5"#, None),
        (r#""nodeForkNumber":"1""#, None),
        (r#""nodeForkNumber":{"forkNumber":1}"#, None),
        (r#""nodeForkNumber":null"#, None),
    ];
    for (fields, expected) in bodies {
        let body = format!(r#"{{"nodeVersion":"x",{fields}}}"#);
        let info = info(body.as_bytes()).await.unwrap();
        assert_eq!(info.fork_number, expected, "{fields}");
    }
}

#[tokio::test]
async fn the_graph_is_the_newest_on_the_listed_chains() {
    let info_of = |chains: &str| {
        format!(
            r#"{{"nodeVersion":"x"{chains},"nodeGraphHistory":[[0,[[0,[]]]],[60,[[1,[0]],[0,[1]]]]]}}"#
        )
    };
    let table = [
        // The node is still before the transition.
        (
            r#","nodeChains":["0"]"#,
            chains(1),
            Some(ChainGraph::singleton()),
        ),
        (
            r#","nodeChains":["1","0"]"#,
            chains(2),
            Some(ChainGraph::pair()),
        ),
        // Without a list of chains: the newest graph, at any place in the history.
        ("", chains(2), Some(ChainGraph::pair())),
        (r#","nodeChains":["0","1","2"]"#, chains(3), None),
    ];
    for (listed, chains, graph) in table {
        let info = info(info_of(listed).as_bytes()).await.unwrap();
        assert_eq!((info.chains, info.graph), (chains, graph));
    }
}

#[tokio::test]
async fn an_info_without_a_name_is_malformed() {
    let garbage: [(&[u8], &str); 7] = [
        (b"", "EOF while parsing a value at line 1 column 0"),
        (b"<html>", "expected value at line 1 column 1"),
        (b"\xFF\xFE", "expected value at line 1 column 1"),
        (b"{}", "missing field `nodeVersion` at line 1 column 2"),
        (
            br#"{"nodeVersion":5}"#,
            "invalid type: integer `5`, expected a string at line 1 column 16",
        ),
        (
            br#"{"nodeVersion":"x""#,
            "EOF while parsing an object at line 1 column 18",
        ),
        (
            b"[]",
            "invalid length 0, expected struct Wire with 7 elements at line 1 column 2",
        ),
    ];
    for (body, why) in garbage {
        let expected = Malformed::Json {
            what: "/info",
            why: why.to_owned(),
        };
        assert_eq!(info(body).await, Err(Error::Malformed(expected)));
    }
    let deep = format!(
        r#"{{"nodeVersion":"x","nodeChains":{}"#,
        "[".repeat(100_000)
    );
    let error = info(deep.as_bytes()).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Malformed(Malformed::Json { what: "/info", .. })
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_name_with_a_meaning_in_paths_is_an_error() {
    for name in [
        "",
        ".",
        "..",
        "a/b",
        "a?b",
        "a#b",
        "a b",
        "a%2Fb",
        "ä",
        "a\\u0000",
        &"x".repeat(129),
    ] {
        let result = info(format!(r#"{{"nodeVersion":"{name}"}}"#).as_bytes()).await;
        assert!(
            matches!(result, Err(Error::Malformed(Malformed::Version(_)))),
            "{name:?}: {result:?}"
        );
    }
}

#[tokio::test]
async fn error_messages_are_bounded() {
    let body = format!(r#"{{"nodeVersion":["{}"]}}"#, "x".repeat(100_000));
    assert!(info(body.as_bytes()).await.unwrap_err().to_string().len() < 1000);
    let body = format!(r#"{{"nodeVersion":"{}"}}"#, "x".repeat(100_000));
    assert!(info(body.as_bytes()).await.unwrap_err().to_string().len() < 1000);
}

#[tokio::test]
async fn an_absurd_number_of_chains_is_ignored() {
    let listed: Vec<_> = (0..257).map(|chain| format!("\"{chain}\"")).collect();
    let body = format!(
        r#"{{"nodeVersion":"x","nodeChains":[{}]}}"#,
        listed.join(",")
    );
    assert_eq!(info(body.as_bytes()).await.unwrap().chains, BTreeSet::new());
    let body = format!(
        r#"{{"nodeVersion":"x","nodeChains":[{}]}}"#,
        listed[..256].join(",")
    );
    assert_eq!(info(body.as_bytes()).await.unwrap().chains, chains(256));
}

#[tokio::test]
async fn an_info_over_the_limit_is_an_error() {
    let body = vec![b' '; (1 << 20) + 1];
    let expected = Malformed::TooLong {
        what: "/info",
        limit_bytes: 1 << 20,
    };
    assert_eq!(info(&body).await, Err(Error::Malformed(expected)));
}

#[tokio::test]
async fn other_apis_than_the_service_api_are_refusals() {
    let error = Scripted::start([plain("404 Not Found", b"")])
        .await
        .client()
        .info()
        .await
        .unwrap_err();
    assert_eq!(
        error,
        Error::Refused(Refusal::NotServed {
            path: "/info".to_owned()
        })
    );
    assert_eq!(error.retry(), Retry::AfterInfo);
}

#[tokio::test]
async fn a_404_with_text_is_not_the_nodes() {
    let html = || plain("404 Not Found", b"<html>default backend - 404</html>");
    let node = Scripted::start([html(), html()]).await;
    let client = node.client();
    let version = "development".parse().unwrap();
    for (path, error) in [
        ("/info", client.info().await.unwrap_err()),
        (
            "/chainweb/0.0/development/cut",
            client.cut(&version).await.unwrap_err(),
        ),
    ] {
        assert_eq!(
            error,
            Error::Refused(Refusal::Foreign {
                path: path.to_owned(),
                status: 404,
                text: "<html>default backend - 404</html>".to_owned(),
            })
        );
        assert_eq!(error.retry(), Retry::Soon);
    }
}

#[tokio::test]
async fn the_clock_skew_is_that_of_the_newest_timestamp() {
    let body = br#"{"nodeVersion":"x"}"#;
    let stamped = |stamp: &str| plain(&format!("{OK}\r\nX-Server-Timestamp: {stamp}"), body);
    let node = Scripted::start([
        plain(OK, body),
        // A refusal has a timestamp as well.
        plain("500 Oops\r\nX-Server-Timestamp: 4102444800", b""),
        stamped("soon"),
        stamped("946684800"),
    ])
    .await;
    let client = node.client();
    client.info().await.unwrap();
    assert_eq!(client.clock_skew(), None);
    client.info().await.unwrap_err();
    // The year 2100.
    assert!(
        client
            .clock_skew()
            .unwrap()
            .exceeds(Duration::from_hours(1))
    );
    assert!(client.clock_skew().unwrap().seconds() > 0.0);
    let unchanged = client.clock_skew();
    client.info().await.unwrap();
    assert_eq!(client.clock_skew(), unchanged);
    client.info().await.unwrap();
    assert!(client.clone().clock_skew().unwrap().seconds() < -800_000_000.0);
}
