//! Logins in every order, byte by byte.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chainweb::Level;
use stratum::DifficultyMode;

use crate::fixture::{Client, TestServer, last_job, level};

const SUBSCRIBE: &str = r#"{"id":1,"method":"mining.subscribe","params":["GodMiner/2.0.0",null]}"#;
const AUTHORIZE: &str = r#"{"id":2,"method":"mining.authorize","params":["k:ab.rig","x"]}"#;

const TRUE: &str = "{\"result\":true,\"error\":null,\"id\":2}\n";
const TARGET_49: &str = "{\"method\":\"mining.set_target\",\"params\":[\"0000000000007fffffffffffffffffffffffffffffffffffffffffffffffffff\"],\"id\":null}\n";
const TARGET_45: &str = "{\"method\":\"mining.set_target\",\"params\":[\"000000000007ffffffffffffffffffffffffffffffffffffffffffffffffffff\"],\"id\":null}\n";

/// Returns the notification of the job with this creation time, field by field.
fn notify(id: &str, creation_time: &str) -> String {
    let adjacent = |chain: &str| format!("{chain}000000{}", "22".repeat(32));
    let header = [
        "0000000001000000",
        creation_time,
        &"11".repeat(32),
        "0300",
        &adjacent("14"),
        &adjacent("15"),
        &adjacent("16"),
        // The target of 2^60 hashes, least significant byte first.
        &"ff".repeat(24),
        "0f00000000000000",
        &"33".repeat(32),
        "07000000",
        &"44".repeat(32),
        "0100000000000000",
        "05000000",
        "007683dc230a0600",
        "0000000000000000",
    ]
    .concat();
    format!(
        "{{\"method\":\"mining.notify\",\"params\":[\"{id}\",\"{header}\",true],\"id\":null}}\n"
    )
}

const TIME: &str = "00401e18240a0600";

fn test_server() -> TestServer {
    let mut server = TestServer::new(DifficultyMode::default());
    let work = server.work(7, 1, 60);
    server.jobs.set_work(server.now, &[work]);
    server
}

fn subscribed(client: &Client) -> String {
    let nonce1 = client.session.nonce1().unwrap();
    format!("{{\"result\":[null,\"{nonce1}\",6],\"error\":null,\"id\":1}}\n")
}

fn job_id(server: &TestServer) -> String {
    server.jobs.slice(0).job_for(0).unwrap().id().to_string()
}

#[test]
fn subscribe_then_authorize() {
    let server = test_server();
    let mut client = server.client(0);
    // The answer alone: a KA3 reads one line here.
    assert_eq!(client.line(&server, SUBSCRIBE), subscribed(&client));
    assert_eq!(
        client.line(&server, AUTHORIZE),
        [TRUE, TARGET_49, &notify(&job_id(&server), TIME)].concat()
    );
}

#[test]
fn the_statistics_have_the_agent_and_the_address_of_the_last_session() {
    let server = test_server();
    for (last, login) in [(4, [SUBSCRIBE, AUTHORIZE]), (5, [AUTHORIZE, SUBSCRIBE])] {
        let mut client = server.client(0);
        let peer = IpAddr::from([10, 0, 0, last]);
        client.session.set_peer(peer);
        for line in login {
            client.line(&server, line);
        }
        let workers = server.context.stats.snapshot(server.now);
        let found = (workers[0].agent.as_deref(), workers[0].peer);
        assert_eq!(found, (Some("GodMiner/2.0.0"), Some(peer)));
    }
}

#[test]
fn authorize_then_subscribe() {
    let server = test_server();
    let mut client = server.client(0);
    assert_eq!(client.line(&server, AUTHORIZE), TRUE);
    let sent = client.line(&server, SUBSCRIBE);
    assert_eq!(
        sent,
        [
            &subscribed(&client),
            TARGET_49,
            &notify(&job_id(&server), TIME)
        ]
        .concat()
    );
}

#[test]
fn both_at_once_are_answered_before_any_notification() {
    let server = test_server();
    let mut client = server.client(0);
    client
        .session
        .handle_line(server.now, SUBSCRIBE.as_bytes(), &mut client.out);
    let sent = client.line(&server, AUTHORIZE);
    assert_eq!(
        sent,
        [
            &subscribed(&client),
            TRUE,
            TARGET_49,
            &notify(&job_id(&server), TIME)
        ]
        .concat()
    );
}

