use std::cell::RefCell;
use std::time::Duration;

use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::document::Format;
use super::{Document, Patience, fetch, may_follow, parse, public};

/// Far longer than any request on loopback.
const LONG: Patience = Patience {
    time: Duration::from_mins(1),
    attempts: 2,
    pause: Duration::from_millis(1),
};

/// How the server handles a request.
#[derive(Clone, Copy)]
enum Behaviour {
    /// Sends this and closes.
    Answer(&'static str),
    /// Sends nothing, and takes no further connection.
    Hang,
    /// Sends a body without an end.
    Endless,
}

use Behaviour::{Answer, Endless, Hang};

const GOOD: Behaviour =
    Answer("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
const BUSY: Behaviour = Answer("HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n");

/// The outcome of a fetch.
struct Outcome {
    result: Result<Document, String>,
    reports: Vec<String>,
    requests: Vec<String>,
}

/// Fetches from a server with one behaviour per request; the last one repeats.
async fn outcome(behaviours: &[Behaviour], patience: Patience) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let requests = RefCell::new(Vec::new());
    let serve = async {
        for at in 0.. {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let request = request(&mut stream).await;
            requests.borrow_mut().push(request);
            match behaviours[at.min(behaviours.len() - 1)] {
                Hang => std::future::pending().await,
                Answer(text) => {
                    let text = text.replace("{address}", &address);
                    stream.write_all(text.as_bytes()).await.ok();
                }
                Endless => {
                    let head = b"HTTP/1.1 200 OK\r\n\r\n";
                    stream.write_all(head).await.ok();
                    while stream.write_all(&[b' '; 8192]).await.is_ok() {}
                }
            }
        }
    };
    let text = format!("http://user:secret@{address}/miner.toml?token=secret");
    let url = Url::parse(&text).expect("a URL");
    let reports = RefCell::new(Vec::new());
    let report = |line: &str| {
        let line = line.replace(&address, "{address}");
        reports.borrow_mut().push(line);
    };
    let result = tokio::select! {
        result = fetch(&url, patience, report) => result,
        () = serve => unreachable!("it serves for ever"),
    };
    Outcome {
        result,
        reports: reports.into_inner(),
        requests: requests.into_inner(),
    }
}

/// The head of a request.
async fn request(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a whole request"));
    }
    String::from_utf8(head).expect("text")
}

#[track_caller]
fn wrong(outcome: &Outcome) -> &str {
    let why = outcome.result.as_ref().expect_err("the fetch fails");
    assert!(!why.contains("secret"), "{why}");
    why
}

#[tokio::test]
async fn a_failed_attempt_is_reported_without_secrets_and_repeated() {
    let outcome = outcome(&[BUSY, GOOD], LONG).await;
    let fetched = (b"{}".to_vec(), Some(Format::Json));
    assert_eq!(outcome.result, Ok(fetched));
    let report =
        "http://{address}/miner.toml: the server returned 503 Service Unavailable; retrying";
    assert_eq!(outcome.reports, [report]);
    assert_eq!(outcome.requests.len(), 2);
    let request = outcome.requests[0].to_ascii_lowercase();
    assert!(
        request.starts_with("get /miner.toml?token=secret http/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("authorization: basic"), "{request}");
}

#[tokio::test]
async fn without_a_known_media_type_the_name_decides_the_format() {
    let plain = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\na = 1";
    let fetched = outcome(&[Answer(plain)], LONG).await.result;
    assert_eq!(fetched.map(|(_, format)| format), Ok(Some(Format::Toml)));
}

#[tokio::test]
async fn the_number_of_attempts_is_bounded() {
    let busy = outcome(&[BUSY], LONG).await;
    assert_eq!(wrong(&busy), "the server returned 503 Service Unavailable");
    assert_eq!((busy.requests.len(), busy.reports.len()), (2, 1));
    let cut = outcome(
        &[Answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na")],
        LONG,
    )
    .await;
    assert!(!wrong(&cut).is_empty());
    assert_eq!(cut.requests.len(), 2);
    let short = Patience {
        time: Duration::from_millis(300),
        ..LONG
    };
    let hanging = outcome(&[Hang], short).await;
    assert_eq!(wrong(&hanging), "no complete response within 300ms");
    assert_eq!(hanging.reports.len(), 1);
}

#[tokio::test]
async fn permanent_failures_are_not_retried() {
    #[track_caller]
    fn check(outcome: &Outcome, requests: usize, why: &str) {
        assert_eq!(wrong(outcome), why);
        assert_eq!(
            (outcome.requests.len(), outcome.reports.len()),
            (requests, 0)
        );
    }
    let missing = "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno!";
    check(
        &outcome(&[Answer(missing)], LONG).await,
        1,
        "the server returned 404 Not Found",
    );
    let page = "HTTP/1.1 200 OK\r\nContent-Type: Text/HTML\r\nContent-Length: 0\r\n\r\n";
    let why = "it is a web page (HTML), not settings";
    check(&outcome(&[Answer(page)], LONG).await, 1, why);
    let why = "it is larger than 1 MiB, the limit for settings";
    check(&outcome(&[Endless], LONG).await, 1, why);
    let around = "HTTP/1.1 302 Found\r\nLocation: http://{address}/x?secret\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    check(
        &outcome(&[Answer(around)], LONG).await,
        6,
        "it redirects too often",
    );
}

#[test]
fn a_redirect_never_leaves_tls() {
    let url = |text: &str| Url::parse(text).expect("a URL");
    let (plain, tls) = (url("http://host/"), url("https://host/"));
    let from = |previous: &[&Url], next: &Url| {
        let previous: Vec<Url> = previous.iter().copied().cloned().collect();
        may_follow(&previous, next)
    };
    assert_eq!(from(&[&plain], &plain), Ok(()));
    assert_eq!(from(&[&plain], &tls), Ok(()));
    assert_eq!(from(&[&tls], &tls), Ok(()));
    let why = "it redirects from https to http, which is not secure";
    assert_eq!(from(&[&plain, &tls], &plain), Err(why));
    let why = "it redirects to a URL that is neither http nor https";
    assert_eq!(from(&[&plain], &url("ftp://host/")), Err(why));
    assert_eq!(from(&[&plain; 6], &plain), Err("it redirects too often"));
}

#[test]
fn public_urls_have_no_user_password_or_query() {
    let parsed = |text| parse(text).expect("not a path");
    let url = parsed("https://user:secret@Host:8443/a/b.json?token=secret#x").expect("a URL");
    assert_eq!(public(&url), "https://host:8443/a/b.json");
    let wrong = parsed("ftp://user:secret@host/").expect_err("another scheme");
    assert_eq!(wrong, "expected a path or an http(s) URL, got \"ftp\"");
    let wrong = parsed("http://user:secret@/").expect_err("no host");
    assert_eq!(wrong, "expected a path or an http(s) URL: empty host");
    assert!(parse("a/b.yaml").is_none());
}
