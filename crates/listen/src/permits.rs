//! Limits on the number of connections, in total and per client address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

/// Issues permits for connections, up to a total and to a number per client address.
#[derive(Debug)]
pub struct Permits {
    max: NonZeroUsize,
    issued: Arc<Mutex<Issued>>,
}

#[derive(Debug, Default)]
struct Issued {
    max_per_ip: Option<NonZeroUsize>,
    total: usize,
    by_ip: HashMap<IpAddr, usize>,
}

/// The permit of one connection, returned when dropped.
#[derive(Debug)]
pub struct Permit {
    /// `None` until the client's address is known.
    ip: Option<IpAddr>,
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
            issued: Arc::new(Mutex::new(Issued {
                max_per_ip,
                ..Issued::default()
            })),
        }
    }

    /// Issues a permit to a client at `ip`. An IPv4-mapped IPv6 address counts as its IPv4 address.
    ///
    /// # Errors
    /// Returns the limit reached.
    pub fn try_acquire(&self, ip: IpAddr) -> Result<Permit, LimitReached> {
        let mut permit = self.try_acquire_unknown()?;
        permit.set_client(ip)?;
        Ok(permit)
    }

    /// Issues a permit to a client whose address is not known yet.
    ///
    /// # Errors
    /// Returns the limit on all connections, if that is reached.
    pub fn try_acquire_unknown(&self) -> Result<Permit, LimitReached> {
        let mut issued = lock(&self.issued);
        if issued.total >= self.max.get() {
            return Err(LimitReached::Total(issued.total));
        }
        issued.total += 1;
        drop(issued);
        Ok(Permit {
            ip: None,
            issued: Arc::clone(&self.issued),
        })
    }
}

impl Permit {
    /// Whether the client's address is known.
    pub fn has_client(&self) -> bool {
        self.ip.is_some()
    }

    /// Sets the client's address, unless it is known.
    ///
    /// # Errors
    /// Returns the limit on connections from this address, if that is reached.
    pub fn set_client(&mut self, ip: IpAddr) -> Result<(), LimitReached> {
        if self.ip.is_some() {
            return Ok(());
        }
        let ip = ip.to_canonical();
        let mut issued = lock(&self.issued);
        let here = issued.by_ip.get(&ip).copied().unwrap_or(0);
        if issued.max_per_ip.is_some_and(|max| here >= max.get()) {
            return Err(LimitReached::Address(here));
        }
        issued.by_ip.insert(ip, here + 1);
        drop(issued);
        self.ip = Some(ip);
        Ok(())
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
        if let Some(ip) = self.ip
            && let Some(here) = issued.by_ip.get_mut(&ip)
        {
            *here -= 1;
            if *here == 0 {
                issued.by_ip.remove(&ip);
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
        let mut later = permits.try_acquire_unknown().expect("a permit");
        assert_eq!(later.set_client(ip("2001:db8::1")), Ok(()));
        assert_eq!(later.set_client(ip("192.0.2.9")), Ok(()), "known already");
        assert_eq!(
            permits.try_acquire_unknown().err(),
            Some(LimitReached::Total(3))
        );
        drop(later);
        let _fourth = permits
            .try_acquire(ip("192.0.2.1"))
            .expect("the permit of the first");
        let by_ip = super::lock(&permits.issued).by_ip.len();
        assert_eq!(by_ip, 2);
    }
}
