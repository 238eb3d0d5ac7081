//! `GET …/mining/work`.

use std::time::Duration;

use chainweb::{ChainId, Work, WorkHeader};
use fixtures::PUBLIC_KEY as KEY;
use node::{Client, Config, Error, Limits, Malformed, Miner, NoAnswer, Refusal, Retry};
use proptest::prelude::*;

use crate::scripted::{Act, Scripted, chunked, plain, request, short_limits, unfinished, version};

pub(crate) fn header() -> WorkHeader {
    fixtures::mainnet()[7].work().clone()
}

fn work() -> Work {
    Work::new(header()).unwrap()
}

const OK: &str = "200 OK\r\nContent-Type: application/octet-stream";

/// Returns the result of a request for work with this response.
async fn request_work(acts: Vec<Act>) -> Result<Work, Error> {
    Scripted::start([acts])
        .await
        .client()
        .work(&version(), None)
        .await
}

#[tokio::test]
async fn work_is_requested_by_get_with_the_miner_as_json() {
    let bytes = work().encode();
    let mut node = Scripted::start([chunked(OK, &[&bytes])]).await;
    assert_eq!(node.client().work(&version(), None).await, Ok(work()));
    let body = format!(r#"{{"account":"k:{KEY}","predicate":"keys-all","public-keys":["{KEY}"]}}"#);
    let headers = [
        ("accept", "*/*"),
        ("content-type", "application/json"),
        ("content-length", &body.len().to_string()),
    ];
    let expected = request(
        "GET /chainweb/0.0/development/mining/work HTTP/1.1",
        &headers,
        body.as_bytes(),
    );
    assert_eq!(node.request().await, expected);
}

#[tokio::test]
async fn a_chain_is_suggested_in_the_query() {
    let mut node = Scripted::start([plain(OK, &work().encode())]).await;
    node.client()
        .work(&version(), Some(ChainId::new(19)))
        .await
        .unwrap();
    assert_eq!(
        node.request().await.line,
        "GET /chainweb/0.0/development/mining/work?chain=19 HTTP/1.1"
    );
}

#[tokio::test]
async fn the_miner_is_sent_unchanged() {
    let table = [
        (
            None,
            None,
            r#"{"account":"k:","predicate":"keys-all","public-keys":[""]}"#,
        ),
        (
            Some(""),
            None,
            r#"{"account":"k:","predicate":"keys-all","public-keys":[""]}"#,
        ),
        (
            Some("AbC"),
            None,
            r#"{"account":"k:AbC","predicate":"keys-all","public-keys":["AbC"]}"#,
        ),
        (
            Some("AbC"),
            Some("Bob \"B\" Ü"),
            r#"{"account":"Bob \"B\" Ü","predicate":"keys-all","public-keys":["AbC"]}"#,
        ),
        (
            None,
            Some("acc"),
            r#"{"account":"acc","predicate":"keys-all","public-keys":[""]}"#,
        ),
    ];
    for (key, account, expected) in table {
        let mut node = Scripted::start([plain(OK, &work().encode())]).await;
        let client = Client::new(Config {
            endpoint: node.url().parse().unwrap(),
            miner: Miner::new(key, account),
            trust: node::Trust::default(),
            limits: Limits::default(),
        });
        client.unwrap().work(&version(), None).await.unwrap();
        assert_eq!(
            String::from_utf8(node.request().await.body).unwrap(),
            expected
        );
    }
}

#[tokio::test]
async fn work_does_not_depend_on_the_pieces() {
    let bytes = work().encode();
    let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(request_work(chunked(OK, &pieces)).await, Ok(work()));
}

#[track_caller]
fn check_refusal(result: Result<Work, Error>, expected: Refusal, retry: Retry) {
    assert_eq!(result, Err(Error::Refused(expected)));
    assert_eq!(result.unwrap_err().retry(), retry);
}

#[tokio::test]
async fn every_refusal_has_its_variant() {
    let path = || "/chainweb/0.0/development/mining/work".to_owned();
    let status = |status, text: &str| Refusal::Status {
        path: path(),
        status,
        text: text.to_owned(),
    };
    let text = str::to_owned;

    check_refusal(
        request_work(chunked(
            "403 Forbidden\r\nContent-Type: text/plain;charset=utf-8",
            &[b"Unauthorized Miner: k:abc"],
        ))
        .await,
        Refusal::Unauthorized {
            sent: Miner::new(Some(KEY), None),
            text: text("Unauthorized Miner: k:abc"),
        },
        Retry::Later,
    );
    check_refusal(
        request_work(plain(
            "400 Bad Request",
            b"Error in $: key \"account\" not found",
        ))
        .await,
        Refusal::Unreadable {
            text: text("Error in $: key \"account\" not found"),
            solution: false,
        },
        Retry::Later,
    );
    check_refusal(
        request_work(plain("404 Not Found", b"")).await,
        Refusal::NotServed { path: path() },
        Retry::AfterInfo,
    );
    check_refusal(
        request_work(plain("503 Service Unavailable", b"Too many work requests")).await,
        Refusal::Busy {
            status: 503,
            retry_after: None,
            text: text("Too many work requests"),
        },
        Retry::Soon,
    );
    check_refusal(
        request_work(plain("500 Internal Server Error", b"Something went wrong")).await,
        status(500, "Something went wrong"),
        Retry::Soon,
    );
    check_refusal(
        request_work(plain("405 Method Not Allowed", b"")).await,
        status(405, ""),
        Retry::Soon,
    );
    check_refusal(
        request_work(plain("406 Not Acceptable", b"")).await,
        status(406, ""),
        Retry::Soon,
    );
    check_refusal(
        request_work(plain("415 Unsupported Media Type", b"")).await,
        status(415, ""),
        Retry::Soon,
    );
    check_refusal(
        request_work(plain(
            "301 Moved Permanently\r\nLocation: https://example.com/",
            b"",
        ))
        .await,
        status(301, "redirect to https://example.com/"),
        Retry::Soon,
    );
}

#[tokio::test]
async fn refusals_that_no_node_sends_are_foreign() {
    for (line, body) in [
        ("403 Forbidden", "<html>Attention Required!</html>"),
        ("403 Forbidden", ""),
        ("400 Bad Request", "Bad Request"),
        ("400 Bad Request", "<html>400 Bad Request</html>"),
        ("400 Bad Request", r#"{"error":"bad request"}"#),
    ] {
        let foreign = Refusal::Foreign {
            path: "/chainweb/0.0/development/mining/work".to_owned(),
            status: line[..3].parse().unwrap(),
            text: body.to_owned(),
        };
        let result = request_work(plain(line, body.as_bytes())).await;
        check_refusal(result, foreign, Retry::Soon);
    }
}

#[tokio::test]
async fn an_unauthorized_miner_is_an_error_with_what_to_change() {
    let error = request_work(plain("403 Forbidden", b"Unauthorized Miner: k:abc"))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the node refuses to mine for this key (403 \"Unauthorized Miner: k:abc\"): sent account \
             \"k:{KEY}\", public key \"{KEY}\", predicate keys-all; account and key set must equal one \
             of the node's configured miners exactly: give this client that miner's --public-key and \
             --account (some nodes use the bare key as account), or start the node with \
             --mining-public-key={KEY} (account k:{KEY})"
        )
    );
}

#[tokio::test]
async fn only_the_start_of_an_error_text_is_kept() {
    let endless = vec![
        Act::Send(b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec()),
        Act::SendForEver(b"4\r\nOops\r\n".to_vec()),
    ];
    let expected = Refusal::Status {
        path: "/chainweb/0.0/development/mining/work".to_owned(),
        status: 500,
        text: "Oops".repeat(75) + "…",
    };
    check_refusal(request_work(endless).await, expected, Retry::Soon);
}

#[tokio::test]
async fn work_over_the_limit_is_an_error_and_not_read() {
    let too_long = Err(Error::Malformed(Malformed::TooLong {
        what: "work",
        limit_bytes: 4096,
    }));
    // Ten megabytes are declared and never sent: the declared length is an error.
    let announced = vec![
        Act::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n".to_vec()),
        Act::Hang,
    ];
    assert_eq!(request_work(announced).await, too_long);
    // No length is declared, and the body never ends.
    let endless = vec![
        Act::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec()),
        Act::SendForEver([b"1000\r\n".as_slice(), &[0; 0x1000], b"\r\n"].concat()),
    ];
    assert_eq!(request_work(endless).await, too_long);
    // One byte too much, and exactly enough.
    assert_eq!(request_work(plain(OK, &[0; 4097])).await, too_long);
    assert!(matches!(
        request_work(plain(OK, &[0; 4096])).await,
        Err(Error::Malformed(Malformed::Work { len: 4096, .. }))
    ));
}

