//! Every kind of line that a device should not send.

use std::time::Duration;

use chainweb::Level;
use stratum::{Close, DifficultyMode, SessionLimits};

use crate::fixture::{Client, SentJob, TestServer};

fn test_server() -> TestServer {
    let mut server = TestServer::new(DifficultyMode::Level(Level::new(0).unwrap()));
    let work = server.work(0, 1, 60);
    server.jobs.set_work(server.now, &[work]);
    server
}

fn logged_in(server: &TestServer) -> (Client, SentJob) {
    let mut client = server.client(0);
    let job = client.log_in(server, "a.rig", "x");
    (client, job)
}

#[test]
fn each_bad_line_is_answered_and_the_session_stays_open() {
    let server = test_server();
    let (mut client, _) = logged_in(&server);
    let mut check = |line: &str, error: &str, id: &str| {
        assert_eq!(
            client.line(&server, line),
            format!("{{\"result\":null,\"error\":[20,\"{error}\",null],\"id\":{id}}}\n")
        );
        assert_eq!(client.out.close, None);
        assert_eq!(
            client.line(&server, r#"{"id":0,"method":"mining.ping"}"#),
            "{\"result\":\"pong\",\"error\":null,\"id\":0}\n"
        );
    };
    check("GET / HTTP/1.1", "not a JSON object", "null");
    check("{\"id\":1,\"method\":", "not a JSON object", "null");
    check("[1,2]", "not a JSON object", "null");
    check("17", "not a JSON object", "null");
    check(&"[".repeat(10_000), "not a JSON object", "null");
    check(
        &format!(
            "{{\"id\":1,\"method\":{}1{}}}",
            "[".repeat(10_000),
            "]".repeat(10_000)
        ),
        "no method",
        "1",
    );
    check("{}", "no method", "null");
    check(r#"{"id":5}"#, "no method", "5");
    check(r#"{"id":5,"method":null}"#, "no method", "5");
    check(r#"{"id":5,"result":true,"error":null}"#, "no method", "5");
    check(r#"{"method":"mining.nonsense"}"#, "unknown method", "null");
    check(
        r#"{"id":{"a":[1]},"method":"mining.get_transactions"}"#,
        "unknown method",
        r#"{"a":[1]}"#,
    );
    check(
        r#"{"id":-1.5e300,"method":"mining.suggest_difficulty","params":[[1]]}"#,
        "invalid parameters",
        "-1.5e300",
    );
    check(
        r#"{"id":"é","method":"mining.suggest_target"}"#,
        "invalid parameters",
        r#""é""#,
    );
    check(
        r#"{"id":false,"method":"mining.authorize","params":[]}"#,
        "invalid parameters",
        "false",
    );
    check(
        r#"{"id":7,"method":"mining.authorize","params":[7]}"#,
        "invalid parameters",
        "7",
    );
    check(
        r#"{"id":7,"method":"mining.authorize","params":"u"}"#,
        "invalid parameters",
        "7",
    );
    assert_eq!(client.out.bad_lines, 15);
}

#[test]
fn lines_that_are_not_utf8_are_answered_too() {
    let server = test_server();
    let (mut client, _) = logged_in(&server);
    client
        .session
        .handle_line(server.now, b"\xff\xfe{\"id\":1}", &mut client.out);
    assert_eq!(
        &client.out.take_lines()[..],
        b"{\"result\":null,\"error\":[20,\"not a JSON object\",null],\"id\":null}\n"
    );
    assert_eq!(client.out.close, None);
}

#[test]
fn other_stratum_methods_are_answered() {
    let server = test_server();
    let (mut client, _) = logged_in(&server);
    let mut check = |method: &str, result: &str| {
        assert_eq!(
            client.line(
                &server,
                &format!(r#"{{"id":8,"method":"{method}","params":[]}}"#)
            ),
            format!("{{\"result\":{result},\"error\":null,\"id\":8}}\n")
        );
    };
    check("mining.extranonce.subscribe", "true");
    check("mining.configure", "{}");
    check("mining.ping", "\"pong\"");
}

#[test]
fn shares_parse_in_all_spellings() {
    let server = test_server();
    let (mut client, job) = logged_in(&server);
    let upper = job.id.to_uppercase();
    let mut check = |params: &str, answer: &str| {
        let line = format!(r#"{{"id":9,"method":"mining.submit","params":{params}}}"#);
        assert_eq!(
            client.line(&server, &line),
            format!("{{{answer},\"id\":9}}\n"),
            "{params}"
        );
    };
    let accepted = r#""result":true,"error":null"#;
    let duplicate = r#""result":false,"error":[22,"duplicate share",null]"#;
    let bad = r#""result":false,"error":[20,"invalid nonce2",null]"#;
    let job = &job.id;
    check(&format!(r#"["u","{job}","00000000abcd"]"#), accepted);
    check(&format!(r#"["u","{job}","ABCD"]"#), duplicate);
    check(&format!(r#"["u","{job}","0xabcd"]"#), duplicate);
    check(&format!(r#"["u","{upper}","abcd","7"]"#), duplicate);
    check(&format!(r#"[null,"{job}","bcd",[],{{}}]"#), accepted);
    check(&format!(r#"["u","{job}",""]"#), bad);
    check(&format!(r#"["u","{job}","0000000000abcd"]"#), duplicate);
    check(&format!(r#"["u","{job}","0100000000abcd"]"#), bad);
    check(&format!(r#"["u","{job}","zz"]"#), bad);
    let not_found = r#""result":false,"error":[21,"job not found",null]"#;
    check(r#"["u","","zz"]"#, bad);
    // Every hash is a share at level 0, so it counts for the only job.
    check(r#"["u","no job","ff01"]"#, accepted);
    check(r#"["u",12345678901234567890,"ff02"]"#, accepted);
    let malformed = r#""result":null,"error":[20,"invalid parameters",null]"#;
    check(r#"["u","j"]"#, malformed);
    check(r#"["u","j",17]"#, malformed);
    check(r#"["u",{},"00"]"#, malformed);
    check("17", malformed);
    let mut other = TestServer::new(DifficultyMode::Block);
    other.now = server.now;
    let work = other.work(0, 9, 60);
    other.jobs.set_work(other.now, &[work]);
    let mut client = other.client(0);
    client.log_in(&other, "a", "x");
    let line = format!(
        r#"{{"id":9,"method":"mining.submit","params":["u","{}","00"]}}"#,
        "ffffffff"
    );
    assert_eq!(
        client.line(&other, &line),
        format!("{{{not_found},\"id\":9}}\n")
    );
}

#[test]
fn shares_before_the_login_are_refused() {
    let server = test_server();
    let mut client = server.client(0);
    assert_eq!(client.submit(&server, "00000000", 1), Err(25));
    client.line(
        &server,
        r#"{"id":2,"method":"mining.authorize","params":["a.b"]}"#,
    );
    assert_eq!(client.submit(&server, "00000000", 1), Err(25));
    let mut client = server.client(0);
    client.line(
        &server,
        r#"{"id":1,"method":"mining.subscribe","params":[]}"#,
    );
    assert_eq!(client.submit(&server, "00000000", 1), Err(24));
    assert_eq!(client.out.close, None);
}

#[test]
fn clients_have_twenty_seconds_to_subscribe() {
    let mut server = test_server();
    let mut client = server.client(0);
    let due = server.now + Duration::from_secs(20);
    let shortly_before = server.now + Duration::from_millis(19_999);
    client.line(
        &server,
        r#"{"id":2,"method":"mining.authorize","params":["a.b"]}"#,
    );
    client.line(
        &server,
        r#"{"id":2,"method":"mining.ping","params":["a.b"]}"#,
    );
    assert_eq!(client.session.wakeup(), due);
    server.now = shortly_before;
    client.tick(&server);
    assert_eq!(client.out.close, None);
    server.now = due;
    client.tick(&server);
    assert_eq!(client.out.close, Some(Close::NotSubscribed));
}

#[test]
fn a_flood_ends_the_session_and_a_busy_proxy_stays() {
    let limits = SessionLimits {
        lines_per_second: 100,
        burst: 1000,
        ..SessionLimits::default()
    };
    let mut server = TestServer::with_limits(DifficultyMode::Block, limits);
    let mut client = server.client(0);
    for _ in 0..1000 {
        server.pass(Duration::from_millis(10));
        client.line(&server, "{}");
    }
    assert_eq!(client.out.close, None);
    // Refills what was spent.
    server.pass(Duration::from_secs(1));
    for _ in 0..1000 {
        client.line(&server, "{}");
    }
    assert_eq!(client.out.close, None);
    client.line(&server, "{}");
    assert_eq!(client.out.close, Some(Close::Flood));
    // Blank lines have no answer, but their bytes count.
    let mut client = server.client(0);
    client
        .session
        .received(server.now, 600_000, &mut client.out);
    assert_eq!(client.out.close, Some(Close::Flood));
}

#[test]
fn names_of_any_length_are_truncated() {
    let server = test_server();
    let mut client = server.client(0);
    let long = "é".repeat(30_000);
    client.line(
        &server,
        &format!(r#"{{"id":1,"method":"mining.subscribe","params":["{long}"]}}"#),
    );
    client.line(
        &server,
        &format!(r#"{{"id":2,"method":"mining.authorize","params":["{long}","{long}"]}}"#),
    );
    let worker = client.session.worker().unwrap();
    assert_eq!(worker.as_str(), "é".repeat(80));
    assert_eq!(client.session.agent(), "é".repeat(32));
}
