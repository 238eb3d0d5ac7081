//! Every status of the mining API, as whole answers: the order of the checks, the headers and the
//! bodies.

use chainweb::{ChainGraph, Difficulty};
use simnet::{Config, Miner, Miners, Simnet};

use crate::wire::{JSON, KEY, OCTETS, Wire, miner, node, path, request, solved, work};

/// A pair of chains, one miner, and a difficulty too high to solve.
fn strict() -> Config {
    Config {
        graph: ChainGraph::pair(),
        start_difficulty: Difficulty::from_u128(1 << 100),
        miners: Miners::Only(vec![Miner::with_public_key(KEY)]),
        ..Config::default()
    }
}

/// The bytes of an answer on a connection that closes, without times.
fn answer(status: &str, content_type: Option<&str>, body: &str) -> String {
    let content_type = content_type.map_or_else(String::new, |t| format!("Content-Type: {t}\r\n"));
    let chunk = if body.is_empty() {
        String::new()
    } else {
        format!("{:X}\r\n{body}\r\n", body.len())
    };
    format!(
        "HTTP/1.1 {status}\r\nX-Server-Timestamp: *\r\nX-Chainweb-Node-Version: 2.32.0\r\n\
         Server: Chainweb Service API\r\nAccess-Control-Allow-Origin: *\r\n{content_type}Connection: close\r\n\
         Transfer-Encoding: chunked\r\nDate: *\r\n\r\n{chunk}0\r\n\r\n"
    )
}

