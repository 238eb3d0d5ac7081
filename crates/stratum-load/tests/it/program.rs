//! The program and the servers that it starts.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Parser;
use rustix::process::{Pid, Signal, kill_process};
use stratum_load::child::ServerChild;
use stratum_load::cli::{Cli, Command as Subcommand};
use stratum_load::clock::Moment;
use stratum_load::fleet::{Fleet, Kind, Mix, Shares};
use stratum_load::load::{self, RunArgs};

use crate::fleets::plan;
use crate::scripted::{closed_port, serve};

const PROGRAM: &str = env!("CARGO_BIN_EXE_stratum-load");

fn start(arguments: &[&str]) -> ServerChild {
    ServerChild::start(Path::new(PROGRAM), arguments).unwrap()
}

fn run_args(arguments: &[&str]) -> RunArgs {
    let arguments = ["stratum-load", "run"].iter().chain(arguments);
    match Cli::try_parse_from(arguments).unwrap().command {
        Subcommand::Run(args) => args,
        other => panic!("{other:?}"),
    }
}

/// Drives the fleet until `done` returns true; panics after a minute.
fn drive(fleet: &mut Fleet, server: &mut ServerChild, done: impl FnMut(&Fleet) -> bool) {
    let until = Moment::now().after(Duration::from_mins(1));
    fleet.drive(until, Some(server), done).unwrap();
    assert!(Moment::now() < until, "{:?}", fleet.tally());
}

#[test]
fn a_run_on_a_started_server_measures_all_sessions() {
    let args = run_args(&[
        "--miners",
        "20",
        "--shares-per-minute",
        "1200",
        "--for",
        "2s",
        "--publish-every",
        "500ms",
    ]);
    let report = load::run(&args, Path::new(PROGRAM)).unwrap();
    assert_eq!(report.tally.failures, BTreeMap::new());
    assert_eq!(
        (
            report.tally.opened,
            report.tally.connected,
            report.tally.ready
        ),
        (20, 20, 20)
    );
    assert_eq!(report.fan_out.missing, 0);
    assert!(report.fan_out.rounds >= 2, "{report}");
    let outcomes = &report.tally.shares[&Kind::Valid];
    assert_eq!(outcomes.rejected, BTreeMap::new());
    // The last shares may be unanswered.
    assert!(
        outcomes.accepted > 0 && outcomes.sent - outcomes.accepted <= 20,
        "{report}"
    );
    assert_eq!(report.tally.round_trip.len() as u64, outcomes.accepted);
    let cost = report.server.unwrap();
    assert!(cost.rss_kib >= cost.rss_before_kib, "{report}");
}

#[test]
fn shares_are_judged_as_intended() {
    let args = run_args(&[
        "--miners",
        "3",
        "--in-flight",
        "2",
        "--mix",
        "1:1:1",
        "--for",
        "1s",
        "--difficulty",
        "12",
        "--password",
        "x",
    ]);
    let report = load::run(&args, Path::new(PROGRAM)).unwrap();
    assert_eq!(report.tally.failures, BTreeMap::new());
    let valid = &report.tally.shares[&Kind::Valid];
    assert_eq!(valid.rejected, BTreeMap::new());
    assert!(valid.accepted > 0, "{report}");
    for (kind, code) in [(Kind::Low, 23), (Kind::Stale, 21)] {
        let outcomes = &report.tally.shares[&kind];
        let codes: Vec<_> = outcomes.rejected.keys().collect();
        assert_eq!(codes, [&code]);
        // One in 4096 is valid for another job of its session, and rightly accepted.
        assert!(outcomes.accepted <= outcomes.sent / 20, "{report}");
    }
}

#[test]
fn sessions_that_do_not_read_do_not_delay_new_work_for_others() {
    let mut server = start(&["serve"]);
    let mut plan = plan(server.address(), 12);
    plan.slow_readers = 4;
    let mut fleet = Fleet::new(plan, Moment::now()).unwrap();
    drive(&mut fleet, &mut server, |fleet| fleet.tally().ready == 12);
    for round in 0..5 {
        server.publish().unwrap();
        drive(&mut fleet, &mut server, |fleet| {
            let rounds = fleet.rounds();
            rounds
                .get(round)
                .is_some_and(|round| round.arrived() == 8 && round.is_published())
        });
        assert!(fleet.rounds()[round].is_complete());
    }
    assert_eq!(fleet.tally().failures, BTreeMap::new());
}

#[test]
fn the_bare_loop_reaches_all_sockets() {
    let mut writer = start(&["floor", "write", "5"]);
    let mut plan = plan(writer.address(), 5);
    plan.login = None;
    let mut fleet = Fleet::new(plan, Moment::now()).unwrap();
    drive(&mut fleet, &mut writer, |fleet| fleet.tally().ready == 5);
    writer.publish().unwrap();
    drive(&mut fleet, &mut writer, |fleet| fleet.tally().notifies == 5);
    writer.publish().unwrap();
    drive(&mut fleet, &mut writer, |fleet| {
        let round = fleet.rounds().get(1);
        round.is_some_and(|round| round.arrived() == 5 && round.is_published())
    });
    // The first work of a session is not new work.
    assert_eq!(fleet.rounds()[0].arrived(), 0);
}

#[test]
fn an_echo_counts_as_an_answer() {
    let mut echo = start(&["floor", "echo"]);
    let mut plan = plan(echo.address(), 3);
    plan.login = None;
    plan.shares = Shares::InFlight(4);
    let mut fleet = Fleet::new(plan, Moment::now()).unwrap();
    drive(&mut fleet, &mut echo, |fleet| {
        fleet.tally().answered >= 1000
    });
    let outcomes = &fleet.tally().shares[&Kind::Valid];
    assert_eq!(outcomes.accepted, fleet.tally().answered);
    assert_eq!(fleet.tally().failures, BTreeMap::new());
}

