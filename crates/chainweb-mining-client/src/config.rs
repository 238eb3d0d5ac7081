//! The settings of the program, from flags, files, URLs, the environment and defaults.
//!
//! No setting is declared here: a line `key: value` of a file is checked by the parser of the flag
//! `--key`. The assignments that take effect are parsed once more as one command line. The errors
//! of all sources are reported together.

mod catalog;
mod document;
mod file;
mod findings;
mod from_document;
mod from_environment;
mod from_flags;
#[cfg(all(unix, any(test, feature = "fuzzing")))]
pub(crate) mod fuzzing;
pub mod key;
mod print;
mod record;
mod remote;
mod scalar;
mod setting;
mod suggest;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Args, Command, FromArgMatches};

use self::catalog::Catalog;
use self::document::Format;
use self::findings::{Assignment, Findings, Layer};
use self::from_flags::Request;
pub use self::print::PrintAs;
use self::setting::Form;
use self::suggest::{host, public};

/// Where settings come from, and whether they are printed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Configuration")]
pub struct ConfigArgs {
    /// Read settings from a YAML, JSON or TOML file or an http(s) URL; repeatable, later files win.
    #[arg(long, value_name = "PATH|URL")]
    pub config_file: Vec<String>,
    /// Print all settings as YAML and exit.
    #[arg(long)]
    pub print_config: bool,
    /// Print the settings in this form and exit.
    #[arg(long, value_enum, value_name = "FORM", ignore_case = true)]
    pub print_config_as: Option<PrintAs>,
}

/// What a command line asks for; `P` is what it parses to.
#[derive(Debug)]
pub enum Invocation<P> {
    /// A command without settings.
    Command(P),
    /// Mining or a command with settings, whose other sources are still to be read.
    Settings(Box<Flags>),
}

/// The flags, before the other sources are read.
#[derive(Debug)]
pub struct Flags {
    catalog: Catalog,
    /// The command that the settings are for, with its own flags; none for mining.
    command: Vec<String>,
    findings: Findings,
}

/// The settings of all sources.
#[derive(Debug)]
pub struct Settings<P> {
    /// The settings, as if all had been flags.
    pub parsed: P,
    /// The text to print instead of anything else.
    pub printed: Option<String>,
    findings: Findings,
}

/// All errors in the settings, and the warnings.
#[derive(Debug, thiserror::Error)]
pub struct Problems(Findings);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Findings {
            problems, warnings, ..
        } = &self.0;
        if problems.len() > 1 {
            write!(f, "{} errors in the settings\n  ", problems.len())?;
        }
        f.write_str(&problems.join("\n  "))?;
        let mut warnings = warnings.iter();
        warnings.try_for_each(|warning| write!(f, "\nwarning: {warning}"))
    }
}

/// Reads a command line, whose first argument is the name of the program.
///
/// # Errors
/// Returns the answer to a flag such as `--help`, or an error in the flags of a command without
/// settings. Errors in settings are kept until [`Flags::resolve`].
pub fn read<P: FromArgMatches>(
    command: Command,
    args: impl IntoIterator<Item = OsString>,
) -> Result<Invocation<P>, clap::Error> {
    let args: Vec<OsString> = args.into_iter().collect();
    let mut flags = Flags {
        catalog: Catalog::new(command),
        command: Vec::new(),
        findings: Findings::default(),
    };
    let own = args.get(1..).unwrap_or_default();
    let parsed = match from_flags::read(&flags.catalog, own, &mut flags.findings) {
        // Values before the name of the command are checked here: the error of clap repeats them.
        Request::Command if !flags.findings.problems.is_empty() => {
            let problems = Problems(flags.findings).to_string();
            Err(flags
                .catalog
                .command
                .error(ErrorKind::ValueValidation, problems))
        }
        Request::Command => parse(&flags.catalog, args),
        // The answer does not depend on other arguments, even if they are invalid.
        Request::Answer(alone) => parse(&flags.catalog, alone),
        Request::Settings(command) => {
            flags.command = command;
            return Ok(Invocation::Settings(Box::new(flags)));
        }
    };
    let parsed = match parsed {
        // The version of a command is that of the program.
        Err(answer) if answer.kind() == ErrorKind::DisplayVersion => {
            let name = flags.catalog.command.get_name().to_owned();
            parse(&flags.catalog, vec![name.into(), "--version".into()])
        }
        parsed => parsed.map_err(without_secrets),
    };
    parsed.map(|(parsed, _)| Invocation::Command(parsed))
}

/// Removes the secret parts of addresses from an error.
fn without_secrets(mut error: clap::Error) -> clap::Error {
    for kind in [ContextKind::InvalidArg, ContextKind::InvalidValue] {
        if let Some(ContextValue::String(text)) = error.get(kind) {
            // The path of a URL may be secret as well.
            let text = if text.contains("://") {
                format!("…{}…", host(text))
            } else {
                public(text)
            };
            error.insert(kind, ContextValue::String(text));
        }
    }
    error
}

fn parse<P: FromArgMatches>(
    catalog: &Catalog,
    args: Vec<OsString>,
) -> Result<(P, ArgMatches), clap::Error> {
    let mut command = catalog.command.clone();
    let matches = command.try_get_matches_from_mut(args)?;
    let parsed = P::from_arg_matches(&matches);
    let parsed = parsed.map_err(|error| error.format(&mut command))?;
    Ok((parsed, matches))
}

