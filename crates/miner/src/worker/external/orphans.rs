//! Orphans: processes whose parent has ended.
//!
//! The kernel passes them to the first process of their container, or to a subreaper, which has to
//! reap them. Commands are no orphans: their tasks reap them and need their status.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use rustix::process::{Pid, WaitId, WaitIdOptions, child_subreaper, getpid, waitid};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use super::process::commands;
use super::process_table::processes;

/// The pause between two looks at the processes. Children that this program waits for are reaped
/// sooner.
const PAUSE: Duration = Duration::from_secs(1);

/// Reaps orphans while the future is polled, if this process adopts any.
pub async fn reap_orphans() -> Infallible {
    let adopts = getpid().is_init() || matches!(child_subreaper(), Ok(Some(_)));
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
        zombies = reap(&zombies);
    }
}

/// Reaps the zombies that had ended at the last look already. Returns the others.
fn reap(before: &[Pid]) -> Vec<Pid> {
    let (own, commands) = (Some(getpid()), commands().clone());
    let adopted = processes().filter(|process| {
        process.is_zombie && process.parent == own && !commands.contains(&process.id)
    });
    let adopted: Vec<Pid> = adopted.map(|process| process.id).collect();
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
