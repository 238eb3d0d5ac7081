//! The command line as a layer of settings.
//!
//! The command line's own parser stops at the first mistake. This one finds where each flag ends, has each value
//! judged by that parser, and goes on. What is not about a node (most commands, help, the version) it leaves to the other.

use std::ffi::{OsStr, OsString};

use super::assignment::{Assignment, Given, Mistake, Source};
use super::catalog::{Catalog, Form};
use super::document::Quoted;
use super::spelling::told;

/// What is wrong with an argument or a value that is not UTF-8.
pub(crate) const NO_TEXT: &str = "is not a text in UTF-8";

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    /// A command that has all its flags to itself.
    Command,
    /// Help or the version: this flag, of the command that stands before it.
    Answer(String, Purpose),
    /// What is done with these settings.
    Settings(Purpose, Vec<Assignment>, Vec<Mistake>),
}

/// What settings are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To mine.
    Mine,
    /// To examine the node that would be mined on, by the command `doctor` with these flags of its own.
    Examine(Vec<String>),
}

impl Purpose {
    /// The name of the command that examines.
    pub(crate) const EXAMINE: &str = "doctor";
}

/// Reads the command line, without the program's name.
pub(crate) fn read(catalog: &Catalog, args: impl IntoIterator<Item = OsString>) -> Asked {
    let args: Vec<OsString> = args.into_iter().collect();
    let mut reader = Reader {
        catalog,
        args: args.into_iter().peekable(),
        purpose: Purpose::Mine,
        assignments: Vec::new(),
        mistakes: Vec::new(),
    };
    while let Some(arg) = reader.args.next() {
        let arg = match arg.into_string() {
            Ok(arg) => arg,
            Err(arg) => {
                let arg = Quoted(&arg.to_string_lossy()).to_string();
                reader.mistake(&arg, NO_TEXT.to_owned());
                continue;
            }
        };
        let end = match arg.strip_prefix("--") {
            Some(long) if !long.is_empty() => reader.long(&arg),
            None if arg.len() > 1 && arg.starts_with('-') => reader.letters(&arg),
            _ => reader.word(&arg),
        };
        if let Some(asked) = end {
            return asked;
        }
    }
    reader.only_examine();
    Asked::Settings(reader.purpose, reader.assignments, reader.mistakes)
}

