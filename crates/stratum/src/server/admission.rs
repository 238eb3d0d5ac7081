//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts the connections that there are.
#[derive(Debug)]
pub(super) struct Admission {
    max: NonZeroUsize,
    max_per_ip: Option<NonZeroUsize>,
    present: Arc<Mutex<Present>>,
}

#[derive(Debug, Default)]
struct Present {
    all: usize,
    by_ip: HashMap<IpAddr, usize>,
}

/// A place, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    ip: IpAddr,
    present: Arc<Mutex<Present>>,
}

/// Why there is no place.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("there are {0} connections already")]
    All(usize),
    #[error("there are {0} connections from this address already")]
    Address(usize),
}

impl Admission {
    pub(super) fn new(max: NonZeroUsize, max_per_ip: Option<NonZeroUsize>) -> Self {
        Self {
            max,
            max_per_ip,
            present: Arc::default(),
        }
    }

    pub(super) fn enter(&self, ip: IpAddr) -> Result<Permit, Refusal> {
        // An IPv4 client of a socket for both is the same client.
        let ip = ip.to_canonical();
        let mut present = lock(&self.present);
        if present.all >= self.max.get() {
            return Err(Refusal::All(present.all));
        }
        let here = present.by_ip.get(&ip).copied().unwrap_or(0);
        if self.max_per_ip.is_some_and(|max| here >= max.get()) {
            return Err(Refusal::Address(here));
        }
        present.all += 1;
        present.by_ip.insert(ip, here + 1);
        drop(present);
        Ok(Permit {
            ip,
            present: Arc::clone(&self.present),
        })
    }
}

fn lock(present: &Mutex<Present>) -> std::sync::MutexGuard<'_, Present> {
    // No panic leaves the counts half changed.
    present.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut present = lock(&self.present);
        present.all -= 1;
        if let Some(here) = present.by_ip.get_mut(&self.ip) {
            *here -= 1;
            if *here == 0 {
                present.by_ip.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::num::NonZeroUsize;

    use super::{Admission, Refusal};

    #[test]
    fn places_are_counted_in_all_and_by_address_and_come_back() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let admission = Admission::new(
            NonZeroUsize::new(3).expect("not zero"),
            NonZeroUsize::new(2),
        );
        let first = admission.enter(ip("192.0.2.1")).expect("a place");
        let _second = admission.enter(ip("::ffff:192.0.2.1")).expect("a place");
        assert_eq!(
            admission.enter(ip("192.0.2.1")).err(),
            Some(Refusal::Address(2))
        );
        let _third = admission.enter(ip("2001:db8::1")).expect("a place");
        assert_eq!(
            admission.enter(ip("2001:db8::2")).err(),
            Some(Refusal::All(3))
        );
        drop(first);
        let _fourth = admission
            .enter(ip("192.0.2.1"))
            .expect("the place of the first");
        let by_ip = super::lock(&admission.present).by_ip.len();
        assert_eq!(by_ip, 2);
    }
}
