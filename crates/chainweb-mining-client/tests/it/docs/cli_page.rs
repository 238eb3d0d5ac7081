//! The page of the command line, generated from clap's description of it.
//!
//! The output depends on nothing else: all parts are in the order of their declaration.

use std::fmt::Write;

use chainweb_mining_client::config::key::{config_key, environment_variable, is_setting};
use clap::builder::PossibleValue;
use clap::{Arg, Command};

use super::defaults;

const INTRODUCTION: &str = "\
<!-- Made from the flags themselves: UPDATE_DOCS=1 cargo test -p chainweb-mining-client --test it docs -->

# The command line

";

const SETTINGS: &str = "\
## Flags

A value follows its flag: `--flag value` or `--flag=value`. A flag with a *key* can also be set in a
[configuration](configuration.md) file, and one with a *variable* in the environment. The command line overrides both.

";

const COMMANDS: &str = "\
## Commands

A command is the first argument, before its flags; only `doctor`, `health` and `stats` may follow settings. Every
command has the flags of the section *Logging* and `--help`.

";

const CONFIGURED: &str = "\
It reads the settings of mining from all sources, and ignores those that it does not need.

";

/// Text about flags in addition to their help, which is one line.
const NOTES: [(&str, &str); 10] = [
    (
        "timeout",
        "The limit of a kind overrides that of all kinds, which overrides `--default-http-timeout`. May be repeated.",
    ),
    (
        "thread-count",
        "| worker | meaning | default |\n\
         |---|---|---|\n\
         | `cpu` | hashing threads | the processors that this program may use |\n\
         | `external` | processes | 2 |\n\
         | `simulation` | works that share the hash rate | 2 |\n\
         | `constant-delay` | blocks per chain and block time | 2 |\n\
         | `stratum`, `on-demand` | the same as `--work-slots` | 2 |",
    ),
    (
        "work-slots",
        "Each work is for another chain. With `external`, `simulation` and `constant-delay` the default is \
         `--thread-count`, but at least 2 and at most 98; with `stratum` and `on-demand` it is `--thread-count`.",
    ),
    (
        "cpu-affinity",
        "With a list, the default of `--thread-count` is one thread per processor in the list.",
    ),
    (
        "stratum-interface",
        "`*` listens on all addresses, `*4` and `*6` on all with a preference for IPv4 or IPv6, `!4` and `!6` \
         on one of the two alone.",
    ),
    (
        "stratum-difficulty",
        "- `block`: the difficulty of a block\n\
         - a number: leading zero bits of a share's hash\n\
         - `auto`: adapts to the hash rate of each device\n\
         - `auto:<seconds>`: adapts so that each device sends a share in this time, on average",
    ),
    (
        "stratum-rate",
        "A shorter time counts as 500, a longer one as 25000.",
    ),
    (
        "stratum-min-difficulty",
        "A lower fixed `--stratum-difficulty` overrides it, and is then the limit for passwords too. Some devices do \
         not report shares below 2^40.",
    ),
    (
        "hash-rate",
        "The unit prefixes are da, h, k, M, G, T, P, E, Z, Y and Ki, Mi … Yi.",
    ),
    (
        "preemption",
        "- `immediate`: at once\n\
         - `batch-complete`: when the worker starts a new header anyway\n\
         - `delayed:<time>`: this long after the first refresh, as in `delayed:2s`\n\
         - `conditional`: at once, but not more often than `--preemption-min-interval`\n\
         \n\
         A new block on the chain of a job always replaces the job at once.",
    ),
];

/// The place of a flag.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the program itself: a setting, unless its name is excluded.
    Program,
    /// In a command without settings.
    Command,
    /// In a command with settings: a setting, if the program has it too.
    Configured,
}

/// Returns the page about the program and its commands.
pub(super) fn generate(command: &Command) -> String {
    let mut built = command.clone();
    built.build();
    let mut page = INTRODUCTION.to_owned();
    write_about(&mut page, command);
    write_usage(&mut page, &mut built);
    page.push_str(SETTINGS);
    write_flags(&mut page, command, Place::Program);
    let commands: Vec<&Command> = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .collect();
    if !commands.is_empty() {
        page.push_str(COMMANDS);
    }
    for command in commands {
        let name = command.get_name();
        writeln!(page, "### `{name}`\n").unwrap();
        write_about(&mut page, command);
        write_usage(&mut page, built.find_subcommand_mut(name).unwrap());
        let is_configured = command
            .get_arguments()
            .any(|arg| arg.get_long() == Some("config-file"));
        if is_configured {
            page.push_str(CONFIGURED);
        }
        let place = if is_configured {
            Place::Configured
        } else {
            Place::Command
        };
        write_flags(&mut page, command, place);
    }
    let end = page.trim_end().len();
    page.truncate(end);
    page.push('\n');
    page
}

