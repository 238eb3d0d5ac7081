//! `GET …/cut`, `POST …/chain/{chain}/hash/branch` and `GET …/chain/{chain}/header/{block}`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chainweb::{BlockHash, BlockHeader, ChainId, CreationTime, Nonce, Weight};
use node::{Ancestor, Cut, Error, Malformed, Mined, Refusal, Retry, Tip};

use crate::scripted::{Scripted, chunked, plain, request, version};

const A: &str = "sI6c8YyJ48Poan9J7F6-u9bRJ5Ss5XLZP3wa_jBLRi0";
const B: &str = "GB8YsdVgd50IaJ_shYGN3pnzOohPi-gE3YaP2pvhw0w";
/// 32 bytes of 7.
const WEIGHT: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
const OK: &str = "200 OK\r\nContent-Type: application/json;charset=utf-8";

fn hash(text: &str) -> BlockHash {
    text.parse().unwrap()
}

async fn cut(body: &str) -> Result<Cut, Error> {
    Scripted::start([chunked(OK, &[body.as_bytes()])])
        .await
        .client()
        .cut(&version())
        .await
}

#[tokio::test]
async fn the_cut_holds_the_tip_of_each_chain() {
    let body = format!(
        r#"{{"hashes":{{"0":{{"height":7,"hash":"{A}"}},"97":{{"height":8,"hash":"{B}"}}}},"origin":null,
            "weight":"{WEIGHT}","height":15,"instance":"development","id":"x"}}"#
    );
    let mut node = Scripted::start([plain(OK, body.as_bytes())]).await;
    let tips = BTreeMap::from([
        (
            ChainId::new(0),
            Tip {
                height: 7,
                hash: hash(A),
            },
        ),
        (
            ChainId::new(97),
            Tip {
                height: 8,
                hash: hash(B),
            },
        ),
    ]);
    let cut = node.client().cut(&version()).await.unwrap();
    assert_eq!(
        cut.tip(ChainId::new(97)),
        Some(Tip {
            height: 8,
            hash: hash(B)
        })
    );
    assert_eq!(cut.tip(ChainId::new(1)), None);
    let weight = Some(Weight::from_le_bytes([7; 32]));
    assert_eq!(cut, Cut { tips, weight });
    let expected = request(
        "GET /chainweb/0.0/development/cut HTTP/1.1",
        &[("accept", "*/*")],
        b"",
    );
    assert_eq!(node.request().await, expected);
}

