use super::super::findings::{Findings, Layer};
use super::super::from_document;
use super::{catalog, printed, problems, settle};

#[test]
fn keys_are_joined_in_any_nesting_and_spelling() {
    let same = [
        ("a.yaml", "stratumMinDifficulty: 30"),
        ("a.yaml", "stratum: {minDifficulty: 30}"),
        ("a.yaml", "stratum:\n  min-difficulty: 30"),
        (
            "a.json",
            "{\"stratum\": {\"min\": {\"difficulty\": \"30\"}}}",
        ),
        ("a.toml", "[stratum]\nmin_difficulty = 30"),
        ("a.toml", "stratum.minDifficulty = 0x1e"),
        ("unnamed", "stratumMinDifficulty = 30"),
        ("unnamed", "{\"stratumMinDifficulty\": 30}"),
    ];
    for document in same {
        assert_eq!(printed(&[], &[], &[document]), "stratumMinDifficulty: 30\n");
    }
    assert_eq!(
        problems(&[], &[], &[("a.yaml", "strat: {umPort: 1}")]),
        ["a.yaml:1:1: strat: unknown setting; --print-config lists all"]
    );
    assert_eq!(
        printed(&[], &[], &[("a.yaml", "stratum:\ntls: true")]),
        "useTls: true\n"
    );
}

#[test]
fn empty_and_unknown_variables_set_nothing() {
    let variables = [
        ("CHAINWEB_MINING_TLS", "1"),
        ("CHAINWEB_MINING_ACCOUNT", ""),
        ("CHAINWEB_MINING_PUBLIC_KEY", "[\"a\"]"),
        (
            "CHAINWEB_MINING_CLIENT_PORT_1917_TCP",
            "tcp://10.0.0.1:1917",
        ),
        ("CHAINWEB_MINING_PRINT_CONFIG", "true"),
        ("CHAINWEB_MINING_USE_TLS", "true"),
        ("CHAINWEB_MINING_\u{7}", "true"),
        ("PATH", "/bin"),
    ];
    assert_eq!(
        printed(&[], &variables, &[]),
        "useTls: true\npublicKey: \"[\\\"a\\\"]\"\n"
    );
    let settings = settle(&[], &variables, &[]).expect("good settings");
    assert_eq!(
        settings.warnings(),
        [
            r#"unknown setting "CHAINWEB_MINING_\u{7}""#,
            "unknown setting CHAINWEB_MINING_CLIENT_PORT_1917_TCP",
            "unknown setting CHAINWEB_MINING_PRINT_CONFIG",
            "unknown setting CHAINWEB_MINING_USE_TLS; did you mean CHAINWEB_MINING_TLS?",
        ]
    );
    assert_eq!(settings.printed, None);
}

#[test]
fn an_assignment_has_its_source() {
    let mut findings = Findings::default();
    let text = b"log:\n  level: DEBUG\n";
    let layer = Layer::File(0);
    from_document::read(
        &catalog(),
        (layer, "a.yaml"),
        (text.to_vec(), None),
        &mut findings,
    );
    let [assignment] = findings.assignments.as_slice() else {
        panic!("{findings:?}");
    };
    assert_eq!(assignment.source, "a.yaml:2:3: log.level");
    assert_eq!(assignment.values, ["debug"]);
}

#[test]
fn every_error_inside_a_list_or_a_map_is_reported_with_its_place() {
    let check = |text: &str, expected: &[&str]| {
        assert_eq!(problems(&[], &[], &[("a.yaml", text)]), expected);
    };
    let pair = "expected KEY=VALUE, as in CUDA_VISIBLE_DEVICES=0";
    check(
        "node: [a, [b], {c: d}]\nexternalEnv: {A: 1, \"B B\": 2, C: [3], \"C C\": 4, A: 5}\n",
        &[
            "a.yaml:1:11: node: expected one value, got a list",
            "a.yaml:1:16: node: url is missing",
            "a.yaml:1:17: node: c: unknown key; expected url, ca, fingerprint, insecure",
            &format!("a.yaml:2:21: externalEnv: {pair}, got \"B B=…\""),
            "a.yaml:2:34: externalEnv: C: expected one value, got a list",
            &format!("a.yaml:2:39: externalEnv: {pair}, got \"C C=…\""),
            "a.yaml:2:49: externalEnv: A: appears twice",
        ],
    );
    assert_eq!(
        problems(&[], &[("CHAINWEB_MINING_NODE", " [ \"a\", [1], {}]")], &[]),
        [
            "CHAINWEB_MINING_NODE: expected one value, got a list",
            "CHAINWEB_MINING_NODE: url is missing",
        ]
    );
}

#[test]
fn values_that_may_be_secret_are_not_repeated() {
    let wrong = "API-KEY=hunter2";
    let found = problems(
        &["--external-env", wrong],
        &[("CHAINWEB_MINING_EXTERNAL_ENV", wrong)],
        &[
            ("a.yaml", "externalEnv: {API-KEY: hunter2}"),
            ("b.yaml", "externalEnv: [API-KEY=hunter2]"),
        ],
    );
    assert_eq!(found.len(), 4);
    for problem in found {
        assert!(problem.ends_with("got \"API-KEY=…\""), "{problem}");
    }
}

