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
            "a.yaml:1:16: node: expected one value, got a map",
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
            "CHAINWEB_MINING_NODE: expected one value, got a map",
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
