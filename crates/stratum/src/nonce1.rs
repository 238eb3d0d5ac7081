//! The server's part of the nonce: with one per session no two devices search the same nonces.
//!
//! A [`Nonce1`] is an owning slot, unique among the live ones of its [`Nonce1Space`] and free again
//! when dropped. Slots are issued in turn, so a freed one is reused as late as possible, once the
//! work of its last owner has been replaced. Several servers on one node can divide the space.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use chainweb::Nonce;
use rand::{Rng, RngExt};

/// The size of nonce1: 1 to 3 bytes. The rest of the 8 bytes is the device's; the Antminer KA3
/// needs at least 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonce1Size(u8);

impl Nonce1Size {
    /// 2 bytes, as all known servers use.
    pub const TWO: Self = Self(2);

    /// Returns the size of this many bytes, or `None` outside of 1 to 3.
    pub const fn new(bytes: u8) -> Option<Self> {
        if bytes >= 1 && bytes <= 3 {
            Some(Self(bytes))
        } else {
            None
        }
    }

    /// Returns the number of bytes left to the device.
    pub(crate) const fn nonce2_bytes(self) -> u8 {
        8 - self.0
    }

    const fn values(self) -> u32 {
        1 << (8 * self.0)
    }
}

/// This server's part of the nonce1 space: `3/8` is the third of eight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance {
    number: u32,
    of: u32,
}

impl Instance {
    /// The whole space: the only server.
    pub const WHOLE: Self = Self { number: 1, of: 1 };
}

/// The error for a text that is not an [`Instance`]; holds its first 40 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an instance is its number and how many there are, from 1/1 to 256/256; got {0:?}")]
pub struct InstanceError(String);

impl FromStr for Instance {
    type Err = InstanceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let instance = text.split_once('/').and_then(|(number, of)| {
            let number = number.parse().ok()?;
            let of = of.parse().ok()?;
            Some(Self { number, of })
        });
        instance
            .filter(|it| it.number >= 1 && it.number <= it.of && it.of <= 256)
            .ok_or_else(|| InstanceError(text.chars().take(40).collect()))
    }
}

/// All slots of a server are in use; holds their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all {0} values of nonce1 are in use")]
pub(crate) struct Exhausted(u32);

/// The values of nonce1 that this server may issue.
#[derive(Clone, Debug)]
pub struct Nonce1Space(Arc<Space>);

#[derive(Debug)]
struct Space {
    size: Nonce1Size,
    /// The smallest of this server's values.
    first: u32,
    /// The number of this server's values.
    count: u32,
    // Locked for the search of a free bit, when a device logs in or leaves.
    slots: Mutex<Slots>,
}

#[derive(Debug)]
struct Slots {
    /// A bit per value, set while it is in use.
    used: Box<[u64]>,
    live: u32,
    /// Where the search for a free bit starts.
    next: u32,
}

impl Nonce1Space {
    /// Creates the part `instance` of all values of this size.
    ///
    /// The first slot is random, so a restarted server does not repeat the work of its last run.
    pub fn new(size: Nonce1Size, instance: Instance, rng: &mut impl Rng) -> Self {
        let start = |number: u32| {
            let start = u64::from(size.values()) * u64::from(number) / u64::from(instance.of);
            u32::try_from(start).expect("at most 2^24")
        };
        let first = start(instance.number - 1);
        let count = start(instance.number) - first;
        let slots = Slots {
            used: vec![0; count.div_ceil(64) as usize].into(),
            live: 0,
            next: rng.random_range(0..count),
        };
        Self(Arc::new(Space {
            size,
            first,
            count,
            slots: Mutex::new(slots),
        }))
    }

    /// Returns the size of the values.
    pub(crate) fn size(&self) -> Nonce1Size {
        self.0.size
    }

    /// Issues a free slot.
    ///
    /// # Errors
    /// Returns [`Exhausted`] if all are in use.
    pub(crate) fn take(&self) -> Result<Nonce1, Exhausted> {
        let mut slots = self.0.slots();
        let offset = slots.take(self.0.count).ok_or(Exhausted(self.0.count))?;
        drop(slots);
        Ok(Nonce1 {
            value: self.0.first + offset,
            space: Arc::clone(&self.0),
        })
    }
}

impl Space {
    fn slots(&self) -> std::sync::MutexGuard<'_, Slots> {
        // No panic leaves the slots half changed.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slots {
    fn take(&mut self, count: u32) -> Option<u32> {
        if self.live == count {
            return None;
        }
        let mut at = self.next;
        loop {
            let word = self.used[(at / 64) as usize];
            // The free bits of the word from `at` on.
            let free = !word & (u64::MAX << (at % 64));
            if free != 0 && at / 64 * 64 + free.trailing_zeros() < count {
                at = at / 64 * 64 + free.trailing_zeros();
                break;
            }
            at = (at / 64 + 1) * 64;
            if at >= count {
                at = 0;
            }
        }
        self.used[(at / 64) as usize] |= 1 << (at % 64);
        self.live += 1;
        self.next = (at + 1) % count;
        Some(at)
    }
}

/// A slot: a value that no other session has while this lives.
#[derive(Debug)]
pub struct Nonce1 {
    value: u32,
    space: Arc<Space>,
}

