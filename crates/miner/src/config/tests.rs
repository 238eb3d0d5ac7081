mod print;

use std::ffi::OsString;
use std::sync::Arc;

use super::assignment::{Given, Layer, Source};
use super::catalog::{Catalog, Form, Scope};
use super::flags::{self, Asked, Purpose};
use super::{Gathered, Mistakes, Settings, environment, from_bytes, remote};
use crate::cli::Command;
use crate::logging::LogLevel;

/// A file, or what stands at a URL: its name and its text.
type Document<'a> = (&'a str, &'a str);

/// Settles what these sources say.
fn settle(
    args: &[&str],
    variables: &[(&str, &str)],
    documents: &[Document<'_>],
) -> Result<Settings, Mistakes> {
    let catalog = Catalog::new();
    let args = args.iter().map(OsString::from);
    let Asked::Settings(purpose, assignments, mistakes) = flags::read(&catalog, args) else {
        panic!("no settings");
    };
    let mut gathered = Gathered {
        layers: vec![(Layer::Flags, assignments)],
        warnings: Vec::new(),
        mistakes,
    };
    let variables = variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    gathered.take(Layer::Environment, environment::read(&catalog, variables));
    for (at, (name, text)) in documents.iter().enumerate() {
        let layer = if remote::is_url(name) {
            Layer::Remote(at)
        } else {
            Layer::File(at)
        };
        let format = super::Format::of_name(name);
        let name: Arc<str> = Arc::from(*name);
        gathered.take(layer, from_bytes(&catalog, &name, text.as_bytes(), format));
    }
    gathered.settle(&catalog, purpose)
}

fn printed(args: &[&str], variables: &[(&str, &str)], documents: &[Document<'_>]) -> String {
    let args = [args, &["--print-config-as=minimal"]].concat();
    let settings = settle(&args, variables, documents).expect("good settings");
    settings.printed.expect("a printed configuration")
}

fn mistakes(args: &[&str], variables: &[(&str, &str)], documents: &[Document<'_>]) -> Vec<String> {
    let mistakes = settle(args, variables, documents).expect_err("wrong settings");
    mistakes.mistakes.iter().map(ToString::to_string).collect()
}

#[test]
fn flags_win_over_files_over_urls_over_the_environment_over_defaults() {
    let variables = [("CHAINWEB_MINING_STRATUM_PORT", "1")];
    let first_url = ("http://host/1", "stratumPort: 2");
    let second_url = ("http://host/2", "stratumPort: 3");
    let first_file = ("1.yaml", "stratumPort: 4");
    let second_file = ("2.toml", "stratumPort = 5");
    let flags = ["--stratum-port=6", "--stratum-port", "7"];
    // In any order of files and URLs.
    let documents = [first_file, first_url, second_file, second_url];
    let port = |args: &[&str], variables: &[_], documents: &[_]| {
        let settings = settle(args, variables, documents).expect("good settings");
        settings.cli.mine.stratum.port
    };
    assert_eq!(port(&[], &[], &[]), 1917);
    assert_eq!(port(&[], &variables, &[]), 1);
    assert_eq!(port(&[], &variables, &[first_url]), 2);
    assert_eq!(port(&[], &variables, &[first_url, second_url]), 3);
    assert_eq!(port(&[], &variables, &[second_url, first_url]), 2);
    assert_eq!(port(&[], &variables, &[first_file, second_url]), 4);
    assert_eq!(port(&[], &variables, &documents), 5);
    assert_eq!(port(&flags[..1], &variables, &documents), 6);
    assert_eq!(port(&flags, &variables, &documents), 7);
}

/// What the Haskell client prints.
const HASKELL: &str = "\
hashRate: 2000000.0
node: node.example:1848
useTls: true
insecure: true
publicKey: 12345678901234567890123456789012345678901234567890123456789012e5
account: null
threadCount: 3
generateKey: false
logLevel: debug
worker: stratum
externalWorkerCommand: echo 'no external worker command configured' && /bin/false
stratumPort: 1918
stratumInterface: '*4'
stratumDifficulty: block
stratumRate: 1500
constantDelayBlockTime: 20
onDemandInterface: 127.0.0.1
onDemandPort: 1919
defaultHTTPTimeout: 2000000
";

#[test]
fn a_file_of_the_haskell_client_is_read_as_it_is() {
    let printed = printed(&[], &[], &[("miner.yaml", HASKELL)]);
    let plain = |text: &str| text.replace(['"', '\''], "");
    // What is the default makes no difference.
    let lines: Vec<String> = HASKELL.lines().map(plain).collect();
    let expected = lines.into_iter().filter(|line| {
        !["account", "generateKey", "worker"].contains(&&line[..line.find(':').unwrap_or(0)])
    });
    let printed: Vec<String> = printed.lines().map(plain).collect();
    assert_eq!(printed, expected.collect::<Vec<_>>());
}

#[test]
fn an_argument_that_is_no_text_is_a_mistake_among_others() {
    use std::os::unix::ffi::OsStringExt;
    let odd = OsString::from_vec(b"--node=\xff".to_vec());
    let args = [odd, "--nodee".into()];
    let Asked::Settings(_, assignments, mistakes) = flags::read(&Catalog::new(), args) else {
        panic!("no settings");
    };
    assert_eq!(assignments, []);
    let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(
        mistakes,
        [
            "\"--node=\u{fffd}\": is not a text in UTF-8",
            "--nodee: there is no such flag; did you mean --node?",
        ]
    );
}

#[test]
fn a_list_is_replaced_by_another_source_and_gathered_within_one() {
    let file = ("a.json", r#"{"node": ["a", "b"]}"#);
    let node = |args: &[&str], documents: &[_]| {
        let settings = settle(
            args,
            &[("CHAINWEB_MINING_NODE", "[\"x\", \"y\"]")],
            documents,
        );
        settings.expect("good settings").cli.mine.node.node
    };
    assert_eq!(node(&[], &[]), ["x", "y"]);
    assert_eq!(node(&[], &[file]), ["a", "b"]);
    assert_eq!(node(&["-n", "c", "--node=d"], &[file]), ["c", "d"]);
}

#[test]
fn a_later_source_can_turn_off_and_unset() {
    let file = (
        "a.yaml",
        "useTls: yes\ninsecure: true\naccount: k\nworker: cpu\n",
    );
    let unset = (
        "b.json",
        r#"{"useTls": false, "account": null, "worker": null}"#,
    );
    assert_eq!(
        printed(&[], &[], &[file]),
        "useTls: true\ninsecure: true\naccount: \"k\"\nworker: cpu\n"
    );
    assert_eq!(printed(&[], &[], &[file, unset]), "insecure: true\n");
    assert_eq!(
        printed(&["--no-insecure", "--tls"], &[], &[file, unset]),
        "useTls: true\n"
    );
    assert_eq!(printed(&["--tls", "--no-tls"], &[], &[]), "{}\n");
}

#[test]
fn every_mistake_of_every_source_is_told_with_its_place() {
    let yaml = "threadCount: abc\nuseTls: maybe\nstratum:\n  port: 70000\n  minDificulty: 40\n\
                cpuPriority: high\nnode: [a, [b]]\naccount: {x: 1}\npublicKey: true\nunheardOf: 1\n\
                work-slots: 1\nworkSlots: 2\nstratumInterface: 'a b'\n";
    let json = "{\n  \"cpu\": 3,\n  \"threadCount\": [1],\n  \"stratumRate\": \"\"\n}";
    let toml = "logLevel = 'loud'\nwork_slots = 0\n[cpu]\nkernel = 'avx3'\npriority.x = 1\n";
    let found = mistakes(
        &[
            "--nodee",
            "x",
            "--timeout",
            "10",
            "-c0",
            "-qx",
            "--tls=yes",
            "-c",
            "--log-level",
            "demoo",
            "--work-slots",
            "-1",
            "--",
            "mine",
        ],
        &[
            ("CHAINWEB_MINING_CPU_PRIORITY", "norml"),
            ("CHAINWEB_MINING_PUBLC_KEY", "1"),
            ("CHAINWEB_MINING_TLS", "perhaps"),
        ],
        &[
            ("a.yaml", yaml),
            ("b.json", json),
            ("c.toml", toml),
            ("d.toml", "x ="),
        ],
    );
    let expected = [
        "--nodee: there is no such flag; did you mean --node?",
        "--timeout: expected a time with its unit, as in 10s, 1500ms or 2m, got \"10\"",
        "--thread-count: expected a number from 1 to 1024, got \"0\"",
        "-q: there is no such flag; --help lists all",
        "--tls: takes no value, got \"yes\"",
        "--thread-count: a value is missing",
        "--log-level: expected quiet, error, warn, info or debug, got \"demoo\"",
        "--work-slots: expected a number from 1 to 98, got \"-1\"",
        "\"--\": is neither a flag nor a command; --help lists both",
        "\"mine\": is neither a flag nor a command; --help lists both",
        "CHAINWEB_MINING_CPU_PRIORITY: expected normal, low or idle, got \"norml\"; did you mean normal?",
        "CHAINWEB_MINING_TLS: expected true or false, got \"perhaps\"",
        "a.yaml:1:14: threadCount: expected a number from 1 to 1024, got \"abc\"",
        "a.yaml:2:9: useTls: expected true or false, got \"maybe\"",
        "a.yaml:4:9: stratum.port: expected a port from 0 to 65535, got \"70000\"",
        "a.yaml:5:3: stratum.minDificulty: there is no such setting; did you mean stratumMinDifficulty?",
        "a.yaml:6:14: cpuPriority: expected normal, low or idle, got \"high\"",
        "a.yaml:7:7: node: expected one value, got a list",
        "a.yaml:8:10: account: expected one value, got a map",
        "a.yaml:9:12: publicKey: expected a text or a number, got true; put quotes around it if it is meant",
        "a.yaml:10:1: unheardOf: there is no such setting; --print-config lists all",
        "a.yaml:12:1: workSlots: is set twice; the first time at 11:1",
        "a.yaml:13:19: stratumInterface: an interface is `*`, `*4`, `*6`, `!4`, `!6`, an address or a host name; got \"a b\"",
        "b.json:2:3: cpu: expected a section of settings, got \"3\"",
        "b.json:3:18: threadCount: expected one value, got a list",
        "b.json:4:18: stratumRate: expected a time in milliseconds from 1 to 3600000, got \"\"",
        "c.toml:1:12: logLevel: expected quiet, error, warn, info or debug, got \"loud\"",
        "c.toml:2:14: work_slots: expected a number from 1 to 98, got \"0\"",
        "c.toml:4:10: cpu.kernel: expected auto, avx512, avx2, ssse3, sse2, neon or portable, got \"avx3\"; did you mean avx2?",
        "c.toml:5:1: cpu.priority: expected one value, got a map",
        "d.toml:1:4: is not TOML: string values must be quoted, expected literal string",
    ];
    assert_eq!(found, expected);
}

#[test]
fn one_mistake_is_one_line_and_what_is_odd_stands_below() {
    let variables = [
        ("CHAINWEB_MINING_WORKR", "1"),
        ("CHAINWEB_MINING_THREAD_COUNT", "x"),
    ];
    let wrong = settle(&[], &variables, &[]).expect_err("wrong settings");
    assert_eq!(
        wrong.to_string(),
        "CHAINWEB_MINING_THREAD_COUNT: expected a number from 1 to 1024, got \"x\"\n\
         warning: CHAINWEB_MINING_WORKR is no setting of this program; did you mean CHAINWEB_MINING_WORKER?"
    );
}

#[test]
fn no_setting_takes_a_wrong_value_from_anywhere() {
    const WRONG: &str = "{ no/such = value }";
    let catalog = Catalog::new();
    for at in catalog.in_files() {
        let setting = catalog.setting(at);
        let is_switch = matches!(setting.form, Form::Switch { .. });
        if catalog.is_text(at) {
            continue;
        }
        let flag = format!("--{}={WRONG}", setting.flag);
        let variable = super::key::environment_variable(&setting.flag);
        let file = format!("{}: '{WRONG}'", setting.key);
        let found = mistakes(&[&flag], &[(&variable, WRONG)], &[("a.yaml", &file)]);
        let starts = [
            format!("--{}: ", setting.flag),
            format!("{variable}: "),
            format!("a.yaml:1:{}: {}: ", setting.key.len() + 3, setting.key),
        ];
        assert_eq!(found.len(), starts.len(), "{found:?}");
        for (mistake, start) in found.iter().zip(&starts) {
            assert!(mistake.starts_with(start), "{mistake}");
            assert!(mistake.contains(WRONG), "the value is not in {mistake}");
        }
        assert!(!is_switch || found[1].contains("expected true or false"));
    }
}

#[test]
fn flags_have_all_their_forms() {
    #[track_caller]
    fn check(args: &[&str], expected: &str) {
        assert_eq!(printed(args, &[], &[]), expected, "{args:?}");
    }
    let key = "publicKey: \"12e5\"\n";
    for args in [
        &["-k", "12e5"][..],
        &["-k12e5"],
        &["-k=12e5"],
        &["--public-key", "12e5"],
    ] {
        check(args, key);
    }
    check(&["-tx"], "useTls: true\ninsecure: true\n");
    check(
        &["-txk", "a"],
        "useTls: true\ninsecure: true\npublicKey: \"a\"\n",
    );
    check(&["--public-key="], "publicKey: \"\"\n");
    check(
        &["--account", "a=b", "-w", "CPU"],
        "account: \"a=b\"\nworker: cpu\n",
    );
    check(
        &["--stratum-interface", "\"127.0.0.1\""],
        "stratumInterface: \"\\\"127.0.0.1\\\"\"\n",
    );
}

#[test]
fn commands_help_and_the_version_are_left_to_the_command_line() {
    let asked = |args: &[&str]| flags::read(&Catalog::new(), args.iter().map(OsString::from));
    for args in [
        &["demo", "--for", "x"][..],
        &["--log-level=debug", "simnet"],
    ] {
        assert!(matches!(asked(args), Asked::Command), "{args:?}");
    }
    for (args, answered) in [
        (&["--nodee", "--help"][..], "--help"),
        (&["-t?"], "-?"),
        (&["-h"], "-h"),
        (&["-k", "a", "-v"], "-v"),
        (&["--version"], "--version"),
        (&["--config-file", "lost", "--license"], "--license"),
    ] {
        match asked(args) {
            Asked::Answer(flag) => assert_eq!(flag, answered),
            other => panic!("{other:?}"),
        }
    }
    // The name of a command may be a value.
    assert!(matches!(
        asked(&["--node", "demo"]),
        Asked::Settings(Purpose::Mine, ..)
    ));
}

#[test]
fn the_doctor_takes_the_settings_of_mining_and_flags_of_its_own() {
    let file = "{node: \"a.example\", worker: on-demand, timeout: [info=5s], logLevel: debug}";
    let args = [
        "--stratum-port",
        "7",
        "doctor",
        "--json",
        "-k",
        "ab",
        "-c",
        "9",
    ];
    let settings = settle(
        &args,
        &[("CHAINWEB_MINING_TLS", "true")],
        &[("a.yaml", file)],
    );
    let cli = settings.expect("good settings").cli;
    let Some(Command::Doctor(doctor)) = cli.command else {
        panic!("not the doctor");
    };
    assert_eq!((doctor.json, doctor.node.tls), (true, true));
    assert_eq!(doctor.node.node, ["a.example"]);
    assert_eq!(doctor.node.public_key.as_deref(), Some("ab"));
    assert_eq!(cli.log.log_level, LogLevel::Debug);
    // What is no flag of either is a mistake, and --json is none of mining.
    assert_eq!(
        mistakes(&["doctor", "--jsn", "--nodee=x"], &[], &[]),
        [
            "--jsn: there is no such flag; --help lists all",
            "--nodee: there is no such flag; did you mean --node?"
        ]
    );
    assert_eq!(
        mistakes(&["--json"], &[], &[]),
        ["--json: there is no such flag; --help lists all"]
    );
}

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
        ]
    );
    assert_eq!(settings.printed, None);
}

#[test]
fn a_later_error_can_tell_where_its_flags_were_set() {
    let settings = settle(
        &["--work-slots=3"],
        &[("CHAINWEB_MINING_NODE", "a")],
        &[("b.yaml", "threadCount: 4")],
    )
    .expect("good settings");
    assert_eq!(
        settings.origins_in("--thread-count 4 contradicts --work-slots 3"),
        ["--thread-count is set by b.yaml:1:1: threadCount"]
    );
    assert_eq!(
        settings.origins_in("--node \"a\": --node-x, thread-count"),
        ["--node is set by CHAINWEB_MINING_NODE"]
    );
}

#[test]
fn every_setting_is_found_by_its_flag_its_key_and_its_variable() {
    let catalog = Catalog::new();
    for at in catalog.in_files() {
        let setting = catalog.setting(at);
        assert_eq!(setting.scope, Scope::Everywhere);
        assert_eq!(catalog.by_flag(&setting.flag), Some((at, true)));
        assert_eq!(catalog.by_key(&setting.key), Some(at));
        assert_eq!(catalog.by_key(&setting.flag), Some(at));
        let variable = super::key::environment_variable(&setting.flag);
        assert_eq!(catalog.by_variable(&variable), Some(at));
    }
    for (flag, scope) in [
        ("config-file", Scope::OutsideFiles),
        ("print-config", Scope::CommandLine),
    ] {
        let (at, _) = catalog.by_flag(flag).expect("a flag");
        assert_eq!(catalog.setting(at).scope, scope);
        assert_eq!(catalog.by_key(flag), None);
    }
    assert_eq!(catalog.by_flag("no-tls").map(|(_, says)| says), Some(false));
    assert_eq!(catalog.by_key("noTls"), None);
}

#[test]
fn a_winner_remembers_its_source() {
    let catalog = Catalog::new();
    let items = from_bytes(&catalog, &"a.yaml".into(), b"log:\n  level: DEBUG\n", None);
    let [assignment] = items.assignments.as_slice() else {
        panic!("{items:?}");
    };
    let place = super::document::Place { line: 2, column: 3 };
    let source = Source::Key("a.yaml".into(), place, "log.level".to_owned());
    assert_eq!(assignment.source, source);
    assert_eq!(assignment.value, Given::Texts(vec!["debug".to_owned()]));
}
