//! The on-demand server's HTTP, byte by byte.

use std::net::SocketAddr;

use chainweb::ChainGraph;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Shop;

/// Sends one request on a connection of its own; returns the status and the body of the response.
pub(in super::super) async fn ask(
    address: SocketAddr,
    method: &str,
    target: &str,
    body: &str,
) -> (u16, String) {
    let length = body.len();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let answer = exchange(address, request.as_bytes()).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// Sends bytes and returns everything received until the other end closes.
async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// Returns the lines of the response without its date.
async fn lines(address: SocketAddr, request: &str) -> Vec<String> {
    let answer = exchange(address, request.as_bytes()).await;
    let lines = answer.split("\r\n");
    let lines = lines.filter(|line| !line.starts_with("date: ") && *line != "connection: close");
    lines.map(str::to_owned).collect()
}

const HEAD: &str = "/make-blocks HTTP/1.1\r\nHost: here\r\nConnection: close\r\n";

#[tokio::test]
async fn responses_are_those_of_the_haskell_client() {
    let shop = Shop::on(ChainGraph::pair()).await;
    let check = async |request: String, expected: &[&str]| {
        assert_eq!(lines(shop.address, &request).await, expected, "{request:?}");
    };
    let taken = [
        "HTTP/1.1 200 OK",
        "content-type: text/plain",
        "content-length: 2",
        "",
        "[]",
    ];
    for more in [
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: application/json\r\nAccept: application/json, text/plain, */*\r\n",
        "Content-Type: application/json\r\nAccept: application/json\r\n",
        "Content-Type: nonsense\r\nAccept: text/*\r\n",
        "",
    ] {
        let request = format!("POST {HEAD}{more}Content-Length: 2\r\n\r\n{{}}");
        check(request, &taken).await;
    }
    let chunked =
        format!("POST {HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n1\r\n}}\r\n0\r\n\r\n");
    check(chunked, &taken).await;
    check(
        format!("POST {HEAD}Accept: text/html\r\nContent-Length: 2\r\n\r\n{{}}"),
        &[
            "HTTP/1.1 406 Not Acceptable",
            "content-type: text/plain",
            "content-length: 61",
            "",
            "the response is text/plain, which the request does not accept",
        ],
    )
    .await;
    check(
        format!("GET {HEAD}\r\n"),
        &[
            "HTTP/1.1 200 OK",
            "content-type: application/json",
            "content-length: 2",
            "",
            "{}",
        ],
    )
    .await;
    check(
        format!("OPTIONS {HEAD}\r\n"),
        &[
            "HTTP/1.1 204 No Content",
            "allow: GET, HEAD, POST, DELETE, OPTIONS",
            "",
            "",
        ],
    )
    .await;
    for method in ["PUT", "PATCH", "TRACE", "BREW"] {
        check(
            format!("{method} {HEAD}\r\n"),
            &[
                "HTTP/1.1 405 Method Not Allowed",
                "content-type: text/plain",
                "allow: GET, HEAD, POST, DELETE, OPTIONS",
                "content-length: 43",
                "",
                "use one of GET, HEAD, POST, DELETE, OPTIONS",
            ],
        )
        .await;
    }
    for target in ["/", "/make-block", "/make-blocks/", "/make-blocks/0"] {
        check(
            format!("POST {target} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"),
            &[
                "HTTP/1.1 404 Not Found",
                "content-type: text/plain",
                "content-length: 44",
                "",
                "not found; the only endpoint is /make-blocks",
            ],
        )
        .await;
    }
    shop.ends_with(0).await;
}

#[tokio::test]
async fn bad_requests_get_the_reason_and_make_no_block() {
    let shop = Shop::on(ChainGraph::pair()).await;
    let check = async |body: &[u8], parts: &[&str]| {
        let length = body.len();
        let head = format!("POST {HEAD}Content-Length: {length}\r\n\r\n");
        let answer = exchange(shop.address, &[head.as_bytes(), body].concat()).await;
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 "), "{answer}");
        let (first, rest) = text.split_once('\n').unwrap();
        assert_eq!(first, "invalid request body");
        for part in parts {
            assert!(rest.contains(part), "no {part:?} in {rest:?}");
        }
    };
    let form = r#"as in {"0":2,"5":1}"#;
    check(b"", &[form, "EOF"]).await;
    check(b"blocks", &[form]).await;
    check(b"[1]", &[form]).await;
    check(b"3", &[form]).await;
    check(br#"{"0":-1}"#, &[form, "-1"]).await;
    check(br#"{"0":0.5}"#, &[form, "0.5"]).await;
    check(br#"{"0":"1"}"#, &[form]).await;
    check(br#"{"0":null}"#, &[form]).await;
    check(br#"{"0":{"0":1}}"#, &[form]).await;
    check(br#"{"0":1}{"#, &[form]).await;
    check(br#"{"0":1"#, &[form]).await;
    check(br#"{"0":18446744073709551616}"#, &[form]).await;
    check(b"{\"\xff\":1}", &[form]).await;
    check("[".repeat(60_000).as_bytes(), &[form]).await;
    let limit = "no more than 1000000 blocks of a chain can be outstanding";
    check(br#"{"0":18446744073709551615}"#, &[limit, "chain 0"]).await;
    check(br#"{"1":1000001}"#, &[limit, "chain 1"]).await;
    for key in ["", "-1", "+1", "x", "1.0", " 1", "4294967296"] {
        let digits = "the number of a chain in decimal digits";
        check(format!("{{\"{key}\":1}}").as_bytes(), &[digits, key]).await;
    }
    check(br#"{"2":1}"#, &["the node has no chain 2; it has 0, 1"]).await;
    let large = "x".repeat(10_000_000);
    let answer = ask(shop.address, "POST", "/make-blocks", &large).await;
    assert_eq!(
        answer,
        (413, "the body has more than 65536 bytes".to_owned())
    );
    for (query, part) in [
        ("wait=x", "\"x\""),
        ("wait", "0 to 600"),
        ("wait=-1", "\"-1\""),
        ("wait=NaN", "\"NaN\""),
        ("wait=601", "0 to 600"),
        ("wait=1e300", "0 to 600"),
        ("block=1", "expected wait=<seconds>, got \"block\""),
    ] {
        let target = format!("/make-blocks?{query}");
        let (status, text) = ask(shop.address, "POST", &target, r#"{"0":1}"#).await;
        assert_eq!(status, 400, "{query}");
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(shop.outstanding().await, "{}");
    shop.ends_with(0).await;
}

#[tokio::test]
async fn silent_clients_do_not_delay_the_shutdown() {
    let shop = Shop::on(ChainGraph::pair()).await;
    let _silent = TcpStream::connect(shop.address).await.unwrap();
    let mut halfway = TcpStream::connect(shop.address).await.unwrap();
    let half = format!("POST {HEAD}Content-Length: 2\r\n\r\n{{");
    halfway.write_all(half.as_bytes()).await.unwrap();
    shop.make("{}").await;
    let ended = shop.story.end().await;
    assert_eq!(ended.log.count(&["could not be submitted"]), 0);
}