impl Nonce1 {
    /// Returns the value.
    pub const fn value(&self) -> u32 {
        self.value
    }

    pub(crate) fn size(&self) -> Nonce1Size {
        self.space.size
    }

    /// Returns the whole nonce: nonce1 is its least significant part, and so comes first in a
    /// header.
    ///
    /// See `composeNonce` in `kadena-io/chainweb-mining-client`,
    /// `src/Worker/POW/Stratum/Protocol.hs`.
    pub fn with_nonce2(&self, nonce2: u64) -> Nonce {
        Nonce::new(nonce2 << (8 * self.space.size.0) | u64::from(self.value))
    }
}

/// Writes two hex digits per byte, most significant digit first.
impl fmt::Display for Nonce1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:0width$x}",
            self.value,
            width = 2 * usize::from(self.space.size.0)
        )
    }
}

impl Drop for Nonce1 {
    fn drop(&mut self) {
        let place = self.value - self.space.first;
        let mut slots = self.space.slots();
        slots.used[(place / 64) as usize] &= !(1 << (place % 64));
        slots.live -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::{Exhausted, Instance, InstanceError, Nonce1, Nonce1Size, Nonce1Space};

    fn space(bytes: u8, instance: &str, seed: u64) -> Nonce1Space {
        let size = Nonce1Size::new(bytes).expect("a size");
        let instance = instance.parse().expect("an instance");
        Nonce1Space::new(size, instance, &mut StdRng::seed_from_u64(seed))
    }

    #[test]
    fn nonce1_is_the_low_part_of_the_nonce_and_padded_in_hex() {
        let space = space(2, "1/1", 0);
        let slots: Vec<Nonce1> = (0..65_536).map(|_| space.take().expect("a slot")).collect();
        let slot = slots
            .iter()
            .find(|slot| slot.value() == 0x9e8)
            .expect("all are out");
        assert_eq!(slot.to_string(), "09e8");
        assert_eq!(
            slot.with_nonce2(0x1122_3344_5566).to_string(),
            "11223344556609e8"
        );
    }

    #[test]
    fn the_parts_of_all_instances_are_the_space() {
        for of in [1, 3, 7, 256] {
            let mut values = HashSet::new();
            for number in 1..=of {
                let space = space(1, &format!("{number}/{of}"), number);
                let mut slots = Vec::new();
                let refusal = loop {
                    match space.take() {
                        Ok(slot) => slots.push(slot),
                        Err(refusal) => break refusal,
                    }
                };
                assert_eq!(refusal, Exhausted(u32::try_from(slots.len()).expect("few")));
                for slot in &slots {
                    assert!(values.insert(slot.value()), "{} is out twice", slot.value());
                }
            }
            assert_eq!(values.len(), 256);
        }
    }

    #[test]
    fn instances_are_read() {
        assert_eq!("1/1".parse(), Ok(Instance::WHOLE));
        assert_eq!("3/8".parse(), Ok(Instance { number: 3, of: 8 }));
        for text in ["", "3", "0/8", "9/8", "1/257", "-1/8", "1/8/2", "1/ 8"] {
            assert_eq!(
                text.parse::<Instance>(),
                Err(InstanceError(text.to_owned()))
            );
        }
    }

    #[test]
    fn a_freed_slot_comes_back_last() {
        let space = space(1, "1/1", 5);
        let freed = space.take().expect("a slot").value();
        let mut slots: Vec<Nonce1> = (0..255).map(|_| space.take().expect("a slot")).collect();
        assert!(slots.iter().all(|slot| slot.value() != freed));
        slots.push(space.take().expect("the freed slot"));
        assert_eq!(slots.last().map(Nonce1::value), Some(freed));
    }

    #[test]
    fn freed_slots_are_found_around_the_end_of_a_part() {
        // 85 slots, which are not a whole number of words.
        let space = space(1, "1/3", 5);
        let mut slots: Vec<Nonce1> = (0..85).map(|_| space.take().expect("a slot")).collect();
        slots.sort_unstable_by_key(Nonce1::value);
        let free = HashSet::from([80, 3].map(|at| slots.remove(at).value()));
        for _ in 0..4 {
            let found = [(); 2].map(|()| space.take().expect("a free slot"));
            let values: HashSet<u32> = found.iter().map(Nonce1::value).collect();
            assert_eq!(values, free);
        }
    }

    proptest! {
        #[test]
        fn live_slots_are_unique_and_the_space_holds_its_count(
            seed: u64, steps in prop::collection::vec(any::<(bool, prop::sample::Index)>(), 0..600)
        ) {
            let space = space(1, "2/5", seed);
            let mut live: Vec<Nonce1> = Vec::new();
            for (leaves, which) in steps {
                if leaves && !live.is_empty() {
                    live.swap_remove(which.index(live.len()));
                } else {
                    match space.take() {
                        Ok(slot) => live.push(slot),
                        Err(Exhausted(count)) => prop_assert_eq!(live.len(), count as usize),
                    }
                }
                let values: HashSet<u32> = live.iter().map(Nonce1::value).collect();
                prop_assert_eq!(values.len(), live.len());
                prop_assert!(values.iter().all(|value| (51..102).contains(value)));
            }
        }
    }
}
