//! The board of one slice of the sessions, and who waits for the next one.
//!
//! Like a watch channel, but a reader stays where it is in the list of those to be woken for as long as it lives. A
//! session is woken for its socket far more often than for a board, and to such a turn all this costs one look at a
//! number; to take a place in a list and leave it again each time would touch the memory of its neighbours as well.
//! Readers are woken in the order in which they came. What a board is is not known here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// The version of a value that never changes again.
const ENDED: u64 = u64::MAX;

/// A value that is shared by its readers and replaced now and then.
#[derive(Debug)]
pub(super) struct Slice<T> {
    /// Changes under the lock of the value; to be read at any time.
    version: AtomicU64,
    // Held for a copy of the value.
    value: Mutex<Arc<T>>,
    // Held while all are woken; a reader takes it when it begins, when it moves to another task and when it ends.
    waiting: Mutex<Waiting>,
}

/// The readers by their places.
#[derive(Debug, Default)]
struct Waiting {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

/// There will be no further value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended;

/// No panic leaves what is locked here half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Slice<T> {
    pub(super) fn new(value: Arc<T>) -> Self {
        Self {
            version: AtomicU64::new(0),
            value: Mutex::new(value),
            waiting: Mutex::default(),
        }
    }

    /// Gives all readers another value and wakes them.
    pub(super) fn publish(&self, value: Arc<T>) {
        self.set(value);
        self.wake_all();
    }

    /// Gives all readers another value, which they see when they are woken.
    pub(super) fn set(&self, value: Arc<T>) {
        let before = {
            let mut place = lock(&self.value);
            if self.version.load(Ordering::Relaxed) != ENDED {
                self.version.fetch_add(1, Ordering::Release);
            }
            std::mem::replace(&mut *place, value)
        };
        drop(before);
    }

    /// Wakes the reader at this place, if there is one; `None` if there are not so many places.
    pub(super) fn wake(&self, place: usize) -> Option<()> {
        let waiting = lock(&self.waiting);
        waiting
            .wakers
            .get(place)?
            .iter()
            .for_each(Waker::wake_by_ref);
        Some(())
    }

    /// Tells all readers, also those that are yet to come, that no value follows.
    pub(super) fn end(&self) {
        {
            let _value = lock(&self.value);
            self.version.store(ENDED, Ordering::Release);
        }
        self.wake_all();
    }

    /// Whether anybody would take notice of another value.
    pub(super) fn has_readers(&self) -> bool {
        let waiting = lock(&self.waiting);
        waiting.wakers.len() > waiting.free.len()
    }

    /// The present value, and a reader of those that follow.
    pub(super) fn read(self: &Arc<Self>) -> (Arc<T>, Reader<T>) {
        let (value, seen) = self.latest();
        let mut waiting = lock(&self.waiting);
        let place = waiting.free.pop().unwrap_or(waiting.wakers.len());
        if place == waiting.wakers.len() {
            waiting.wakers.push(None);
        }
        let reader = Reader {
            slice: Arc::clone(self),
            seen,
            place,
            waker: None,
        };
        (value, reader)
    }

    fn latest(&self) -> (Arc<T>, u64) {
        let value = lock(&self.value);
        (Arc::clone(&value), self.version.load(Ordering::Acquire))
    }

    fn wake_all(&self) {
        let waiting = lock(&self.waiting);
        waiting.wakers.iter().flatten().for_each(Waker::wake_by_ref);
    }
}

/// Sees each value that it is in time for.
#[derive(Debug)]
pub(super) struct Reader<T> {
    slice: Arc<Slice<T>>,
    seen: u64,
    place: usize,
    /// A copy of what is in the list.
    waker: Option<Waker>,
}

impl<T> Reader<T> {
    /// Ready with the newest value if that has not been seen, and when no more will come.
    pub(super) fn poll_changed(&mut self, cx: &Context<'_>) -> Poll<Result<Arc<T>, Ended>> {
        let is_listed = |waker: &Waker| waker.will_wake(cx.waker());
        if !self.waker.as_ref().is_some_and(is_listed) {
            self.waker = Some(cx.waker().clone());
            lock(&self.slice.waiting).wakers[self.place] = Some(cx.waker().clone());
        }
        // Behind the entry in the list: a change that is not seen here wakes.
        match self.slice.version.load(Ordering::Acquire) {
            ENDED => Poll::Ready(Err(Ended)),
            version if version == self.seen => Poll::Pending,
            _ => {
                let (value, seen) = self.slice.latest();
                self.seen = seen;
                Poll::Ready(Ok(value))
            }
        }
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        let mut waiting = lock(&self.slice.waiting);
        waiting.wakers[self.place] = None;
        waiting.free.push(self.place);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Wake, Waker};

