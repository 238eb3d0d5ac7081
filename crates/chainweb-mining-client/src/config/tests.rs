mod documents;
mod flags;
mod print;

use std::ffi::OsString;

use clap::CommandFactory;

use super::findings::Layer;
use super::from_flags::Request;
use super::setting::Form;
use super::{Catalog, Findings, Flags, Problems, from_document, from_environment, from_flags};
use crate::cli::Cli;
use crate::flags::NodeAddress;

type Settings = super::Settings<Cli>;

/// The name and the text of a file or of a document at a URL.
type Document<'a> = (&'a str, &'a str);

fn catalog() -> Catalog {
    Catalog::new(Cli::command())
}

/// Resolves the settings of these sources.
fn settle(
    args: &[&str],
    variables: &[(&str, &str)],
    documents: &[Document<'_>],
) -> Result<Settings, Problems> {
    let catalog = catalog();
    let mut findings = Findings::default();
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    let Request::Settings(command) = from_flags::read(&catalog, &args, &mut findings) else {
        panic!("no settings");
    };
    let variables = variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    from_environment::read(&catalog, variables, &mut findings);
    for (at, (name, text)) in documents.iter().enumerate() {
        let layer = if name.contains("://") {
            Layer::Remote(at)
        } else {
            Layer::File(at)
        };
        let format = super::Format::of_name(name);
        let document = (text.as_bytes().to_vec(), format);
        from_document::read(&catalog, (layer, name), document, &mut findings);
    }
    let flags = Flags {
        catalog,
        command,
        findings,
    };
    flags.settle()
}

fn printed(args: &[&str], variables: &[(&str, &str)], documents: &[Document<'_>]) -> String {
    let args = [args, &["--print-config-as=minimal"]].concat();
    let settings = settle(&args, variables, documents).expect("good settings");
    settings.printed.expect("a printed configuration")
}

fn problems(args: &[&str], variables: &[(&str, &str)], documents: &[Document<'_>]) -> Vec<String> {
    let problems = settle(args, variables, documents).expect_err("wrong settings");
    problems.0.problems
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
        settings.parsed.mine.stratum.port
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
fn whole_numbers_are_read_in_any_notation() {
    for (key, written, read) in [
        ("threadCount", "1e1", "10"),
        ("stratumPort", "1918.0", "1918"),
        ("defaultHTTPTimeout", "5e6", "5000000"),
        ("stratumDifficulty", "46.0", "46"),
        ("stratumRate", "1.5e3", "1500"),
        // Which is no number.
        ("account", "1e1", "1e1"),
    ] {
        for (name, text) in [
            ("a.yaml", format!("{key}: {written}")),
            ("a.toml", format!("{key} = {written}")),
            ("a.json", format!("{{\"{key}\": {written}}}")),
        ] {
            let printed = printed(&[], &[], &[(name, &text)]).replace(['"', '\''], "");
            assert_eq!(printed, format!("{key}: {read}\n"), "{text}");
        }
    }
    assert_eq!(
        problems(&[], &[], &[("a.yaml", "stratumPort: 19.5")]),
        ["a.yaml:1:14: stratumPort: expected a port from 0 to 65535, got \"19.5\""]
    );
}

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
fn a_list_is_replaced_by_another_source_and_collected_within_one() {
    let file = ("a.json", r#"{"node": ["a", "b"]}"#);
    let node = |args: &[&str], documents: &[_]| {
        let settings = settle(
            args,
            &[("CHAINWEB_MINING_NODE", "[\"x\", \"y\"]")],
            documents,
        );
        let nodes = settings.expect("good settings").parsed.mine.node.node;
        nodes.iter().map(NodeAddress::to_string).collect::<Vec<_>>()
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
fn every_error_of_every_source_is_reported_with_its_place() {
    let yaml = "threadCount: abc\nuseTls: maybe\nstratum:\n  port: 70000\n  minDificulty: 40\n\
                cpuPriority: high\nnode: [a, [b]]\naccount: {x: 1}\npublicKey: true\nunheardOf: 1\n\
                work-slots: 1\nworkSlots: 2\nstratumInterface: 'a b'\n";
    let json = "{\n  \"cpu\": 3,\n  \"threadCount\": [1],\n  \"stratumRate\": \"\"\n}";
    let toml = "logLevel = 'loud'\nwork_slots = 0\n[cpu]\nkernel = 'avx3'\npriority.x = 1\n";
    let found = problems(
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
        "--nodee: unknown flag; did you mean --node?",
        "--timeout: expected a time with its unit, as in 10s, 1500ms or 2m, got \"10\"",
        "--thread-count: expected a number from 1 to 1024, got \"0\"",
        "-q: unknown flag; see --help",
        "--tls: takes no value, got \"yes\"",
        "--thread-count: a value is missing",
        "--log-level: expected quiet, error, warn, info, debug or trace, got \"demoo\"",
        "--work-slots: expected a number from 1 to 98, got \"-1\"",
        "unknown command \"--\"; see --help",
        "unknown command \"mine\"; see --help",
        "CHAINWEB_MINING_CPU_PRIORITY: expected normal, low or idle, got \"norml\"; did you mean normal?",
        "CHAINWEB_MINING_TLS: expected true or false, got \"perhaps\"",
        "a.yaml:1:14: threadCount: expected a number from 1 to 1024, got \"abc\"",
        "a.yaml:2:9: useTls: expected true or false, got \"maybe\"",
        "a.yaml:4:9: stratum.port: expected a port from 0 to 65535, got \"70000\"",
        "a.yaml:5:3: stratum.minDificulty: unknown setting; did you mean stratumMinDifficulty?",
        "a.yaml:6:14: cpuPriority: expected normal, low or idle, got \"high\"",
        "a.yaml:7:11: node: expected one value, got a list",
        "a.yaml:8:10: account: expected one value, got a map",
        "a.yaml:9:12: publicKey: expected text or a number, got true; quote it if it is meant as text",
        "a.yaml:10:1: unheardOf: unknown setting; --print-config lists all",
        "a.yaml:12:1: workSlots: already set at 11:1",
        "a.yaml:13:19: stratumInterface: an interface is `*`, `*4`, `*6`, `!4`, `!6`, an address or a host name; got \"a b\"",
        "b.json:2:3: cpu: expected a section of settings, got \"3\"",
        "b.json:3:18: threadCount: expected one value, got a list",
        "b.json:4:18: stratumRate: expected a time in milliseconds, as in 1000, got \"\"",
        "c.toml:1:12: logLevel: expected quiet, error, warn, info, debug or trace, got \"loud\"",
        "c.toml:2:14: work_slots: expected a number from 1 to 98, got \"0\"",
        "c.toml:4:10: cpu.kernel: expected auto, avx512, avx2, ssse3, sse2, neon or portable, got \"avx3\"; did you mean avx2?",
        "c.toml:5:1: cpu.priority: expected one value, got a map",
        "d.toml:1:4: is not TOML: string values must be quoted, expected literal string",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_single_error_is_one_line_with_the_warnings_below() {
    let variables = [
        ("CHAINWEB_MINING_WORKR", "1"),
        ("CHAINWEB_MINING_THREAD_COUNT", "x"),
    ];
    let wrong = settle(&[], &variables, &[]).expect_err("wrong settings");
    assert_eq!(
        wrong.to_string(),
        "CHAINWEB_MINING_THREAD_COUNT: expected a number from 1 to 1024, got \"x\"\n\
         warning: unknown setting CHAINWEB_MINING_WORKR; did you mean CHAINWEB_MINING_WORKER?"
    );
}

#[test]
fn no_setting_takes_a_wrong_value_from_anywhere() {
    const WRONG: &str = "{ no/such = value }";
    let catalog = catalog();
    for setting in catalog.in_files() {
        let is_switch = setting.form == Form::Switch;
        if setting.is_text() {
            continue;
        }
        let flag = format!("--{}={WRONG}", setting.flag);
        let variable = &setting.variable;
        let file = format!("{}: '{WRONG}'", setting.key);
        let found = problems(&[&flag], &[(variable, WRONG)], &[("a.yaml", &file)]);
        let starts = [
            format!("--{}: ", setting.flag),
            format!("{variable}: "),
            format!("a.yaml:1:{}: {}: ", setting.key.len() + 3, setting.key),
        ];
        assert_eq!(found.len(), starts.len(), "{found:?}");
        for (problem, start) in found.iter().zip(&starts) {
            assert!(problem.starts_with(start), "{problem}");
            // The value of a pair and a URL may be secret.
            let repeated = match setting.key.as_str() {
                "externalEnv" => "{ no/such =…",
                "alertUrl" => "expected an http(s) URL",
                _ => WRONG,
            };
            assert!(problem.contains(repeated), "{repeated} is not in {problem}");
        }
        assert!(!is_switch || found[1].contains("expected true or false"));
    }
}

#[test]
fn a_later_error_can_name_the_sources_of_its_flags() {
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
fn a_variable_of_another_client_yields_to_all_other_sources() {
    #[track_caller]
    fn check(variables: &[(&str, &str)], files: &[(&str, &str)], expected: Option<&str>) {
        let settings = settle(&[], variables, files).expect("good settings");
        let path = settings.parsed.mine.stratum.share_log;
        assert_eq!(path.as_deref(), expected.map(std::path::Path::new));
    }
    let foreign = ("POOL2_EVENT_LOG_PATH", "/foreign");
    check(&[foreign], &[], Some("/foreign"));
    check(&[("POOL2_EVENT_LOG_PATH", "")], &[], None);
    let ours = ("CHAINWEB_MINING_SHARE_LOG", "/ours");
    check(&[foreign, ours], &[], Some("/ours"));
    check(&[foreign], &[("a.yaml", "shareLog: /file")], Some("/file"));
}

#[test]
fn every_setting_is_found_by_its_flag_its_key_and_its_variable() {
    let catalog = catalog();
    for setting in catalog.in_files() {
        let flag = setting.flag.as_str();
        let found = catalog.by_flag(flag).expect("a flag");
        assert_eq!((found.0.flag.as_str(), found.1), (flag, true));
        for found in [
            catalog.by_key(&setting.key),
            catalog.by_key(flag),
            catalog.by_variable(&super::key::environment_variable(flag)),
        ] {
            assert_eq!(found.map(|found| found.flag.as_str()), Some(flag));
        }
    }
    for (flag, is_in_environment) in [("config-file", true), ("print-config", false)] {
        let (setting, _) = catalog.by_flag(flag).expect("a flag");
        let found = catalog.by_variable(&setting.variable);
        assert_eq!(found.is_some(), is_in_environment);
        assert!(catalog.by_key(flag).is_none());
    }
    assert_eq!(
        catalog.by_flag("no-tls").map(|(_, is_on)| is_on),
        Some(false)
    );
    assert!(catalog.by_key("noTls").is_none());
}
