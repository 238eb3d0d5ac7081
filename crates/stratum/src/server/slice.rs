//! A value shared by the sessions of one slice, and the wakers of its readers.
//!
//! Like a watch channel, except that a reader keeps its waker registered while it lives. A session
//! wakes for its socket far more often than for a new value, and then compares one number here;
//! registering and removing a waker each time would touch its neighbours' memory as well. Readers
//! are woken in the order in which they were created. Jobs are not known here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// The version after the last value.
const ENDED: u64 = u64::MAX;

/// A value that its readers share and its owner replaces.
#[derive(Debug)]
pub(super) struct Slice<T> {
    /// Changes under the lock of the value; may be read without it.
    version: AtomicU64,
    // Locked to copy or replace the value.
    value: Mutex<Arc<T>>,
    // Locked to wake all readers, and by a reader when it starts, changes its task and ends.
    wakers: Mutex<Wakers>,
}

/// The wakers of the readers.
#[derive(Debug, Default)]
struct Wakers {
    by_index: Vec<Option<Waker>>,
    free: Vec<usize>,
}

/// No further value follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended;

/// Ignores poisoning: no panic leaves the locked data half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Slice<T> {
    pub(super) fn new(value: Arc<T>) -> Self {
        Self {
            version: AtomicU64::new(0),
            value: Mutex::new(value),
            wakers: Mutex::default(),
        }
    }

    /// Replaces the value and wakes all readers.
    pub(super) fn publish(&self, value: Arc<T>) {
        self.set(value);
        self.wake_all();
    }

    /// Replaces the value; readers notice it the next time they are woken.
    pub(super) fn set(&self, value: Arc<T>) {
        let before = {
            let mut current = lock(&self.value);
            if self.version.load(Ordering::Relaxed) != ENDED {
                self.version.fetch_add(1, Ordering::Release);
            }
            std::mem::replace(&mut *current, value)
        };
        drop(before);
    }

    /// Wakes the reader of this index, if it lives.
    pub(super) fn wake(&self, index: usize) {
        let wakers = lock(&self.wakers);
        if let Some(Some(waker)) = wakers.by_index.get(index) {
            waker.wake_by_ref();
        }
    }

    /// Returns the number of indices of readers, of which some may be free.
    pub(super) fn places(&self) -> usize {
        lock(&self.wakers).by_index.len()
    }

    /// Ends all readers, including those created later.
    pub(super) fn end(&self) {
        {
            let _value = lock(&self.value);
            self.version.store(ENDED, Ordering::Release);
        }
        self.wake_all();
    }

    /// Whether there are readers.
    pub(super) fn has_readers(&self) -> bool {
        let wakers = lock(&self.wakers);
        wakers.by_index.len() > wakers.free.len()
    }

    /// Returns the current value, and a reader of those that follow.
    pub(super) fn read(self: &Arc<Self>) -> (Arc<T>, Reader<T>) {
        let (value, seen) = self.latest();
        let mut wakers = lock(&self.wakers);
        let index = wakers.free.pop().unwrap_or(wakers.by_index.len());
        if index == wakers.by_index.len() {
            wakers.by_index.push(None);
        }
        let reader = Reader {
            slice: Arc::clone(self),
            seen,
            index,
            waker: None,
        };
        (value, reader)
    }

    fn latest(&self) -> (Arc<T>, u64) {
        let value = lock(&self.value);
        (Arc::clone(&value), self.version.load(Ordering::Acquire))
    }

    fn wake_all(&self) {
        let wakers = lock(&self.wakers);
        wakers
            .by_index
            .iter()
            .flatten()
            .for_each(Waker::wake_by_ref);
    }
}

/// Returns the newest value whenever it has changed.
#[derive(Debug)]
pub(super) struct Reader<T> {
    slice: Arc<Slice<T>>,
    /// The version returned last.
    seen: u64,
    index: usize,
    /// A copy of the registered waker.
    waker: Option<Waker>,
}

impl<T> Reader<T> {
    /// Returns the newest value if it was not returned before, or [`Ended`] after the last one.
    pub(super) fn poll_changed(&mut self, cx: &Context<'_>) -> Poll<Result<Arc<T>, Ended>> {
        let is_registered = |waker: &Waker| waker.will_wake(cx.waker());
        if !self.waker.as_ref().is_some_and(is_registered) {
            self.waker = Some(cx.waker().clone());
            lock(&self.slice.wakers).by_index[self.index] = Some(cx.waker().clone());
        }
        // After the registration: a change that is not seen here wakes the task.
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
        let mut wakers = lock(&self.slice.wakers);
        wakers.by_index[self.index] = None;
        wakers.free.push(self.index);
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

    /// Returns the waker of a task, and the number of times it was woken.
    fn task() -> (Arc<Wakes>, Waker) {
        let wakes = Arc::new(Wakes::default());
        (Arc::clone(&wakes), Waker::from(wakes))
    }

    fn poll(reader: &mut Reader<u32>, waker: &Waker) -> Poll<Result<u32, Ended>> {
        let changed = reader.poll_changed(&Context::from_waker(waker));
        changed.map_ok(|value| *value)
    }

    #[test]
    fn a_reader_is_woken_once_per_value_and_returns_the_newest() {
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
        // Its waker stays registered without another poll.
        slice.publish(Arc::new(4));
        assert_eq!(wakes.count(), 3);
        assert_eq!(poll(&mut reader, &waker), Poll::Ready(Ok(4)));
    }

    #[test]
    fn a_value_set_before_the_first_poll_is_returned() {
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
    fn indices_are_reused_and_dropped_readers_are_not_woken() {
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
        assert_eq!(super::lock(&slice.wakers).by_index.len(), 2);
        slice.publish(Arc::new(2));
        assert_eq!((gone_wakes.count(), wakes.count()), (0, 1));
        assert!(slice.has_readers());
        drop(stays);
        assert!(!slice.has_readers());
    }

    #[test]
    fn readers_are_woken_one_by_one_by_index() {
        let slice = Arc::new(Slice::new(Arc::new(1)));
        let ((_, mut first), (_, mut second)) = (slice.read(), slice.read());
        let ((first_wakes, first_waker), (second_wakes, second_waker)) = (task(), task());
        assert_eq!(poll(&mut first, &first_waker), Poll::Pending);
        assert_eq!(poll(&mut second, &second_waker), Poll::Pending);
        slice.set(Arc::new(2));
        assert_eq!((first_wakes.count(), second_wakes.count()), (0, 0));
        slice.wake(1);
        assert_eq!((first_wakes.count(), second_wakes.count()), (0, 1));
        drop(first);
        slice.wake(0);
        assert_eq!(first_wakes.count(), 0);
        slice.wake(2);
        assert_eq!(slice.places(), 2);
    }

    #[test]
    fn the_end_reaches_present_and_later_readers() {
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
