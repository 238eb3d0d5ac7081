//! `POST …/mining/solved`.

use std::time::Duration;

use node::{Error, Malformed, NoAnswer, Refusal, Retry};

use crate::scripted::{Act, Scripted, chunked, plain, request, short_limits, unfinished, version};
use crate::work::header;

async fn submit(acts: Vec<Act>) -> Result<(), Error> {
    Scripted::start([acts])
        .await
        .client()
        .solved(&version(), &header())
        .await
}

#[tokio::test]
async fn a_solution_is_posted_as_its_bytes_alone() {
    let mut node = Scripted::start([chunked(
        "200 OK\r\nContent-Type: application/json;charset=utf-8",
        &[],
    )])
    .await;
    assert_eq!(node.client().solved(&version(), &header()).await, Ok(()));
    let headers = [
        ("accept", "*/*"),
        ("content-type", "application/octet-stream"),
        ("content-length", "286"),
    ];
    let expected = request(
        "POST /chainweb/0.0/development/mining/solved HTTP/1.1",
        &headers,
        header().as_bytes(),
    );
    assert_eq!(node.request().await, expected);
}

#[tokio::test]
async fn any_empty_2xx_status_is_success() {
    assert_eq!(submit(plain("200 OK", b"")).await, Ok(()));
    assert_eq!(
        submit(vec![Act::Send(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())]).await,
        Ok(())
    );
}

