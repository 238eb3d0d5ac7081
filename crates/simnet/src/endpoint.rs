//! The node's endpoints, and counts of their requests.

use std::sync::atomic::{AtomicU64, Ordering};

/// An endpoint of the node; paths below `/chainweb/0.0/{version}` are shortened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// `/info`
    Info,
    /// `/health-check`
    Health,
    /// `/mining/work`
    Work,
    /// `/mining/solved`
    Solved,
    /// `/mining/updates`
    Updates,
    /// One event on one update stream.
    Event,
    /// `/cut`
    Cut,
    /// `/chain/{c}/header/{hash}`
    Header,
    /// `/chain/{c}/header`
    Headers,
    /// `/chain/{c}/header/branch`
    HeaderBranch,
    /// `/chain/{c}/hash`
    Hashes,
    /// `/chain/{c}/hash/branch`
    HashBranch,
    /// Any other path.
    Unknown,
}

const ENDPOINTS: usize = Endpoint::Unknown as usize + 1;

#[derive(Debug, Default)]
pub(crate) struct Counters([AtomicU64; ENDPOINTS]);

impl Counters {
    pub(crate) fn count(&self, endpoint: Endpoint) {
        self.0[endpoint as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> RequestCounts {
        RequestCounts(std::array::from_fn(|index| {
            self.0[index].load(Ordering::Relaxed)
        }))
    }
}

/// Number of requests to each endpoint, of any status. For [`Endpoint::Event`], the number
/// of events due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestCounts([u64; ENDPOINTS]);

impl RequestCounts {
    /// Returns the number of requests to an endpoint.
    pub fn of(&self, endpoint: Endpoint) -> u64 {
        self.0[endpoint as usize]
    }
}