fn without_times(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.split("\r\n").map(|line| match line.split_once(": ") {
        Some((name @ ("X-Server-Timestamp" | "Date"), _)) => format!("{name}: *"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\r\n")
}

struct Table<'a> {
    simnet: &'a Simnet,
    line: String,
}

impl Table<'_> {
    async fn check(&self, query: &str, headers: &[&str], body: &[u8], expected: &str) {
        let line = format!("{}{query}", self.line);
        let wire = Wire::send(self.simnet, &request(&line, headers, body)).await;
        let bytes = wire.read_to_end().await;
        assert_eq!(without_times(&bytes), expected, "{line} {headers:?}");
    }
}

const TEXT: Option<&str> = Some("text/plain;charset=utf-8");

#[tokio::test]
async fn work_is_checked_in_servants_order() {
    let simnet = node(strict()).await;
    let refused = |status: &str| answer(status, None, "");
    let get = Table {
        simnet: &simnet,
        line: format!("GET {}", path("mining/work")),
    };
    let not_acceptable = ["Accept: application/json"];
    get.check("", &not_acceptable, b"{", &refused("406 Not Acceptable"))
        .await;
    let unsupported = refused("415 Unsupported Media Type");
    get.check("?chain=x", &[], &miner(), &unsupported).await;
    let form = ["Content-Type: application/x-www-form-urlencoded"];
    get.check("", &form, &miner(), &unsupported).await;
    let bad_query = "Error parsing query parameter chain failed: \"x\"";
    let expected = answer("400 Bad Request", None, bad_query);
    get.check("?chain=x", &[JSON], b"{", &expected).await;
    let bad_body = "Error in $: missing field `public-keys`";
    let expected = answer("400 Bad Request", None, bad_body);
    get.check("?chain=77", &[JSON], br#"{"account":"k"}"#, &expected)
        .await;
    let unknown_miner = br#"{"account":"k:me","predicate":"keys-all","public-keys":["me"]}"#;
    let expected = answer("403 Forbidden", TEXT, "Unauthorized Miner: k:me");
    get.check(
        "",
        &["Content-Type: application/json;charset=utf-8"],
        unknown_miner,
        &expected,
    )
    .await;

    let post = Table {
        simnet: &simnet,
        line: format!("POST {}", path("mining/work")),
    };
    let expected = refused("405 Method Not Allowed");
    post.check("", &not_acceptable, &miner(), &expected).await;
    for line in [
        "POST /chainweb/0.0/mainnet01/mining/work",
        "GET /chainweb/0.1/development/mining/work",
        "GET /mining/work",
        "GET /chainweb/0.0/development/chain/2/header",
        "GET /",
    ] {
        let unknown = Table {
            simnet: &simnet,
            line: line.to_owned(),
        };
        unknown
            .check("", &not_acceptable, b"", &refused("404 Not Found"))
            .await;
    }
}

#[tokio::test]
async fn work_is_refused_while_too_many_payloads_are_cached() {
    let mut config = strict();
    config.limits.payloads = 0;
    let simnet = node(config).await;
    assert_eq!(work(&simnet).await.status(), 200);
    let get = Table {
        simnet: &simnet,
        line: format!("GET {}", path("mining/work")),
    };
    let expected = answer("503 Service Unavailable", TEXT, "Too many work requests");
    get.check("", &[JSON], &miner(), &expected).await;
    let unknown_miner = br#"{"account":"k:me","predicate":"keys-all","public-keys":["me"]}"#;
    get.check("", &[JSON], unknown_miner, &expected).await;
}

#[tokio::test]
async fn solutions_are_checked_in_the_nodes_order() {
    let simnet = node(strict()).await;
    let post = Table {
        simnet: &simnet,
        line: format!("POST {}", path("mining/solved")),
    };
    let header = work(&simnet).await.body[36..].to_vec();
    let refused = |status: &str| answer(status, None, "");
    let octets = ["Accept: application/octet-stream"];
    post.check("", &octets, &header, &refused("406 Not Acceptable"))
        .await;
    let unsupported = refused("415 Unsupported Media Type");
    post.check("", &[JSON], &header, &unsupported).await;
    let bad_pow = "Invalid solved work: Invalid POW hash";
    let expected = answer("400 Bad Request", TEXT, bad_pow);
    post.check("", &[OCTETS], &header, &expected).await;
    let expected = answer("404 Not Found", TEXT, "No associated Payload");
    post.check("", &["Accept: */*"], &header, &expected).await;

    for malformed in [&header[..213], &[0; 286]] {
        let reply = solved(&simnet, malformed).await;
        assert_eq!(reply.status(), 400);
        assert!(reply.text().starts_with("Decoding error: "), "{reply:?}");
    }
    let get = Table {
        simnet: &simnet,
        line: format!("GET {}", path("mining/solved")),
    };
    get.check("", &[], b"", &refused("405 Method Not Allowed"))
        .await;
}

#[tokio::test]
async fn an_accepted_solution_gets_an_empty_answer() {
    let mut config = strict();
    config.start_difficulty = Difficulty::from_u128(1);
    let simnet = node(config).await;
    let header = work(&simnet).await.body[36..].to_vec();
    let post = Table {
        simnet: &simnet,
        line: format!("POST {}", path("mining/solved")),
    };
    let json = Some("application/json;charset=utf-8");
    let expected = answer("200 OK", json, "");
    post.check("", &[], &header, &expected).await;
}

#[tokio::test]
async fn updates_check_only_the_body() {
    let simnet = node(strict()).await;
    let get = Table {
        simnet: &simnet,
        line: format!("GET {}", path("mining/updates")),
    };
    let unsupported = answer("415 Unsupported Media Type", None, "");
    get.check("", &[JSON], &[0; 4], &unsupported).await;
    let failed = answer("500 Internal Server Error", TEXT, "Something went wrong");
    get.check("", &[OCTETS], &[0; 3], &failed).await;

    let no_miners = Config {
        miners: Miners::Only(vec![]),
        ..Config::default()
    };
    let simnet = node(no_miners).await;
    let get = Table {
        simnet: &simnet,
        line: format!("GET {}", path("mining/updates")),
    };
    get.check("", &[], &[0; 4], &failed).await;
}

#[tokio::test]
async fn health_is_text_and_head_has_no_body() {
    let simnet = node(strict()).await;
    let get = Table {
        simnet: &simnet,
        line: "GET /health-check".to_owned(),
    };
    let expected = answer("200 OK", TEXT, "Health check OK.\n");
    get.check("", &[], b"", &expected).await;
    let head = Table {
        simnet: &simnet,
        line: "HEAD /health-check".to_owned(),
    };
    let (expected, _) = expected.split_once("11\r\n").unwrap();
    let expected = expected.replace("Transfer-Encoding: chunked\r\n", "");
    head.check("", &[], b"", &expected).await;
}

#[tokio::test]
async fn a_request_body_has_at_most_two_mebibytes() {
    let simnet = node(strict()).await;
    let line = format!("POST {}", path("mining/solved"));
    let head = format!("{line} HTTP/1.1\r\nHost: node\r\nContent-Length: 2097153\r\n\r\n");
    let mut wire = Wire::send(&simnet, head.as_bytes()).await;
    wire.write(&vec![0; (2 << 20) + 1]).await;
    let answer = wire.read_to("\r\n").await;
    assert_eq!(answer, "HTTP/1.1 413 Payload Too Large\r\n");
}

#[tokio::test]
async fn web_pages_may_send_simple_requests() {
    let simnet = node(strict()).await;
    let line = format!("OPTIONS {}", path("chain/0/header/branch"));
    let ask = async |headers: &[&str]| crate::wire::ask(&simnet, &line, headers, b"").await;
    let origin = "Origin: http://page.example";
    let method = "Access-Control-Request-Method: POST";
    let permission = ask(&[
        origin,
        method,
        "Access-Control-Request-Headers: content-type",
    ])
    .await;
    assert_eq!((permission.status(), permission.text()), (200, ""));
    for (name, value) in [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", "GET, HEAD, POST"),
        (
            "Access-Control-Allow-Headers",
            "Accept, Accept-Language, Content-Language, Content-Type",
        ),
    ] {
        assert_eq!(permission.header(name), Some(value));
    }
    let put = "Access-Control-Request-Method: PUT";
    let key = "Access-Control-Request-Headers: accept, x-key";
    for refused in [&[origin][..], &[origin, put], &[origin, method, key]] {
        assert_eq!(ask(refused).await.status(), 400, "{refused:?}");
    }
    assert_eq!(ask(&[method]).await.status(), 405);
}
