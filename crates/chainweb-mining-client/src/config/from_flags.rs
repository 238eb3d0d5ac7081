//! The settings on the command line.
//!
//! clap stops at the first error. This reader checks the value of each flag and continues after an
//! error. Commands without settings, help and the version are left to clap.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::iter::Peekable;
use std::slice::Iter;
use std::sync::Arc;

use super::catalog::Catalog;
use super::document::NOT_UTF8;
use super::findings::{Findings, Layer};
use super::setting::{Form, Setting};
use super::suggest::{HIDDEN, Quoted, hint, host, quoted_name};

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// A command without settings.
    Command,
    /// The answer to a flag such as `--help`, which these arguments ask for.
    Answer(Vec<OsString>),
    /// Mining, or a command that takes settings: its name and the flags of its own.
    Settings(Vec<String>),
}

/// Reads the command line, without the name of the program.
pub(crate) fn read(catalog: &Catalog, args: &[OsString], findings: &mut Findings) -> Request {
    let mut reader = Reader {
        catalog,
        args: args.iter().peekable(),
        command: Vec::new(),
        findings,
    };
    while let Some(arg) = reader.args.next() {
        let Some(arg) = arg.to_str() else {
            let arg = arg.to_string_lossy();
            reader.problem(Quoted(&arg), NOT_UTF8);
            continue;
        };
        let request = match arg.strip_prefix('-') {
            None | Some("" | "-") => reader.word(arg),
            Some(long) if long.starts_with('-') => reader.long(arg),
            Some(letters) => reader.letters(letters),
        };
        if let Some(request) = request {
            return request;
        }
    }
    let mut assignments = reader.findings.assignments.iter();
    if assignments.any(|set| set.setting.flag == "generate-key" && set.values == ["true"]) {
        reader.refuse_with_command("--generate-key");
    }
    Request::Settings(reader.command)
}

struct Reader<'a> {
    catalog: &'a Catalog,
    args: Peekable<Iter<'a, OsString>>,
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
        let name = flag.trim_start_matches('-');
        let command = self.command.first().map(String::as_str);
        if let Some(args) = self.catalog.answer(flag, command) {
            return Some(Request::Answer(args));
        }
        match (self.catalog.by_flag(name), value) {
            (Some((setting, is_on)), None) if setting.form == Form::Switch => {
                self.record(setting, flag, Ok(is_on.to_string()));
            }
            (Some((setting, _)), value) if setting.form != Form::Switch => {
                let value = self.value(setting, value);
                self.record(setting, flag, value);
            }
            (None, value) if !command.is_some_and(|own| self.catalog.has_flag(own, name)) => {
                let nearest = self.catalog.nearest_flag(command, name);
                let nearest = nearest.map(|nearest| format!("--{nearest}"));
                let what = format!("unknown flag{}", hint(nearest, "; see --help"));
                let name = flag.split("://").next().unwrap_or_default();
                self.problem(quoted_name(name), &what);
                if value.is_none() {
                    self.skip_value();
                }
            }
            (None, value) if self.catalog.has_value(command, name) => {
                let is_value = |next: &&OsString| !looks_like_flag(next);
                let value = value.map(OsString::from);
                match value.or_else(|| self.args.next_if(is_value).cloned()) {
                    Some(value) => {
                        let value = value.to_string_lossy();
                        self.command.push(format!("{flag}={value}"));
                    }
                    None => self.problem(flag, "a value is missing"),
                }
            }
            (_, None) => self.command.push(flag.to_owned()),
            (_, Some(value)) => {
                let what = format!("takes no value, got {}", Quoted(value));
                self.problem(flag, &what);
            }
        }
        None
    }

    /// Reads `-t`, `-k value`, `-kvalue`, `-k=value`, or several of these in one.
    fn letters(&mut self, letters: &str) -> Option<Request> {
        let mut letters = letters.chars();
        while let Some(letter) = letters.next() {
            let rest = letters.as_str();
            let setting = self.catalog.by_letter(letter);
            let flag = match setting {
                Some(setting) => format!("--{}", setting.flag),
                None => format!("-{letter}"),
            };
            let is_switch = setting.is_some_and(|setting| setting.form == Form::Switch);
            if !is_switch && !rest.is_empty() {
                let value = rest.strip_prefix('=').unwrap_or(rest);
                return self.long(&format!("{flag}={value}"));
            }
            if let Some(request) = self.long(&flag) {
                return Some(request);
            }
        }
        None
    }

    /// Reads the name of a command.
    fn word(&mut self, word: &str) -> Option<Request> {
        let command = self.command.first();
        if command.is_some_and(|command| self.catalog.takes(command, word)) {
            self.command.push(word.to_owned());
        } else if !self.catalog.is_command(word) {
            let hint = hint(self.catalog.nearest_command(word), "; see --help");
            // It may be a pair or a URL that lacks its flag, with a secret value.
            let shown = match word.split_once('=') {
                _ if word.contains("://") => format!("…{}…", host(word)),
                Some((key, _)) => format!("{key}={HIDDEN}"),
                None => word.to_owned(),
            };
            let problem = format!("unknown command {}{hint}", Quoted(&shown));
            self.findings.problems.push(problem);
        } else if !self.command.is_empty() {
            self.refuse_with_command(word);
        } else if self.catalog.has_flag(word, "config-file") {
            self.command.push(word.to_owned());
        } else {
            return Some(Request::Command);
        }
        None
    }

    /// Checks the value of a flag, which may be the next argument.
    fn value(&mut self, setting: &Setting, value: Option<&str>) -> Result<String, String> {
        let takes_flags = setting.arg.is_allow_hyphen_values_set();
        let is_value = |next: &&OsString| takes_flags || !looks_like_flag(next);
        let value = match value {
            Some(value) => Some(OsStr::new(value)),
            None => self.args.next_if(is_value).map(OsString::as_os_str),
        };
        let value = value.ok_or("a value is missing")?;
        setting.check(value.to_str().ok_or(NOT_UTF8)?)
    }

    /// Skips the value of an unknown flag: most flags have one, and it is not a second error.
    fn skip_value(&mut self) {
        let is_command = |next: &str| self.catalog.is_command(next);
        self.args
            .next_if(|next| !looks_like_flag(next) && !next.to_str().is_some_and(is_command));
    }

    /// Reports an argument that asks for another task than the command, if there is one.
    fn refuse_with_command(&mut self, arg: &str) {
        if let Some(command) = self.command.first() {
            let what = format!("cannot be combined with the command {command}");
            self.problem(arg, &what);
        }
    }

    fn record(&mut self, setting: &Arc<Setting>, flag: &str, value: Result<String, String>) {
        let values = value.map(|value| vec![value]);
        let values = values.map_err(|what| vec![format!("{flag}: {what}")]);
        let (layer, source) = (Layer::Flags, flag.to_owned());
        self.findings.record(layer, setting, source, values);
    }

    fn problem(&mut self, arg: impl Display, what: &str) {
        self.findings.problems.push(format!("{arg}: {what}"));
    }
}

/// Whether a word after a flag is the next flag rather than a value, such as a negative number.
fn looks_like_flag(word: &OsStr) -> bool {
    let rest = word.as_encoded_bytes().strip_prefix(b"-");
    let first = rest.and_then(|rest| rest.first());
    first.is_some_and(|first| !first.is_ascii_digit())
}
