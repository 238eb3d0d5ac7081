//! The settings that there are, by reflection on the command line.
//!
//! Every option is declared once, as a flag; what it is called elsewhere, what form its value has, what is a good value
//! and what it is by default all follow from that declaration. What a setting is for is not known here.

use clap::builder::ValueRange;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, CommandFactory};

use super::document::Quoted;
use super::key;
use crate::cli::Cli;

/// The Haskell client's settings, in its order, which come first where all are told.
const HASKELL: [&str; 20] = [
    "hash-rate",
    "node",
    "tls",
    "insecure",
    "public-key",
    "account",
    "thread-count",
    "generate-key",
    "log-level",
    "worker",
    "external-worker-cmd",
    "stratum-port",
    "stratum-interface",
    "stratum-difficulty",
    "stratum-rate",
    "constant-delay-block-time",
    "on-demand-interface",
    "on-demand-port",
    "default-http-timeout",
    "config-file",
];

/// How alike two names have to be for one to be taken for a slip of the other: from zero to one.
const ALIKE: f64 = 0.7;

/// A setting, as its flag declares it.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// The flag, without the dashes before it.
    pub(crate) flag: String,
    /// The key in files.
    pub(crate) key: String,
    pub(crate) form: Form,
    pub(crate) scope: Scope,
    /// The flag of one letter.
    short: Option<char>,
    id: clap::Id,
}

/// What a setting's value is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// True or false; with the flag that says false, if there is one.
    Switch { opposite: Option<String> },
    /// One text.
    Single,
    /// Any number of texts.
    List,
    /// Any number of texts `KEY=VALUE`.
    Map,
}

/// Where a setting may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Everywhere,
    /// By a flag and in the environment: where files are.
    OutsideFiles,
    /// What the program is asked to do.
    CommandLine,
}

/// All settings, and the command line that knows good values from bad ones.
#[derive(Clone, Debug)]
pub(crate) struct Catalog {
    command: Command,
    settings: Vec<Setting>,
}

impl Catalog {
    /// The settings of the client.
    pub(crate) fn new() -> Self {
        let mut command = Cli::command();
        command.build();
        let is_opposite = |arg: &Arg| arg.is_hide_set() && opposite_of(&command, arg).is_some();
        let args = command.get_arguments().filter(|arg| !is_opposite(arg));
        let settings = args.filter_map(|arg| setting(&command, arg)).collect();
        Self { command, settings }
    }

    pub(crate) fn setting(&self, at: usize) -> &Setting {
        &self.settings[at]
    }

    /// The settings that can stand in a file: the Haskell client's first.
    pub(crate) fn in_files(&self) -> Vec<usize> {
        let rank = |at: &usize| {
            let flag = &self.settings[*at].flag;
            HASKELL.iter().position(|haskell| haskell == flag)
        };
        let mut all: Vec<usize> = (0..self.settings.len())
            .filter(|at| self.settings[*at].scope == Scope::Everywhere)
            .collect();
        all.sort_by_key(|at| rank(at).unwrap_or(HASKELL.len()));
        all
    }

    /// The setting of a long flag, without its dashes, and what the flag says of a switch.
    pub(crate) fn by_flag(&self, flag: &str) -> Option<(usize, bool)> {
        let matching = |setting: &Setting| {
            let is_opposite = |opposite: &String| opposite == flag;
            match &setting.form {
                _ if setting.flag == flag => Some(true),
                Form::Switch { opposite } if opposite.as_ref().is_some_and(is_opposite) => {
                    Some(false)
                }
                _ => None,
            }
        };
        let mut settings = self.settings.iter().enumerate();
        settings.find_map(|(at, setting)| Some((at, matching(setting)?)))
    }

    /// The setting of a flag of one letter.
    pub(crate) fn by_letter(&self, letter: char) -> Option<usize> {
        let is_it = |setting: &Setting| setting.short == Some(letter);
        self.settings.iter().position(is_it)
    }

    /// The setting of a key in a file, however its words are joined. The key may be the flag's name too.
    pub(crate) fn by_key(&self, key: &str) -> Option<usize> {
        let key = joined(key);
        let is_it = |setting: &Setting| {
            setting.scope == Scope::Everywhere
                && (joined(&setting.key) == key || joined(&setting.flag) == key)
        };
        self.settings.iter().position(is_it)
    }