#[test]
fn a_client_that_never_authorizes_gets_jobs_after_two_seconds() {
    let mut server = test_server();
    let mut client = server.client(0);
    client.line(
        &server,
        r#"{"id":1,"method":"mining.subscribe","params":[]}"#,
    );
    let due = server.now + Duration::from_secs(2);
    assert_eq!(client.session.wakeup(), due);
    server.pass(Duration::from_millis(1999));
    assert_eq!(client.tick(&server), "");
    server.now = due;
    assert_eq!(
        client.tick(&server),
        [TARGET_45, &notify(&job_id(&server), TIME)].concat()
    );
    // A name that comes later changes nothing.
    assert_eq!(client.line(&server, AUTHORIZE), TRUE);
}

#[test]
fn without_work_the_target_is_sent_at_once_and_the_job_with_the_first_work() {
    let mut server = TestServer::new(DifficultyMode::default());
    let mut client = server.client(0);
    client.line(&server, SUBSCRIBE);
    assert_eq!(client.line(&server, AUTHORIZE), [TRUE, TARGET_49].concat());
    let work = server.work(7, 1, 60);
    server.jobs.set_work(server.now, &[work]);
    assert_eq!(client.update_jobs(&server), notify(&job_id(&server), TIME));
}

#[test]
fn the_creation_time_advances_since_the_work_was_received() {
    let mut server = test_server();
    let mut client = server.client(0);
    client.log_in(&server, "rig", "x");
    // 1024 seconds less one for clock drift: 1,023,000,000 µs more.
    server.pass(Duration::from_secs(1024));
    server.jobs.refresh(server.now, 0);
    assert_eq!(
        client.update_jobs(&server),
        notify(&job_id(&server), "c0fd1755240a0600")
    );
    // At the same instant a microsecond more.
    server.jobs.refresh(server.now, 0);
    assert_eq!(
        client.update_jobs(&server),
        notify(&job_id(&server), "c1fd1755240a0600")
    );
}