#[tokio::test]
async fn a_cut_without_a_good_weight_has_none() {
    for weight in [
        "",
        r#","weight":null"#,
        r#","weight":"AAAA""#,
        r#","weight":7"#,
    ] {
        let body = format!(r#"{{"hashes":{{"0":{{"height":7,"hash":"{A}"}}}}{weight}}}"#);
        assert_eq!(cut(&body).await.unwrap().weight, None, "{weight}");
    }
}

#[tokio::test]
async fn a_malformed_cut_is_an_error() {
    let bodies = [
        String::new(),
        "{}".to_owned(),
        r#"{"hashes":[]}"#.to_owned(),
        format!(r#"{{"hashes":{{"x":{{"height":7,"hash":"{A}"}}}}}}"#),
        format!(r#"{{"hashes":{{"0":{{"height":-7,"hash":"{A}"}}}}}}"#),
        r#"{"hashes":{"0":{"height":7,"hash":"short"}}}"#.to_owned(),
    ];
    for body in bodies {
        let result = cut(&body).await;
        assert!(
            matches!(
                result,
                Err(Error::Malformed(Malformed::Json { what: "/cut", .. }))
            ),
            "{result:?}"
        );
    }
}

async fn ancestors(
    heights: RangeInclusive<u64>,
    answer: Vec<crate::scripted::Act>,
) -> Result<BTreeMap<u64, BlockHash>, Error> {
    let node = Scripted::start([answer]).await;
    node.client()
        .ancestors(&version(), ChainId::new(3), hash(A), heights)
        .await
}

#[tokio::test]
async fn ancestors_are_listed_from_the_highest_down() {
    let page = format!(r#"{{"limit":2,"items":["{A}","{B}"],"next":null}}"#);
    let mut node = Scripted::start([chunked(OK, &[page.as_bytes()])]).await;
    let found = node
        .client()
        .ancestors(&version(), ChainId::new(3), hash(A), 8..=9)
        .await;
    assert_eq!(found, Ok(BTreeMap::from([(9, hash(A)), (8, hash(B))])));
    let body = format!(r#"{{"upper":["{A}"]}}"#);
    let headers = [
        ("accept", "*/*"),
        ("content-type", "application/json"),
        ("content-length", &body.len().to_string()),
    ];
    let line =
        "POST /chainweb/0.0/development/chain/3/hash/branch?minheight=8&maxheight=9 HTTP/1.1";
    assert_eq!(
        node.request().await,
        request(line, &headers, body.as_bytes())
    );
}

#[tokio::test]
async fn heights_without_a_block_are_missing() {
    let empty = br#"{"limit":0,"items":[],"next":null}"#;
    assert_eq!(
        ancestors(8..=9, plain(OK, empty)).await,
        Ok(BTreeMap::new())
    );
    let one = format!(r#"{{"limit":1,"items":["{B}"],"next":null}}"#);
    assert_eq!(
        ancestors(8..=9, plain(OK, one.as_bytes())).await,
        Ok(BTreeMap::from([(9, hash(B))]))
    );
}

#[tokio::test]
async fn no_request_is_sent_for_no_heights() {
    let none = RangeInclusive::new(9, 8);
    assert_eq!(
        ancestors(none, plain("500 Oops", b"")).await,
        Ok(BTreeMap::new())
    );
}

#[tokio::test]
async fn of_too_many_heights_the_highest_are_requested() {
    let mut node = Scripted::start([plain(OK, br#"{"limit":0,"items":[],"next":null}"#)]).await;
    node.client()
        .ancestors(&version(), ChainId::new(3), hash(A), 0..=u64::MAX)
        .await
        .unwrap();
    let line = "POST /chainweb/0.0/development/chain/3/hash/branch\
                ?minheight=18446744073709547520&maxheight=18446744073709551615 HTTP/1.1";
    assert_eq!(node.request().await.line, line);
}

#[tokio::test]
async fn an_unknown_tip_is_not_an_unknown_route() {
    let unknown = format!(r#"{{"reason":"key not found","key":"{A}"}}"#);
    let other = format!(r#"{{"reason":"key not found","key":"{B}"}}"#);
    let path = "/chainweb/0.0/development/chain/3/hash/branch".to_owned();
    let table = [
        (
            unknown.as_str(),
            Refusal::UnknownBlock(hash(A)),
            Retry::Soon,
        ),
        (
            "",
            Refusal::NotServed { path: path.clone() },
            Retry::AfterInfo,
        ),
        (
            other.as_str(),
            Refusal::NotServed { path },
            Retry::AfterInfo,
        ),
    ];
    for (body, expected, retry) in table {
        let error = ancestors(8..=9, plain("404 Not Found", body.as_bytes()))
            .await
            .unwrap_err();
        assert_eq!(error, Error::Refused(expected));
        assert_eq!(error.retry(), retry);
    }
}

#[tokio::test]
async fn a_malformed_page_is_an_error() {
    let too_many = format!(r#"{{"items":["{A}","{A}","{A}"]}}"#);
    for body in ["", "[]", "{}", r#"{"items":["short"]}"#, &too_many] {
        let result = ancestors(8..=9, plain(OK, body.as_bytes())).await;
        let what = "page of ancestors";
        assert!(
            matches!(&result, Err(Error::Malformed(Malformed::Json { what: named, .. })) if *named == what),
            "{body:?}: {result:?}"
        );
    }
}

/// The first of the recorded mainnet headers.
fn recorded() -> BlockHeader {
    fixtures::mainnet().swap_remove(0)
}

async fn block_header(status: &str, body: &[u8], block: BlockHash) -> Result<BlockHeader, Error> {
    let mut node = Scripted::start([chunked(status, &[body])]).await;
    let chain = ChainId::new(3);
    let answer = node.client().block_header(&version(), chain, block).await;
    let line = format!("GET /chainweb/0.0/development/chain/3/header/{block} HTTP/1.1");
    let expected = request(&line, &[("accept", "application/octet-stream")], b"");
    assert_eq!(node.request().await, expected);
    answer
}

const OCTETS: &str = "200 OK\r\nContent-Type: application/octet-stream";

#[tokio::test]
async fn a_block_header_is_requested_in_binary() {
    let header = recorded();
    let answer = block_header(OCTETS, &header.encode(), header.hash()).await;
    assert_eq!(answer, Ok(header));
}

#[tokio::test]
async fn the_header_of_another_block_is_an_error() {
    let header = recorded();
    let mut forged = header.encode();
    forged[8] ^= 1;
    let other = hash(A);
    for (body, requested) in [
        (forged, header.hash()),
        (header.encode(), other),
        (b"<html>".to_vec(), other),
    ] {
        let answer = block_header(OCTETS, &body, requested).await;
        assert_eq!(answer, Err(Malformed::BlockHeader(requested).into()));
    }
}

#[tokio::test]
async fn an_unknown_block_is_not_an_unknown_route() {
    let body = format!(r#"{{"reason":"key not found","key":"{A}"}}"#);
    let answer = block_header("404 Not Found", body.as_bytes(), hash(A)).await;
    assert_eq!(answer, Err(Refusal::UnknownBlock(hash(A)).into()));
}

/// A header as an object, in the form of a node, with a field that is no longer known.
fn header_object(own: &str, parent: &str, nonce: u64) -> String {
    format!(
        r#"{{"nonce":"{nonce}","creationTime":1700000000000000,"parent":"{parent}","adjacents":
        {{"5":"{parent}"}},"target":"{A}","payloadHash":"{B}","chainId":3,"weight":"{A}",
        "height":9,"chainwebVersion":"evm-development","epochStart":0,"featureFlags":
        18446744073709551615,"hash":"{own}","more":[null]}}"#
    )
}

fn mined(parent: &str, nonce: u64) -> Mined {
    Mined {
        parent: hash(parent),
        payload_hash: B.parse().unwrap(),
        creation_time: CreationTime::from_micros(1_700_000_000_000_000),
        nonce: Nonce::new(nonce),
    }
}

#[tokio::test]
async fn headers_show_what_miners_know_of_blocks() {
    let items = [header_object(A, B, u64::MAX), header_object(B, A, 7)].join(",");
    let page = format!(r#"{{"limit":2,"items":[{items}],"next":null}}"#);
    let mut node = Scripted::start([plain(OK, page.as_bytes())]).await;
    let found = node
        .client()
        .headers(&version(), ChainId::new(3), hash(A), 8..=9)
        .await
        .unwrap();
    let block = |own, parent, nonce| Ancestor {
        hash: hash(own),
        mined: mined(parent, nonce),
    };
    let expected = [(9, block(A, B, u64::MAX)), (8, block(B, A, 7))];
    assert_eq!(found, BTreeMap::from(expected));
    let request = node.request().await;
    let line =
        "POST /chainweb/0.0/development/chain/3/header/branch?minheight=8&maxheight=9 HTTP/1.1";
    assert_eq!(request.line, line);
    let accept = "application/json;blockheader-encoding=object";
    assert_eq!(request.headers["accept"], accept);
}

#[tokio::test]
async fn siblings_are_all_blocks_at_a_height() {
    let items = [header_object(A, B, 1), header_object(B, B, 2)].join(",");
    let page = format!(r#"{{"limit":2,"items":[{items}],"next":"exclusive:{B}"}}"#);
    let mut node = Scripted::start([plain(OK, page.as_bytes())]).await;
    let client = node.client();
    let found = client.siblings(&version(), ChainId::new(3), 9).await;
    let hashes = found.unwrap().into_iter().map(|block| block.hash);
    assert_eq!(hashes.collect::<Vec<_>>(), [hash(A), hash(B)]);
    let line = "GET /chainweb/0.0/development/chain/3/header?minheight=9&maxheight=9 HTTP/1.1";
    assert_eq!(node.request().await.line, line);
}

#[tokio::test]
async fn malformed_headers_are_errors() {
    let good = header_object(A, B, 1);
    for item in [
        "null".to_owned(),
        format!("{A:?}"),
        good.replace(r#""nonce":"1""#, r#""nonce":1"#),
        good.replace(r#""nonce":"1""#, r#""nonce":"-1""#),
        good.replace("1700000000000000", "1e99"),
        good.replace("payloadHash", "payload"),
        good.replace(r#""hash""#, r#""hash":"short","x""#),
    ] {
        let page = format!(r#"{{"limit":1,"items":[{item}],"next":null}}"#);
        let node = Scripted::start([plain(OK, page.as_bytes())]).await;
        let client = node.client();
        let found = client
            .headers(&version(), ChainId::new(3), hash(A), 9..=9)
            .await;
        let is_malformed = matches!(found, Err(Error::Malformed(Malformed::Json { .. })));
        assert!(is_malformed, "{item}: {found:?}");
    }
    // More than were asked for, as from a node that ignores the bounds.
    let items = vec![good; 4096].join(",");
    let page = format!(r#"{{"limit":4096,"items":[{items}],"next":"inclusive:{A}"}}"#);
    let node = Scripted::start([plain(OK, page.as_bytes())]).await;
    let client = node.client();
    let found = client
        .headers(&version(), ChainId::new(3), hash(A), 1..=9)
        .await;
    assert!(matches!(found, Err(Error::Malformed(_))), "{found:?}");
}
