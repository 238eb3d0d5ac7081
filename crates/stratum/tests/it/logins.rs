//! Logins in every order, byte by byte.

use std::sync::Arc;
use std::time::Duration;

use chainweb::Level;
use stratum::DifficultyMode;

use crate::fixture::{Client, Desk, last_job, level};

const SUBSCRIBE: &str = r#"{"id":1,"method":"mining.subscribe","params":["GodMiner/2.0.0",null]}"#;
const AUTHORIZE: &str = r#"{"id":2,"method":"mining.authorize","params":["k:ab.rig","x"]}"#;

const TRUE: &str = "{\"result\":true,\"error\":null,\"id\":2}\n";
const TARGET_49: &str = "{\"method\":\"mining.set_target\",\"params\":[\"0000000000007fffffffffffffffffffffffffffffffffffffffffffffffffff\"],\"id\":null}\n";
const TARGET_45: &str = "{\"method\":\"mining.set_target\",\"params\":[\"000000000007ffffffffffffffffffffffffffffffffffffffffffffffffffff\"],\"id\":null}\n";

/// The job with this creation time, written down field by field.
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

fn desk() -> Desk {
    let mut desk = Desk::new(DifficultyMode::default());
    let work = desk.work(7, 1, 60);
    desk.boards.set_works(desk.now, &[work]);
    desk
}

fn subscribed(client: &Client) -> String {
    let nonce1 = client.session.nonce1().unwrap();
    format!("{{\"result\":[null,\"{nonce1}\",6],\"error\":null,\"id\":1}}\n")
}

fn job_id(desk: &Desk) -> String {
    desk.boards.board(0).pick(0).unwrap().id().to_string()
}

#[test]
fn subscribe_then_authorize() {
    let desk = desk();
    let mut client = desk.client(0);
    // Nothing but the answer: a KA3 reads one line here.
    assert_eq!(client.line(&desk, SUBSCRIBE), subscribed(&client));
    assert_eq!(
        client.line(&desk, AUTHORIZE),
        [TRUE, TARGET_49, &notify(&job_id(&desk), TIME)].concat()
    );
}

#[test]
fn authorize_then_subscribe() {
    let desk = desk();
    let mut client = desk.client(0);
    assert_eq!(client.line(&desk, AUTHORIZE), TRUE);
    let sent = client.line(&desk, SUBSCRIBE);
    assert_eq!(
        sent,
        [
            &subscribed(&client),
            TARGET_49,
            &notify(&job_id(&desk), TIME)
        ]
        .concat()
    );
}

#[test]
fn both_at_once_are_answered_before_anything_else_is_sent() {
    let desk = desk();
    let mut client = desk.client(0);
    client
        .session
        .line(desk.now, SUBSCRIBE.as_bytes(), &mut client.out);
    let sent = client.line(&desk, AUTHORIZE);
    assert_eq!(
        sent,
        [
            &subscribed(&client),
            TRUE,
            TARGET_49,
            &notify(&job_id(&desk), TIME)
        ]
        .concat()
    );
}

