//! Worker names, safe in logs and as labels of metrics.
//!
//! Clients may send any bytes. All but visible ASCII characters are escaped as `%` and two hex
//! digits, and so are `%` itself and the column separator `|`: no name can forge a line or a
//! column, and different bytes make different names, up to the maximal length. Only the two names
//! of the program's own contain a space.

use std::fmt::{self, Write as _};
use std::sync::Arc;

/// The most characters of a name. A key of 64 digits fits, with its prefix.
const LONGEST: usize = 80;

const UNNAMED: &str = "(no name)";
const OTHERS: &str = "(other workers)";

/// A worker name: 1 to 80 ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerName(Arc<str>);

impl WorkerName {
    /// Returns the worker name of a user name `account.worker`: the part after the first dot, or
    /// the whole if that part is missing or empty.
    pub fn of_user(user: &[u8]) -> Self {
        let worker = user
            .iter()
            .position(|byte| *byte == b'.')
            .map(|dot| &user[dot + 1..]);
        Self::of_bytes(worker.filter(|worker| !worker.is_empty()).unwrap_or(user))
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self(UNNAMED.into());
        }
        let mut name = String::new();
        for byte in bytes {
            let length = name.len();
            if byte.is_ascii_graphic() && !b"%|".contains(byte) {
                name.push(char::from(*byte));
            } else {
                write!(name, "%{byte:02X}").expect("writing to a string cannot fail");
            }
            if name.len() > LONGEST {
                name.truncate(length);
                break;
            }
        }
        Self(name.into())
    }

    /// Returns the name that stands for all workers beyond the limit.
    pub(super) fn others() -> Self {
        Self(OTHERS.into())
    }

    /// Whether this is the name of one worker, and not of all without a name or beyond the limit.
    pub(super) fn is_own(&self) -> bool {
        !self.0.contains(' ')
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::WorkerName;

    #[test]
    fn the_worker_name_is_what_follows_the_account() {
        #[track_caller]
        fn check(user: &[u8], name: &str) {
            assert_eq!(WorkerName::of_user(user).as_str(), name);
        }
        check(b"k:0123abcd.rig1", "rig1");
        check(b"account.rig.1", "rig.1");
        check(b".rig1", "rig1");
        check(b"account", "account");
        check(b"account.", "account.");
        check(b"", "(no name)");
        check(b"a.(other workers)", "(other%20workers)");
        check(b"a.x\n|y\t\x1b[31m", "x%0A%7Cy%09%1B[31m");
        check("a.K\u{fc}che".as_bytes(), "K%C3%BCche");
        check(b"a.100%", "100%25");
        check(b"a.\xff\x00", "%FF%00");
        check(&[b'x'; 1000], &"x".repeat(80));
        // An escape is never cut.
        check(&[[b'x'; 79].as_slice(), b"\n"].concat(), &"x".repeat(79));
    }

    proptest! {
        #[test]
        fn any_bytes_make_a_name_that_fits_a_column(user: Vec<u8>) {
            let name = WorkerName::of_user(&user);
            let text = name.as_str();
            prop_assert!((1..=80).contains(&text.len()));
            prop_assert!(text == "(no name)" || text.bytes().all(|byte| byte.is_ascii_graphic()));
        }

        #[test]
        fn different_bytes_make_different_names(
            one in proptest::collection::vec(any::<u8>(), 0..26),
            other in proptest::collection::vec(any::<u8>(), 0..26),
        ) {
            let name = |bytes: &[u8]| WorkerName::of_user(&[b"account.a", bytes].concat());
            prop_assert_eq!(one == other, name(&one) == name(&other));
        }
    }
}
