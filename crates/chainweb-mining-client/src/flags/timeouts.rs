//! The time limits of requests to a node.
//!
//! The Haskell client has one limit for all kinds of requests, `--default-http-timeout`. Here each
//! kind can have its own: a node may hold a request for work until it has some. The more specific
//! limit wins. Update streams have no limit here.

use std::str::FromStr;
use std::time::Duration;

use ::node::Limits;
use clap::{Args, ValueEnum};

use crate::quantity::positive_duration;

/// A year, the longest of all times in flags.
const MOST_MICROSECONDS: u64 = 366 * 24 * 3600 * 1_000_000;

/// The time limits of requests.
#[derive(Clone, Debug, Args)]
pub struct TimeoutArgs {
    /// Time limit of requests (10s), or of one kind: info=, work=, solved= or cut= (work=30s).
    #[arg(long = "timeout", value_name = "[KIND=]TIME")]
    pub timeouts: Vec<Timeout>,
    /// Time limit of requests in microseconds, as in the Haskell client; --timeout overrides it.
    #[arg(
        long,
        value_name = "MICROSECONDS",
        default_value = "10000000",
        value_parser = microseconds
    )]
    pub default_http_timeout: Duration,
}

/// A time limit, for one kind of request or for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout {
    kind: Option<RequestKind>,
    time: Duration,
}

/// The kinds of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RequestKind {
    Info,
    Work,
    Solved,
    Cut,
}

impl FromStr for Timeout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, time) = match text.split_once('=') {
            Some((kind, time)) => {
                let kind = RequestKind::from_str(kind, true);
                let what = "expected info, work, solved or cut in front of the time, as in work=5s";
                (Some(kind.map_err(|_| what)?), time)
            }
            None => (None, text),
        };
        let time = positive_duration(time)?;
        Ok(Self { kind, time })
    }
}

fn microseconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(micros @ 1..=MOST_MICROSECONDS) => Ok(Duration::from_micros(micros)),
        _ => Err(format!(
            "expected microseconds, a whole number from 1 to {MOST_MICROSECONDS} (a year), as in 10000000 for 10 s; \
             --timeout takes a time with its unit"
        )),
    }
}

impl TimeoutArgs {
    /// Returns the limits of each kind of request.
    pub(super) fn limits(&self) -> Limits {
        let of = |kind| {
            let is_of_kind = |timeout: &&Timeout| timeout.kind == kind;
            let last = self.timeouts.iter().rev().find(is_of_kind);
            last.map(|timeout| timeout.time)
        };
        let limit = |kind| {
            of(Some(kind))
                .or(of(None))
                .unwrap_or(self.default_http_timeout)
        };
        Limits {
            info: limit(RequestKind::Info),
            work: limit(RequestKind::Work),
            solved: limit(RequestKind::Solved),
            cut: limit(RequestKind::Cut),
            ..Limits::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    /// Limits in milliseconds: info, work, solved and cut.
    #[track_caller]
    fn check(flags: &[&str], expected_ms: [u64; 4]) {
        let line = ["chainweb-mining-client"].iter().chain(flags);
        let cli = Cli::try_parse_from(line).expect("good flags");
        let limits = cli.mine.node.timeouts.limits();
        let [info, work, solved, cut] = expected_ms.map(Duration::from_millis);
        let expected = Limits {
            info,
            work,
            solved,
            cut,
            ..Limits::default()
        };
        assert_eq!(limits, expected, "{flags:?}");
    }

    #[test]
    fn the_more_specific_limit_wins_and_then_the_last() {
        check(&[], [10_000; 4]);
        check(&["--timeout", "5s"], [5000; 4]);
        check(&["--default-http-timeout", "1000000"], [1000; 4]);
        check(
            &["--timeout=5s", "--default-http-timeout=1000000"],
            [5000; 4],
        );
        check(
            &["--timeout=work=30s", "--default-http-timeout=1000000"],
            [1000, 30_000, 1000, 1000],
        );
        check(
            &["--timeout=SOLVED=1m", "--timeout=5s", "--timeout=info=2s"],
            [2000, 5000, 60_000, 5000],
        );
        check(
            &[
                "--timeout=5s",
                "--timeout=cut=3s",
                "--timeout=cut=4s",
                "--timeout=6s",
            ],
            [6000, 6000, 6000, 4000],
        );
    }

    #[test]
    fn without_flags_the_limits_are_those_of_the_node_crate() {
        let defaults = Limits::default();
        let ms = |limit: Duration| u64::try_from(limit.as_millis()).expect("short");
        check(
            &[],
            [defaults.info, defaults.work, defaults.solved, defaults.cut].map(ms),
        );
    }

    #[test]
    fn errors_in_limits_say_what_is_expected() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            let error = text.parse::<Timeout>().expect_err("it is no limit");
            assert!(error.contains(expected), "{text}: {error}");
        }
        check("10", "10s");
        check("work=", "10s");
        check("work=10", "10s");
        check("0s", "a microsecond");
        check("work=0ms", "a microsecond");
        check("-1s", "10s");
        check("300000000000y", "a year");
        check("walk=5s", "work=5s");
        check("=5s", "work=5s");
        check("work=info=5s", "10s");
    }

    #[test]
    fn microseconds_are_whole_and_above_zero() {
        assert_eq!(microseconds("1"), Ok(Duration::from_micros(1)));
        assert_eq!(microseconds("1000000"), Ok(Duration::from_secs(1)));
        let year = MOST_MICROSECONDS.to_string();
        assert_eq!(microseconds(&year), Ok(Duration::from_hours(24 * 366)));
        for text in [
            "",
            "0",
            "-1",
            "1.5",
            "1e6",
            "10s",
            "18446744073709551616",
            "31622400000001",
        ] {
            let error = microseconds(text).expect_err("they are no microseconds");
            assert!(error.contains("10000000 for 10 s"), "{text}: {error}");
        }
    }
}