    use super::{Ended, Reader, Slice};

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Wakes {
        fn count(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    /// A task's waker and the number of times that it was woken.
    fn task() -> (Arc<Wakes>, Waker) {
        let wakes = Arc::new(Wakes::default());
        (Arc::clone(&wakes), Waker::from(wakes))
    }

    fn poll(reader: &mut Reader<u32>, waker: &Waker) -> Poll<Result<u32, Ended>> {
        let changed = reader.poll_changed(&Context::from_waker(waker));
        changed.map_ok(|value| *value)
    }

    #[test]
    fn a_reader_is_woken_once_for_each_value_and_sees_the_newest() {
        let slice = Arc::new(Slice::new(Arc::new(1)));
        let (value, mut reader) = slice.read();
        assert_eq!(*value, 1);
        let (wakes, waker) = task();
        assert_eq!(poll(&mut reader, &waker), Poll::Pending);
        assert_eq!(poll(&mut reader, &waker), Poll::Pending);
        assert_eq!(wakes.count(), 0);
        slice.publish(Arc::new(2));
        assert_eq!(wakes.count(), 1);
        slice.publish(Arc::new(3));
        assert_eq!(poll(&mut reader, &waker), Poll::Ready(Ok(3)));
        assert_eq!(poll(&mut reader, &waker), Poll::Pending);
        // It waits on without being polled once more.
        slice.publish(Arc::new(4));
        assert_eq!(wakes.count(), 3);
        assert_eq!(poll(&mut reader, &waker), Poll::Ready(Ok(4)));
    }

    #[test]
    fn a_value_between_the_beginning_and_the_first_poll_is_seen() {
        let slice = Arc::new(Slice::new(Arc::new(1)));
        let (_, mut reader) = slice.read();
        slice.publish(Arc::new(2));
        assert_eq!(poll(&mut reader, &task().1), Poll::Ready(Ok(2)));
    }

    #[test]
    fn the_task_that_polled_last_is_woken() {
        let slice = Arc::new(Slice::new(Arc::new(1)));
        let (_, mut reader) = slice.read();
        let ((before, first), (after, second)) = (task(), task());
        assert_eq!(poll(&mut reader, &first), Poll::Pending);
        assert_eq!(poll(&mut reader, &second), Poll::Pending);
        slice.publish(Arc::new(2));
        assert_eq!((before.count(), after.count()), (0, 1));
    }

    #[test]
    fn places_are_used_again_and_nobody_is_woken_who_left() {
        let slice = Arc::new(Slice::new(Arc::new(1)));
        assert!(!slice.has_readers());
        let ((_, mut gone), (_, mut stays)) = (slice.read(), slice.read());
        let ((gone_wakes, gone_waker), (wakes, waker)) = (task(), task());
        assert_eq!(poll(&mut gone, &gone_waker), Poll::Pending);
        assert_eq!(poll(&mut stays, &waker), Poll::Pending);
        drop(gone);
        for _ in 0..10 {
            assert_eq!(poll(&mut slice.read().1, &waker), Poll::Pending);
        }
        assert_eq!(super::lock(&slice.waiting).wakers.len(), 2);
        slice.publish(Arc::new(2));
        assert_eq!((gone_wakes.count(), wakes.count()), (0, 1));
        assert!(slice.has_readers());
        drop(stays);
        assert!(!slice.has_readers());
    }

    #[test]
    fn readers_are_woken_one_by_one_by_their_places() {
        let slice = Arc::new(Slice::new(Arc::new(1)));
        let ((_, mut first), (_, mut second)) = (slice.read(), slice.read());
        let ((first_wakes, first_waker), (second_wakes, second_waker)) = (task(), task());
        assert_eq!(poll(&mut first, &first_waker), Poll::Pending);
        assert_eq!(poll(&mut second, &second_waker), Poll::Pending);
        slice.set(Arc::new(2));
        assert_eq!((first_wakes.count(), second_wakes.count()), (0, 0));
        assert_eq!(slice.wake(1), Some(()));
        assert_eq!((first_wakes.count(), second_wakes.count()), (0, 1));
        drop(first);
        assert_eq!(slice.wake(0), Some(()));
        assert_eq!(first_wakes.count(), 0);
        assert_eq!(slice.wake(2), None);
    }

    #[test]
    fn the_end_reaches_those_who_wait_and_those_who_come_later() {
        let slice = Arc::new(Slice::new(Arc::new(1)));
        let (_, mut reader) = slice.read();
        let (wakes, waker) = task();
        assert_eq!(poll(&mut reader, &waker), Poll::Pending);
        slice.end();
        assert_eq!(wakes.count(), 1);
        slice.publish(Arc::new(2));
        assert_eq!(poll(&mut reader, &waker), Poll::Ready(Err(Ended)));
        assert_eq!(poll(&mut slice.read().1, &waker), Poll::Ready(Err(Ended)));
    }

    #[test]
    fn no_value_is_missed_between_threads() {
        let slice = Arc::new(Slice::new(Arc::new(0)));
        let readers: Vec<_> = (0..4).map(|_| slice.read().1).collect();
        std::thread::scope(|scope| {
            for mut reader in readers {
                scope.spawn(move || {
                    let thread = std::thread::current();
                    let waker = Waker::from(Arc::new(Unpark(thread)));
                    let mut latest = 0;
                    loop {
                        match poll(&mut reader, &waker) {
                            Poll::Pending => std::thread::park(),
                            Poll::Ready(Ok(value)) => {
                                assert!(value > latest, "{value} after {latest}");
                                latest = value;
                            }
                            Poll::Ready(Err(Ended)) => return,
                        }
                        if latest == 1000 {
                            return;
                        }
                    }
                });
            }
            for value in 1..=1000 {
                slice.publish(Arc::new(value));
            }
        });
    }

    struct Unpark(std::thread::Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
}
