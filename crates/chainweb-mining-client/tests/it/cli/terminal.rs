//! The live area, on a terminal that a test reads and types on.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, open};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::program::{PROGRAM, Running, command, in_container};

/// The time limit of every wait: far more than any needs.
const PATIENCE: Duration = Duration::from_mins(2);

/// Mining without a node.
const MINING: [&str; 10] = [
    "--node",
    "127.0.0.1:1",
    "-w",
    "cpu",
    "-c",
    "1",
    "--data-dir",
    "none",
    "--api-listen",
    "off",
];

/// What a terminal gets before the live area, or instead of it.
const ERASE: &str = "\u{1b}[J";

/// A row of the live area.
const NODE: &str = "node http://127.0.0.1:1  no work";

/// A terminal of 80 columns, and a program that controls it.
struct Terminal {
    /// The end of the person.
    person: File,
    /// The end of the program.
    program: OwnedFd,
    child: Child,
    output: Receiver<String>,
    /// All that was read.
    text: String,
    /// The length of the text that was looked at.
    looked_at: usize,
}

impl Terminal {
    /// Starts the client.
    fn mine(flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let program = [&[PROGRAM][..], &MINING, flags].concat();
        Self::start(&mut on_terminal(&program, variables))
    }

    /// Starts a shell, and the client in it.
    fn shell() -> Self {
        let variables = [("PS1", "ready> "), ("ENV", "/dev/null")];
        let mut shell = Self::start(&mut on_terminal(&["/bin/sh", "-i"], &variables));
        shell.wait_for("ready> ");
        shell.press(&format!("{PROGRAM} {} --color never\n", MINING.join(" ")));
        shell
    }

    fn start(command: &mut Command) -> Self {
        let (person, terminal) = pair();
        let end = || terminal.try_clone().unwrap();
        let command = command.stdin(end()).stdout(end()).stderr(end());
        let child = command.spawn().unwrap();
        let mut reader = person.try_clone().unwrap();
        let (sender, output) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
                if sender.send(text).is_err() {
                    return;
                }
            }
        });
        Self {
            person,
            program: terminal,
            child,
            output,
            text: String::new(),
            looked_at: 0,
        }
    }

    fn press(&mut self, keys: &str) {
        self.person.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for a text, and returns it with what came before it.
    #[track_caller]
    fn wait_for(&mut self, wanted: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let unread = &self.text[self.looked_at..];
            if let Some(at) = unread.find(wanted) {
                let before = unread[..at + wanted.len()].to_owned();
                self.looked_at += before.len();
                return before;
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(text) => self.text.push_str(&text),
                Err(error) => panic!("{error}: no {wanted:?} in {unread}"),
            }
        }
    }

    /// Waits until Enter ends a line, which is echoed, or until each key arrives at once.
    #[track_caller]
    fn wait_for_lines(&self, expected: bool) {
        let end = Instant::now() + PATIENCE;
        while self.has_lines() != expected {
            assert!(Instant::now() < end, "the mode of the terminal stays");
            drop(self.output.recv_timeout(Duration::ZERO));
            thread::yield_now();
        }
    }

    fn has_lines(&self) -> bool {
        let modes = tcgetattr(&self.program).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ISIG), "Ctrl-C is a signal");
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }

    fn resize(&self, columns: u16) {
        tcsetwinsize(&self.program, size(columns)).unwrap();
    }

    /// Waits for the end of the program.
    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the program does not end");
            self.pause();
        }
    }

    /// Waits until the live area is erased, and checks that lines end with Enter again.
    #[track_caller]
    fn wait_for_erasure(&mut self) {
        assert!(self.has_lines());
        let end = Instant::now() + PATIENCE;
        while self
            .text
            .rsplit_once(ERASE)
            .is_none_or(|(_, last)| last.contains("node http"))
        {
            assert!(Instant::now() < end, "the area stays: {}", self.text);
            self.pause();
        }
    }

    /// Reads for a moment.
    fn pause(&mut self) {
        let first = self.output.recv_timeout(Duration::from_millis(20));
        self.text.extend(first);
        self.text.extend(self.output.try_iter());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Returns the two ends of a terminal.
fn pair() -> (File, OwnedFd) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let program = open(name, flags, Mode::empty()).unwrap();
    tcsetwinsize(&program, size(80)).unwrap();
    (person.into(), program)
}