impl Flags {
    /// Reads the other sources and resolves all settings. Passes progress messages to `report`.
    ///
    /// # Errors
    /// Returns all errors in all sources.
    pub async fn resolve<P: FromArgMatches>(
        mut self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        report: impl Fn(&str),
    ) -> Result<Settings<P>, Problems> {
        from_environment::read(&self.catalog, environment, &mut self.findings);
        let mut resolved = self.findings.resolved().into_iter();
        if let Some(Assignment { values, source, .. }) =
            resolved.find(|set| set.setting.flag == "config-file")
        {
            for (position, place) in values.iter().enumerate() {
                if let Err(problem) = self.read_file(position, place, &source, &report).await {
                    self.findings.problems.push(problem);
                }
            }
        }
        self.settle()
    }

    /// Reads a file or URL that `source` names.
    async fn read_file(
        &mut self,
        position: usize,
        place: &str,
        source: &str,
        report: impl Fn(&str),
    ) -> Result<(), String> {
        let (layer, name, read) = if let Some(url) = remote::parse(place) {
            let url = url.map_err(|what| format!("{source}: {what}"))?;
            let fetched = remote::fetch(&url, remote::PATIENCE, report).await;
            (Layer::Remote(position), remote::public(&url), fetched)
        } else {
            let name = match place {
                "" => "\"\"".to_owned(),
                // A URL with a typing error.
                place if place.contains(':') => public(place),
                place => place.to_owned(),
            };
            let read = file::read(place).map(|bytes| (bytes, Format::of_name(place)));
            (Layer::File(position), name, read)
        };
        let document = read.map_err(|what| format!("{name}: {what}"))?;
        from_document::read(&self.catalog, (layer, &name), document, &mut self.findings);
        if name.starts_with("http://") {
            let set = self.findings.assignments.iter();
            let set = set.filter(|set| set.layer == layer && set.setting.is_of_command());
            self.findings.warnings.extend(set.map(|set| {
                let source = &set.source;
                format!("{source}: others on the network can change a command without https")
            }));
        }
        Ok(())
    }

    fn settle<P: FromArgMatches>(mut self) -> Result<Settings<P>, Problems> {
        if !self.findings.problems.is_empty() {
            return Err(Problems(self.findings));
        }
        let args = args_of(&self.catalog, &self.command, &self.findings);
        let (parsed, matches) = match parse(&self.catalog, args) {
            Ok(parsed) => parsed,
            // Values can be valid alone and still conflict.
            Err(error) => {
                let text = error.to_string();
                // The second line of a wrong value lists the right ones.
                let lines = text.lines().map(str::trim).take(2);
                let lines = lines.filter(|line| !line.is_empty());
                let what = lines.collect::<Vec<_>>().join(" ");
                let what = what.trim_start_matches("error: ");
                self.findings.problems.push(format!("settings: {what}"));
                return Err(Problems(self.findings));
            }
        };
        let matches = matches.subcommand().map_or(&matches, |(_, own)| own);
        let full = matches.get_flag("print_config").then_some(&PrintAs::Full);
        let print_as = matches.get_one("print_config_as").or(full);
        let resolved = self.findings.resolved();
        let printed = print_as.map(|form| print::print(&self.catalog, &resolved, *form));
        Ok(Settings {
            parsed,
            printed,
            findings: self.findings,
        })
    }
}

/// Returns the command line of a command with these settings.
fn args_of(catalog: &Catalog, command: &[String], findings: &Findings) -> Vec<OsString> {
    let mut args = vec![catalog.command.get_name().to_owned()];
    args.extend_from_slice(command);
    for assignment in findings.resolved() {
        let flag = &assignment.setting.flag;
        // Settings for mining alone have no effect on a command.
        let command = command.first();
        if command.is_some_and(|command| !catalog.has_flag(command, flag)) {
            continue;
        }
        match (assignment.setting.form, assignment.values.as_slice()) {
            (Form::Switch, [value]) if value == "true" => args.push(format!("--{flag}")),
            (Form::Switch, _) => {}
            (_, values) => args.extend(values.iter().map(|value| format!("--{flag}={value}"))),
        }
    }
    args.into_iter().map(OsString::from).collect()
}

impl<P> Settings<P> {
    /// Returns the warnings about the settings.
    pub fn warnings(&self) -> &[String] {
        &self.findings.warnings
    }

    /// Returns the keys of the settings whose values differ from those of `other`.
    pub fn changed(&self, other: &Self) -> Vec<String> {
        let (own, others) = (self.findings.values(), other.findings.values());
        let keys: BTreeSet<&String> = own.keys().chain(others.keys()).collect();
        let changed = keys.into_iter();
        let changed = changed.filter(|key| own.get(*key) != others.get(*key));
        changed.cloned().collect()
    }

    /// Returns the sources of the flags in a message, unless they are on the command line.
    pub fn origins_in(&self, message: &str) -> Vec<String> {
        let is_in_name = |c: char| c == '-' || c.is_ascii_alphanumeric();
        let words: Vec<&str> = message.split(|c| !is_in_name(c)).collect();
        let resolved = self.findings.resolved().into_iter();
        let elsewhere = resolved.filter(|assignment| assignment.layer != Layer::Flags);
        let origins = elsewhere.map(|set| (format!("--{}", set.setting.flag), set.source));
        origins
            .filter(|(flag, _)| words.contains(&flag.as_str()))
            .map(|(flag, source)| format!("{flag} is set by {source}"))
            .collect()
    }
}

#[cfg(test)]
mod tests;
