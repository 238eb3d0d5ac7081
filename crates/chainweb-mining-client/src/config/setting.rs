//! One setting: its names, its form and its valid values, as its flag declares them.
//!
//! What a setting is for is not known here.

use std::any::TypeId;
use std::error::Error as _;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command, Error};

use super::key;
use super::suggest::{HIDDEN, Quoted, hint, nearest, public};

/// An option of the program, by the declaration of its flag.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// The flag, without its dashes.
    pub(crate) flag: String,
    /// The key in files.
    pub(crate) key: String,
    /// The variable in the environment.
    pub(crate) variable: String,
    pub(crate) form: Form,
    /// The fields of a value that a file can also write as a map; none for other settings.
    pub(crate) fields: Vec<Field>,
    /// Whether the setting can stand in a file.
    pub(crate) is_in_files: bool,
    /// The flag that turns a switch off, without its dashes.
    pub(crate) opposite: Option<String>,
    pub(crate) arg: Arg,
}

/// The form of a setting's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// True or false.
    Switch,
    /// One text.
    Single,
    /// Any number of texts.
    List,
    /// Any number of texts `KEY=VALUE`.
    Map,
}

/// A part of a value: of `URL[,ca=FILE][,insecure]` the URL, which comes first, or an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) key: String,
    pub(crate) is_switch: bool,
}

impl Field {
    /// Returns the fields of a value by its name.
    fn all(name: &str) -> Vec<Self> {
        let Some((first, options)) = name.split_once("[,") else {
            return Vec::new();
        };
        let parts = [first].into_iter().chain(options.split("[,"));
        let fields = parts.map(|part| Self {
            key: part
                .split(['=', ']'])
                .next()
                .unwrap_or_default()
                .to_lowercase(),
            is_switch: part.ends_with(']') && !part.contains('='),
        });
        fields.collect()
    }
}

impl Setting {
    /// Returns the setting of an argument. Returns `None` for one without a long flag, for help and
    /// the version, and for `--no-…`, which belongs to the setting of its opposite.
    pub(crate) fn new(command: &Command, arg: &Arg) -> Option<Self> {
        let flag = arg.get_long()?;
        let switch = |flag: &str| {
            let is_switch = |arg: &Arg| matches!(arg.get_action(), ArgAction::SetTrue);
            let mut args = command.get_arguments();
            args.any(|arg| arg.get_long() == Some(flag) && is_switch(arg))
        };
        let values = arg.get_value_names().unwrap_or_default();
        let fields = values.iter().flat_map(|name| Field::all(name));
        let fields: Vec<Field> = fields.collect();
        let form = match arg.get_action() {
            _ if flag.strip_prefix("no-").is_some_and(switch) => return None,
            ArgAction::SetTrue => Form::Switch,
            ArgAction::Append if !fields.is_empty() => Form::List,
            ArgAction::Append if values.iter().any(|name| name.contains('=')) => Form::Map,
            ArgAction::Append => Form::List,
            ArgAction::Set => Form::Single,
            _ => return None,
        };
        let opposite = format!("no-{flag}");
        Some(Self {
            flag: flag.to_owned(),
            key: key::config_key(flag),
            variable: key::environment_variable(flag),
            form,
            fields,
            is_in_files: key::is_setting(flag),
            opposite: (form == Form::Switch && switch(&opposite)).then_some(opposite),
            arg: arg.clone(),
        })
    }

    /// Whether the setting can have several values.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.form, Form::List | Form::Map)
    }

    /// Whether every text is a valid value, even one that looks like a number.
    pub(crate) fn is_text(&self) -> bool {
        let parsed = self.arg.get_value_parser().type_id();
        parsed == TypeId::of::<String>() || parsed == TypeId::of::<PathBuf>()
    }

    /// Returns the default values; none if the program chooses.
    pub(crate) fn defaults(&self) -> Vec<String> {
        let values = self.arg.get_default_values().iter();
        values
            .map(|value| value.to_string_lossy().into_owned())
            .collect()
    }

    /// Whether the value is a command, an argument, or a variable in its environment.
    pub(crate) fn is_of_command(&self) -> bool {
        let names = self.arg.get_value_names().unwrap_or_default();
        let is_part = |name: &str| ["KEY=VALUE", "COMMAND", "ARGUMENT"].contains(&name);
        names.iter().any(|name| is_part(name))
    }

    /// Whether the value is a URL of which only the host may be shown.
    pub(crate) fn is_secret_url(&self) -> bool {
        let names = self.arg.get_value_names().unwrap_or_default();
        names.iter().any(|name| name == "SECRET-URL")
    }

    /// Returns a value for a message: of a pair only the key, and nothing of a pair without a key,
    /// a command, its argument or a secret URL.
    fn shown(&self, text: &str) -> Option<String> {
        match text.split_once('=') {
            _ if self.is_secret_url() => None,
            _ if !self.is_of_command() => Some(text.to_owned()),
            Some((key, _)) if self.form == Form::Map => Some(format!("{key}={HIDDEN}")),
            _ => None,
        }
    }

    /// Checks a value with the parser of the flag, and returns it in its canonical spelling.
    ///
    /// # Errors
    /// Returns what was expected instead.
    pub(crate) fn check(&self, text: &str) -> Result<String, String> {
        let command = Command::new("check").no_binary_name(true);
        let command = command.disable_help_flag(true).arg(self.arg.clone());
        let flag = format!("--{}={text}", self.flag);
        if let Err(error) = command.try_get_matches_from([flag]) {
            return Err(self.explain(&error, text));
        }
        let values = self.arg.get_possible_values();
        let named = values.iter().find(|value| value.matches(text, true));
        Ok(named.map_or(text, |value| value.get_name()).to_owned())
    }

    fn explain(&self, error: &Error, text: &str) -> String {
        if let Some(ContextValue::Strings(values)) = error.get(ContextKind::ValidValue)
            && !values.is_empty()
        {
            let expected = match values.as_slice() {
                [all @ .., last] if !all.is_empty() => format!("{} or {last}", all.join(", ")),
                _ => values.concat(),
            };
            let got = Quoted(text);
            let hint = hint(nearest(text, values.iter().map(String::as_str)), "");
            return format!("expected {expected}, got {got}{hint}");
        }
        let source = error.source();
        let source = source.map_or("expected a value".to_owned(), ToString::to_string);
        let Some(shown) = self.shown(text) else {
            return source;
        };
        let source = source.replace(text, &public(text));
        let got = Quoted(&shown).to_string();
        let names_value = !text.is_empty() && source.starts_with(&format!("{text} "));
        if source.contains(&got) || names_value {
            source
        } else {
            format!("{source}, got {got}")
        }
    }
}