fn size(columns: u16) -> Winsize {
    Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// Returns a command that controls the terminal at its standard input.
fn on_terminal(program: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = command("env");
    let signals = "--default-signal=HUP,QUIT,INT,TSTP";
    command.args([signals, "setsid", "-c"]).args(program);
    command.env("TERM", "xterm").envs(variables.iter().copied());
    command
}

#[test]
fn figures_are_below_the_log_and_keys_print_more_until_q_quits() {
    let mut terminal = Terminal::mine(&[], &[]);
    terminal.wait_for("connecting");
    terminal.wait_for("blocks 0");
    terminal.wait_for(NODE);
    terminal.wait_for_lines(false);
    for (key, printed) in [
        ("h", "since the start"),
        ("d", "devices: this worker serves none"),
        ("b", "recent blocks: none"),
        ("n", "clock"),
        ("j", "jobs: none"),
        ("?", "q quit\r\n"),
        ("l", "log level: debug"),
        ("p", "hashing paused"),
        ("", "paused: p resumes hashing"),
        ("p", "hashing resumed"),
    ] {
        terminal.press(key);
        let before = terminal.wait_for(printed);
        assert!(!before.contains("INFO status"), "{before}");
    }
    // An arrow is not a letter.
    terminal.press("\u{1b}[q");
    terminal.press("l");
    terminal.wait_for("log level: trace");
    terminal.wait_for(NODE);
    terminal.press("q");
    terminal.wait_for("SIGTERM");
    assert_eq!(terminal.wait().code(), Some(0));
    terminal.wait_for("stopped");
    terminal.wait_for_erasure();
}

#[test]
fn signals_from_keys_end_the_program_and_the_terminal_is_restored() {
    for (key, code, signal) in [
        ("\u{3}", Some(0), None),
        ("\u{1c}", None, Some(Signal::QUIT)),
    ] {
        let mut terminal = Terminal::mine(&[], &[]);
        terminal.wait_for(NODE);
        terminal.wait_for_lines(false);
        terminal.press(key);
        let status = terminal.wait();
        assert_eq!(status.code(), code);
        assert_eq!(status.signal(), signal.map(Signal::as_raw));
        terminal.wait_for_erasure();
    }
}

#[test]
fn a_stop_that_no_shell_could_end_is_ignored() {
    let program = [&[PROGRAM][..], &MINING].concat();
    let alone = on_terminal(&program, &[]);
    // Here the parent's group and session have no ID.
    let contained = in_container("sh").map(|mut container| {
        let command = ["-c", "\"$@\"; exit $?", "sh", "env"];
        container.args(command).args(alone.get_args());
        container.env("TERM", "xterm");
        container
    });
    for mut command in [Some(alone), contained].into_iter().flatten() {
        let mut terminal = Terminal::start(&mut command);
        terminal.wait_for(NODE);
        terminal.wait_for_lines(false);
        terminal.press("\u{1a}");
        terminal.press("n");
        terminal.wait_for("clock");
        terminal.wait_for(NODE);
        assert!(!terminal.has_lines());
        terminal.press("q");
        assert_eq!(terminal.wait().code(), Some(0));
    }
}

#[test]
fn a_program_whose_group_has_no_id_in_its_container_only_logs() {
    let Some(mut container) = in_container("sh") else {
        return;
    };
    let script = format!("{PROGRAM} {} --color never; exit $?", MINING.join(" "));
    container.args(["-c", &script]);
    let mut words = vec![container.get_program().to_str().unwrap()];
    words.extend(container.get_args().map(|word| word.to_str().unwrap()));
    let mut terminal = Terminal::start(&mut on_terminal(&words, &[]));
    let lines = terminal.wait_for("127.0.0.1:1");
    assert!(!lines.contains('\u{1b}'), "{lines}");
    terminal.press("\u{3}");
    terminal.wait_for("stopped");
}

#[test]
fn the_terminal_is_restored_during_a_stop_and_used_again_afterwards() {
    let mut shell = Terminal::shell();
    for _ in 0..2 {
        shell.wait_for(NODE);
        shell.wait_for_lines(false);
        shell.press("\u{1a}");
        let last = shell.wait_for("ready> ");
        let (_, last) = last.rsplit_once(ERASE).unwrap();
        assert!(!last.contains(NODE), "{last}");
        assert!(shell.has_lines());
        shell.press("fg\n");
    }
    shell.wait_for(NODE);
    shell.press("q");
    shell.wait_for("stopped");
}

#[test]
fn a_program_in_the_background_only_logs_and_fg_brings_the_area_back() {
    let mut shell = Terminal::shell();
    shell.wait_for(NODE);
    shell.wait_for_lines(false);
    shell.press("\u{1a}");
    shell.wait_for("ready> ");
    shell.press("bg\n");
    // The shell reads what is typed, and the program goes on. Its last stop may have been logged.
    shell.press("echo mark$((1 + 1))\n");
    shell.wait_for("mark2");
    let background = shell.wait_for("INFO status");
    assert!(!background.contains(NODE), "{background}");
    shell.press("fg\n");
    shell.wait_for(NODE);
    shell.wait_for_lines(false);
    shell.press("q");
    shell.wait_for("stopped");
    shell.wait_for("ready> ");
    shell.press("exit\n");
    assert_eq!(shell.wait().code(), Some(0));
}

#[test]
fn a_narrow_terminal_gets_short_rows() {
    let mut terminal = Terminal::mine(&[], &[]);
    terminal.wait_for(NODE);
    terminal.resize(20);
    terminal.wait_for("node http://127.0..");
    terminal.resize(80);
    terminal.wait_for(NODE);
}

#[test]
fn no_color_removes_colours_and_keeps_the_area() {
    let mut terminal = Terminal::mine(&[], &[("NO_COLOR", "1")]);
    terminal.wait_for(NODE);
    let rows = terminal.wait_for(NODE);
    // Each code but those of colours ends with another letter.
    let codes = rows.split('\u{1b}').skip(1);
    for code in codes.map(|code| code.trim_start_matches(|c: char| !c.is_alphabetic())) {
        assert!(code.starts_with(['A', 'G', 'J']), "{rows:?}");
    }
}

#[test]
fn the_end_of_the_terminal_ends_the_program_cleanly() {
    let mut terminal = Terminal::mine(&[], &[]);
    terminal.wait_for(NODE);
    // The thread that reads ends when it has no receiver, with the last copy of this end.
    let (_sender, output) = channel();
    (terminal.person, terminal.output) = (pair().0, output);
    assert_eq!(terminal.wait().code(), Some(0));
}

#[test]
fn pipes_dumb_terminals_and_no_live_have_plain_lines() {
    for (flags, variables) in [
        (&["--no-live"][..], &[][..]),
        (&[], &[("TERM", "dumb")]),
        (&[], &[("TERM", "")]),
        (&["--log-format", "json"], &[]),
    ] {
        let flags = [&["--color", "never"], flags].concat();
        let mut terminal = Terminal::mine(&flags, variables);
        terminal.wait_for("connecting");
        let lines = terminal.wait_for("127.0.0.1:1");
        assert!(
            !lines.contains('\u{1b}'),
            "{flags:?} {variables:?}: {lines}"
        );
        assert!(terminal.has_lines());
        terminal.press("\u{3}");
        // The last line of all logs.
        let last = terminal.wait_for("stopped");
        assert!(!last.contains('\u{1b}'), "{flags:?} {variables:?}: {last}");
        assert_eq!(terminal.wait().code(), Some(0));
    }
    let (_person, program) = pair();
    let mut command = on_terminal(&[PROGRAM], &[]);
    let mut client = Running::spawn(command.args(MINING).stdin(program.try_clone().unwrap()));
    client.wait_for("cannot connect");
    client.signal(Signal::TERM);
    let lines = client.rest();
    assert!(
        !lines.iter().any(|line| line.contains('\u{1b}')),
        "{lines:?}"
    );
    assert_eq!(client.wait().code(), Some(0));
}
