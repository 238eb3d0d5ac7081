//! All settings of a program, found by reflection on its command line.
//!
//! Each option is declared once, as a flag; everything else is derived from the declaration.

use std::ffi::OsString;
use std::sync::Arc;

use clap::{Arg, Command};

use super::key;
use super::setting::Setting;
use super::suggest::{joined, nearest};

/// The settings of the Haskell client, in its order.
const HASKELL: &str = "hash-rate node tls insecure public-key account thread-count generate-key \
    log-level worker external-worker-cmd stratum-port stratum-interface stratum-difficulty \
    stratum-rate constant-delay-block-time on-demand-interface on-demand-port default-http-timeout";

/// The flags for texts about the program.
const ABOUT: [&str; 3] = ["--info", "--license", "--long-info"];

/// The command line and its settings.
#[derive(Clone, Debug)]
pub(crate) struct Catalog {
    /// The command line, built.
    pub(crate) command: Command,
    settings: Vec<Arc<Setting>>,
}

impl Catalog {
    pub(crate) fn new(mut command: Command) -> Self {
        command.build();
        let args = command.get_arguments();
        let settings = args.filter_map(|arg| Setting::new(&command, arg).map(Arc::new));
        Self {
            settings: settings.collect(),
            command,
        }
    }

    /// Returns the settings for files, those of the Haskell client first.
    pub(crate) fn in_files(&self) -> Vec<&Arc<Setting>> {
        let settings = self.settings.iter();
        let mut settings: Vec<_> = settings.filter(|setting| setting.is_in_files).collect();
        let rank = |flag: &str| HASKELL.split(' ').position(|haskell| haskell == flag);
        settings.sort_by_key(|setting| rank(&setting.flag).unwrap_or(usize::MAX));
        settings
    }

    fn find(&self, is_it: impl Fn(&Setting) -> bool) -> Option<&Arc<Setting>> {
        self.settings.iter().find(|setting| is_it(setting))
    }

    /// Returns the setting of a long flag without dashes, and the value that it sets a switch to.
    pub(crate) fn by_flag(&self, flag: &str) -> Option<(&Arc<Setting>, bool)> {
        let is_it = |set: &Setting| set.flag == flag || set.opposite.as_deref() == Some(flag);
        let setting = self.find(is_it)?;
        Some((setting, setting.flag == flag))
    }

    /// Returns the setting of a flag of one letter.
    pub(crate) fn by_letter(&self, letter: char) -> Option<&Arc<Setting>> {
        self.find(|setting| setting.arg.get_short() == Some(letter))
    }

    /// Returns the setting of a key in a file, in any spelling; the name of the flag works too.
    pub(crate) fn by_key(&self, key: &str) -> Option<&Arc<Setting>> {
        let key = joined(key);
        self.find(|setting| {
            setting.is_in_files && (joined(&setting.key) == key || joined(&setting.flag) == key)
        })
    }

    /// Whether a key is the beginning of others, at the end of a word.
    pub(crate) fn is_section(&self, key: &str) -> bool {
        let key = joined(key);
        self.in_files().iter().any(|setting| {
            let mut dashes = setting.flag.match_indices('-');
            dashes.any(|(end, _)| joined(&setting.flag[..end]) == key)
        })
    }

    /// Returns the setting of an environment variable.
    pub(crate) fn by_variable(&self, variable: &str) -> Option<&Arc<Setting>> {
        let is_allowed = |set: &Setting| set.is_in_files || set.flag == "config-file";
        self.find(|setting| setting.variable == variable && is_allowed(setting))
    }

    /// Suggests a flag of a setting or of the command.
    pub(crate) fn nearest_flag(&self, command: Option<&str>, flag: &str) -> Option<&str> {
        let settings = self.settings.iter();
        let flags =
            settings.flat_map(|setting| [Some(setting.flag.as_str()), setting.opposite.as_deref()]);
        let command = command.and_then(|command| self.command.find_subcommand(command));
        let own = command.into_iter().flat_map(Command::get_arguments);
        nearest(flag, flags.chain(own.map(Arg::get_long)).flatten())
    }

    /// Suggests a key.
    pub(crate) fn nearest_key(&self, key: &str) -> Option<&str> {
        let settings = self.in_files().into_iter();
        nearest(key, settings.map(|setting| setting.key.as_str()))
    }

    /// Suggests a variable. The wrong name may have been derived from a key.
    pub(crate) fn nearest_variable(&self, variable: &str) -> Option<&str> {
        let settings = self.in_files().into_iter();
        let names = settings.flat_map(|setting| [setting.flag.as_str(), setting.key.as_str()]);
        let option = variable.strip_prefix(key::ENVIRONMENT_PREFIX);
        let name = nearest(option.unwrap_or(variable), names.chain(["config-file"]))?;
        let setting = self.find(|setting| setting.flag == name || setting.key == name)?;
        Some(&setting.variable)
    }

    /// Suggests a command.
    pub(crate) fn nearest_command(&self, word: &str) -> Option<&str> {
        nearest(word, self.command.get_subcommands().map(Command::get_name))
    }

    /// Whether a word names a command.
    pub(crate) fn is_command(&self, word: &str) -> bool {
        self.command.find_subcommand(word).is_some()
    }

    /// Whether a word is the argument of a command.
    pub(crate) fn takes(&self, command: &str, word: &str) -> bool {
        let command = self.command.find_subcommand(command);
        let mut positionals = command.into_iter().flat_map(Command::get_positionals);
        positionals.any(|argument| {
            let values = argument.get_possible_values();
            values.iter().any(|value| value.matches(word, true))
        })
    }

    /// Whether a command has this long flag: one with `config-file` takes the settings of mining.
    pub(crate) fn has_flag(&self, command: &str, flag: &str) -> bool {
        let command = self.command.find_subcommand(command);
        let mut args = command.into_iter().flat_map(Command::get_arguments);
        args.any(|arg| arg.get_long() == Some(flag))
    }

    /// Whether a flag of a command's own takes a value.
    pub(crate) fn has_value(&self, command: Option<&str>, flag: &str) -> bool {
        let command = command.and_then(|command| self.command.find_subcommand(command));
        let mut args = command.into_iter().flat_map(Command::get_arguments);
        args.any(|arg| arg.get_long() == Some(flag) && arg.get_action().takes_values())
    }

    /// Returns the arguments that only ask for the answer to a flag such as `--help`: the command
    /// answers if it has the flag, else the program. Returns `None` if the flag sets something.
    pub(crate) fn answer(&self, flag: &str, command: Option<&str>) -> Option<Vec<OsString>> {
        let program = self.command.get_name();
        if ABOUT.contains(&flag) {
            return Some([program, flag].map(OsString::from).to_vec());
        } else if self.by_flag(flag.trim_start_matches('-')).is_some() {
            return None;
        }
        let in_command = command.map(|command| vec![program, command, flag]);
        let mut attempts = in_command.into_iter().chain([vec![program, flag]]);
        let args = attempts.find(|args| {
            let result = self.command.clone().try_get_matches_from(args);
            result.is_err_and(|error| !error.use_stderr())
        })?;
        Some(args.into_iter().map(OsString::from).collect())
    }
}
