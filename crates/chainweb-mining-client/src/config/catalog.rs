//! The settings that there are, by reflection on the command line.
//!
//! Every option is declared once, as a flag; what it is called elsewhere, what form its value has, what is a good value
//! and what it is by default all follow from that declaration. What a setting is for is not known here.

mod verdict;

use clap::{Arg, ArgAction, Command, CommandFactory};

use super::key;
use super::spelling::{joined, nearest};
use crate::cli::Cli;

/// The Haskell client's settings, in its order, which come first where all are told.
const HASKELL: [&str; 19] = [
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
];

/// The flags that ask about the program, as help and the version do.
const ABOUT: [&str; 3] = ["info", "license", "long-info"];

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
    /// True or false, false if nothing sets it; with the flag that says false, if there is one.
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
        let is_opposite = |arg: &Arg| is_opposite(&command, arg);
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
                Form::Switch { opposite, .. } if opposite.as_ref().is_some_and(is_opposite) => {
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

    /// Whether a key is the first words of others, so that it can be a section.
    pub(crate) fn is_section(&self, key: &str) -> bool {
        let key = joined(key);
        let begins = |setting: &Setting| {
            let dashes = setting.flag.match_indices('-');
            let mut starts = dashes.map(|(end, _)| joined(&setting.flag[..end]));
            setting.scope == Scope::Everywhere && starts.any(|start| start == key)
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

    /// The flag that this one may be a slip of, be it a setting's or this command's.
    pub(crate) fn nearest_flag(&self, command: Option<&str>, flag: &str) -> Option<String> {
        let flags = self.settings.iter().flat_map(|setting| {
            let opposite = match &setting.form {
                Form::Switch { opposite, .. } => opposite.clone(),
                _ => None,
            };
            [Some(setting.flag.clone()), opposite].into_iter().flatten()
        });
        let command = command.and_then(|command| self.command.find_subcommand(command));
        let own = command.into_iter().flat_map(Command::get_arguments);
        let own = own.filter_map(|arg| arg.get_long().map(str::to_owned));
        nearest(flag, flags.chain(own))
    }

    /// The key that this one may be a slip of.
    pub(crate) fn nearest_key(&self, key: &str) -> Option<String> {
        let everywhere = |setting: &&Setting| setting.scope == Scope::Everywhere;
        let settings = self.settings.iter().filter(everywhere);
        nearest(key, settings.map(|setting| setting.key.clone()))
    }

    /// The variable that this one may be a slip of.
    pub(crate) fn nearest_variable(&self, variable: &str) -> Option<String> {
        let settings = || {
            let settings = self.settings.iter();
            settings.filter(|setting| setting.scope != Scope::CommandLine)
        };
        let option = variable.strip_prefix(key::ENVIRONMENT_PREFIX);
        // Somebody may have made it of the key.
        let names = settings().flat_map(|setting| [setting.flag.clone(), setting.key.clone()]);
        let name = nearest(option.unwrap_or(variable), names)?;
        let mut settings = settings();
        let setting = settings.find(|setting| setting.flag == name || setting.key == name)?;
        Some(key::environment_variable(&setting.flag))
    }

    /// Whether a word names a command.
    pub(crate) fn is_command(&self, word: &str) -> bool {
        self.command.find_subcommand(word).is_some()
    }

    /// Whether a command has a flag of this name.
    pub(crate) fn knows(&self, command: &str, flag: &str) -> bool {
        let command = self.command.find_subcommand(command);
        let mut args = command.into_iter().flat_map(Command::get_arguments);
        args.any(|arg| arg.get_long() == Some(flag))
    }

    /// The command that a word may be a slip of.
    pub(crate) fn nearest_command(&self, word: &str) -> Option<String> {
        let commands = self.command.get_subcommands();
        nearest(word, commands.map(|command| command.get_name().to_owned()))
    }

    /// Whether a flag, dashes included, asks about the program, in which case nothing else counts.
    pub(crate) fn is_answered(&self, flag: &str) -> bool {
        let is_about = |arg: &Arg| arg.get_long().is_some_and(|long| ABOUT.contains(&long));
        let mut args = self.command.get_arguments();
        args.any(|arg| (is_answer(arg.get_action()) || is_about(arg)) && is_named(arg, flag))
    }

    /// Whether the word behind a flag is its value even if it looks like a flag.
    pub(crate) fn takes_flags(&self, at: usize) -> bool {
        self.arg(at).is_allow_hyphen_values_set()
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
        let program = self.program();
        // The value under a key may be secret.
        let repeated = match text.split_once('=') {
            Some((key, _)) if is_pair(arg) => format!("{key}=…"),
            _ => text.to_owned(),
        };
        let parsed = self.command.clone().try_get_matches_from([program, &flag]);
        if let Some(wrong) = parsed
            .err()
            .and_then(|error| verdict::on_value(&error, text, &repeated))
        {
            return Err(wrong);
        }
        let values = arg.get_possible_values();
        let called = values.iter().find(|value| value.matches(text, true));
        Ok(called.map_or(text, |value| value.get_name()).to_owned())
    }

    /// The program's name, which a command line begins with.
    pub(crate) fn program(&self) -> &str {
        self.command.get_name()
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
        ArgAction::SetTrue => {
            let opposite = opposite(command, flag);
            Form::Switch { opposite }
        }
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

/// Whether values are texts under keys, which only their user knows.
fn is_pair(arg: &Arg) -> bool {
    let names = arg.get_value_names().unwrap_or_default();
    names.iter().any(|name| name == "KEY=VALUE")
}

/// The flag `no-…` that takes a switch back.
fn opposite(command: &Command, flag: &str) -> Option<String> {
    let opposite = format!("no-{flag}");
    switch(command, &opposite).map(|_| opposite)
}

/// Whether an argument only takes another one back.
fn is_opposite(command: &Command, arg: &Arg) -> bool {
    let flag = arg.get_long().and_then(|long| long.strip_prefix("no-"));
    flag.is_some_and(|flag| switch(command, flag).is_some())
}

fn switch<'a>(command: &'a Command, flag: &str) -> Option<&'a Arg> {
    command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(flag) && matches!(arg.get_action(), ArgAction::SetTrue))
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
