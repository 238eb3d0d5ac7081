//! Transcripts: what a server says against what a device does and finds fault with.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::device::client::{Client, DeviceLimits, Login, Output};
use crate::device::{DeviceReport, Fault, Firmware, FirmwareName, LoginOrder, Rule, Segments};
use crate::synthetic::work;

/// What happens to a device.
enum Event {
    /// The server says this.
    Line(String),
    /// The device finds a share of the job that it hashes.
    Share,
    /// Time passes.
    Pass(Duration),
    /// The device is through with its nonces.
    Exhausted,
    /// The server goes.
    Lost,
}

use Event::{Exhausted, Lost, Pass, Share};

fn line(text: impl Into<String>) -> Event {
    Event::Line(text.into())
}

fn subscribed() -> Event {
    line(r#"{"result":[null,"09e8",6],"error":null,"id":1}"#)
}

fn authorized() -> Event {
    line(r#"{"result":true,"error":null,"id":2}"#)
}

fn target() -> Event {
    line(format!(
        r#"{{"method":"mining.set_target","params":["00{}"],"id":null}}"#,
        "f".repeat(62)
    ))
}

fn header(n: u64) -> String {
    const_hex::encode(work(n, 0).header().as_bytes())
}

fn notify(id: &str, n: u64) -> Event {
    notify_header(id, &header(n))
}

/// The same work with another creation time, and with flags and a nonce.
fn refresh(id: &str, n: u64) -> Event {
    let header = header(n);
    let rest = &header[32..header.len() - 16];
    notify_header(id, &format!("{}{rest}{}", "01".repeat(16), "02".repeat(8)))
}

fn notify_header(id: &str, header: &str) -> Event {
    line(format!(
        r#"{{"method":"mining.notify","params":["{id}","{header}",true],"id":null}}"#
    ))
}

fn accepted(id: u64) -> Event {
    line(format!(r#"{{"result":true,"error":null,"id":{id}}}"#))
}

fn refused(id: u64, code: i64, reason: &str) -> Event {
    line(format!(
        r#"{{"result":false,"error":[{code},"{reason}",null],"id":{id}}}"#
    ))
}

/// Plays the events and gives what the device did, a line each, and its report.
fn play(firmware: &Firmware, scale_bits: u32, events: Vec<Event>) -> (String, DeviceReport) {
    let login = Login {
        user: "k.rig".to_owned(),
        password: "x".to_owned(),
    };
    let mut report = DeviceReport::new(firmware.name, login.user.clone());
    let mut now = Instant::now();
    let limits = DeviceLimits::default();
    let (mut client, outputs) =
        Client::start(firmware, &login, limits, scale_bits, &mut report, now);
    let mut done = String::new();
    let mut hashed = None;
    let mut write = |outputs: Vec<Output>| {
        for output in outputs {
            match output {
                Output::Send(bytes) => {
                    write!(done, "> {}", String::from_utf8_lossy(&bytes)).expect("text");
                }
                Output::Hash(work) => {
                    let height = work.header.height();
                    let (level, nonces) = (work.target.level(), work.nonces);
                    writeln!(
                        done,
                        "hash {} height {height} level {level} nonces {nonces}",
                        work.job_id
                    )
                    .expect("text");
                    hashed = Some(work);
                }
                Output::Close => done.push_str("close\n"),
            }
        }
        hashed.as_ref().map(|work| work.found(0xabc))
    };
    let mut found = write(outputs);
    for event in events {
        let outputs = match event {
            Event::Line(text) => client.line(now, text.as_bytes()),
            Share => client.found(found.as_ref().expect("there is work")),
            Pass(time) => {
                now += time;
                client.tick(now)
            }
            Exhausted => {
                client.exhausted();
                Vec::new()
            }
            Lost => {
                client.lost(Rule::Closed);
                Vec::new()
            }
        };
        found = write(outputs);
    }
    client.stop();
    (done, report)
}

fn rules(report: &DeviceReport) -> Vec<Rule> {
    report
        .violations
        .iter()
        .map(|violation| violation.rule)
        .collect()
}

#[track_caller]
fn check(name: FirmwareName, events: Vec<Event>, expected: &[&str]) {
    let (done, report) = play(&Firmware::new(name), 32, events);
    let done: Vec<&str> = done.lines().collect();
    assert_eq!(done, expected);
    assert_eq!(rules(&report), []);
}

#[test]
fn the_ka3_subscribes_waits_authorizes_waits_and_counts_its_ids_on() {
    check(
        FirmwareName::Ka3,
        vec![
            subscribed(),
            target(),
            notify("0000000a", 1),
            authorized(),
            Share,
            accepted(3),
            notify("0000000b", 2),
            Share,
            accepted(4),
        ],
        &[
            r#"> {"id":1,"method":"mining.subscribe","params":["GodMiner/2.0.0",null]}"#,
            r#"> {"id":2,"method":"mining.authorize","params":["k.rig","x"]}"#,
            // 2^48 nonces and a mask of 40 bits, both divided by 2^32; the target is no harder than the mask.
            "hash 0000000a height 1 level 8 nonces 65536",
            r#"> {"id":3,"method":"mining.submit","params":["k.rig","0000000a","000000000abc"]}"#,
            "hash 0000000b height 2 level 8 nonces 65536",
            r#"> {"id":4,"method":"mining.submit","params":["k.rig","0000000b","000000000abc"]}"#,
        ],
    );
}

#[test]
fn the_kd_box_appends_the_chain_and_ends_lines_with_a_carriage_return() {
    let (done, report) = play(
        &Firmware::new(FirmwareName::KdBox),
        32,
        vec![
            subscribed(),
            authorized(),
            target(),
            notify("1", 1),
            Share,
            accepted(3),
        ],
    );
    let submit = r#"> {"id":3,"method":"mining.submit","params":["k.rig","1","000000000abc",0]}"#;
    assert!(done.contains(&format!("{submit}\r\n")), "{done}");
    assert_eq!((rules(&report), report.accepted), (vec![], 1));
}

#[test]
fn the_bm_k1_authorizes_first_and_subscribes_with_its_agent_alone() {
    check(
        FirmwareName::BmK1,
        vec![
            line(r#"{"result":true,"error":null,"id":1}"#),
            target(),
            line(r#"{"id":2,"result":[null,"09e8",6],"error":null}"#),
            notify("1", 1),
        ],
        &[
            r#"> {"id":1,"method":"mining.authorize","params":["k.rig","x"]}"#,
            r#"> {"id":2,"method":"mining.subscribe","params":["bm-k1/1.0"]}"#,
            "hash 1 height 1 level 8 nonces 65536",
        ],
    );
}

#[test]
fn requests_can_be_glued_and_torn() {
    #[track_caller]
    fn check(segments: Segments, expected: &[&str]) {
        let firmware = Firmware {
            segments,
            agent: "a",
            ..Firmware::new(FirmwareName::Plain)
        };
        let (done, _) = play(&firmware, 32, vec![]);
        assert_eq!(done.split("> ").skip(1).collect::<Vec<_>>(), expected);
    }
    let subscribe = r#"{"id":1,"method":"mining.subscribe","params":["a",null]}"#;
    let authorize = r#"{"id":2,"method":"mining.authorize","params":["k.rig","x"]}"#;
    check(Segments::Glued, &[&format!("{subscribe}{authorize}\n")]);
    let all = format!("{subscribe}\n{authorize}\n");
    check(Segments::Fragments(70), &[&all[..70], &all[70..]]);
    check(
        Segments::Lines,
        &[&format!("{subscribe}\n"), &format!("{authorize}\n")],
    );
}

#[test]
fn a_target_applies_to_the_jobs_that_come_after_it() {
    let harder = format!(
        r#"{{"method":"mining.set_target","params":["0000{}"]}}"#,
        "f".repeat(60)
    );
    let (done, report) = play(
        &Firmware::new(FirmwareName::Plain),
        0,
        vec![
            subscribed(),
            authorized(),
            target(),
            notify("1", 1),
            line(harder),
            notify("2", 2),
        ],
    );
    let hashed: Vec<&str> = done
        .lines()
        .filter(|line| line.starts_with("hash"))
        .collect();
    assert_eq!(
        hashed,
        [
            "hash 1 height 1 level 8 nonces 281474976710656",
            "hash 2 height 2 level 16 nonces 281474976710656",
        ]
    );
    assert_eq!(rules(&report), []);
}

/// The rule that a server breaks with these lines behind a good login, and what the device hashes last.
#[track_caller]
fn check_broken(name: FirmwareName, events: Vec<Event>, rule: Rule, ends: &str) {
    let before = vec![subscribed(), authorized(), target(), notify("1", 1)];
    let events = before.into_iter().chain(events).collect();
    let (done, report) = play(&Firmware::new(name), 32, events);
    assert_eq!(rules(&report), [rule]);
    assert_eq!(done.lines().next_back(), Some(ends));
}

const HASHES_ON: &str = "hash 1 height 1 level 8 nonces 65536";

#[test]
fn each_rule_for_lines_is_told_when_it_is_broken() {
    for name in [FirmwareName::Ka3, FirmwareName::KdBox, FirmwareName::Plain] {
        let check = |text: String, rule| check_broken(name, vec![line(text)], rule, HASHES_ON);
        let method = |method: &str, params: &str| {
            format!(r#"{{"id":null,"method":"mining.{method}","params":{params}}}"#)
        };
        check("nonsense".to_owned(), Rule::NotJson);
        check("[1,2]".to_owned(), Rule::NotJson);
        check(
            method("set_difficulty", "[1]") + &method("set_difficulty", "[1]"),
            Rule::GluedObjects,
        );
        let digits = "f".repeat(63);
        for target in [
            "[]",
            "[7]",
            &format!("[\"{digits}\"]"),
            &format!("[\"{digits}ff\"]"),
        ] {
            check(method("set_target", target), Rule::TargetForm);
        }
        check(
            method("set_target", &format!("[\"{digits}g\"]")),
            Rule::TargetForm,
        );
        let good = header(2);
        let long_id = "x".repeat(64);
        for id in [
            r#""""#,
            "7",
            &format!("\"{long_id}\""),
            r#""ä""#,
            r#""a\u0007""#,
        ] {
            check(
                method("notify", &format!("[{id},\"{good}\",true]")),
                Rule::JobIdForm,
            );
        }
        let short = &good[2..];
        for header in [
            "7",
            r#""""#,
            &format!("\"{short}\""),
            &format!("\"{good}00\""),
        ] {
            check(
                method("notify", &format!("[\"2\",{header},true]")),
                Rule::HeaderForm,
            );
        }
        check(
            r#"{"id":77,"result":true,"error":null}"#.to_owned(),
            Rule::AnswerToNothing,
        );
        check(
            r#"{"id":null,"result":true,"error":null}"#.to_owned(),
            Rule::IdIsNotAnInteger,
        );
    }
}

#[test]
fn each_rule_for_answers_is_told_when_it_is_broken() {
    #[track_caller]
    fn check(answer: &str, rule: Rule) {
        let submit = r#"> {"id":3,"method":"mining.submit","params":["k.rig","1","000000000abc"]}"#;
        check_broken(FirmwareName::Ka3, vec![Share, line(answer)], rule, submit);
    }
    check(
        r#"{"id":"3","result":true,"error":null}"#,
        Rule::IdIsNotAnInteger,
    );
    check(
        r#"{"id":3.0,"result":true,"error":null}"#,
        Rule::IdIsNotAnInteger,
    );
    check(r#"{"result":true,"error":null}"#, Rule::IdIsNotAnInteger);
    check(r#"{"id":3,"error":null}"#, Rule::ResultMissing);
    check(r#"{"id":3,"result":true}"#, Rule::ErrorForm);
    check(r#"{"id":3,"result":false,"error":"low"}"#, Rule::ErrorForm);
    check(
        r#"{"id":3,"result":false,"error":{"code":23}}"#,
        Rule::ErrorForm,
    );
    check(
        r#"{"id":3,"result":false,"error":null}"#,
        Rule::FailureWithoutError,
    );
    check(
        r#"{"id":3,"result":null,"error":null}"#,
        Rule::FailureWithoutError,
    );
}

#[test]
fn the_ka3_reads_one_line_before_it_authorizes_and_gives_up_if_it_is_another() {
    #[track_caller]
    fn check(first: Event, rule: Rule) {
        let firmware = Firmware::new(FirmwareName::Ka3);
        let (done, report) = play(&firmware, 32, vec![first, subscribed(), authorized()]);
        let subscribe =
            r#"> {"id":1,"method":"mining.subscribe","params":["GodMiner/2.0.0",null]}"#;
        assert_eq!(done.lines().collect::<Vec<_>>(), [subscribe, "close"]);
        assert_eq!((rules(&report), report.logins), (vec![rule], 0));
    }
    check(target(), Rule::FirstLineIsNotTheAnswer);
    check(notify("1", 1), Rule::FirstLineIsNotTheAnswer);
    check(authorized(), Rule::FirstLineIsNotTheAnswer);
    check(line(""), Rule::NotJson);
    check(
        line(r#"{"id":"1","result":[null,"09e8",6],"error":null}"#),
        Rule::IdIsNotAnInteger,
    );
    check(line(r#"{"id":1,"error":null}"#), Rule::ResultMissing);
    check(refused(1, 20, "no"), Rule::LoginRefused);
    check(
        line(r#"{"id":1,"result":true,"error":null}"#),
        Rule::SubscribeResultForm,
    );
    check(
        line(r#"{"id":1,"result":["09e8",6],"error":null}"#),
        Rule::SubscribeResultForm,
    );
    for nonce1 in [r#""9e8""#, r#""0x09e8""#, r#""wxyz""#, "2536"] {
        let answer = format!(r#"{{"id":1,"result":[null,{nonce1},6],"error":null}}"#);
        check(line(answer), Rule::Nonce1Form);
    }
    for (nonce1, nonce2) in [
        ("09e8", "5"),
        ("09e8", "\"6\""),
        ("09e80000", "4"),
        ("09e8", "6.0"),
    ] {
        let answer = format!(r#"{{"id":1,"result":[null,"{nonce1}",{nonce2}],"error":null}}"#);
        check(line(answer), Rule::Nonce2Length);
    }
    // A device without that quirk goes on.
    let plain = Firmware::new(FirmwareName::Plain);
    let (_, report) = play(
        &plain,
        32,
        vec![target(), notify("1", 1), subscribed(), authorized()],
    );
    assert_eq!((rules(&report), report.logins), (vec![], 1));
}

#[test]
fn until_it_is_authorized_the_ka3_takes_known_lines_only() {
    #[track_caller]
    fn check(second: &str, rule: Rule) {
        let firmware = Firmware::new(FirmwareName::Ka3);
        let (done, report) = play(
            &firmware,
            32,
            vec![subscribed(), line(second), authorized()],
        );
        assert_eq!(done.lines().next_back(), Some("close"));
        assert_eq!((rules(&report), report.logins), (vec![rule], 0));
    }
    check(
        r#"{"id":null,"method":"client.show_message","params":["x"]}"#,
        Rule::UnknownLineDuringLogin,
    );
    check(
        r#"{"id":null,"method":"mining.set_target","params":["ff"]}"#,
        Rule::TargetForm,
    );
    check("nonsense", Rule::NotJson);
    check(
        r#"{"id":2,"result":false,"error":[24,"no",null]}"#,
        Rule::LoginRefused,
    );
    let firmware = Firmware::new(FirmwareName::Ka3);
    let difficulty = line(r#"{"id":null,"method":"mining.set_difficulty","params":[1]}"#);
    let (_, report) = play(&firmware, 32, vec![subscribed(), difficulty, authorized()]);
    assert_eq!((rules(&report), report.logins), (vec![], 1));
}

#[test]
fn without_a_clean_flag_the_ka3_hashes_the_new_header_under_the_old_id() {
    let header = header(2);
    for flag in ["", ",false", ",1", ",null"] {
        let dirty = format!(r#"{{"method":"mining.notify","params":["2","{header}"{flag}]}}"#);
        let hashes = "hash 1 height 2 level 8 nonces 65536";
        check_broken(
            FirmwareName::Ka3,
            vec![line(&*dirty)],
            Rule::CleanIsNotTrue,
            hashes,
        );
        let firmware = Firmware::new(FirmwareName::Plain);
        let events = vec![
            subscribed(),
            authorized(),
            target(),
            notify("1", 1),
            line(dirty),
        ];
        let (done, report) = play(&firmware, 32, events);
        assert_eq!(
            done.lines().next_back(),
            Some("hash 2 height 2 level 8 nonces 65536")
        );
        assert_eq!(rules(&report), []);
    }
}

#[test]
fn bytes_that_change_under_a_job_s_id_are_told_and_the_same_bytes_are_not() {
    let hashes = "hash 1 height 2 level 8 nonces 65536";
    check_broken(
        FirmwareName::Plain,
        vec![notify("1", 2)],
        Rule::JobBytesChanged,
        hashes,
    );
    let firmware = Firmware::new(FirmwareName::Plain);
    let events = vec![
        subscribed(),
        authorized(),
        target(),
        notify("1", 1),
        notify("1", 1),
    ];
    assert_eq!(rules(&play(&firmware, 32, events).1), []);
}

#[test]
fn a_job_before_any_target_is_told() {
    let firmware = Firmware::new(FirmwareName::Plain);
    let events = vec![subscribed(), authorized(), notify("1", 1)];
    assert_eq!(
        rules(&play(&firmware, 32, events).1),
        [Rule::JobWithoutTarget]
    );
}

#[test]
fn silence_ends_a_login_after_half_a_minute_and_a_session_after_a_whole_one() {
    #[track_caller]
    fn check(events: Vec<Event>, patience: u64, rule: Rule) {
        let almost = Duration::from_millis(1000 * patience - 1);
        let with = |last: &[Duration], events: Vec<Event>| {
            let passing = last.iter().map(|time| Pass(*time));
            let events = events.into_iter().chain(passing).collect();
            let (done, report) = play(&Firmware::new(FirmwareName::Ka3), 32, events);
            (done.ends_with("close\n"), rules(&report))
        };
        let rest = Duration::from_millis(1);
        let again = |events: &Vec<Event>| events.iter().map(copy).collect::<Vec<_>>();
        assert_eq!(with(&[almost], again(&events)), (false, vec![]));
        assert_eq!(with(&[almost, rest], events), (true, vec![rule]));
    }
    fn copy(event: &Event) -> Event {
        match event {
            Event::Line(text) => line(text.clone()),
            Pass(time) => Pass(*time),
            Share => Share,
            Exhausted => Exhausted,
            Lost => Lost,
        }
    }
    check(vec![], 30, Rule::LoginTimeout);
    check(
        vec![Pass(Duration::from_secs(20)), subscribed()],
        30,
        Rule::LoginTimeout,
    );
    // Notifications do not stand for the answer.
    check(
        vec![subscribed(), Pass(Duration::from_secs(20)), target()],
        10,
        Rule::LoginTimeout,
    );
    check(vec![subscribed(), authorized()], 60, Rule::Silence);
    check(
        vec![
            subscribed(),
            authorized(),
            Pass(Duration::from_secs(50)),
            target(),
        ],
        60,
        Rule::Silence,
    );
}

#[test]
fn the_end_of_the_nonces_and_of_the_connection_are_told() {
    check_broken(
        FirmwareName::Ka3,
        vec![Exhausted],
        Rule::WorkExhausted,
        HASHES_ON,
    );
    check_broken(FirmwareName::Ka3, vec![Lost], Rule::Closed, HASHES_ON);
}

#[test]
fn answers_out_of_order_end_a_login_that_asked_for_both() {
    let firmware = Firmware::new(FirmwareName::Plain);
    assert_eq!(firmware.login, LoginOrder::Together);
    let (done, report) = play(&firmware, 32, vec![authorized(), subscribed()]);
    assert!(done.ends_with("close\n"), "{done}");
    assert_eq!(rules(&report), [Rule::AnswersOutOfOrder]);
}

#[test]
fn a_refused_share_is_nobody_s_fault_only_if_it_is_stale_and_its_work_was_replaced() {
    #[track_caller]
    fn check(between: Vec<Event>, code: i64, fault: Fault) {
        let mut events = vec![subscribed(), authorized(), target(), notify("1", 1), Share];
        events.extend(between);
        events.push(refused(3, code, "reason"));
        let (_, report) = play(&Firmware::new(FirmwareName::Ka3), 32, events);
        let rejected: Vec<_> = report
            .rejections
            .iter()
            .map(|rejection| (rejection.code, &*rejection.reason, rejection.fault))
            .collect();
        assert_eq!(rejected, [(Some(code), "reason", fault)]);
        let by_server = u64::from(fault == Fault::Server);
        assert_eq!(report.rejected_by_server_fault, by_server);
    }
    check(vec![], 21, Fault::Server);
    check(vec![notify("2", 2)], 21, Fault::Nobody);
    check(vec![notify("2", 2)], 23, Fault::Server);
    check(vec![refresh("2", 1)], 21, Fault::Server);
    check(vec![refresh("2", 1), notify("3", 2)], 21, Fault::Nobody);
    check(vec![notify("2", 2), refresh("3", 1)], 21, Fault::Server);
    check(vec![], 22, Fault::Server);
    check(vec![], 20, Fault::Server);
}

#[test]
fn shares_without_an_answer_are_counted_when_the_session_ends() {
    let events = vec![
        subscribed(),
        authorized(),
        target(),
        notify("1", 1),
        Share,
        Share,
        accepted(3),
    ];
    let (_, report) = play(&Firmware::new(FirmwareName::Ka3), 32, events);
    assert_eq!((report.sent, report.accepted, report.unanswered), (2, 1, 1));
}
