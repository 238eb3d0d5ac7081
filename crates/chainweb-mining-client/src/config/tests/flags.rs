use std::ffi::OsString;

use super::super::Invocation;
use super::super::catalog::Catalog;
use super::super::flags::{self, Asked, Purpose};
use super::{mistakes, printed, settle};
use crate::cli::{self, Command};
use crate::logging::LogLevel;

#[test]
fn an_argument_that_is_no_text_is_a_mistake_among_others() {
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
    let Asked::Settings(_, assignments, mistakes) = flags::read(&Catalog::new(), args) else {
        panic!("no settings");
    };
    assert_eq!(assignments, []);
    let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(
        mistakes,
        [
            "--public-key: is not a text in UTF-8",
            "--account: a value is missing",
            "\"-\u{fffd}\": is not a text in UTF-8",
            "\"--node=\u{fffd}\": is not a text in UTF-8",
            "--nodee: there is no such flag; did you mean --node?",
        ]
    );
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
    assert!(matches!(asked(&["demo", "--for", "x"]), Asked::Command));
    for (args, answered) in [
        (&["--nodee", "--help"][..], "--help"),
        (&["-t?"], "-?"),
        (&["-h"], "-h"),
        (&["-k", "a", "-v"], "-v"),
        (&["--version"], "--version"),
        (&["--config-file", "lost", "--license"], "--license"),
    ] {
        match asked(args) {
            Asked::Answer(flag, purpose) => {
                assert_eq!((flag.as_str(), purpose), (answered, Purpose::Mine));
            }
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
            "--jsn: there is no such flag; did you mean --json?",
            "--nodee: there is no such flag; did you mean --node?"
        ]
    );
    assert_eq!(
        mistakes(&["--json"], &[], &[]),
        ["--json: there is no such flag; --help lists all"]
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
    let read = super::super::read(program.map(OsString::from));
    assert!(matches!(read, Ok(Invocation::Settings(_))), "{read:?}");
}

#[test]
fn who_asks_about_the_program_or_a_command_gets_an_answer_whatever_else_is_wrong() {
    let answer = |args: &[&str]| {
        let args = [&["chainweb-mining-client"], args].concat();
        let read = super::super::read(args.into_iter().map(OsString::from));
        read.expect_err("an answer").to_string()
    };
    let doctor = answer(&["doctor", "--help"]);
    assert!(doctor.contains("--json"), "{doctor}");
    assert_eq!(answer(&["doctor", "--nodee", "--help"]), doctor);
    assert_eq!(answer(&["--stratum-port", "7", "doctor", "--help"]), doctor);
    let main = answer(&["--help"]);
    assert_ne!(main, doctor);
    assert_eq!(answer(&["--nodee", "--help"]), main);
    assert_eq!(answer(&["doctor", "-v"]), answer(&["-v"]));
    let read = super::super::read(["client", "--nodee", "--info"].map(OsString::from));
    match read {
        Ok(Invocation::Command(cli)) => assert!(cli.about.info),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_doctor_cannot_do_at_once_is_a_mistake() {
    #[track_caller]
    fn check(args: &[&str], mistake: &str) {
        assert_eq!(mistakes(args, &[], &[]), [mistake]);
    }
    check(
        &["doctor", "--json", "doctor"],
        "doctor: is a second command; doctor is the first",
    );
    check(
        &["doctor", "simnet"],
        "simnet: is a second command; doctor is the first",
    );
    check(
        &["doctor", "--jsno"],
        "--jsno: there is no such flag; did you mean --json?",
    );
    check(&["doctor", "--json=1"], "--json: takes no value, got \"1\"");
    check(
        &["--generate-key", "doctor"],
        "--generate-key: cannot be asked for together with doctor",
    );
    // All that this file of settings is for is left to mining.
    let settings = settle(&["doctor"], &[], &[("a.yaml", "generateKey: true")]);
    settings.expect("good settings");
}

#[test]
fn the_own_flags_of_the_doctor_are_switches() {
    let catalog = Catalog::new();
    let command = cli::command();
    let doctor = command
        .find_subcommand(Purpose::EXAMINE)
        .expect("a command");
    let own = doctor.get_arguments().filter(|arg| {
        let flag = arg.get_long().expect("it has no argument without a flag");
        catalog.by_flag(flag).is_none()
    });
    let own: Vec<_> = own.collect();
    assert_eq!(own.len(), 1);
    assert!(own.iter().all(|arg| !arg.get_action().takes_values()));
}
