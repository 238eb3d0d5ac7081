//! `doctor` on the simulated network, with one thing wrong at a time.

mod balanced;
mod forks;
mod tls;
mod together;
mod wrong;

use std::ffi::OsString;
use std::time::Duration;

use chainweb_mining_client::cli::{Cli, Command};
use chainweb_mining_client::doctor::{Form, Verdict, run};
use clap::Parser;
use serde_json::Value;
use simnet::{Config, Simnet};
use tokio_util::sync::CancellationToken;

use crate::seed;

const KEY: &str = fixtures::PUBLIC_KEY;

/// The limit for answers that come: far more than they need.
const PATIENCE: Duration = Duration::from_mins(1);
/// The limit for answers that never come.
const IMPATIENCE: Duration = Duration::from_millis(1500);

async fn network(config: Config) -> Simnet {
    let config = Config {
        seed: seed(),
        ..config
    };
    let anywhere = ([127, 0, 0, 1], 0).into();
    Simnet::start(config, anywhere).await.unwrap()
}

/// Examines a node with these flags.
async fn examined(node: &str, flags: &[&str], patience: Duration) -> Examined {
    let timeout = format!("{}ms", patience.as_millis());
    let command = [
        "client",
        "doctor",
        "--json",
        "--node",
        node,
        "--timeout",
        &timeout,
    ];
    let (out, works) = run_json(command.iter().chain(flags)).await;
    Examined::read(&out, works)
}

/// Runs a command line with `doctor --json`. Returns its output, and whether mining would work.
async fn run_json(
    command: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> (Vec<u8>, bool) {
    let cli = Cli::try_parse_from(command).unwrap();
    let Some(Command::Doctor(args)) = cli.command else {
        panic!("another command: {cli:?}");
    };
    let mut out = Vec::new();
    let verdict = run(&args, CancellationToken::new(), &mut out, Form::Json)
        .await
        .unwrap();
    (out, verdict == Verdict::Healthy)
}

/// The result, read back from its JSON.
struct Examined {
    works: bool,
    object: Value,
}

impl Examined {
    #[track_caller]
    fn read(out: &[u8], works: bool) -> Self {
        let object: Value = serde_json::from_slice(out).unwrap();
        assert_eq!(object["mining_would_work"], works, "{object:#}");
        let names: Vec<_> = object["checks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|check| &check["name"])
            .collect();
        let all = [
            "name",
            "connection",
            "protocol",
            "info",
            "network",
            "cut",
            "mining-api",
            "key",
            "work",
            "forks",
            "updates",
            "clock",
            "round-trip",
            "one-node",
        ];
        assert_eq!(names, all);
        Self { works, object }
    }

    /// Returns the checks in this state, separated by spaces.
    fn in_state(&self, state: &str) -> String {
        let checks = self.object["checks"].as_array().unwrap().iter();
        let names: Vec<_> = checks
            .filter(|check| check["state"] == state)
            .map(|check| check["name"].as_str().unwrap())
            .collect();
        names.join(" ")
    }

    fn check(&self, name: &str) -> &Value {
        let mut checks = self.object["checks"].as_array().unwrap().iter();
        checks.find(|check| check["name"] == name).unwrap()
    }

    /// Checks that nothing is wrong and that these checks are skipped.
    #[track_caller]
    fn is_well(&self, skipped: &str) {
        assert_eq!(self.in_state("fail"), "", "{:#}", self.object);
        assert_eq!(self.in_state("warn"), "", "{:#}", self.object);
        assert_eq!(self.in_state("skipped"), skipped, "{:#}", self.object);
        assert!(self.works);
    }

    /// Checks that one check fails with this figure and advice, and that these are skipped for it.
    #[track_caller]
    fn fails(&self, name: &str, figure: &str, advice: &str, skipped: &str) {
        assert_eq!(self.in_state("fail"), name, "{:#}", self.object);
        assert_eq!(self.in_state("skipped"), skipped, "{:#}", self.object);
        assert!(!self.works);
        self.check_texts(name, figure, advice);
    }

    /// Checks that the only warning is about this check, and that mining works.
    #[track_caller]
    fn warns(&self, name: &str, figure: &str, advice: &str) {
        assert_eq!(self.in_state("fail"), "", "{:#}", self.object);
        assert_eq!(self.in_state("warn"), name, "{:#}", self.object);
        assert!(self.works);
        self.check_texts(name, figure, advice);
    }

    #[track_caller]
    fn check_texts(&self, name: &str, figure: &str, advice: &str) {
        let check = self.check(name);
        let text = |part: &str| check[part].as_str().unwrap().to_owned();
        assert!(text("figure").contains(figure), "{check:#}");
        assert!(text("advice").contains(advice), "{check:#}");
    }
}
