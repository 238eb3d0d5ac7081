//! A child process that leads a process group of its own.
//!
//! Signals go to the whole group: a shell that is killed alone leaves behind what it has started. The leader is reaped
//! last, so that as long as a signal can be sent the number of the group belongs to it. Whatever is dropped is killed.

use std::fs;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::signal::unix::{self, SignalKind};
use tokio::time::timeout;

/// A group with its leader, which has not been reaped.
#[derive(Debug)]
pub(super) struct Group {
    leader: Child,
    id: Pid,
    children: unix::Signal,
    reaped: bool,
}

/// The pipes to a leader.
#[derive(Debug)]
pub(super) struct Pipes {
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

impl Group {
    /// Starts the command, whose three pipes have been asked for, as the leader of a new group.
    pub(super) fn start(command: &mut Command) -> io::Result<(Self, Pipes)> {
        // Listened to from before the start, so that no end is missed.
        let children = unix::signal(SignalKind::child())?;
        let mut leader = command.process_group(0).kill_on_drop(true).spawn()?;
        let id = leader
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw)
            .expect("a child that has just been started has a number");
        let pipes = Pipes {
            stdin: leader.stdin.take().expect("it is piped"),
            stdout: leader.stdout.take().expect("it is piped"),
            stderr: leader.stderr.take().expect("it is piped"),
        };
        let group = Self {
            leader,
            id,
            children,
            reaped: false,
        };
        Ok((group, pipes))
    }

    /// Waits until the leader has ended. Nothing is lost if the future is dropped.
    pub(super) async fn leader_ended(&mut self) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        loop {
            match waitid(WaitId::Pid(self.id), options) {
                Ok(None) | Err(Errno::INTR) => {}
                // An error says that there is no such child: it has ended.
                Ok(Some(_)) | Err(_) => return,
            }
            if self.children.recv().await.is_none() {
                return;
            }
        }
    }

    /// Whether a process of the group but its leader is alive.
    pub(super) fn has_others(&self) -> bool {
        let Ok(processes) = fs::read_dir("/proc") else {
            return false;
        };
        let stats = processes.flatten().filter_map(|process| {
            let name = process.file_name();
            let pid: i32 = name.to_str()?.parse().ok()?;
            let is_leader = pid == self.id.as_raw_pid();
            (!is_leader).then(|| fs::read_to_string(process.path().join("stat")).ok())?
        });
        stats.into_iter().any(|stat| is_alive_in(self.id, &stat))
    }

    /// Sends a signal to all processes of the group.
    pub(super) fn signal(&self, signal: Signal) {
        if !self.reaped {
            // It fails where all of them have ended meanwhile.
            kill_process_group(self.id, signal).ok();
        }
    }

    /// Reaps the leader, which has ended; what is left of its group is killed before, and reaped too if it has become
    /// this program's child, at most for as long as `limit`.
    pub(super) async fn reap(mut self, limit: Duration) -> io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        let status = self.leader.wait().await?;
        self.reaped = true;
        timeout(limit, self.reap_orphans()).await.ok();
        Ok(status)
    }

    /// Children of a leader that has ended belong to the first process of a container, which this program may be: there
    /// each command would leave some dead ones behind.
    async fn reap_orphans(&mut self) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        loop {
            match waitid(WaitId::Pgid(Some(self.id)), options) {
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => {
                    if self.children.recv().await.is_none() {
                        return;
                    }
                }
                // None of them is a child of this program, which is the rule.
                Err(_) => return,
            }
        }
    }
}

/// Whether `/proc/…/stat` is of a process of this group that has not ended. The name in it may hold anything.
fn is_alive_in(group: Pid, stat: &str) -> bool {
    let Some((_, fields)) = stat.rsplit_once(") ") else {
        return false;
    };
    let mut fields = fields.split(' ');
    let (state, of) = (fields.next(), fields.nth(1));
    !matches!(state, Some("Z" | "X"))
        && of.and_then(|of| of.parse().ok()) == Some(group.as_raw_pid())
}

impl Drop for Group {
    fn drop(&mut self) {
        // The leader itself is reaped by the runtime once it has ended.
        self.signal(Signal::KILL);
    }
}
