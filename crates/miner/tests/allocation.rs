//! The hash loop allocates nothing.
//!
//! The allocator counts the allocations of all threads except the test's own. The runtime is on the
//! test's thread, so only the hashing thread is counted, and the test harness for a moment. This
//! binary has no other test, because its allocations would count.

#![expect(
    unsafe_code,
    reason = "an allocator is an unsafe trait; this one only counts the calls it forwards"
)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chainweb::Target;
use miner::job::{Job, JobId, Jobs, NodeId, Outdated};
use miner::timing::Timing;
use miner::worker::Worker;
use miner::worker::cpu::placement::Placement;
use miner::worker::cpu::{Config, Cpu};
use pow::{Kernel, Searcher};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

struct Counting;

thread_local! {
    static IS_TEST_THREAD: Cell<bool> = const { Cell::new(false) };
}

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is forwarded unchanged to the system's allocator. The flag is a thread-local
// without destructor or lazy initialisation, so reading it does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !IS_TEST_THREAD.get() {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller fulfils the contract of this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller fulfils the contract of this function.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn unsolvable() -> Arc<Jobs> {
    let target = Target::from_be_hex(&format!("{:064x}", 1)).unwrap();
    Arc::new(Jobs::new(vec![Arc::new(Job {
        id: JobId(1),
        node: NodeId(0),
        work: fixtures::work(0, 1, target),
        received: Instant::now(),
        outdated: Outdated::default(),
    })]))
}

#[tokio::test]
async fn the_hash_loop_allocates_nothing() {
    IS_TEST_THREAD.set(true);
    let cpu = Cpu::new(Config {
        threads: NonZeroUsize::MIN,
        searcher: best_searcher(),
        placement: Placement::default(),
        first_nonce: 0,
        timing: Timing {
            // Many batches and many new creation times.
            batch: Duration::from_micros(50),
            restamp: Duration::from_micros(200),
            ..Timing::default()
        },
    });
    let meter = cpu.meter();
    let worker = Worker::Cpu(cpu);
    let (_jobs, watched) = watch::channel(unsolvable());
    let (found, _solutions) = mpsc::channel(1);
    let stop = CancellationToken::new();
    let hashing = worker.run(watched, found, stop.child_token());
    let counting = async {
        let allocated_after = async |hashes| {
            let enough = meter.read().hashes + hashes;
            while meter.read().hashes < enough {
                tokio::task::yield_now().await;
            }
            ALLOCATIONS.load(Ordering::Relaxed)
        };
        let mut before = allocated_after(10_000).await;
        assert!(
            before > 0,
            "the allocations of the hashing thread do not count"
        );
        let mut stretches = Vec::new();
        for _ in 0..10 {
            let after = allocated_after(200_000).await;
            stretches.push(after - before);
            before = after;
        }
        stop.cancel();
        // The test harness may have allocated meanwhile, once or twice.
        let silent = stretches.iter().filter(|count| **count == 0).count();
        assert!(
            silent >= 5,
            "allocations in stretches of many batches: {stretches:?}"
        );
    };
    let (ended, ()) = tokio::join!(hashing, counting);
    ended.unwrap();
}

/// Returns the first kernel that this machine supports, as mining uses it.
fn best_searcher() -> Searcher {
    let mut kernels = Kernel::ALL.iter();
    kernels.find_map(|kernel| kernel.prove().ok()).unwrap()
}
