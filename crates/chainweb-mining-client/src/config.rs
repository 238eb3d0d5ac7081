//! The settings of the client: flags, files, remote configuration, environment and defaults become one command line.
//!
//! Nothing is declared here: an entry `key: value` of a file is read as the flag `--key=value` would be, by the command
//! line's own parser, and what wins in the end is parsed once more as the command line that says it all. Every mistake
//! of every source is found before any is told.

mod assignment;
mod catalog;
mod document;
mod environment;
mod file;
mod flags;
mod items;
pub mod key;
mod print;
mod remote;
mod spelling;

use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

use clap::{Args, Parser};

use self::assignment::{Assignment, Given, Layer, Mistake, Source, Winners};
use self::catalog::Catalog;
use self::document::Format;
use self::flags::{Asked, Purpose};
use self::items::Items;
pub use self::print::PrintAs;
use self::remote::Patience;
use crate::cli::{self, Cli, Command};

/// Where settings come from, and whether they are shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Configuration")]
pub struct ConfigArgs {
    /// Read settings from a YAML, JSON or TOML file, or from an http(s) URL. May be repeated: later files win over
    /// earlier ones, files over URLs, and flags over both.
    #[arg(long, value_name = "PATH|URL")]
    pub config_file: Vec<String>,
    /// Print all settings as YAML, as they are after all files and flags, and exit.
    #[arg(long)]
    pub print_config: bool,
    /// Print the settings in this form, and exit: `full`, `minimal` (what differs from the defaults), or `diff`.
    #[arg(long, value_enum, value_name = "FORM", ignore_case = true)]
    pub print_config_as: Option<PrintAs>,
}

/// What the program is started for.
#[derive(Debug)]
pub enum Invocation {
    /// A command that needs no settings, or help.
    Command(Box<Cli>),
    /// To mine or to examine a node, with settings that are still to be gathered.
    Settings(Box<Flags>),
}

/// What the flags say.
#[derive(Debug)]
pub struct Flags {
    catalog: Catalog,
    purpose: Purpose,
    assignments: Vec<Assignment>,
    mistakes: Vec<Mistake>,
}

/// What counts, after all layers.
#[derive(Debug)]
pub struct Settings {
    /// The settings, as if all had been flags.
    pub cli: Cli,
    /// What is odd but may be meant.
    pub warnings: Vec<String>,
    /// What is to be printed, and nothing else done.
    pub printed: Option<String>,
    /// The flags whose values are from elsewhere, and from where.
    origins: Vec<(String, String)>,
}

/// All that is wrong with the settings, and what is odd.
#[derive(Debug, thiserror::Error)]
pub struct Mistakes {
    mistakes: Vec<Mistake>,
    warnings: Vec<String>,
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mistakes.as_slice() {
            [mistake] => write!(f, "{mistake}")?,
            mistakes => {
                write!(f, "{} mistakes", mistakes.len())?;
                for mistake in mistakes {
                    write!(f, "\n  {mistake}")?;
                }
            }
        }
        let mut warnings = self.warnings.iter();
        warnings.try_for_each(|warning| write!(f, "\nwarning: {warning}"))
    }
}

