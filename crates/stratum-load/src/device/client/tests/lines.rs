//! Lines that break a rule.

use super::*;

#[test]
fn each_rule_for_lines_can_be_broken() {
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
            Rule::UnknownAnswerId,
        );
        check(
            r#"{"id":null,"result":true,"error":null}"#.to_owned(),
            Rule::IdIsNotAnInteger,
        );
    }
}

#[test]
fn each_rule_for_answers_can_be_broken() {
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
        let (transcript, report) = play(&firmware, 32, events);
        assert_eq!(
            transcript.lines().next_back(),
            Some("hash 2 height 2 level 8 nonces 65536")
        );
        assert_eq!(rules(&report), []);
    }
}

#[test]
fn changed_bytes_under_a_job_id_are_a_violation_and_repeated_ones_are_not() {
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
fn a_job_before_the_first_target_is_a_violation() {
    let firmware = Firmware::new(FirmwareName::Plain);
    let events = vec![subscribed(), authorized(), notify("1", 1)];
    assert_eq!(
        rules(&play(&firmware, 32, events).1),
        [Rule::JobWithoutTarget]
    );
}
