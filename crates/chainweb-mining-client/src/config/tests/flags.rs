use std::ffi::OsString;

use clap::CommandFactory;

use super::super::from_flags::{self, Request};
use super::super::{Findings, Invocation};
use super::{catalog, printed, problems, settle};
use crate::cli::{self, Cli, Command};
use crate::logging::LogLevel;

#[test]
fn an_argument_that_is_not_utf8_is_an_error_among_others() {
    use std::os::unix::ffi::OsStringExt;
    let odd = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let args = [
        "-k".into(),
        odd(b"\xff"),
        "--account".into(),
        odd(b"-\xff"),
        odd(b"--node=\xff"),
        "--nodee".into(),
    ];
    let mut findings = Findings::default();
    let request = from_flags::read(&catalog(), &args, &mut findings);
    assert_eq!(request, Request::Settings(Vec::new()));
    assert!(findings.assignments.is_empty());
    assert_eq!(
        findings.problems,
        [
            "--public-key: is not valid UTF-8",
            "--account: a value is missing",
            "\"-\u{fffd}\": is not valid UTF-8",
            "\"--node=\u{fffd}\": is not valid UTF-8",
            "--nodee: unknown flag; did you mean --node?",
        ]
    );
}

fn read(args: &[&str]) -> Result<Invocation<Cli>, clap::Error> {
    super::super::read(Cli::command(), args.iter().map(OsString::from))
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
    let request = |args: &[&str]| {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        from_flags::read(&catalog(), &args, &mut Findings::default())
    };
    assert_eq!(request(&["demo", "--for", "x"]), Request::Command);
    for (args, answered) in [
        (&["--nodee", "--help"][..], "--help"),
        (&["-t?"], "-?"),
        (&["-h"], "-h"),
        (&["-k", "a", "-v"], "-v"),
        (&["--version"], "--version"),
        (&["--config-file", "lost", "--license"], "--license"),
    ] {
        let alone = ["chainweb-mining-client", answered].map(OsString::from);
        assert_eq!(request(args), Request::Answer(alone.to_vec()));
    }
    // The name of a command may be a value.
    assert_eq!(request(&["--node", "demo"]), Request::Settings(Vec::new()));
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
    let cli = settings.expect("good settings").parsed;
    let Some(Command::Doctor(doctor)) = cli.command else {
        panic!("not the doctor");
    };
    assert_eq!((doctor.json, doctor.node.tls), (true, true));
    let [node] = doctor.node.node.as_slice() else {
        panic!("not one node");
    };
    assert_eq!(node.to_string(), "a.example");
    assert_eq!(doctor.node.public_key.as_deref(), Some("ab"));
    assert_eq!(cli.log.log_level, LogLevel::Debug);
    // A flag of neither is an error, and --json is not one of mining.
    assert_eq!(
        problems(&["doctor", "--jsn", "--nodee=x"], &[], &[]),
        [
            "--jsn: unknown flag; did you mean --json?",
            "--nodee: unknown flag; did you mean --node?"
        ]
    );
    assert_eq!(
        problems(&["--json"], &[], &[]),
        ["--json: unknown flag; see --help"]
    );
}

#[test]
fn the_value_of_some_flags_may_look_like_a_flag() {
    for word in ["--help", "-v", "--info", "-d", "--node", "doctor", "--"] {
        for command in [&[][..], &["doctor"]] {
            let args = [command, &["--external-arg", word]].concat();
            assert_eq!(
                printed(&args, &[], &[]),
                format!("externalArg: \"{word}\"\n"),
                "{args:?}"
            );
        }
    }
    // Nothing is answered, so that nothing is run without its settings.
    let program = ["client", "--external-worker-cmd", "--help", "-w", "cpu"];
    let read = read(&program);
    assert!(matches!(read, Ok(Invocation::Settings(_))), "{read:?}");
}

#[test]
fn help_and_the_version_work_even_if_other_arguments_are_invalid() {
    let answer = |args: &[&str]| {
        let args = [&["chainweb-mining-client"], args].concat();
        read(&args).expect_err("an answer").to_string()
    };
    let doctor = answer(&["doctor", "--help"]);
    assert!(doctor.contains("--json"), "{doctor}");
    assert_eq!(answer(&["doctor", "--nodee", "--help"]), doctor);
    assert_eq!(answer(&["--stratum-port", "7", "doctor", "--help"]), doctor);
    let main = answer(&["--help"]);
    assert_ne!(main, doctor);
    assert_eq!(answer(&["--nodee", "--help"]), main);
    assert_eq!(answer(&["doctor", "-v"]), answer(&["-v"]));
    match read(&["client", "--nodee", "--info"]) {
        Ok(Invocation::Command(cli)) => assert!(cli.about.info),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_second_task_beside_the_doctor_is_an_error() {
    #[track_caller]
    fn check(args: &[&str], problem: &str) {
        assert_eq!(problems(args, &[], &[]), [problem]);
    }
    check(
        &["doctor", "--json", "doctor"],
        "doctor: cannot be combined with the command doctor",
    );
    check(
        &["doctor", "simnet"],
        "simnet: cannot be combined with the command doctor",
    );
    check(
        &["doctor", "--jsno"],
        "--jsno: unknown flag; did you mean --json?",
    );
    check(&["doctor", "--json=1"], "--json: takes no value, got \"1\"");
    check(
        &["--generate-key", "doctor"],
        "--generate-key: cannot be combined with the command doctor",
    );
    // In a file it is a setting of mining, which the doctor ignores.
    let settings = settle(&["doctor"], &[], &[("a.yaml", "generateKey: true")]);
    settings.expect("good settings");
}

#[test]
fn the_own_flags_of_the_doctor_are_switches() {
    let catalog = catalog();
    let command = cli::command();
    let doctor = command.find_subcommand("doctor").expect("a command");
    let own = doctor.get_arguments().filter(|arg| {
        let flag = arg.get_long().expect("it has no argument without a flag");
        catalog.by_flag(flag).is_none()
    });
    let own: Vec<_> = own.collect();
    assert_eq!(own.len(), 1);
    assert!(own.iter().all(|arg| !arg.get_action().takes_values()));
}
