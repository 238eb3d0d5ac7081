//! The login of each firmware.

use super::*;

#[test]
fn the_ka3_waits_for_each_answer_of_the_login_and_continues_its_ids() {
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
            // 2^48 nonces and a mask of 40 bits, divided by 2^32; the target equals the mask.
            "hash 0000000a height 1 level 8 nonces 65536",
            r#"> {"id":3,"method":"mining.submit","params":["k.rig","0000000a","000000000abc"]}"#,
            "hash 0000000b height 2 level 8 nonces 65536",
            r#"> {"id":4,"method":"mining.submit","params":["k.rig","0000000b","000000000abc"]}"#,
        ],
    );
}

#[test]
fn the_kd_box_appends_the_chain_and_terminates_lines_with_crlf() {
    let (transcript, report) = play(
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
    assert!(
        transcript.contains(&format!("{submit}\r\n")),
        "{transcript}"
    );
    assert_eq!((rules(&report), report.accepted), (vec![], 1));
}

#[test]
fn the_bm_k1_authorizes_first_and_subscribes_with_only_its_agent() {
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
fn requests_can_be_glued_and_fragmented() {
    #[track_caller]
    fn check(segments: Segments, expected: &[&str]) {
        let firmware = Firmware {
            segments,
            agent: "a",
            ..Firmware::new(FirmwareName::Plain)
        };
        let (transcript, _) = play(&firmware, 32, vec![]);
        assert_eq!(transcript.split("> ").skip(1).collect::<Vec<_>>(), expected);
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
fn the_ka3_gives_up_if_the_first_line_is_not_the_answer() {
    #[track_caller]
    fn check(first: Event, rule: Rule) {
        let firmware = Firmware::new(FirmwareName::Ka3);
        let (transcript, report) = play(&firmware, 32, vec![first, subscribed(), authorized()]);
        let subscribe =
            r#"> {"id":1,"method":"mining.subscribe","params":["GodMiner/2.0.0",null]}"#;
        assert_eq!(transcript.lines().collect::<Vec<_>>(), [subscribe, "close"]);
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
    // A device without this quirk continues.
    let plain = Firmware::new(FirmwareName::Plain);
    let (_, report) = play(
        &plain,
        32,
        vec![target(), notify("1", 1), subscribed(), authorized()],
    );
    assert_eq!((rules(&report), report.logins), (vec![], 1));
}

#[test]
fn the_ka3_accepts_only_known_lines_until_it_is_authorized() {
    #[track_caller]
    fn check(second: &str, rule: Rule) {
        let firmware = Firmware::new(FirmwareName::Ka3);
        let (transcript, report) = play(
            &firmware,
            32,
            vec![subscribed(), line(second), authorized()],
        );
        assert_eq!(transcript.lines().next_back(), Some("close"));
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
fn answers_out_of_order_end_the_login() {
    let firmware = Firmware::new(FirmwareName::Plain);
    assert_eq!(firmware.login, LoginOrder::Together);
    let (transcript, report) = play(&firmware, 32, vec![authorized(), subscribed()]);
    assert!(transcript.ends_with("close\n"), "{transcript}");
    assert_eq!(rules(&report), [Rule::AnswersOutOfOrder]);
}