#[tokio::test]
async fn malformed_work_is_an_error_with_its_length() {
    for len in [0, 35, 36, 213, 321, 322, 323] {
        // Each byte differs from the bytes next to it: no such work exists.
        let bytes: Vec<u8> = (0..len)
            .map(|at| u8::try_from(at * 7 % 251).unwrap())
            .collect();
        let why = Work::decode(&bytes).unwrap_err();
        let error = request_work(plain(OK, &bytes)).await.unwrap_err();
        assert_eq!(error, Error::Malformed(Malformed::Work { len, why }));
        assert_eq!(error.retry(), Retry::Soon);
    }
}

#[tokio::test]
async fn truncated_work_is_no_response() {
    let mut half = unfinished(OK, &[&work().encode()[..100]]);
    half.push(Act::Close);
    for acts in [
        half,
        vec![
            Act::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 322\r\n\r\nxx".to_vec()),
            Act::Close,
        ],
    ] {
        let error = request_work(acts).await.unwrap_err();
        assert!(
            matches!(error, Error::NoAnswer(NoAnswer::Broken { .. })),
            "{error:?}"
        );
        assert_eq!(error.retry(), Retry::Soon);
    }
}

#[tokio::test]
async fn a_node_without_work_holds_the_request_until_the_time_limit() {
    let mut half = unfinished(OK, &[&work().encode()[..100]]);
    half.push(Act::Hang);
    for acts in [vec![Act::Hang], half] {
        let node = Scripted::start([acts]).await;
        let result = node
            .client_with(short_limits(250))
            .work(&version(), None)
            .await;
        let expected = NoAnswer::Timeout {
            endpoint: node.url(),
            after: Duration::from_millis(250),
        };
        assert_eq!(result, Err(Error::NoAnswer(expected)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_bytes_after_the_status_line_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let acts = vec![Act::Send([b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &bytes].concat()), Act::Close];
        let result = runtime.block_on(request_work(acts));
        let why = Work::decode(&bytes).unwrap_err();
        prop_assert_eq!(result, Err(Error::Malformed(Malformed::Work { len: bytes.len(), why })));
    }
}
