//! The name of a job on the wire.
//!
//! Eight lower-case hex digits: short and of one width, because a device copies it into a buffer. Names count up from
//! a random start, so that a share for a job of the program's last run does not meet another job of the same name.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use rand::{Rng, RngExt};

/// Names a job for as long as 2^32 others have not been named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobId(u32);

impl JobId {
    /// The id of this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Reads up to eight hex digits of either case; missing ones are zeros in front, which a client that takes the id
    /// for a number leaves out.
    pub fn parse(text: &str) -> Option<Self> {
        if !(1..=8).contains(&text.len()) {
            return None;
        }
        let number = text.bytes().try_fold(0, |number, digit| {
            Some(number << 4 | char::from(digit).to_digit(16)?)
        });
        number.map(Self)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// Gives out the names of all jobs of a server.
#[derive(Debug)]
pub struct JobIds(AtomicU32);

impl JobIds {
    /// Names from a random start on.
    pub fn new(rng: &mut impl Rng) -> Self {
        Self(AtomicU32::new(rng.random()))
    }

    /// A name that was not given out before.
    pub fn next(&self) -> JobId {
        JobId(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::JobId;

    #[test]
    fn ids_are_read_as_clients_write_them() {
        #[track_caller]
        fn check(text: &str, id: Option<u32>) {
            assert_eq!(JobId::parse(text), id.map(JobId::new));
        }
        check("0009ab0f", Some(0x9_ab0f));
        check("9AB0F", Some(0x9_ab0f));
        check("", None);
        check("000000001", None);
        check("+1", None);
        check("0x1", None);
        assert_eq!(JobId::new(0x9_ab0f).to_string(), "0009ab0f");
    }
}
