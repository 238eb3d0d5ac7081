//! The program as a service of systemd.

use std::io::{BufRead, BufReader};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

use rustix::fs::fstat;
use rustix::process::Signal;

use super::config::Folder;
use super::program::{Running, program};

/// Mining without a node.
const MINING: [&str; 6] = ["--node", "127.0.0.1:1", "-w", "cpu", "-c", "1"];

/// Receives messages until one has a line that begins like this and contains the rest.
#[track_caller]
fn wait_for(manager: &UnixDatagram, start: &str, rest: &str) {
    let mut seen = String::new();
    let mut message = [0; 4096];
    // One comes about every second.
    for _ in 0..60 {
        let length = manager.recv(&mut message).unwrap();
        let text = std::str::from_utf8(&message[..length]).unwrap();
        let is_wanted = |line: &str| line.starts_with(start) && line.contains(rest);
        if text.lines().any(is_wanted) {
            return;
        }
        seen += text;
    }
    panic!("no {start}{rest} in:\n{seen}");
}

#[test]
fn the_service_manager_learns_that_the_program_is_ready_lives_and_stops() {
    let folder = Folder::new("notify");
    let path = folder.file("unused", "").replace("unused", "socket");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_mins(1)))
        .unwrap();
    let mut command = program();
    command.env("NOTIFY_SOCKET", &path);
    command.env("WATCHDOG_USEC", "60000000");
    let mut client = Running::spawn(command.args(MINING));
    wait_for(&manager, "READY=1", "");
    wait_for(&manager, "STATUS=", "127.0.0.1:1");
    wait_for(&manager, "WATCHDOG=1", "");
    client.signal(Signal::TERM);
    wait_for(&manager, "STOPPING=1", "");
    assert_eq!(client.wait().code(), Some(0));
}

/// Returns the first line of the log in a stream which the variable names, or does not.
fn first_line(is_named: bool) -> String {
    let (log, stderr) = UnixStream::pair().unwrap();
    let stat = fstat(stderr.as_fd()).unwrap();
    let inode = if is_named { stat.st_ino } else { 0 };
    let mut command = program();
    command.env("JOURNAL_STREAM", format!("{}:{inode}", stat.st_dev));
    command.stderr(OwnedFd::from(stderr));
    let mut client = command.args(MINING).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(log).read_line(&mut line).unwrap();
    client.kill().unwrap();
    client.wait().unwrap();
    line
}

#[test]
fn lines_for_the_journal_have_a_priority_and_no_time() {
    let line = first_line(true);
    let priority: Vec<_> = line.chars().take(3).collect();
    assert!(matches!(priority[..], ['<', '4' | '6', '>']), "{line}");
    let line = first_line(false);
    assert!(line.starts_with("20") && line.contains("Z "), "{line}");
}
