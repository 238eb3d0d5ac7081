//! A search does not allocate.
//!
//! The allocator counts per thread, so concurrent tests do not interfere.

#![expect(
    unsafe_code,
    reason = "an allocator is an unsafe trait; this one only counts and forwards"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use chainweb::{Level, Nonce};
use fixtures::{DEGREES, header_of_degree};
use pow::{Kernel, NonceRange, Prepared};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is forwarded to the system's allocator; the count is a thread-local without
// destructor or lazy initialization, so it does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller upholds the contract of this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller upholds the contract of this function.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn a_search_allocates_nothing() {
    let before = ALLOCATIONS.get();
    let headers = DEGREES.map(|degree| header_of_degree(degree, b"allocation"));
    assert!(ALLOCATIONS.get() > before, "the allocator counts");
    for header in headers {
        // Easy enough for candidates, and for every way in which a search can end.
        let prepared = Prepared::new(&header, &Level::new(16).unwrap().target());
        for searcher in Kernel::ALL.iter().filter_map(|kernel| kernel.prove().ok()) {
            let before = ALLOCATIONS.get();
            let mut start = Nonce::new(0xffff_0000);
            let mut found = 0;
            while let Some(nonce) = prepared.search(&searcher, NonceRange::new(start, 1 << 18)) {
                found += 1;
                start = Nonce::new(nonce.get() + 1);
                if found == 4 {
                    break;
                }
            }
            let none = prepared.search(&searcher, NonceRange::new(start, 1));
            assert_eq!(
                ALLOCATIONS.get(),
                before,
                "{}, {} bytes, {none:?}",
                searcher.kernel(),
                header.as_bytes().len()
            );
        }
    }
}
