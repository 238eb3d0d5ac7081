//! Targets, shares, silence and the end of a session.

use super::*;

#[test]
fn a_target_applies_to_later_jobs() {
    let harder = format!(
        r#"{{"method":"mining.set_target","params":["0000{}"]}}"#,
        "f".repeat(60)
    );
    let (transcript, report) = play(
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
    let hashed: Vec<&str> = transcript
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

#[test]
fn silence_ends_a_login_after_30_s_and_a_session_after_60_s() {
    #[track_caller]
    fn check(events: Vec<Event>, limit_s: u64, rule: Rule) {
        let almost = Duration::from_millis(1000 * limit_s - 1);
        let with = |last: &[Duration], events: Vec<Event>| {
            let passing = last.iter().map(|time| Pass(*time));
            let events = events.into_iter().chain(passing).collect();
            let (transcript, report) = play(&Firmware::new(FirmwareName::Ka3), 32, events);
            (transcript.ends_with("close\n"), rules(&report))
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
    // Notifications do not extend the time limit.
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
fn exhausted_nonces_and_a_closed_connection_are_violations() {
    check_broken(
        FirmwareName::Ka3,
        vec![Exhausted],
        Rule::WorkExhausted,
        HASHES_ON,
    );
    check_broken(FirmwareName::Ka3, vec![Lost], Rule::Closed, HASHES_ON);
}

#[test]
fn a_rejection_is_the_server_s_fault_unless_the_work_was_replaced() {
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
    check(vec![notify("2", 2)], 21, Fault::None);
    check(vec![notify("2", 2)], 23, Fault::Server);
    check(vec![refresh("2", 1)], 21, Fault::Server);
    check(vec![refresh("2", 1), notify("3", 2)], 21, Fault::None);
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
