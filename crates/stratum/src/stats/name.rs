//! Worker names, safe in logs and as labels of metrics.
//!
//! Clients may send any bytes. Characters that can be seen stay as they are. All others, such as
//! spaces, control characters and marks of the direction of text, are escaped as `%` and two hex
//! digits for each byte, and so are `%` itself and the column separator `|`: no name can forge a
//! line or a column, and different bytes make different names, up to the maximal length. Only the
//! two names of the program's own contain a space.

use std::fmt;
use std::sync::Arc;

/// The most characters of a name. A key of 64 digits fits, with its prefix.
const LONGEST: usize = 80;

const UNNAMED: &str = "(no name)";
const OTHERS: &str = "(other workers)";

/// A worker name: 1 to 80 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerName(Arc<str>);

impl WorkerName {
    /// Returns the worker name of a user name `account.worker`: the part after the first dot, or
    /// the whole if that part is missing or empty. An account with an `@` may contain dots itself:
    /// then it is the part after the last dot, if the `@` precedes that.
    pub fn of_user(user: &[u8]) -> Self {
        let place = |wanted: u8| user.iter().position(|byte| *byte == wanted);
        let last = user.iter().rposition(|byte| *byte == b'.');
        let after_at = last.filter(|last| place(b'@').is_some_and(|at| at < *last));
        let worker = after_at.or_else(|| place(b'.')).map(|dot| &user[dot + 1..]);
        Self::of_bytes(worker.filter(|worker| !worker.is_empty()).unwrap_or(user))
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self(UNNAMED.into());
        }
        let shown = |character: char| {
            let text = character.to_string();
            if is_seen(character) {
                text
            } else {
                escaped(text.as_bytes())
            }
        };
        let pieces = bytes.utf8_chunks().flat_map(|chunk| {
            let invalid = chunk.invalid().chunks(1).map(escaped);
            chunk.valid().chars().map(shown).chain(invalid)
        });
        let mut length = 0;
        let name = pieces.take_while(|piece| {
            length += piece.chars().count();
            length <= LONGEST
        });
        Self(name.collect::<String>().into())
    }

    /// Returns the name that stands for all workers beyond the limit.
    pub(super) fn others() -> Self {
        Self(OTHERS.into())
    }

    /// Whether this is the name of one worker, and not of all without a name or beyond the limit.
    pub fn is_own(&self) -> bool {
        !self.0.contains(' ')
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a name shows the character as it is.
fn is_seen(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_graphic() && !"%|".contains(character);
    }
    // The standard library escapes what cannot be printed, and marks that combine with a character
    // only where there is none before them.
    let text = format!("a{character}");
    text.escape_debug().eq(text.chars())
}

fn escaped(bytes: &[u8]) -> String {
    let add = |text: String, byte: &u8| text + &format!("%{byte:02X}");
    bytes.iter().fold(String::new(), add)
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
        check("a.K\u{fc}che".as_bytes(), "K\u{fc}che");
        check("a.Ku\u{308}che".as_bytes(), "Ku\u{308}che");
        check("a.矿机一号".as_bytes(), "矿机一号");
        check("a.x\u{202e}y".as_bytes(), "x%E2%80%AEy");
        check("a.x\u{2066}y\u{200f}".as_bytes(), "x%E2%81%A6y%E2%80%8F");
        check("a.x\u{2028}y\u{2029}".as_bytes(), "x%E2%80%A8y%E2%80%A9");
        check(
            "a.x\u{85}y\u{a0}\u{3000}".as_bytes(),
            "x%C2%85y%C2%A0%E3%80%80",
        );
        check("a.x\u{200b}\u{feff}".as_bytes(), "x%E2%80%8B%EF%BB%BF");
        check(b"me@mail.example.rig1", "rig1");
        check(b"me.too@mail.example.rig1", "rig1");
        check(b"me@mail.example.", "me@mail.example.");
        check(b"account.rig@home", "rig@home");
        check(b"account.rig.1@home", "rig.1@home");
        check(b"me@home", "me@home");
        check(b"a.100%", "100%25");
        check(b"a.\xff\x00", "%FF%00");
        check(&[b'x'; 1000], &"x".repeat(80));
        // An escape is never cut.
        check(&[[b'x'; 79].as_slice(), b"\n"].concat(), &"x".repeat(79));
        check("é".repeat(100).as_bytes(), &"é".repeat(80));
        check(
            &[[b'x'; 76].as_slice(), "\u{2028}y".as_bytes()].concat(),
            &"x".repeat(76),
        );
    }

    proptest! {
        #[test]
        fn any_bytes_make_a_name_that_fits_a_column(user: Vec<u8>) {
            let name = WorkerName::of_user(&user);
            let text = name.as_str();
            prop_assert!((1..=80).contains(&text.chars().count()));
            let is_safe = |c: char| !c.is_control() && !c.is_whitespace();
            prop_assert!(text == "(no name)" || text.chars().all(is_safe));
        }

        #[test]
        fn different_bytes_make_different_names(
            mut one in proptest::collection::vec(any::<u8>(), 0..26),
            mut other in proptest::collection::vec(any::<u8>(), 0..26),
        ) {
            // An `@` makes dots part of the account.
            one.retain(|byte| *byte != b'@');
            other.retain(|byte| *byte != b'@');
            let name = |bytes: &[u8]| WorkerName::of_user(&[b"account.a", bytes].concat());
            prop_assert_eq!(one == other, name(&one) == name(&other));
        }
    }
}