/// Reads the command line, whose first argument is the program's name.
///
/// # Errors
/// The answer to a flag such as `--help`, or what is wrong with the flags of a command. Where settings are gathered,
/// mistakes are told once all are.
pub fn read(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, clap::Error> {
    let args: Vec<OsString> = args.into_iter().collect();
    let catalog = Catalog::new();
    match flags::read(&catalog, args.iter().skip(1).cloned()) {
        Asked::Command => cli::parse(args).map(|cli| Invocation::Command(Box::new(cli))),
        Asked::Answer(flag, purpose) => {
            let cli = answer(args, catalog.program(), flag, &purpose)?;
            Ok(Invocation::Command(Box::new(cli)))
        }
        Asked::Settings(purpose, assignments, mistakes) => {
            Ok(Invocation::Settings(Box::new(Flags {
                catalog,
                purpose,
                assignments,
                mistakes,
            })))
        }
    }
}

/// The answer to a flag that asks about the program. Whoever asks for help gets it, whatever else is wrong, and never
/// something that is no answer.
fn answer(
    args: Vec<OsString>,
    program: &str,
    flag: String,
    purpose: &Purpose,
) -> Result<Cli, clap::Error> {
    let is_answer = |parsed: &Result<Cli, clap::Error>| match parsed {
        Ok(cli) => cli.about.asked().is_some(),
        Err(error) => !error.use_stderr(),
    };
    let parsed = cli::parse(args);
    if is_answer(&parsed) {
        return parsed;
    }
    if let Purpose::Examine(_) = purpose {
        let parsed = cli::parse([program, Purpose::EXAMINE, &flag].map(OsString::from));
        if is_answer(&parsed) {
            return parsed;
        }
    }
    cli::parse([program.into(), flag.into()])
}

impl Flags {
    /// Gathers all settings: reads the files that the flags or the environment name. What takes long is reported.
    ///
    /// # Errors
    /// All that is wrong in any of the sources.
    pub async fn resolve(
        self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        report: impl Fn(&str),
    ) -> Result<Settings, Mistakes> {
        let mut gathered = Gathered {
            layers: vec![(Layer::Flags, self.assignments)],
            warnings: Vec::new(),
            mistakes: self.mistakes,
        };
        let variables = environment::read(&self.catalog, environment);
        gathered.take(Layer::Environment, variables);
        for (at, (place, source)) in gathered.places(&self.catalog).into_iter().enumerate() {
            let is_remote = remote::is_url(&place);
            let layer = if is_remote {
                Layer::Remote(at)
            } else {
                Layer::File(at)
            };
            let items = if is_remote {
                from_url(&self.catalog, &place, source, &report).await
            } else {
                from_file(&self.catalog, &place)
            };
            gathered.take(layer, items);
        }
        gathered.settle(&self.catalog, self.purpose)
    }
}

/// What all sources say.
struct Gathered {
    layers: Vec<(Layer, Vec<Assignment>)>,
    warnings: Vec<String>,
    mistakes: Vec<Mistake>,
}

impl Gathered {
    fn take(&mut self, layer: Layer, items: Items) {
        self.layers.push((layer, items.assignments));
        self.warnings.extend(items.warnings);
        self.mistakes.extend(items.mistakes);
    }

    fn winners(&mut self, catalog: &Catalog) -> Winners {
        self.layers.sort_by_key(|(layer, _)| *layer);
        let mut winners = Winners::default();
        for (layer, assignments) in &self.layers {
            winners.lay(catalog, *layer, assignments.clone());
        }
        winners
    }

    /// The files and URLs that are named, and by what.
    fn places(&mut self, catalog: &Catalog) -> Vec<(String, Source)> {
        let Some((config_file, _)) = catalog.by_flag("config-file") else {
            return Vec::new();
        };
        let winners = self.winners(catalog);
        let places = winners
            .of(config_file)
            .flat_map(|winner| match &winner.value {
                Given::Texts(texts) => {
                    let source = &winner.source;
                    texts
                        .iter()
                        .map(|text| (text.clone(), source.clone()))
                        .collect()
                }
                Given::Switch(_) | Given::Default => Vec::new(),
            });
        places.collect()
    }

    fn settle(mut self, catalog: &Catalog, purpose: Purpose) -> Result<Settings, Mistakes> {
        if !self.mistakes.is_empty() {
            return Err(Mistakes {
                mistakes: self.mistakes,
                warnings: self.warnings,
            });
        }
        let winners = self.winners(catalog);
        let mut args = vec![catalog.program().to_owned()];
        match purpose {
            Purpose::Mine => args.extend(winners.flags(catalog, |_| true)),
            Purpose::Examine(own) => {
                args.push(Purpose::EXAMINE.to_owned());
                args.extend(own);
                // Those that are about mining alone count for nothing.
                args.extend(winners.flags(catalog, |flag| catalog.knows(Purpose::EXAMINE, flag)));
            }
        }
        // What is good one by one may contradict itself.
        let cli = match Cli::try_parse_from(args) {
            Ok(cli) => cli,
            Err(error) => {
                let text = error.to_string();
                let text = text.lines().next().unwrap_or_default();
                let mistake = Mistake {
                    source: Source::Document("settings".into()),
                    what: text.trim_start_matches("error: ").to_owned(),
                };
                return Err(Mistakes {
                    mistakes: vec![mistake],
                    warnings: self.warnings,
                });
            }
        };
        let config = match &cli.command {
            Some(Command::Doctor(args)) => &args.config,
            _ => &cli.config,
        };
        let full = config.print_config.then_some(PrintAs::Full);
        let print_as = config.print_config_as.or(full);
        let printed = print_as.map(|form| print::print(catalog, &winners, form));
        let origins = winners.iter().filter_map(|winner| match &winner.source {
            Source::Flag(_) => None,
            source => {
                let flag = format!("--{}", catalog.setting(winner.setting).flag);
                Some((flag, source.to_string()))
            }
        });
        Ok(Settings {
            cli,
            warnings: self.warnings,
            printed,
            origins: origins.collect(),
        })
    }
}

impl Settings {
    /// Where the values come from of the flags that a message names, if not from the command line.
    pub fn origins_in(&self, message: &str) -> Vec<String> {
        let is_in_name = |c: char| c == '-' || c.is_ascii_alphanumeric();
        let words: Vec<&str> = message.split(|c| !is_in_name(c)).collect();
        let named = self
            .origins
            .iter()
            .filter(|(flag, _)| words.contains(&flag.as_str()));
        named
            .map(|(flag, source)| format!("{flag} is set by {source}"))
            .collect()
    }
}

fn from_file(catalog: &Catalog, path: &str) -> Items {
    let name = Arc::from(path);
    match file::read(path) {
        Ok(bytes) => from_bytes(catalog, &name, &bytes, Format::of_name(path)),
        Err(what) => mistaken(Source::Document(name), what),
    }
}

async fn from_url(catalog: &Catalog, text: &str, source: Source, report: impl Fn(&str)) -> Items {
    let url = match remote::parse(text) {
        Ok(url) => url,
        Err(what) => return mistaken(source, what),
    };
    let name = Arc::from(remote::public(&url));
    match remote::fetch(&url, Patience::default(), report).await {
        Ok(fetched) => from_bytes(catalog, &name, &fetched.bytes, fetched.format),
        Err(what) => mistaken(Source::Document(name), what),
    }
}

fn from_bytes(catalog: &Catalog, name: &Arc<str>, bytes: &[u8], format: Option<Format>) -> Items {
    match document::parse(bytes, format) {
        Ok(Some(entries)) => items::read(catalog, name, &entries),
        Ok(None) => Items {
            warnings: vec![format!("{name}: there are no settings in it")],
            ..Items::default()
        },
        Err(error) => {
            let name = Arc::clone(name);
            let source = match error.place {
                Some(place) => Source::Position(name, place),
                None => Source::Document(name),
            };
            mistaken(source, error.what)
        }
    }
}

fn mistaken(source: Source, what: String) -> Items {
    Items {
        mistakes: vec![Mistake { source, what }],
        ..Items::default()
    }
}

#[cfg(test)]
mod tests;