    /// Whether keys of settings begin with this one, so that it can be a section.
    pub(crate) fn is_section(&self, key: &str) -> bool {
        let key = joined(key);
        let begins = |setting: &Setting| {
            [&setting.key, &setting.flag].iter().any(|name| {
                joined(name)
                    .strip_prefix(&key)
                    .is_some_and(|rest| !rest.is_empty())
            })
        };
        self.settings.iter().any(begins)
    }

    /// The setting of a variable of the environment.
    pub(crate) fn by_variable(&self, variable: &str) -> Option<usize> {
        let is_it = |setting: &Setting| {
            setting.scope != Scope::CommandLine
                && key::environment_variable(&setting.flag) == variable
        };
        self.settings.iter().position(is_it)
    }

    /// The flag that this one may be a slip of.
    pub(crate) fn nearest_flag(&self, flag: &str) -> Option<String> {
        let flags = self.settings.iter().flat_map(|setting| {
            let opposite = match &setting.form {
                Form::Switch { opposite } => opposite.clone(),
                _ => None,
            };
            [Some(setting.flag.clone()), opposite].into_iter().flatten()
        });
        nearest(flag, flags)
    }

    /// The key that this one may be a slip of.
    pub(crate) fn nearest_key(&self, key: &str) -> Option<String> {
        let everywhere = |setting: &&Setting| setting.scope == Scope::Everywhere;
        let settings = self.settings.iter().filter(everywhere);
        nearest(key, settings.map(|setting| setting.key.clone()))
    }

    /// The variable that this one may be a slip of.
    pub(crate) fn nearest_variable(&self, variable: &str) -> Option<String> {
        let settings = self.settings.iter();
        let settings = settings.filter(|setting| setting.scope != Scope::CommandLine);
        let option = variable.strip_prefix(key::ENVIRONMENT_PREFIX);
        let flag = nearest(
            option.unwrap_or(variable),
            settings.map(|setting| setting.flag.clone()),
        );
        flag.map(|flag| key::environment_variable(&flag))
    }

    /// The command that a word names, or may be a slip of.
    pub(crate) fn is_command(&self, word: &str) -> bool {
        self.command.find_subcommand(word).is_some()
    }

    pub(crate) fn nearest_command(&self, word: &str) -> Option<String> {
        let commands = self.command.get_subcommands();
        nearest(word, commands.map(|command| command.get_name().to_owned()))
    }

    /// Whether a flag of one letter asks for help or the version, which have no setting.
    pub(crate) fn is_answered(&self, flag: &str) -> bool {
        let mut args = self.command.get_arguments();
        args.any(|arg| is_answer(arg.get_action()) && is_named(arg, flag))
    }

    /// Whether a flag can stand without its value.
    pub(crate) fn needs_value(&self, at: usize) -> bool {
        let range = self.arg(at).get_num_args();
        range.unwrap_or(ValueRange::SINGLE).min_values() > 0
    }

    /// The values of a setting that nothing sets.
    pub(crate) fn defaults(&self, at: usize) -> Vec<String> {
        match self.settings[at].form {
            Form::Switch { .. } => Vec::new(),
            _ => {
                let values = self.arg(at).get_default_values().iter();
                values
                    .map(|value| value.to_string_lossy().into_owned())
                    .collect()
            }
        }
    }

    /// Whether any text is a good value, so that even a number is text.
    pub(crate) fn is_text(&self, at: usize) -> bool {
        self.arg(at).get_value_parser().type_id() == std::any::TypeId::of::<String>()
    }

    /// A good value as it is called, or what is wrong with it.
    pub(crate) fn check(&self, at: usize, text: &str) -> Result<String, String> {
        let arg = self.arg(at);
        let flag = format!("--{}={text}", self.settings[at].flag);
        let parsed = self
            .command
            .clone()
            .try_get_matches_from([self.command.get_name(), &flag]);
        match parsed {
            Err(error) if is_about_value(error.kind()) => Err(why(&error, text)),
            _ => {
                let values = arg.get_possible_values();
                let called = values.iter().find(|value| value.matches(text, true));
                Ok(called.map_or(text, |value| value.get_name()).to_owned())
            }
        }
    }

    /// What a flag of the command line means, read by the command line itself.
    pub(crate) fn command(&self) -> Command {
        self.command.clone()
    }

    /// The name by which the command line knows a setting.
    pub(crate) fn id(&self, at: usize) -> &str {
        self.settings[at].id.as_str()
    }