struct Reader<'a> {
    catalog: &'a Catalog,
    args: std::iter::Peekable<std::vec::IntoIter<OsString>>,
    purpose: Purpose,
    assignments: Vec<Assignment>,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    /// `--flag`, `--flag=value` or `--flag value`.
    fn long(&mut self, arg: &str) -> Option<Asked> {
        let (flag, value) = match arg.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (arg, None),
        };
        if self.catalog.is_answered(flag) {
            return Some(Asked::Answer(flag.to_owned(), self.purpose.clone()));
        }
        let name = flag.trim_start_matches('-');
        match (self.catalog.by_flag(name), &mut self.purpose) {
            (Some((at, says)), _) => self.flag(at, says, flag, value),
            (None, Purpose::Examine(own)) if self.catalog.knows(Purpose::EXAMINE, name) => {
                // The command's own flags are switches.
                match value {
                    None => own.push(flag.to_owned()),
                    Some(value) => self.surplus(flag, &value),
                }
            }
            (None, purpose) => {
                let command = matches!(purpose, Purpose::Examine(_)).then_some(Purpose::EXAMINE);
                let nearest = self.catalog.nearest_flag(command, name);
                self.unknown(flag, nearest, value.is_some());
            }
        }
        None
    }

    /// `-t`, `-k value`, `-kvalue`, `-k=value`, and several of these in one.
    fn letters(&mut self, arg: &str) -> Option<Asked> {
        let mut letters = arg[1..].chars();
        while let Some(letter) = letters.next() {
            let flag = format!("-{letter}");
            if self.catalog.is_answered(&flag) {
                return Some(Asked::Answer(flag, self.purpose.clone()));
            }
            let rest = letters.as_str();
            match self.catalog.by_letter(letter) {
                None => {
                    self.unknown(&flag, None, !rest.is_empty());
                    return None;
                }
                Some(at) => {
                    let flag = format!("--{}", self.catalog.setting(at).flag);
                    if self.is_switch(at) {
                        self.flag(at, true, &flag, None);
                        continue;
                    }
                    let value = rest.strip_prefix('=').unwrap_or(rest).to_owned();
                    let value = (!rest.is_empty()).then_some(value);
                    self.flag(at, true, &flag, value);
                    return None;
                }
            }
        }
        None
    }

    fn word(&mut self, word: &str) -> Option<Asked> {
        if self.purpose != Purpose::Mine && self.catalog.is_command(word) {
            let what = format!("is a second command; {} is the first", Purpose::EXAMINE);
            self.mistake(word, what);
            return None;
        }
        if word == Purpose::EXAMINE {
            self.purpose = Purpose::Examine(Vec::new());
            return None;
        }
        if self.catalog.is_command(word) {
            return Some(Asked::Command);
        }
        let what = match self.catalog.nearest_command(word) {
            Some(command) => format!("is no command; did you mean {command}?"),
            None => "is neither a flag nor a command; --help lists both".to_owned(),
        };
        self.mistake(&Quoted(word).to_string(), what);
        None
    }

    fn is_switch(&self, at: usize) -> bool {
        matches!(self.catalog.setting(at).form, Form::Switch { .. })
    }

    fn flag(&mut self, at: usize, says: bool, flag: &str, value: Option<String>) {
        if self.is_switch(at) {
            match value {
                None => self.assign(at, Given::Switch(says), flag),
                Some(value) => self.surplus(flag, &value),
            }
            return;
        }
        let takes_flags = self.catalog.takes_flags(at);
        let value = value.map(OsString::from);
        let value = value.or_else(|| {
            self.args
                .next_if(|next| takes_flags || !looks_like_flag(next))
        });
        match value.map(|value| match value.into_string() {
            Ok(value) => self.catalog.check(at, &value),
            Err(_) => Err(NO_TEXT.to_owned()),
        }) {
            None => self.mistake(flag, "a value is missing".to_owned()),
            Some(Ok(text)) => self.assign(at, Given::Texts(vec![text]), flag),
            Some(Err(what)) => self.mistake(flag, what),
        }
    }

    fn unknown(&mut self, flag: &str, nearest: Option<String>, has_value: bool) {
        let what = match nearest {
            Some(nearest) => format!("there is no such flag; did you mean --{nearest}?"),
            None => "there is no such flag; --help lists all".to_owned(),
        };
        self.mistake(&told(flag), what);
        let catalog = self.catalog;
        if !has_value {
            // Most flags have a value, and it is no second mistake.
            let is_command =
                |next: &OsString| next.to_str().is_some_and(|next| catalog.is_command(next));
            self.args
                .next_if(|next| !looks_like_flag(next) && !is_command(next));
        }
    }

    fn surplus(&mut self, flag: &str, value: &str) {
        let what = format!("takes no value, got {}", Quoted(value));
        self.mistake(flag, what);
    }

    /// Refuses what asks for something else than to examine, if that is asked for too.
    fn only_examine(&mut self) {
        let other = self.catalog.by_flag("generate-key");
        let is_other = |assignment: &Assignment| {
            let is_on = assignment.value == Given::Switch(true);
            is_on && other.is_some_and(|(other, _)| assignment.setting == other)
        };
        if self.purpose == Purpose::Mine || !self.assignments.iter().any(is_other) {
            return;
        }
        let what = format!("cannot be asked for together with {}", Purpose::EXAMINE);
        self.mistake("--generate-key", what);
    }

    fn assign(&mut self, setting: usize, value: Given, flag: &str) {
        self.assignments.push(Assignment {
            setting,
            value,
            source: Source::Flag(flag.to_owned()),
        });
    }

    fn mistake(&mut self, flag: &str, what: String) {
        self.mistakes.push(Mistake {
            source: Source::Flag(flag.to_owned()),
            what,
        });
    }
}

/// Whether a word after a flag is the next flag rather than its value, which may be a negative number.
fn looks_like_flag(word: &OsStr) -> bool {
    let rest = word.as_encoded_bytes().strip_prefix(b"-");
    let first = rest.and_then(|rest| rest.first());
    first.is_some_and(|first| !first.is_ascii_digit())
}
