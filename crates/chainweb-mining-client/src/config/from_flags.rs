//! The settings on the command line.
//!
//! clap stops at the first error. This reader finds where each flag ends, has its value checked, and
//! continues after an error. Commands without settings, help and the version are left to clap.

use std::ffi::{OsStr, OsString};
use std::iter::Peekable;
use std::sync::Arc;
use std::vec::IntoIter;

use super::catalog::Catalog;
use super::document::NOT_UTF8;
use super::findings::{Findings, Layer};
use super::setting::{Form, Setting};
use super::suggest::{Quoted, quoted_name};

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// A command without settings.
    Command,
    /// The answer to a flag such as `--help`, which these arguments ask for.
    Answer(Vec<OsString>),
    /// Mining, or a command that takes settings: its name and the flags of its own, all switches.
    Settings(Vec<String>),
}

/// Reads the command line, without the name of the program.
pub(crate) fn read(
    catalog: &Catalog,
    args: impl IntoIterator<Item = OsString>,
    findings: &mut Findings,
) -> Request {
    let args: Vec<OsString> = args.into_iter().collect();
    let mut reader = Reader {
        catalog,
        args: args.into_iter().peekable(),
        command: Vec::new(),
        findings,
    };
    while let Some(arg) = reader.args.next() {
        let Some(arg) = arg.to_str() else {
            let arg = arg.to_string_lossy();
            reader.findings.problem(Quoted(&arg), NOT_UTF8);
            continue;
        };
        let request = match arg.strip_prefix("--") {
            Some(long) if !long.is_empty() => reader.long(arg),
            None if arg.len() > 1 && arg.starts_with('-') => reader.letters(&arg[1..]),
            _ => reader.word(arg),
        };
        if let Some(request) = request {
            return request;
        }
    }
    let mut assignments = reader.findings.assignments.iter();
    let generates_key =
        assignments.any(|set| set.setting.flag == "generate-key" && set.values == ["true"]);
    if generates_key && !reader.command.is_empty() {
        reader.conflict("--generate-key");
    }
    Request::Settings(reader.command)
}

struct Reader<'a> {
    catalog: &'a Catalog,
    args: Peekable<IntoIter<OsString>>,
    command: Vec<String>,
    findings: &'a mut Findings,
}

impl Reader<'_> {
    /// Reads `--flag`, `--flag=value` or `--flag value`.
    fn long(&mut self, arg: &str) -> Option<Request> {
        let (flag, value) = match arg.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (arg, None),
        };
        if self.catalog.is_answered(flag) {
            let command = self.command.first().map(String::as_str);
            return Some(Request::Answer(self.catalog.answer(flag, command)));
        }
        let name = flag.trim_start_matches('-');
        if let Some((setting, is_on)) = self.catalog.by_flag(name) {
            self.flag(setting, is_on, flag, value);
            return None;
        }
        let command = self.command.first().map(String::as_str);
        if !command.is_some_and(|command| self.catalog.has_flag(command, name)) {
            let nearest = self.catalog.nearest_flag(command, name);
            self.unknown(flag, nearest, value.is_some());
        } else if let Some(value) = value {
            self.surplus(flag, value);
        } else {
            self.command.push(flag.to_owned());
        }
        None
    }

    /// Reads `-t`, `-k value`, `-kvalue`, `-k=value`, or several of these in one.
    fn letters(&mut self, letters: &str) -> Option<Request> {
        let mut letters = letters.chars();
        while let Some(letter) = letters.next() {
            let flag = format!("-{letter}");
            if self.catalog.is_answered(&flag) {
                return self.long(&flag);
            }
            let rest = letters.as_str();
            let Some(setting) = self.catalog.by_letter(letter) else {
                self.unknown(&flag, None, !rest.is_empty());
                return None;
            };
            let flag = &setting.flag;
            if setting.form == Form::Switch || rest.is_empty() {
                self.long(&format!("--{flag}"));
            } else {
                let value = rest.strip_prefix('=').unwrap_or(rest);
                return self.long(&format!("--{flag}={value}"));
            }
        }
        None
    }

    /// Reads the name of a command.
    fn word(&mut self, word: &str) -> Option<Request> {
        if !self.catalog.is_command(word) {
            let hint = match self.catalog.nearest_command(word) {
                Some(command) => format!("did you mean {command}?"),
                None => "see --help".to_owned(),
            };
            let problem = format!("unknown command {}; {hint}", Quoted(word));
            self.findings.problems.push(problem);
        } else if !self.command.is_empty() {
            self.conflict(word);
        } else if self.catalog.takes_settings(word) {
            self.command.push(word.to_owned());
        } else {
            return Some(Request::Command);
        }
        None
    }

    fn flag(&mut self, setting: &Arc<Setting>, is_on: bool, flag: &str, value: Option<&str>) {
        let values = if setting.form == Form::Switch {
            if let Some(value) = value {
                return self.surplus(flag, value);
            }
            Ok(is_on.to_string())
        } else {
            let value = value.map(OsString::from).or_else(|| {
                let is_value = |next: &OsString| setting.takes_flags() || !looks_like_flag(next);
                self.args.next_if(is_value)
            });
            let value = value.ok_or_else(|| "a value is missing".to_owned());
            value.and_then(|value| match value.to_str() {
                Some(value) => setting.check(value),
                None => Err(NOT_UTF8.to_owned()),
            })
        };
        match values {
            Ok(value) => {
                let source = flag.to_owned();
                self.findings
                    .assign(Layer::Flags, setting, vec![value], source);
            }
            Err(what) => self.findings.problem(flag, what),
        }
    }

    fn unknown(&mut self, flag: &str, nearest: Option<&str>, has_value: bool) {
        let hint = match nearest {
            Some(nearest) => format!("did you mean --{nearest}?"),
            None => "see --help".to_owned(),
        };
        let what = format!("unknown flag; {hint}");
        self.findings.problem(quoted_name(flag), what);
        if !has_value {
            // Most flags have a value, which is not a second error.
            let catalog = self.catalog;
            self.args.next_if(|next| {
                let is_command = next.to_str().is_some_and(|next| catalog.is_command(next));
                !looks_like_flag(next) && !is_command
            });
        }
    }

    fn surplus(&mut self, flag: &str, value: &str) {
        let what = format!("takes no value, got {}", Quoted(value));
        self.findings.problem(flag, what);
    }

    fn conflict(&mut self, word: &str) {
        let what = format!("cannot be combined with the command {}", self.command[0]);
        self.findings.problem(word, what);
    }
}

/// Whether a word after a flag is the next flag rather than a value, such as a negative number.
fn looks_like_flag(word: &OsStr) -> bool {
    let rest = word.as_encoded_bytes().strip_prefix(b"-");
    let first = rest.and_then(|rest| rest.first());
    first.is_some_and(|first| !first.is_ascii_digit())
}