    fn arg(&self, at: usize) -> &Arg {
        let id = &self.settings[at].id;
        let arg = self.command.get_arguments().find(|arg| arg.get_id() == id);
        arg.expect("the setting was made of it")
    }
}

fn setting(command: &Command, arg: &Arg) -> Option<Setting> {
    let flag = arg.get_long()?;
    let values = arg.get_value_names().unwrap_or_default();
    let form = match arg.get_action() {
        action if is_answer(action) => return None,
        ArgAction::SetTrue => Form::Switch {
            opposite: opposite(command, flag),
        },
        ArgAction::Append if values.iter().any(|name| name.contains('=')) => Form::Map,
        ArgAction::Append => Form::List,
        _ => Form::Single,
    };
    let scope = match flag {
        "config-file" => Scope::OutsideFiles,
        _ if key::is_setting(flag) => Scope::Everywhere,
        _ => Scope::CommandLine,
    };
    Some(Setting {
        flag: flag.to_owned(),
        key: key::config_key(flag),
        form,
        scope,
        short: arg.get_short(),
        id: arg.get_id().clone(),
    })
}

/// The hidden flag `no-…` that takes a switch back.
fn opposite(command: &Command, flag: &str) -> Option<String> {
    let opposite = format!("no-{flag}");
    let is_it = |arg: &&Arg| arg.is_hide_set() && arg.get_long() == Some(&opposite);
    let exists = command.get_arguments().any(|arg| is_it(&arg));
    exists.then_some(opposite)
}

fn opposite_of<'a>(command: &'a Command, arg: &Arg) -> Option<&'a Arg> {
    let flag = arg.get_long()?.strip_prefix("no-")?;
    command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(flag))
}

fn is_answer(action: &ArgAction) -> bool {
    matches!(
        action,
        ArgAction::Help | ArgAction::HelpLong | ArgAction::HelpShort | ArgAction::Version
    )
}

/// Whether this is the argument's flag, dashes included.
fn is_named(arg: &Arg, flag: &str) -> bool {
    match flag.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => {
            let letters = arg.get_short().into_iter();
            let aliases = arg.get_all_short_aliases().unwrap_or_default();
            let mut letters = letters.chain(aliases);
            letters.any(|letter| flag.strip_prefix('-') == Some(letter.encode_utf8(&mut [0; 4])))
        }
    }
}

fn is_about_value(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidValue | ErrorKind::ValueValidation | ErrorKind::InvalidUtf8
    )
}

/// What the command line has against a value, with the value, once.
fn why(error: &clap::Error, text: &str) -> String {
    let got = Quoted(text);
    if let Some(ContextValue::Strings(values)) = error.get(ContextKind::ValidValue) {
        let expected = one_of(values);
        return match nearest(text, values.iter().cloned()) {
            Some(value) => format!("expected {expected}, got {got}; did you mean {value}?"),
            None => format!("expected {expected}, got {got}"),
        };
    }
    let source = std::error::Error::source(error).map(ToString::to_string);
    let source = source.unwrap_or_else(|| "expected a value".to_owned());
    if ["invalid digit", "cannot parse integer", "number too"]
        .iter()
        .any(|start| source.starts_with(start))
    {
        format!("expected a whole number, got {got}")
    } else if source.contains(&got.to_string())
        || (!text.is_empty()
            && source
                .strip_prefix(text)
                .is_some_and(|rest| rest.starts_with(' ')))
    {
        source
    } else {
        format!("{source}, got {got}")
    }
}

fn one_of(values: &[String]) -> String {
    match values {
        [all @ .., last] if !all.is_empty() => format!("{} or {last}", all.join(", ")),
        _ => values.concat(),
    }
}

/// The words of a name without what joins them.
pub(crate) fn joined(name: &str) -> String {
    let letters = name.chars().filter(|c| !"-_.".contains(*c));
    letters.flat_map(char::to_lowercase).collect()
}

/// The name most like this one, if it is like it at all.
fn nearest(name: &str, names: impl IntoIterator<Item = String>) -> Option<String> {
    let name = joined(name);
    let names = names.into_iter().map(|candidate| {
        let likeness = strsim::normalized_damerau_levenshtein(&name, &joined(&candidate));
        (likeness, candidate)
    });
    let alike = names.filter(|(likeness, _)| *likeness >= ALIKE);
    let best = alike.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.map(|(_, name)| name)
}
