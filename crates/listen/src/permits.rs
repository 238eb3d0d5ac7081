//! Limits on the number of connections, in total and per client address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

/// Issues permits for connections, up to a total and to a number per client address.
#[derive(Debug)]
pub struct Permits {
    max: NonZeroUsize,
    max_per_ip: Option<NonZeroUsize>,
    issued: Arc<Mutex<Issued>>,
}

#[derive(Debug, Default)]
struct Issued {
    total: usize,
    by_ip: HashMap<IpAddr, usize>,
}

/// The permit of one connection, returned when dropped.
#[derive(Debug)]
pub struct Permit {
    ip: IpAddr,
    issued: Arc<Mutex<Issued>>,
}

/// The limit that a connection would exceed, with the number of connections now open.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitReached {
    /// The limit on all connections.
    #[error("{0} connections are open already")]
    Total(usize),
    /// The limit on connections from one address.
    #[error("{0} connections from this address are open already")]
    Address(usize),
}

impl Permits {
    /// Creates a set of `max` permits; `None` puts no limit on those of one address.
    pub fn new(max: NonZeroUsize, max_per_ip: Option<NonZeroUsize>) -> Self {
        Self {
            max,
            max_per_ip,
            issued: Arc::default(),
        }
    }

    /// Issues a permit to a client at `ip`. An IPv4-mapped IPv6 address counts as its IPv4 address.
    ///
    /// # Errors
    /// Returns the limit reached.
    pub fn try_acquire(&self, ip: IpAddr) -> Result<Permit, LimitReached> {
        let ip = ip.to_canonical();
        let mut issued = lock(&self.issued);
        if issued.total >= self.max.get() {
            return Err(LimitReached::Total(issued.total));
        }
        let here = issued.by_ip.get(&ip).copied().unwrap_or(0);
        if self.max_per_ip.is_some_and(|max| here >= max.get()) {
            return Err(LimitReached::Address(here));
        }
        issued.total += 1;
        issued.by_ip.insert(ip, here + 1);
        drop(issued);
        Ok(Permit {
            ip,
            issued: Arc::clone(&self.issued),
        })
    }
}

fn lock(issued: &Mutex<Issued>) -> std::sync::MutexGuard<'_, Issued> {
    // No panic leaves the counts half changed.
    issued.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut issued = lock(&self.issued);
        issued.total -= 1;
        if let Some(here) = issued.by_ip.get_mut(&self.ip) {
            *here -= 1;
            if *here == 0 {
                issued.by_ip.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::num::NonZeroUsize;

    use super::{LimitReached, Permits};

    #[test]
    fn permits_are_counted_in_total_and_per_address_and_are_returned() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let permits = Permits::new(
            NonZeroUsize::new(3).expect("not zero"),
            NonZeroUsize::new(2),
        );
        let first = permits.try_acquire(ip("192.0.2.1")).expect("a permit");
        let _second = permits
            .try_acquire(ip("::ffff:192.0.2.1"))
            .expect("a permit");
        assert_eq!(
            permits.try_acquire(ip("192.0.2.1")).err(),
            Some(LimitReached::Address(2))
        );
        let _third = permits.try_acquire(ip("2001:db8::1")).expect("a permit");
        assert_eq!(
            permits.try_acquire(ip("2001:db8::2")).err(),
            Some(LimitReached::Total(3))
        );
        drop(first);
        let _fourth = permits
            .try_acquire(ip("192.0.2.1"))
            .expect("the permit of the first");
        let by_ip = super::lock(&permits.issued).by_ip.len();
        assert_eq!(by_ip, 2);
    }
}
