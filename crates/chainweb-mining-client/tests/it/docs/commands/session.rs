//! A page as a session in one folder, with programs that run on from block to block.

use std::env;
use std::os::unix::fs::symlink;
use std::process::{Command, id};

use super::pages::{Block, blocks};
use crate::cli::config::Folder;
use crate::cli::program::{PROGRAM, Running, command, text};
use crate::tidy::source::Source;

/// The ports of node, worker and API on the pages.
const PORTS: [u16; 3] = [1848, 1917, 1918];

const CRATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

pub(super) struct Session {
    folder: Folder,
    /// The ports in the place of [`PORTS`].
    ports: [u16; 3],
    /// The running network and client, each with whether it is the network.
    running: Vec<(bool, Running)>,
}

impl Session {
    /// Runs the blocks of a page in order.
    #[track_caller]
    #[expect(clippy::print_stderr, reason = "test output of a failed test")]
    pub(super) fn run(page: &Source) {
        let folder = Folder::new(&page.path.replace('/', "-"));
        symlink(PROGRAM, folder.path("chainweb-mining-client")).unwrap();
        symlink(CRATES, folder.path("crates")).unwrap();
        // Below the ports that the system picks for others; the node may have two more.
        let first = 20_000 + u16::try_from(id() % 1_000).unwrap() * 10;
        let mut session = Self {
            folder,
            ports: [first, first + 3, first + 4],
            running: Vec::new(),
        };
        for block in blocks(&page.text) {
            eprintln!("{}", page.place(block.line));
            session.block(&block);
        }
    }

    #[track_caller]
    fn block(&mut self, block: &Block<'_>) {
        if let Some(name) = block.file() {
            self.folder.file(name, block.lines.join("\n"));
        } else if block.language == "console" {
            self.compare(&block.lines);
        } else if block.comment == "run" {
            let mut bash = self.shell(&format!("set -eo pipefail\n{}", block.script()));
            let output = bash.output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{errors}");
        } else if let Some(expected) = block.expected() {
            let script = block.script().replace("\\\n", " ");
            let commands: Vec<_> = script.lines().filter(|line| !line.is_empty()).collect();
            let (last, first) = commands.split_last().unwrap();
            for command in first {
                self.start(command, "");
            }
            self.start(last, expected);
        }
    }

    /// Starts a program that runs on, in place of one of its kind, and waits for a line of its log.
    #[track_caller]
    fn start(&mut self, script: &str, expected: &str) {
        let is_network = script.contains("client simnet");
        self.running.retain(|(kind, _)| *kind != is_network);
        let running = Running::spawn(&mut self.shell(&format!("exec {script}")));
        running.wait_for(expected);
        self.running.push((is_network, running));
    }

    /// Runs each command, and compares its output with the lines after it.
    #[track_caller]
    fn compare(&self, lines: &[&str]) {
        for example in lines.join("\n").split("$ ").skip(1) {
            let (line, expected) = example.split_once('\n').unwrap();
            let mut bash = self.bash(&format!("{{ {line}; }} 2>&1"));
            let output = bash.output().unwrap();
            assert_eq!(
                text(&output.stdout).trim_end(),
                expected.trim_end(),
                "{line}"
            );
        }
    }

    fn bash(&self, script: &str) -> Command {
        let mut bash = command("bash");
        let path = env::var("PATH").unwrap();
        bash.args(["-c", script])
            .current_dir(self.folder.path(""))
            .env("HOME", self.folder.path(""))
            .env("PATH", format!("{}:{path}", self.folder.path("")));
        bash
    }

    /// Returns a shell that runs a script with the ports of this session.
    fn shell(&self, script: &str) -> Command {
        let [node, worker, api] = self.ports;
        let mut script = script.replace("localhost:", "127.0.0.1:");
        if !script.contains("--listen") {
            script = script.replace("client simnet", "client simnet --listen 127.0.0.1:1848");
        }
        for (there, here) in PORTS.iter().zip(self.ports) {
            script = script.replace(&format!(":{there}"), &format!(":{here}"));
        }
        let mut bash = self.bash(&script);
        for (setting, value) in [
            ("NODE", format!("127.0.0.1:{node}")),
            ("API_LISTEN", format!("127.0.0.1:{api}")),
            ("STRATUM_PORT", worker.to_string()),
            ("STRATUM_INTERFACE", "127.0.0.1".to_owned()),
            ("ON_DEMAND_PORT", worker.to_string()),
            ("ON_DEMAND_INTERFACE", "127.0.0.1".to_owned()),
        ] {
            bash.env(format!("CHAINWEB_MINING_{setting}"), value);
        }
        bash
    }
}
