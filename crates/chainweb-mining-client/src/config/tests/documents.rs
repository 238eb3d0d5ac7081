use super::super::assignment::{Given, Source};
use super::super::catalog::Catalog;
use super::super::{document, from_bytes};
use super::{mistakes, printed, settle};

#[test]
fn keys_are_joined_however_they_are_nested_and_written() {
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
        mistakes(&[], &[], &[("a.yaml", "strat: {umPort: 1}")]),
        ["a.yaml:1:1: strat: there is no such setting; --print-config lists all"]
    );
    assert_eq!(
        printed(&[], &[], &[("a.yaml", "stratum:\ntls: true")]),
        "useTls: true\n"
    );
}

#[test]
fn the_environment_is_read_by_name_and_empty_variables_are_not_there() {
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
        settings.warnings,
        [
            "CHAINWEB_MINING_CLIENT_PORT_1917_TCP is no setting of this program",
            "CHAINWEB_MINING_PRINT_CONFIG is no setting of this program",
            "CHAINWEB_MINING_USE_TLS is no setting of this program; did you mean CHAINWEB_MINING_TLS?",
        ]
    );
    assert_eq!(settings.printed, None);
}

#[test]
fn a_winner_remembers_its_source() {
    let catalog = Catalog::new();
    let items = from_bytes(&catalog, &"a.yaml".into(), b"log:\n  level: DEBUG\n", None);
    let [assignment] = items.assignments.as_slice() else {
        panic!("{items:?}");
    };
    let place = document::Place { line: 2, column: 3 };
    let source = Source::Key("a.yaml".into(), place, "log.level".to_owned());
    assert_eq!(assignment.source, source);
    assert_eq!(assignment.value, Given::Texts(vec!["debug".to_owned()]));
}

#[test]
fn every_mistake_inside_a_list_or_a_map_is_told_at_its_place() {
    let check = |text: &str, expected: &[&str]| {
        assert_eq!(mistakes(&[], &[], &[("a.yaml", text)]), expected);
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
            "a.yaml:2:49: externalEnv: A is set twice",
        ],
    );
    assert_eq!(
        mistakes(&[], &[("CHAINWEB_MINING_NODE", " [ \"a\", [1], {}]")], &[]),
        [
            "CHAINWEB_MINING_NODE: expected one value, got a list",
            "CHAINWEB_MINING_NODE: expected one value, got a map",
        ]
    );
}

#[test]
fn values_that_may_be_secret_are_not_repeated() {
    let wrong = "API-KEY=hunter2";
    let found = mistakes(
        &["--external-env", wrong],
        &[("CHAINWEB_MINING_EXTERNAL_ENV", wrong)],
        &[
            ("a.yaml", "externalEnv: {API-KEY: hunter2}"),
            ("b.yaml", "externalEnv: [API-KEY=hunter2]"),
        ],
    );
    assert_eq!(found.len(), 4);
    for mistake in found {
        assert!(mistake.ends_with("got \"API-KEY=…\""), "{mistake}");
    }
}

#[test]
fn what_a_document_says_cannot_move_the_cursor() {
    for text in [
        "externalEnv: {\"\\e[2J\": [1]}",
        "\"\\e[2J\": 1",
        "node: \"\\e[2J\"\nworkSlots: \"\\e[2J\"",
        "node: !%1b[2J x",
        "{\"node\": !<%1b> x}",
    ] {
        for mistake in mistakes(&[], &[], &[("a.yaml", text)]) {
            assert!(!mistake.contains('\x1b'), "{mistake:?}");
        }
    }
}
