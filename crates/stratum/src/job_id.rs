//! The id of a job in messages.
//!
//! Eight lower-case hex digits: the Antminer KA3 copies the id into a buffer of 64 bytes. Ids count
//! up from a random start, so a share for a job of an earlier run does not match a new job.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use rand::{Rng, RngExt};

/// A job id, unique until 2^32 further ids have been issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobId(u32);

impl JobId {
    /// Creates the id with this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Parses one to eight hex digits of either case, and returns `None` for any other text.
    ///
    /// Missing leading digits count as zeros: clients that handle the id as a number drop them.
    pub(crate) fn parse(text: &str) -> Option<Self> {
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

/// Issues the job ids of a server.
#[derive(Debug)]
pub struct JobIds(AtomicU32);

impl JobIds {
    /// Starts at a random number.
    pub fn new(rng: &mut impl Rng) -> Self {
        Self(AtomicU32::new(rng.random()))
    }

    /// Returns the next id.
    pub(crate) fn next(&self) -> JobId {
        JobId(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::JobId;

    #[test]
    fn ids_parse_in_the_forms_that_clients_send() {
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
