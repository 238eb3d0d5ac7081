//! The program, started with a command line that is somebody else's.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::cli::program::{Running, field};

/// Far beyond what anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) struct Client {
    running: Running,
    command: String,
}

/// The arguments of a command line, as a shell reads it that knows single quotes.
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

/// The arguments of a command line with another node, and with ports that the system picks.
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

    /// Where the client says that it listens.
    #[track_caller]
    pub(super) fn listens(&self, said: &str) -> SocketAddr {
        let line = self.running.wait_for(said);
        field(&line, "address").parse().unwrap()
    }

    /// Waits until it holds.
    #[track_caller]
    pub(super) fn until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut said = Vec::new();
        while !holds() {
            said.extend(self.running.pause());
            let command = &self.command;
            assert!(
                Instant::now() < deadline && self.running.is_alive(),
                "not so: {what}\n{command}\n{}",
                said.join("\n")
            );
        }
    }

    /// The client ends with the first signal, and has nothing to complain of.
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
