//! The table of the Haskell client's flags, checked against the flags of this program.
//!
//! A row is `flag, short form, key, default there, default here, remark`. A default in backticks is
//! the default value of the flag. Other words mean that the program finds the value itself, and the
//! flag has no default. An empty default here is the same as there.

use std::collections::BTreeSet;
use std::fs;

use chainweb_mining_client::config::key::{config_key, is_setting};
use clap::{Arg, ArgAction, Command};

use super::{defaults, page};

const HEAD: &str = "| flag | short | key | default there | default here | remark |";

struct Row<'a> {
    flags: Vec<&'a str>,
    shorts: BTreeSet<&'a str>,
    key: Option<&'a str>,
    default_there: &'a str,
    default_here: &'a str,
    remark: &'a str,
}

impl<'a> Row<'a> {
    fn parse(line: &'a str) -> Self {
        let cells = line
            .strip_prefix('|')
            .and_then(|line| line.strip_suffix('|'));
        // In a table of Markdown, a bar within a cell has a backslash.
        let cells: Vec<&str> = cells.unwrap().split(" | ").map(str::trim).collect();
        let [flags, shorts, key, default_there, default_here, remark] = cells[..] else {
            panic!("six cells, not those of {line}")
        };
        Self {
            flags: quoted(flags).collect(),
            shorts: quoted(shorts).collect(),
            key: quoted(key).next(),
            default_there,
            default_here,
            remark,
        }
    }

    /// Returns what is wrong with the row.
    fn faults(&self, command: &Command) -> Vec<String> {
        let mut faults = Vec::new();
        for flag in &self.flags {
            if find(command, flag).is_none() {
                faults.push(format!("{flag}: no such flag"));
            }
        }
        let name = self.flags[0];
        let Some(arg) = find(command, name) else {
            return faults;
        };
        let shorts = arg.get_short_and_visible_aliases().unwrap_or_default();
        let shorts: BTreeSet<String> = shorts.iter().map(|short| format!("-{short}")).collect();
        if !shorts.iter().eq(&self.shorts) {
            faults.push(format!("{name}: the short forms are {shorts:?}"));
        }
        let long = name.trim_start_matches('-');
        let key = is_setting(long).then(|| config_key(long));
        if key.as_deref() != self.key {
            faults.push(format!("{name}: the key is {key:?}"));
        }
        if expected_defaults(self.default()) != flag_defaults(arg) {
            faults.push(format!("{name}: the default is {:?}", defaults(arg)));
        }
        if !self.default_here.is_empty() && self.remark.is_empty() {
            faults.push(format!("{name}: another default without a reason"));
        }
        faults
    }

    fn default(&self) -> &'a str {
        if self.default_here.is_empty() {
            self.default_there
        } else {
            self.default_here
        }
    }
}

/// Returns the parts of a cell in backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Returns the value of a cell that contains only one value.
fn expected_defaults(cell: &str) -> Vec<&str> {
    let value = cell
        .strip_prefix('`')
        .and_then(|cell| cell.strip_suffix('`'));
    value
        .filter(|value| !value.contains('`'))
        .into_iter()
        .collect()
}

/// Returns the defaults of a flag. A flag that only prints a text has none.
fn flag_defaults(arg: &Arg) -> Vec<&str> {
    let is_setting = arg.get_long().is_some_and(is_setting);
    if is_setting || !matches!(arg.get_action(), ArgAction::SetTrue) {
        defaults(arg)
    } else {
        Vec::new()
    }
}

fn find<'a>(command: &'a Command, flag: &str) -> Option<&'a Arg> {
    let long = flag.strip_prefix("--")?;
    command.get_arguments().find(|arg| {
        let aliases = arg.get_all_aliases().unwrap_or_default();
        arg.get_long() == Some(long) || aliases.contains(&long)
    })
}

fn faults(page: &str, command: &Command) -> Vec<String> {
    let lines = page.lines().skip_while(|line| *line != HEAD).skip(2);
    let rows: Vec<Row<'_>> = lines
        .take_while(|line| line.starts_with('|'))
        .map(Row::parse)
        .collect();
    assert!(!rows.is_empty(), "no table that begins with {HEAD}");
    rows.iter().flat_map(|row| row.faults(command)).collect()
}

#[test]
fn each_row_of_the_haskell_clients_flags_is_true() {
    let text = fs::read_to_string(page("haskell-client.md")).unwrap();
    let faults = faults(&text, &chainweb_mining_client::cli::command());
    assert!(
        faults.is_empty(),
        "docs/haskell-client.md is not true:\n{}",
        faults.join("\n")
    );
}

#[test]
fn a_false_row_is_found() {
    let command = Command::new("program").arg(
        Arg::new("rate")
            .short('s')
            .long("stratum-rate")
            .default_value("1000"),
    );
    let check = |row: &str, expected: &[&str]| {
        let table = format!("{HEAD}\n|---|---|---|---|---|---|\n{row}\n");
        assert_eq!(faults(&table, &command), expected, "{row}");
    };
    let flag = "| `--stratum-rate`";
    check(
        &format!("{flag} | `-s` | `stratumRate` | `1000` |  |  |"),
        &[],
    );
    check(
        &format!("{flag} | `-s` | `stratumRate` | `500` | `1000` | a reason |"),
        &[],
    );
    check(
        &format!("{flag} |  | `rate` | `1000` | `500` |  |"),
        &[
            "--stratum-rate: the short forms are {\"-s\"}",
            "--stratum-rate: the key is Some(\"stratumRate\")",
            "--stratum-rate: the default is [\"1000\"]",
            "--stratum-rate: another default without a reason",
        ],
    );
    check(
        &format!("{flag}, `--no-rate` | `-s` | `stratumRate` | none |  |  |"),
        &[
            "--no-rate: no such flag",
            "--stratum-rate: the default is [\"1000\"]",
        ],
    );
}
