//! The worker with its threads.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chainweb::Target;
use pow::Kernel;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::placement::Placement;
use super::{Config, Cpu};
use crate::timing::Timing;
use crate::worker::sample::{job, jobs};

/// Waits until the number of hashes changes in each of two checks in a row, or in neither.
async fn wait_until(hashes: impl Fn() -> u64, is_hashing: bool) {
    let mut before = hashes();
    let mut agreed = 0;
    while agreed < 2 {
        sleep(Duration::from_millis(100)).await;
        let now = hashes();
        agreed = if (now != before) == is_hashing {
            agreed + 1
        } else {
            0
        };
        before = now;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_thread_hashes_during_a_pause() {
    let cpu = Cpu::new(Config {
        threads: NonZeroUsize::new(2).expect("not zero"),
        searcher: Kernel::Portable.prove().expect("safe code"),
        placement: Placement::default(),
        first_nonce: 0,
        timing: Timing::default(),
    });
    let (meter, paused) = (cpu.meter(), cpu.pause());
    let hashes = || meter.read().hashes;
    let hard = Target::from_be_hex(&format!("{:064x}", 1)).expect("64 digits");
    let live = |id| Arc::new(jobs(&[&job(id, hard, Instant::now())]));
    let (sender, receiver) = watch::channel(live(1));
    let (found, _solutions) = mpsc::channel(1);
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    running.spawn(cpu.run(receiver, found, stop.clone()));
    for is_hashing in [true, false, true, false] {
        paused.send_replace(!is_hashing);
        wait_until(hashes, is_hashing).await;
        // New work neither ends nor starts a pause.
        sender.send_replace(live(2));
        wait_until(hashes, is_hashing).await;
    }
    // The end does not wait for the end of the pause.
    stop.cancel();
    let ended = running.join_next().await.expect("it was started");
    ended.expect("no panic").expect("no error");
}