#[tokio::test]
async fn a_2xx_status_with_a_body_is_not_the_nodes() {
    let mut broken = unfinished("200 OK", &[b"x"]);
    broken.push(Act::Reset);
    let endless = vec![
        Act::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec()),
        Act::SendForEver(b"4\r\nnews\r\n".to_vec()),
    ];
    let page = "<html>Log in to this network</html>";
    for (acts, text) in [
        (plain("200 OK", page.as_bytes()), page),
        (plain("202 Accepted", br#"{"ok":true}"#), r#"{"ok":true}"#),
        (broken, "x"),
        (endless, "news"),
    ] {
        let error = submit(acts).await.unwrap_err();
        let Error::Malformed(Malformed::NotEmpty { text: found, .. }) = &error else {
            panic!("{error:?}");
        };
        assert!(found.starts_with(text), "{found}");
        assert_eq!(error.retry(), Retry::Soon);
    }
}

#[tokio::test]
async fn the_status_of_a_submission_counts_even_if_the_end_is_missing() {
    let mut broken = unfinished("200 OK", &[]);
    broken.push(Act::Reset);
    assert_eq!(submit(broken).await, Ok(()));
    let mut hanging = unfinished("200 OK", &[]);
    hanging.push(Act::Hang);
    let node = Scripted::start([hanging]).await;
    assert_eq!(
        node.client_with(short_limits(250))
            .solved(&version(), &header())
            .await,
        Ok(())
    );
}

#[tokio::test]
async fn every_refusal_has_its_variant() {
    #[track_caller]
    fn check(result: Result<(), Error>, expected: Refusal, retry: Retry) {
        assert_eq!(result, Err(Error::Refused(expected)));
        assert_eq!(result.unwrap_err().retry(), retry);
    }
    let path = "/chainweb/0.0/development/mining/solved".to_owned();
    let unreadable = |text: &str| Refusal::Unreadable {
        text: text.to_owned(),
        solution: true,
    };

    check(
        submit(chunked("404 Not Found", &[b"No associated Payload"])).await,
        Refusal::Stale,
        Retry::Never,
    );
    check(
        submit(plain("404 Not Found", b"")).await,
        Refusal::NotServed { path: path.clone() },
        Retry::AfterInfo,
    );
    let text = "Invalid solved work: Invalid POW hash";
    check(
        submit(plain("400 Bad Request", text.as_bytes())).await,
        Refusal::InvalidPow {
            text: text.to_owned(),
        },
        Retry::Never,
    );
    for text in [
        "Decoding error: too few bytes",
        "Unexpected encoding exception",
        "Invalid solved work: Invalid payload hash. Expected: a, Got: b",
    ] {
        check(
            submit(plain("400 Bad Request", text.as_bytes())).await,
            unreadable(text),
            Retry::Never,
        );
    }
    for (line, status, text) in [
        ("400 Bad Request", 400, ""),
        ("400 Bad Request", 400, "<html>Bad Request</html>"),
        ("400 Bad Request", 400, "Error: Invalid POW hash"),
        ("403 Forbidden", 403, "<html>Forbidden</html>"),
        ("404 Not Found", 404, "<html>404 Not Found</html>"),
        ("404 Not Found", 404, "no associated payload"),
    ] {
        check(
            submit(plain(line, text.as_bytes())).await,
            Refusal::Foreign {
                path: path.clone(),
                status,
                text: text.to_owned(),
            },
            Retry::Soon,
        );
    }
    check(
        submit(plain("500 Internal Server Error", b"Something went wrong")).await,
        Refusal::Status {
            path: path.clone(),
            status: 500,
            text: "Something went wrong".to_owned(),
        },
        Retry::Soon,
    );
    check(
        submit(plain("503 Busy", b"later")).await,
        Refusal::Busy {
            status: 503,
            retry_after: None,
            text: "later".to_owned(),
        },
        Retry::Soon,
    );
}

#[tokio::test]
async fn a_requested_pause_is_read_as_seconds_or_date() {
    for (head, seconds) in [
        ("429 Too Many Requests\r\nRetry-After: 7", Some(7)),
        (
            "429 Too Many Requests\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
             Retry-After: Sun, 06 Nov 1994 08:49:57 GMT",
            Some(20),
        ),
        ("429 Too Many Requests\r\nRetry-After: soon", None),
    ] {
        let error = submit(plain(head, b"")).await.unwrap_err();
        assert_eq!(error.retry_after(), seconds.map(Duration::from_secs));
        assert_eq!(error.retry(), Retry::Soon);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let mut node = Scripted::start([
        plain("307 Temporary Redirect\r\nLocation: /elsewhere", b""),
        plain("200 OK", b""),
    ])
    .await;
    let expected = Refusal::Status {
        path: "/chainweb/0.0/development/mining/solved".to_owned(),
        status: 307,
        text: "redirect to /elsewhere".to_owned(),
    };
    let client = node.client();
    assert_eq!(
        client.solved(&version(), &header()).await,
        Err(Error::Refused(expected))
    );
    assert_eq!(
        node.request().await.line,
        "POST /chainweb/0.0/development/mining/solved HTTP/1.1"
    );
    // The next request at the node is the next one of the client, with nothing in between.
    client.solved(&version(), &header()).await.unwrap();
    assert_eq!(
        node.request().await.line,
        "POST /chainweb/0.0/development/mining/solved HTTP/1.1"
    );
}

#[tokio::test]
async fn without_a_response_retry_is_soon() {
    let node = Scripted::start([vec![Act::Hang]]).await;
    let late = node
        .client_with(short_limits(250))
        .solved(&version(), &header())
        .await
        .unwrap_err();
    let expected = NoAnswer::Timeout {
        endpoint: node.url(),
        after: Duration::from_millis(250),
    };
    assert_eq!(
        (late.clone(), late.retry()),
        (Error::NoAnswer(expected), Retry::Soon)
    );
    for act in [Act::Close, Act::Reset] {
        let error = submit(vec![act]).await.unwrap_err();
        assert!(
            matches!(error, Error::NoAnswer(NoAnswer::Broken { .. })),
            "{error:?}"
        );
        assert_eq!(error.retry(), Retry::Soon);
    }
}

#[tokio::test]
async fn a_solution_on_a_dead_pooled_connection_is_sent_again_or_an_error() {
    // The node answers once and closes the connection at the next request.
    let mut node =
        Scripted::start([plain("200 OK", b""), vec![Act::Close], plain("200 OK", b"")]).await;
    let client = node.client();
    client.solved(&version(), &header()).await.unwrap();
    node.request().await;
    let error = client.solved(&version(), &header()).await.unwrap_err();
    assert!(
        matches!(error, Error::NoAnswer(NoAnswer::Broken { .. })),
        "{error:?}"
    );
    assert_eq!(error.retry(), Retry::Soon);
    assert_eq!(client.solved(&version(), &header()).await, Ok(()));
}
