//! Orphans: processes whose parent has ended.
//!
//! The kernel passes them to the first process of their container, or to a subreaper, which has to
//! reap them. Commands are no orphans: their tasks reap them and need their status.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use rustix::process::{Pid, WaitId, WaitIdOptions, getpid, waitid};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::process::commands;
use super::process_table::{Entry, children, processes};

/// The pause between two looks at the processes. Children that this program waits for are reaped
/// sooner.
const PAUSE: Duration = Duration::from_secs(1);

/// Reaps orphans while the future is polled, if this process adopts any.
pub async fn reap_orphans() -> Infallible {
    let adopts = getpid().is_init() || is_subreaper();
    let ended = signal(SignalKind::child());
    let (true, Ok(mut ended)) = (adopts, ended) else {
        return pending().await;
    };
    let mut zombies = Vec::new();
    loop {
        if zombies.is_empty() {
            ended.recv().await;
        }
        sleep(PAUSE).await;
        zombies = reap(&zombies).await;
    }
}

#[cfg(target_os = "linux")]
fn is_subreaper() -> bool {
    matches!(rustix::process::child_subreaper(), Ok(Some(_)))
}

/// Only Linux has subreapers.
#[cfg(not(target_os = "linux"))]
fn is_subreaper() -> bool {
    false
}

/// Reaps the zombies that had ended at the last look already. Returns the others.
async fn reap(before: &[Pid]) -> Vec<Pid> {
    let commands = commands().clone();
    let children = match children() {
        Some(children) => children,
        None => search_children().await,
    };
    let is_adopted = |child: &&Entry| child.is_zombie && !commands.contains(&child.id);
    let adopted = children.iter().filter(is_adopted);
    let adopted: Vec<Pid> = adopted.map(|child| child.id).collect();
    let (old, new) = adopted.iter().partition(|id| before.contains(id));
    let old: Vec<Pid> = old;
    for id in old {
        // Fails if it is reaped already.
        waitid(
            WaitId::Pid(id),
            WaitIdOptions::EXITED | WaitIdOptions::NOHANG,
        )
        .ok();
    }
    new
}

/// Returns the children of this process from the table of all processes, which can be large.
async fn search_children() -> Vec<Entry> {
    let is_child = |process: &Entry| process.parent == Some(getpid());
    let mut search = JoinSet::new();
    search.spawn_blocking(move || processes().filter(is_child).collect());
    let found = search.join_next().await;
    found.and_then(Result::ok).unwrap_or_default()
}