#[test]
fn the_devices_find_no_fault_with_this_project_s_server() {
    let server = start(&["serve", "--difficulty", "9"]);
    let address = server.address().to_string();
    let output = Command::new(PROGRAM)
        .args(["devices", "--address", &address, "--for", "4s", "--json"])
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{report:#}");
    let devices = report["devices"].as_array().unwrap();
    let names: Vec<_> = devices.iter().map(|device| &device["device"]).collect();
    assert_eq!(names, ["ka3", "kd-box", "bm-k1", "plain"]);
    for device in devices {
        assert_eq!(
            (&device["logins"], &device["rejected"]),
            (&1.into(), &0.into())
        );
        assert!(device["jobs"].as_u64().unwrap() >= 3, "{device}");
    }
    // The other devices are too slow for a certain share.
    assert!(devices[0]["accepted"].as_u64().unwrap() > 0, "{report:#}");
}

#[test]
fn devices_that_cannot_connect_are_reported_with_the_error() {
    let (_socket, address) = closed_port();
    let mine = |form: &[&str]| {
        let output = Command::new(PROGRAM)
            .args(["devices", "--address", &address.to_string()])
            .args(["--device", "ka3,plain", "--for", "1s"])
            .args(form)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        output.stdout
    };
    let text = String::from_utf8(mine(&[])).unwrap();
    let errors: Vec<_> = text.lines().skip(4).collect();
    let error = "could not connect, 1 ×: Connection refused (os error 111)";
    assert_eq!(
        errors,
        [
            &format!("emulated.ka3-0: {error}"),
            "emulated.ka3-0: never logged in",
            &format!("emulated.plain-1: {error}"),
            "emulated.plain-1: never logged in",
        ]
    );
    let report: serde_json::Value = serde_json::from_slice(&mine(&["--json"])).unwrap();
    for device in report["devices"].as_array().unwrap() {
        assert_eq!(
            (&device["failed_connections"], &device["connect_error"]),
            (&1.into(), &"Connection refused (os error 111)".into())
        );
    }
}

/// Runs three sessions for a second. Returns the report and the error.
fn fail_to_run(address: SocketAddr, form: &[&str]) -> (String, String) {
    let output = Command::new(PROGRAM)
        .args(["run", "--address", &address.to_string()])
        .args(["--miners", "3", "--for", "1s"])
        .args(form)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let [report, error] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (report, error)
}

#[test]
fn a_run_without_a_login_fails_and_shows_no_figures() {
    let (_socket, address) = closed_port();
    let refused = "error: none of 3 sessions logged in: 3 × connection refused\n";
    let (report, error) = fail_to_run(address, &[]);
    assert_eq!(error, refused);
    let rows: Vec<Vec<_>> = report
        .lines()
        .skip(2)
        .take(5)
        .map(|row| row.split_whitespace().rev().take(5).collect())
        .collect();
    assert_eq!(rows, vec![["-", "-", "-", "-", "0"]; 5], "{report}");
    let (report, error) = fail_to_run(address, &["--json"]);
    assert_eq!(error, refused);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["failures"]["connection refused"], 3);
}

#[test]
fn a_run_on_a_server_that_answers_nothing_fails() {
    let (address, server) = serve(3, |_, mut peer| while peer.request().is_some() {});
    let (_, error) = fail_to_run(address, &[]);
    assert_eq!(error, "error: none of 3 sessions logged in\n");
    server.join().unwrap();
}

#[test]
fn flags_configure_the_run() {
    let address = SocketAddr::from(([192, 0, 2, 7], 1917));
    let args = run_args(&[]);
    let plan = args.plan(address);
    assert_eq!(plan.sessions, 1000);
    assert_eq!((plan.shares, plan.mix), (Shares::None, Mix::VALID));
    assert_eq!((args.address, args.pid), (None, None));
    let args = run_args(&[
        "--address",
        "192.0.2.7:1917",
        "--pid",
        "77",
        "--in-flight",
        "8",
        "--for",
        "2m",
        "--storm",
        "5@3s",
    ]);
    let plan = args.plan(address);
    assert_eq!((args.address, args.pid), (Some(address), Some(77)));
    assert_eq!(plan.shares, Shares::InFlight(8));
    assert_eq!(args.duration, Duration::from_mins(2));
    assert_eq!(plan.storm.map(|storm| storm.sessions), Some(5));
}

#[test]
fn wrong_flags_exit_with_64() {
    for wrong in [
        &["run", "--pid", "7"][..],
        &["run", "--in-flight", "0"],
        &["run", "--shares-per-minute", "0"],
        &["run", "--shares-per-minute", "1", "--in-flight", "1"],
        &["run", "--mix", "0:0:0"],
        &["run", "--for", "0s"],
        &["run", "--address", "localhost"],
        &["devices"],
        &["devices", "--address", "127.0.0.1:1", "--device", "toaster"],
        &["serve", "--difficulty", "257"],
    ] {
        let output = Command::new(PROGRAM).args(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{wrong:?}");
    }
}

#[test]
fn more_sessions_than_files_are_refused_with_the_limit() {
    let output = Command::new(PROGRAM)
        .args(["run", "--miners", "2000000000"])
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        error.starts_with("error: 2000000064 open files are needed"),
        "{error}"
    );
}

/// The first line of progress follows the installation of the signal handler.
#[test]
fn devices_print_progress_and_their_report_on_ctrl_c() {
    let (_port, address) = closed_port();
    let address = address.to_string();
    let mut child = Command::new(PROGRAM)
        .args(["devices", "--for=1h", "--address", &address])
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "4 devices mining, 0 of 3600 s\n");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("violations"), "{report}");
}
