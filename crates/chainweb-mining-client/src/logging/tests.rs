use std::ffi::OsStr;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use clap::Parser;
use serde_json::{Value, json};
use tracing::subscriber::with_default;
use tracing::{debug, info, warn};

use super::{Color, LogArgs, LogLevel, Output};
use crate::cli::Cli;

/// What the log writes, kept for the test.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panics").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn args(flags: &[&str]) -> LogArgs {
    let program = ["chainweb-mining-client"];
    Cli::try_parse_from(program.iter().chain(flags))
        .expect("good flags")
        .log
}

/// The lines of some events in a log with these flags.
fn lines(flags: &[&str], color: Color) -> Vec<String> {
    let written = Written::default();
    let writer = written.clone();
    let (subscriber, _) = args(flags).subscriber(LogLevel::Warn, color, move || writer.clone());
    with_default(subscriber, || {
        info!(target: "miner::run", chain = 7, level = "fifty", rate = 1.5, "line one\nof \"two\" \u{1b}[31m");
        warn!(target: "hyper", error = %"reset", "another library");
        info!(target: "hyper", "too little from another library");
        info!(target: "simnet", "too little from the network");
        debug!(target: "miner", "too little");
    });
    let bytes = written.0.lock().expect("no writer panics").clone();
    let text = String::from_utf8(bytes).expect("the log is text");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn each_line_of_json_is_one_object_with_everything_in_it() {
    for color in [Color::On, Color::Off] {
        let lines = lines(&["--log-format", "json"], color);
        assert!(lines.iter().all(|line| !line.contains('\u{1b}')));
        let mut objects: Vec<Value> = lines
            .iter()
            .map(|line| serde_json::from_str(line).expect("a line is a JSON object"))
            .collect();
        for object in &mut objects {
            let timestamp = object
                .as_object_mut()
                .and_then(|object| object.remove("timestamp"))
                .expect("a line has a time");
            let timestamp = timestamp.as_str().expect("a time is text");
            humantime::parse_rfc3339(timestamp).expect("a time is in RFC 3339");
        }
        assert_eq!(
            objects,
            [
                json!({
                    "level": "INFO",
                    "target": "miner::run",
                    "fields": {
                        "message": "line one\nof \"two\" \u{1b}[31m",
                        "chain": 7,
                        "level": "fifty",
                        "rate": 1.5,
                    },
                }),
                json!({
                    "level": "WARN",
                    "target": "hyper",
                    "fields": {"message": "another library", "error": "reset"},
                }),
            ]
        );
    }
}

#[test]
fn plain_lines_have_escape_codes_only_with_colours() {
    let coloured = |color| {
        let lines = lines(&[], color);
        let last = lines.last().expect("two events are logged");
        assert!(last.contains("another library"), "{last}");
        last.contains('\u{1b}')
    };
    assert!(coloured(Color::On));
    assert!(!coloured(Color::Off));
}

#[test]
fn a_level_hides_what_is_below_it() {
    let count = |level: &str| lines(&["--log-level", level], Color::Off).len();
    // The message of the first event has two lines where the log is plain.
    let counts = ["quiet", "error", "warn", "info", "debug"].map(count);
    assert_eq!(counts[..3], [0, 0, 1]);
    assert_eq!(counts[4], counts[3] + 1);
}

#[test]
fn flags_come_before_no_color_and_no_color_before_the_terminal() {
    #[track_caller]
    fn check(flags: &[&str], no_color: Option<&str>, output: Output, expected: Color) {
        let color = args(flags).color(no_color.map(OsStr::new), output);
        assert_eq!(color, expected, "{flags:?} {no_color:?} {output:?}");
    }
    use self::Color::{Off, On};
    use self::Output::{Other, Terminal};
    check(&[], None, Terminal, On);
    check(&[], None, Other, Off);
    check(&[], Some("1"), Terminal, Off);
    check(&[], Some("0"), Terminal, Off);
    check(&[], Some(""), Terminal, On);
    check(&[], Some(""), Other, Off);
    check(&["--no-color"], None, Terminal, Off);
    check(&["--color", "always"], None, Other, On);
    check(&["--color=always"], Some("1"), Terminal, On);
    check(&["--color", "auto"], None, Other, Off);
    check(&["--color", "auto"], None, Terminal, On);
    check(&["--color", "never"], None, Terminal, Off);
    check(&["--no-color", "--color", "always"], None, Terminal, Off);
}

/// The lines of events as the engine logs them.
fn engine_lines(flags: &[&str]) -> Vec<String> {
    let written = Written::default();
    let writer = written.clone();
    let (subscriber, _) =
        args(flags).subscriber(LogLevel::Warn, Color::Off, move || writer.clone());
    let hash = "5GLBcPgolSVQ7F6xWm2TPk6sBqJ0oDhvZ1uYcRtXe3A";
    with_default(subscriber, || {
        info!(target: "miner", event = "block_found", chain = 7, block = hash, device = None::<&str>, "block found");
        let (rate, skew) = (2.5e6, -12.3);
        info!(
            target: "miner", event = "status", hash_rate = rate, blocks = 3, blocks_pending = 0,
            blocks_orphaned = 2, expected_seconds = f64::NAN, node_latency_seconds = 0.0015,
            effort_percent = 62.7, "status"
        );
        info!(target: "miner", event = "stopped", blocks_pending = 0, skew_seconds = skew, expected_blocks = 0.012_34, "stopped");
        info!(target: "miner", error = "two words", devices = "a\u{1b}[31m\nforged", "escaped");
    });
    let bytes = written.0.lock().expect("no writer panics").clone();
    let text = String::from_utf8(bytes).expect("the log is text");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn plain_lines_have_units_short_hashes_and_no_escape_codes_of_others() {
    let lines = engine_lines(&[]);
    let lines: Vec<_> = lines
        .iter()
        .map(|line| line.split_once("Z  INFO ").expect("time and level").1)
        .collect();
    let expected = [
        "block found chain=7 block=5GLBcPgolSVQ",
        "status rate=2.50 MH/s blocks=3 orphaned=2 latency=1.5 ms effort=63 %",
        "stopped pending=0 skew=-12.3 s expected_blocks=0.012",
        "escaped error=\"two words\" devices=\"a\\u{1b}[31m\\nforged\"",
    ];
    assert_eq!(lines, expected);
    let whole = engine_lines(&["--log-level", "debug"]).swap_remove(0);
    assert!(
        whole.ends_with("block=5GLBcPgolSVQ7F6xWm2TPk6sBqJ0oDhvZ1uYcRtXe3A"),
        "{whole}"
    );
}

#[test]
fn json_lines_have_raw_numbers_whole_hashes_and_null_for_unknown_ones() {
    let fields: Vec<Value> = engine_lines(&["--log-format", "json"])
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).expect("an object")["fields"].take())
        .collect();
    let block = json!({
        "event": "block_found", "message": "block found", "chain": 7,
        "block": "5GLBcPgolSVQ7F6xWm2TPk6sBqJ0oDhvZ1uYcRtXe3A",
    });
    let status = json!({
        "event": "status", "message": "status", "hash_rate": 2.5e6, "blocks": 3,
        "blocks_pending": 0, "blocks_orphaned": 2, "expected_seconds": null,
        "node_latency_seconds": 0.0015, "effort_percent": 62.7,
    });
    assert_eq!(fields[..2], [block, status]);
}