#[test]
fn messages_about_documents_contain_no_escape_codes() {
    for text in [
        "externalEnv: {\"\\e[2J\": [1]}",
        "\"\\e[2J\": 1",
        "node: \"\\e[2J\"\nworkSlots: \"\\e[2J\"",
        "node: !%1b[2J x",
        "{\"node\": !<%1b> x}",
    ] {
        for problem in problems(&[], &[], &[("a.yaml", text)]) {
            assert!(!problem.contains('\x1b'), "{problem:?}");
        }
    }
}

#[test]
fn a_node_is_a_text_or_a_map_in_every_source() {
    let pin = format!("sha256:{}", "0a".repeat(32));
    let ca = "https://b:2,ca=/c d.pem,insecure=false";
    let pinned = format!("https://c,fingerprint={pin}");
    let expected =
        format!("node:\n  - a\n  - \"{ca}\"\n  - \"{pinned}\"\n  - \"d,insecure=true\"\n");
    let yaml = format!(
        "node:\n  - a\n  - url: https://b:2\n    insecure: no\n    ca: /c d.pem\n  - CA: null\n    \
         url: https://c\n    fingerprint: {pin}\n  - {{url: d, insecure: true}}\n"
    );
    let json = format!(
        r#"{{"node": ["a", {{"url": "https://b:2", "ca": "/c d.pem", "insecure": false}},
            {{"url": "https://c", "fingerprint": "{pin}"}}, {{"url": "d", "insecure": "on"}}]}}"#
    );
    let toml = format!(
        "node = ['a', {{url = 'https://b:2', ca = '/c d.pem', insecure = false}},
            {{url = 'https://c', fingerprint = '{pin}'}}, {{url = 'd', insecure = true}}]"
    );
    for document in [("a.yaml", &yaml), ("a.json", &json), ("a.toml", &toml)] {
        assert_eq!(printed(&[], &[], &[(document.0, document.1)]), expected);
    }
    assert_eq!(printed(&[], &[], &[("again.yaml", &expected)]), expected);
    let flags = ["a", ca, &pinned, "d,insecure=true"].map(|node| format!("--node={node}"));
    assert_eq!(
        printed(&flags.each_ref().map(String::as_str), &[], &[]),
        expected
    );
    let list = json.trim_start_matches("{\"node\": ").trim_end_matches('}');
    assert_eq!(
        printed(&[], &[("CHAINWEB_MINING_NODE", list)], &[]),
        expected
    );
    let words = " a:1  https://b,insecure\t[::1]:1848";
    assert_eq!(
        printed(&[], &[("CHAINWEB_MINING_NODE", words)], &[]),
        "node:\n  - \"a:1\"\n  - \"https://b,insecure\"\n  - \"[::1]:1848\"\n"
    );
    // One node, and a section of settings.
    for (text, expected) in [
        ("node: {url: a, ca: b}", "node: \"a,ca=b\"\n"),
        (
            "[[node]]\nurl = 'a'\n[[node]]\nurl = 'b'",
            "node:\n  - a\n  - b\n",
        ),
        ("node: {ca: b}", "nodeCa: \"b\"\n"),
    ] {
        assert_eq!(printed(&[], &[], &[("unnamed", text)]), expected);
    }
}

#[test]
fn every_error_in_a_map_of_a_node_is_reported_with_its_place() {
    let text = "\
threadCount: x
node:
  - good
  - {url: 'a b', fingerprint: 0a, insecure: maybe}
  - {url: a, fingerprnt: b, ca: 'x,insecure', ca: y}
  - {url: [a], insecure: true, ca: c}
  - bad:port
  - {url: a, timeout: 1}
  - {url: 'a,insecure'}
";
    let hex = "expected sha256: and 64 hex digits, with or without colons between the bytes";
    let port = "port \"port\" is not a number from 1 to 65535";
    assert_eq!(
        problems(&[], &[], &[("a.yaml", text)]),
        [
            "a.yaml:1:14: threadCount: expected a number from 1 to 1024, got \"x\"",
            "a.yaml:4:11: node: \"a b\" is not a host name or address: it contains ' '",
            &format!("a.yaml:4:31: node: fingerprint: {hex}, got \"0a\""),
            "a.yaml:4:45: node: insecure: expected true or false, got \"maybe\"",
            "a.yaml:5:14: node: fingerprnt: unknown key; did you mean fingerprint?",
            "a.yaml:5:33: node: ca: contains a comma",
            "a.yaml:5:47: node: ca: appears twice",
            "a.yaml:6:11: node: expected one value, got a list",
            "a.yaml:6:26: node: insecure contradicts ca: leave out one of the two, got \"true\"",
            &format!("a.yaml:7:5: node: {port}, got \"bad:port\""),
            "a.yaml:8:14: node: timeout: unknown key; expected url, ca, fingerprint, insecure",
            "a.yaml:9:5: node: url: contains a comma",
        ]
    );
    assert_eq!(
        problems(
            &["--node=a,b=c"],
            &[("CHAINWEB_MINING_NODE", "a b:0,c")],
            &[]
        ),
        [
            "--node: \"b\" is no option of a node: expected ca=FILE, fingerprint=FINGERPRINT or \
             insecure, got \"a,b=c\"",
            "CHAINWEB_MINING_NODE: port \"0\" is not a number from 1 to 65535, got \"b:0,c\"",
        ]
    );
}