#[test]
fn who_never_authorizes_is_served_after_two_seconds() {
    let mut desk = desk();
    let mut client = desk.client(0);
    client.line(&desk, r#"{"id":1,"method":"mining.subscribe","params":[]}"#);
    let due = desk.now + Duration::from_secs(2);
    assert_eq!(client.session.wakeup(), due);
    desk.pass(Duration::from_millis(1999));
    assert_eq!(client.tick(&desk), "");
    desk.now = due;
    assert_eq!(
        client.tick(&desk),
        [TARGET_45, &notify(&job_id(&desk), TIME)].concat()
    );
    // A name that comes later changes nothing.
    assert_eq!(client.line(&desk, AUTHORIZE), TRUE);
}

#[test]
fn without_work_the_target_comes_at_once_and_the_job_when_there_is_one() {
    let mut desk = Desk::new(DifficultyMode::default());
    let mut client = desk.client(0);
    client.line(&desk, SUBSCRIBE);
    assert_eq!(client.line(&desk, AUTHORIZE), [TRUE, TARGET_49].concat());
    let work = desk.work(7, 1, 60);
    desk.boards.set_works(desk.now, &[work]);
    assert_eq!(client.board(&desk), notify(&job_id(&desk), TIME));
}

#[test]
fn jobs_are_stamped_with_the_time_since_their_work_came() {
    let mut desk = desk();
    let mut client = desk.client(0);
    client.log_in(&desk, "rig", "x");
    // 1024 seconds, of which one is kept back: 1,023,000,000 µs more.
    desk.pass(Duration::from_secs(1024));
    desk.boards.refresh(desk.now, 0);
    assert_eq!(
        client.board(&desk),
        notify(&job_id(&desk), "c0fd1755240a0600")
    );
    // At the same instant a microsecond more.
    desk.boards.refresh(desk.now, 0);
    assert_eq!(
        client.board(&desk),
        notify(&job_id(&desk), "c1fd1755240a0600")
    );
}

#[test]
fn the_target_is_the_blocks_where_that_is_easier() {
    #[track_caller]
    fn check(difficulty: &str, password: &str, block: u16, target: u16) {
        let mut desk = Desk::new(difficulty.parse().unwrap());
        let work = desk.work(0, 1, block);
        desk.boards.set_works(desk.now, &[work]);
        let mut client = desk.client(0);
        client.line(&desk, SUBSCRIBE);
        let params = format!(r#"["a.b","{password}"]"#);
        let authorize = format!(r#"{{"id":2,"method":"mining.authorize","params":{params}}}"#);
        let sent = client.line(&desk, &authorize);
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

/// The level that a worker of this name is asked for when it logs in.
#[track_caller]
fn asked_at_login(desk: &Desk, password: &str) -> u16 {
    let mut client = desk.client(0);
    client.line(desk, SUBSCRIBE);
    let authorize =
        format!(r#"{{"id":2,"method":"mining.authorize","params":["a.rig","{password}"]}}"#);
    let sent = client.line(desk, &authorize);
    (0..=256)
        .find(|&bits| sent.contains(&Level::new(bits).unwrap().target().to_be_hex()))
        .unwrap()
}

#[test]
fn a_level_at_which_no_share_came_is_not_remembered() {
    let mut desk = Desk::new(DifficultyMode::default());
    let work = desk.work(7, 1, 60);
    desk.boards.set_works(desk.now, &[work]);
    // The owner has slipped, and mends it.
    assert_eq!(asked_at_login(&desk, "d=56"), 56);
    assert_eq!(asked_at_login(&desk, "d=41"), 41);
    assert_eq!(asked_at_login(&desk, "x"), 49);
}

#[test]
fn a_worker_that_comes_back_goes_on_at_the_level_of_its_last_share() {
    let mut desk = Desk::new(DifficultyMode::default());
    Arc::get_mut(&mut desk.terms).unwrap().min_level = Level::new(8).unwrap();
    let work = desk.work(7, 1, 60);
    desk.boards.set_works(desk.now, &[work]);
    let mut client = desk.client(0);
    let job = client.log_in(&desk, "a.rig", "d=9");
    let share = client.find(&job, 0, |hash| level(9).is_met_by(hash));
    let submit = format!(
        r#"{{"id":3,"method":"mining.submit","params":["a","{}","{share:x}"]}}"#,
        job.id
    );
    assert!(client.line(&desk, &submit).contains("true"));
    // As long as the old connection is not known to be dead, and afterwards.
    drop(client);
    assert_eq!(asked_at_login(&desk, "d=50"), 9);
}

#[test]
fn who_has_not_subscribed_leaves_no_name() {
    let desk = desk();
    let mut client = desk.client(0);
    client.line(&desk, AUTHORIZE);
    assert_eq!(desk.terms.stats.snapshot(desk.now), []);
    client.line(&desk, SUBSCRIBE);
    let names: Vec<_> = desk.terms.stats.snapshot(desk.now);
    assert_eq!(names.len(), 1);
    // Nor does one connection fill the table with names.
    for number in 0..100 {
        client.line(
            &desk,
            &format!(r#"{{"id":2,"method":"mining.authorize","params":["a.{number}","x"]}}"#),
        );
    }
    assert_eq!(desk.terms.stats.snapshot(desk.now).len(), 16);
}

#[test]
fn subscribing_again_gives_the_same_nonce1_and_no_other_job() {
    let desk = desk();
    let mut client = desk.client(0);
    client.log_in(&desk, "rig", "x");
    let sent = client.line(&desk, SUBSCRIBE);
    assert_eq!(sent, subscribed(&client));
    assert_eq!(last_job(&sent), None);
}