#[test]
fn the_target_is_the_blocks_where_that_is_easier() {
    #[track_caller]
    fn check(difficulty: &str, password: &str, block: u16, target: u16) {
        let mut server = TestServer::new(difficulty.parse().unwrap());
        let work = server.work(0, 1, block);
        server.jobs.set_work(server.now, &[work]);
        let mut client = server.client(0);
        client.line(&server, SUBSCRIBE);
        let params = format!(r#"["a.b","{password}"]"#);
        let authorize = format!(r#"{{"id":2,"method":"mining.authorize","params":{params}}}"#);
        let sent = client.line(&server, &authorize);
        let expected = format!(r#""mining.set_target","params":["{}"]"#, level(target));
        assert!(sent.contains(&expected), "{sent} has no {expected}");
    }
    check("block", "x", 60, 60);
    check("block", "d=50", 60, 50);
    check("block", "d=10", 60, 40);
    check("42", "x", 60, 42);
    check("42", "d=50", 60, 50);
    check("3", "d=2", 60, 3);
    check("42", "x", 20, 20);
    check("auto", "x", 60, 49);
    check("auto", "d=52", 60, 52);
    check("auto", "d=3", 60, 40);
    check("auto", "x", 7, 7);
}

/// Returns the level sent to a worker of this name at its login.
#[track_caller]
fn level_at_login(server: &TestServer, password: &str) -> u16 {
    let mut client = server.client(0);
    client.line(server, SUBSCRIBE);
    let authorize =
        format!(r#"{{"id":2,"method":"mining.authorize","params":["a.rig","{password}"]}}"#);
    let sent = client.line(server, &authorize);
    (0..=256)
        .find(|&bits| sent.contains(&Level::new(bits).unwrap().target().to_be_hex()))
        .unwrap()
}

/// Returns the level of the last target in some lines.
fn level_in(lines: &str) -> Option<u16> {
    let line = lines.lines().rfind(|line| line.contains("set_target"))?;
    (0..=256).find(|&bits| line.contains(&level(bits).to_be_hex()))
}

/// Removes and returns the warnings: worker, setting and limit.
fn warnings(client: &mut Client) -> Vec<(Option<String>, String, Option<u16>)> {
    std::mem::take(&mut client.out.settings)
        .into_iter()
        .map(|warning| {
            let worker = warning.worker.map(|name| name.as_str().to_owned());
            (worker, warning.setting, warning.limit.map(Level::bits))
        })
        .collect()
}

fn warning(setting: &str, limit: Option<u16>) -> (Option<String>, String, Option<u16>) {
    (Some("rig".to_owned()), setting.to_owned(), limit)
}

#[test]
fn a_password_sets_the_difficulty_within_the_limits_and_nothing_vanishes() {
    #[track_caller]
    fn check(mode: &str, password: &str, bits: u16, warned: &[(&str, Option<u16>)]) {
        let mut server = TestServer::new(mode.parse().unwrap());
        let work = server.work(7, 1, 70);
        server.jobs.set_work(server.now, &[work]);
        let authorize =
            format!(r#"{{"id":2,"method":"mining.authorize","params":["a.rig","{password}"]}}"#);
        let log_in = |user: &str| {
            let mut client = server.client(0);
            client.line(&server, SUBSCRIBE);
            let sent = client.line(&server, &authorize.replace("rig", user));
            assert_eq!(level_in(&sent), Some(bits), "{password}");
            warnings(&mut client).len()
        };
        let mut client = server.client(0);
        client.line(&server, SUBSCRIBE);
        client.line(&server, &authorize);
        let expected: Vec<_> = warned
            .iter()
            .map(|(text, level)| warning(text, *level))
            .collect();
        assert_eq!(warnings(&mut client), expected);
        drop(client);
        assert_eq!(log_in("rig"), 0, "once for a worker name and value");
        assert_eq!(log_in("other"), warned.len());
    }
    check("auto", "d=4096", 44, &[]);
    check("auto", "d=44", 44, &[]);
    check("auto", "diff = 4.4 TH", 42, &[]);
    check("auto", "D=12", 40, &[("D=12", Some(40))]);
    check("auto", "d=0.05", 40, &[("d=0.05", Some(40))]);
    check("auto", "d=256", 64, &[("d=256", Some(64))]);
    check("auto", "fd=44", 49, &[("fd=44", None)]);
    check("auto", "d=x;d=50", 50, &[("d=x", None)]);
    check("block", "sd=4096", 44, &[]);
    check("block", "d=12", 40, &[("d=12", Some(40))]);
    check("block", "d=70", 64, &[("d=70", Some(64))]);
    check("44", "d=12", 40, &[("d=12", Some(40))]);
    check("30", "d=12", 30, &[("d=12", Some(30))]);
    check("66", "d=66", 66, &[]);
}

#[test]
fn a_suggested_difficulty_or_target_applies_within_the_limits() {
    for mode in ["auto", "block", "44"] {
        let mut server = TestServer::new(mode.parse().unwrap());
        let work = server.work(7, 1, 70);
        server.jobs.set_work(server.now, &[work]);
        let mut client = server.client(0);
        let suggest = |method: &str, value: &str| {
            format!(r#"{{"id":2,"method":"mining.suggest_{method}","params":[{value}]}}"#)
        };
        client.line(&server, SUBSCRIBE);
        // Before the login it is the first target, and its warning has the name.
        assert_eq!(client.line(&server, &suggest("difficulty", "12")), TRUE);
        assert_eq!(warnings(&mut client), []);
        let first = client.line(&server, &AUTHORIZE.replace('x', "d=50"));
        assert_eq!(level_in(&first), Some(40), "{mode}");
        let expected = warning("mining.suggest_difficulty=12", Some(40));
        assert_eq!(warnings(&mut client), [expected]);
        // Later it comes with a fresh job.
        let sent = client.line(&server, &suggest("difficulty", "4096"));
        assert!(sent.starts_with(TRUE), "{sent}");
        assert_eq!(level_in(&sent), Some(44), "{mode}");
        assert_ne!(last_job(&sent).unwrap().id, last_job(&first).unwrap().id);
        assert_eq!(client.line(&server, &suggest("difficulty", "4096")), TRUE);
        let target = format!("\"{}\"", level(46).to_be_hex());
        let sent = client.line(&server, &suggest("target", &target));
        assert_eq!(level_in(&sent), Some(46), "{mode}");
        assert_eq!(warnings(&mut client), []);
        for _ in 0..2 {
            let sent = client.line(&server, &suggest("difficulty", "\"much\""));
            assert_eq!(crate::fixture::answer(&sent), Err(20));
        }
        let expected = warning("mining.suggest_difficulty=much", None);
        assert_eq!(warnings(&mut client), [expected]);
    }
}

#[test]
fn a_session_cannot_use_up_the_warnings_of_all() {
    let mut server = TestServer::new(DifficultyMode::default());
    let work = server.work(7, 1, 70);
    server.jobs.set_work(server.now, &[work]);
    let mut client = server.client(0);
    client.line(&server, SUBSCRIBE);
    client.line(&server, AUTHORIZE);
    for value in 1000..3000 {
        let suggest =
            format!(r#"{{"id":2,"method":"mining.suggest_difficulty","params":["{value}x"]}}"#);
        client.line(&server, &suggest);
        server.pass(Duration::from_millis(10));
    }
    assert_eq!(warnings(&mut client).len(), 3);
    // Another name has warnings of its own, and so has another session.
    let other = AUTHORIZE
        .replace("rig", "other")
        .replace('x', "d=1,d=2,d=3,d=4");
    client.line(&server, &other);
    assert_eq!(warnings(&mut client).len(), 3);
    let mut client = server.client(0);
    client.line(&server, SUBSCRIBE);
    client.line(&server, &AUTHORIZE.replace('x', "d=12"));
    assert_eq!(warnings(&mut client), [warning("d=12", Some(40))]);
}

#[test]
fn a_level_without_a_share_is_not_kept() {
    let mut server = TestServer::new(DifficultyMode::default());
    let work = server.work(7, 1, 60);
    server.jobs.set_work(server.now, &[work]);
    // A typing error, and its correction.
    assert_eq!(level_at_login(&server, "d=56"), 56);
    assert_eq!(level_at_login(&server, "d=41"), 41);
    assert_eq!(level_at_login(&server, "x"), 49);
}

#[test]
fn a_worker_that_reconnects_starts_at_the_level_of_its_last_share() {
    let mut server = TestServer::new(DifficultyMode::default());
    Arc::get_mut(&mut server.context).unwrap().min_level = Level::new(8).unwrap();
    let work = server.work(7, 1, 60);
    server.jobs.set_work(server.now, &[work]);
    let mut client = server.client(0);
    let job = client.log_in(&server, "a.rig", "d=9");
    let share = client.find(&job, 0, |hash| level(9).is_met_by(hash));
    let submit = format!(
        r#"{{"id":3,"method":"mining.submit","params":["a","{}","{share:x}"]}}"#,
        job.id
    );
    assert!(client.line(&server, &submit).contains("true"));
    // The statistics have it too, in case that the program is killed.
    server.pass(Duration::from_secs(10));
    client.tick(&server);
    let stats = server.context.stats.snapshot(server.now);
    assert_eq!(stats[0].last_share_level, Level::new(9));
    drop(client);
    assert_eq!(level_at_login(&server, "d=50"), 9);
}

#[test]
fn a_client_without_subscription_is_not_in_the_statistics() {
    let server = test_server();
    let mut client = server.client(0);
    client.line(&server, AUTHORIZE);
    assert_eq!(server.context.stats.snapshot(server.now), []);
    client.line(&server, SUBSCRIBE);
    let names: Vec<_> = server.context.stats.snapshot(server.now);
    assert_eq!(names.len(), 1);
    // One connection does not fill the statistics with names either.
    for number in 0..100 {
        client.line(
            &server,
            &format!(r#"{{"id":2,"method":"mining.authorize","params":["a.{number}","x"]}}"#),
        );
    }
    assert_eq!(server.context.stats.snapshot(server.now).len(), 16);
}

#[test]
fn subscribing_again_returns_the_same_nonce1_and_sends_no_job() {
    let server = test_server();
    let mut client = server.client(0);
    client.log_in(&server, "rig", "x");
    let sent = client.line(&server, SUBSCRIBE);
    assert_eq!(sent, subscribed(&client));
    assert_eq!(last_job(&sent), None);
}