fn write_about(page: &mut String, command: &Command) {
    let about = command.get_long_about().or(command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    writeln!(page, "{}\n", sentences(&about)).unwrap();
}

fn write_usage(page: &mut String, built: &mut Command) {
    let usage = built.render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap();
    let lines = usage.lines().map(str::trim).collect::<Vec<_>>();
    writeln!(page, "```\n{}\n```\n", lines.join("\n")).unwrap();
}

/// Writes all flags, by section.
fn write_flags(page: &mut String, command: &Command, place: Place) {
    let args: Vec<&Arg> = command.get_arguments().collect();
    let mut sections: Vec<Option<&str>> = Vec::new();
    for arg in args.iter().filter(|arg| !arg.is_hide_set()) {
        let section = arg.get_help_heading();
        if !sections.contains(&section) {
            sections.push(section);
        }
    }
    for section in sections {
        match (section, place) {
            (Some(section), Place::Program) => writeln!(page, "### {section}\n").unwrap(),
            (Some(section), Place::Command | Place::Configured) => {
                writeln!(page, "*{section}*\n").unwrap();
            }
            (None, _) => {}
        }
        for arg in args.iter().filter(|arg| arg.get_help_heading() == section) {
            if !arg.is_hide_set() && opposite(arg, &args).is_none_or(is_negative) {
                write_flag(page, arg, opposite(arg, &args), place);
            }
        }
    }
}

/// Returns the flag that undoes this one: `--no-tls` for `--tls`, and the reverse.
fn opposite<'a>(arg: &Arg, args: &[&'a Arg]) -> Option<&'a Arg> {
    let long = arg.get_long()?;
    args.iter().copied().find(|other| {
        let other = other.get_long().unwrap_or_default();
        other.strip_prefix("no-") == Some(long) || long.strip_prefix("no-") == Some(other)
    })
}

fn is_negative(arg: &Arg) -> bool {
    arg.get_long().is_some_and(|long| long.starts_with("no-"))
}

fn write_flag(page: &mut String, arg: &Arg, negative: Option<&Arg>, place: Place) {
    writeln!(page, "#### {}\n", names(arg, negative)).unwrap();
    let help = arg.get_long_help().or(arg.get_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    let (help, default) = split_default(&help);
    writeln!(page, "{}\n", sentences(help)).unwrap();
    if let Some(help) = negative
        .filter(|arg| !arg.is_hide_set())
        .and_then(Arg::get_help)
    {
        let long = negative.and_then(Arg::get_long).unwrap();
        writeln!(page, "`--{long}`: {}\n", sentences(&help.to_string())).unwrap();
    }
    let notes = NOTES.iter().find(|(flag, _)| arg.get_long() == Some(flag));
    if let Some((_, note)) = notes.filter(|_| place == Place::Program) {
        writeln!(page, "{note}\n").unwrap();
    }
    if takes_value(arg) {
        write_values(page, &arg.get_possible_values());
    }
    write_facts(page, arg, default, place);
}

fn names(arg: &Arg, negative: Option<&Arg>) -> String {
    let value = arg.get_value_names().unwrap_or_default().join(" ");
    let Some(long) = arg.get_long() else {
        return format!("`<{value}>`");
    };
    let mut names = Vec::new();
    for short in arg.get_short_and_visible_aliases().unwrap_or_default() {
        names.push(format!("`-{short}`"));
    }
    names.push(if takes_value(arg) {
        format!("`--{long} <{value}>`")
    } else {
        format!("`--{long}`")
    });
    if let Some(long) = negative.and_then(Arg::get_long) {
        names.push(format!("`--{long}`"));
    }
    names.join(", ")
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

fn write_values(page: &mut String, values: &[PossibleValue]) {
    let values: Vec<_> = values.iter().filter(|value| !value.is_hide_set()).collect();
    if values.iter().any(|value| value.get_help().is_some()) {
        for value in values {
            let help = value.get_help().map(ToString::to_string);
            let help = sentences(&help.unwrap_or_default());
            writeln!(page, "- `{}`: {help}", value.get_name()).unwrap();
        }
        page.push('\n');
    } else if !values.is_empty() {
        let names: Vec<_> = values
            .iter()
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        writeln!(page, "One of {}.\n", names.join(", ")).unwrap();
    }
}

/// Writes the line with the default of a flag, its key and its variable.
fn write_facts(page: &mut String, arg: &Arg, default: Option<&str>, place: Place) {
    let flag = arg.get_long().unwrap_or_default();
    let is_setting = match place {
        Place::Program => is_setting(flag),
        // The command's own flags are in no section.
        Place::Configured => is_setting(flag) && arg.get_help_heading().is_some(),
        Place::Command => false,
    };
    let mut facts = Vec::new();
    if let Some(default) = default {
        facts.push(format!("Default: {default}"));
    } else if takes_value(arg) || is_setting {
        let defaults = defaults(arg);
        if !defaults.is_empty() {
            facts.push(format!("Default `{}`", defaults.join(" ")));
        }
    }
    if is_setting {
        facts.push(format!("key `{}`", config_key(flag)));
        facts.push(format!("variable `{}`", environment_variable(flag)));
    }
    if flag == "config-file" {
        facts.push(format!("variable `{}`", environment_variable(flag)));
    }
    if !facts.is_empty() {
        let mut facts = facts.join(" · ");
        facts[..1].make_ascii_uppercase();
        writeln!(page, "{facts}\n").unwrap();
    }
}

/// Splits a help text from the description of a default at its end.
fn split_default(help: &str) -> (&str, Option<&str>) {
    let split = help
        .strip_suffix(']')
        .and_then(|help| help.rsplit_once(" [default: "));
    split.map_or((help, None), |(help, default)| (help, Some(default)))
}

/// Returns a help text with the full stop that clap removes, and escaped for Markdown.
fn sentences(help: &str) -> String {
    let mut text = String::new();
    for (at, part) in help.trim().split('`').enumerate() {
        if at > 0 {
            text.push('`');
        }
        let is_code = at % 2 == 1;
        for letter in part.chars() {
            if !is_code && matches!(letter, '<' | '*' | '_') {
                text.push('\\');
            }
            text.push(letter);
        }
    }
    if !text.is_empty() && !text.ends_with(['.', '!', '?', ':']) {
        text.push('.');
    }
    text
}
