//! The program, started with the command line of a compose file.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::cli::program::{Running, field};

/// The time limit of every condition: far more than any needs.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) struct Client {
    running: Running,
    command: String,
}

/// Splits a command line into arguments, as a shell with single quotes only.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for symbol in command.chars() {
        match symbol {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            symbol => words.last_mut().unwrap().push(symbol),
        }
    }
    words
}

/// Returns the arguments of a command line, with this node and with ports that the system picks.
fn localise(command: &str, node: SocketAddr) -> Vec<String> {
    let mut args: Vec<String> = Vec::new();
    for word in words(command) {
        let is_node = args.last().is_some_and(|flag| flag == "--node");
        args.push(match word.split_once('=') {
            _ if is_node => node.to_string(),
            Some(("--node", _)) => format!("--node={node}"),
            Some((flag @ ("--stratum-port" | "--on-demand-port"), _)) => format!("{flag}=0"),
            _ => word.clone(),
        });
    }
    if !command.contains("--node") {
        args.push(format!("--node={node}"));
    }
    for flag in [
        "--stratum-port=0",
        "--on-demand-port=0",
        "--stratum-interface=127.0.0.1",
        "--on-demand-interface=127.0.0.1",
    ] {
        if !args.iter().any(|arg| arg == flag) {
            args.push(flag.to_owned());
        }
    }
    args
}

impl Client {
    pub(super) fn start(command: &str, node: SocketAddr) -> Self {
        let args = localise(command, node);
        let words: Vec<_> = args.iter().map(String::as_str).collect();
        Self {
            running: Running::start(&words),
            command: args.join(" "),
        }
    }

    /// Waits for a log line with this text, and returns its address.
    #[track_caller]
    pub(super) fn listens(&self, text: &str) -> SocketAddr {
        let line = self.running.wait_for(text);
        field(&line, "address").parse().unwrap()
    }

    /// Waits until the condition holds.
    #[track_caller]
    pub(super) fn until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = Vec::new();
        while !holds() {
            lines.extend(self.running.pause());
            let command = &self.command;
            assert!(
                Instant::now() < deadline && self.running.is_alive(),
                "does not hold: {what}\n{command}\n{}",
                lines.join("\n")
            );
        }
    }

    /// Ends the client with one signal. Checks its exit code and that it logs no error.
    #[track_caller]
    pub(super) fn ends_well(&mut self) {
        self.running.signal(Signal::TERM);
        let lines = self.running.rest();
        let code = self.running.wait().code();
        let command = &self.command;
        assert_eq!(code, Some(0), "{command}\n{}", lines.join("\n"));
        let errors: Vec<_> = lines.iter().filter(|line| line.contains("ERROR")).collect();
        assert!(errors.is_empty(), "{command}\n{errors:#?}");
    }
}
