//! The commands of all pages: each block is run, or says why it is not.
//!
//! A comment before a block of commands says what these tests do with it:
//!
//! - `<!-- run -->`: bash runs the block, which must succeed.
//! - `<!-- run until: TEXT -->`: its commands start in turn and run on; the last logs the text.
//! - `<!-- not run: REASON -->`: only the syntax and the flags of this program are checked.
//!
//! `<!-- start: COMMAND | TEXT -->` is such a block of one command, which readers do not see. A
//! block of the language `console` needs no comment: its outputs are compared. A block with a file
//! name before it is that file. The blocks of a page run in order in one folder, with free ports in
//! the place of 1848, 1917 and 1918.

mod pages;
mod session;

use std::{env, fs};

use chainweb_mining_client::cli;
use clap::error::ErrorKind;

use self::pages::{Block, blocks};
use self::session::Session;
use crate::cli::config::Folder;
use crate::cli::program::{command, program};
use crate::tidy::source::{Source, repository};

/// Pages whose commands run with every change.
const FIRST: [&str; 3] = ["README.md", "docs/configuration.md", "docs/install.md"];

/// Ends an error about a file that is not there without a run of the commands.
const ABSENT: &str = "No such file or directory (os error 2)";

/// Writes the words of each command to a file, in place of the command.
const RECORDER: &str =
    "command_not_found_handle() { printf '%s\\037' \"$@\" $'\\036' >> \"$RECORD\"; }
    cd() { :; }
    PATH=/nowhere\n";

/// Returns the pages for users.
fn pages() -> Vec<Source> {
    let mut pages = repository();
    pages.retain(|page| {
        let is_root = ["README.md", "CONTRIBUTING.md"].contains(&page.path.as_str());
        is_root || page.is_page() && page.path.starts_with("docs/")
    });
    pages
}

/// Returns the words of each command of a script, none of which is run.
fn words(script: &str, folder: &Folder) -> Result<Vec<Vec<String>>, String> {
    let record = folder.file("record", "");
    let mut bash = command("bash");
    bash.args(["-c", &format!("{RECORDER}{script}")])
        .current_dir(folder.path(""))
        .env("RECORD", &record);
    let output = bash.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    // Files that only a run of the block makes.
    let mut errors = errors
        .lines()
        .filter(|line| !line.ends_with("No such file or directory"));
    if let Some(error) = errors.next() {
        return Err(error.to_owned());
    }
    let record = fs::read_to_string(record).unwrap();
    let commands = record.split("\u{1e}\u{1f}").map(|command| {
        let words = command.split_terminator('\u{1f}').map(str::to_owned);
        words.collect()
    });
    Ok(commands
        .filter(|words: &Vec<_>| !words.is_empty())
        .collect())
}

/// Returns the arguments of this program, if the command starts it.
fn arguments(words: &[String]) -> Option<&[String]> {
    let words = words.strip_prefix(&["sudo".to_owned()]).unwrap_or(words);
    let is_image = |word: &String| word.contains("/chainweb-mining-client:");
    match words {
        [name, args @ ..] if name == "chainweb-mining-client" => Some(args),
        [name, run, args @ ..] if name == "docker" && run == "run" => {
            let at = args.iter().position(is_image)?;
            Some(&args[at + 1..])
        }
        _ => None,
    }
}

/// Checks the flags and values of a command line, without doing what it asks for.
fn parse(args: &[String]) -> Result<(), String> {
    let command = cli::command();
    let name = args.first().map_or("", String::as_str);
    if command.find_subcommand(name).is_none() {
        let output = program().args(args).arg("--print-config").output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        let is_good = output.status.success() || message.trim_end().ends_with(ABSENT);
        return is_good.then_some(()).ok_or(message);
    }
    let words = [&["chainweb-mining-client".to_owned()], args].concat();
    match command.try_get_matches_from(words) {
        Err(error) if error.kind() != ErrorKind::DisplayHelp => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// Returns what is wrong with the blocks of a page: comments, syntax, flags.
fn faults(page: &Source) -> Vec<String> {
    let folder = Folder::new(&format!("words-{}", page.path.replace('/', "-")));
    let check = |block: &Block<'_>| {
        if block.language == "console" {
            return Ok(());
        }
        if !block.is_marked() {
            return Err("no comment says whether the commands are run".to_owned());
        }
        for words in words(&block.script(), &folder)? {
            arguments(&words).map_or(Ok(()), parse)?;
        }
        Ok(())
    };
    let mut faults = Vec::new();
    for block in blocks(&page.text)
        .iter()
        .filter(|block| block.has_commands())
    {
        if let Err(fault) = check(block) {
            faults.push(format!("{}: {fault}", page.place(block.line)));
        }
    }
    faults
}

#[test]
fn each_block_of_commands_is_run_or_says_why_not() {
    let faults: Vec<_> = pages().iter().flat_map(faults).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_block_without_a_comment_and_a_wrong_flag_are_found() {
    let check = |page: &str, expected: &str| {
        let faults = faults(&Source::new("a.md", page)).join("\n");
        let is_expected = faults.contains(expected) && faults.is_empty() == expected.is_empty();
        assert!(is_expected, "{page}{faults}");
    };
    check("```sh\ntrue\n```\n", "a.md:1: no comment");
    check("<!-- run -->\n```sh\ntrue; nothing | any\n```\n", "");
    check("<!-- run -->\n\n```sh\nif true\n```\n", "syntax error");
    let check = |command: &str, expected: &str| {
        check(
            &format!("<!-- not run: a test -->\n\n```\n$ {command}\n```\n"),
            expected,
        );
    };
    check(
        "sudo chainweb-mining-client --nodee x",
        "did you mean --node?",
    );
    check("true | chainweb-mining-client simnet --graph cube", "cube");
    check(
        "docker run --rm a/chainweb-mining-client:1 --tlss",
        "--tls?",
    );
    check("docker run --rm a/chainweb-mining-client:1 health", "");
}

#[test]
fn the_first_commands_of_a_user_run() {
    let pages = pages();
    let is_first = |page: &&Source| FIRST.contains(&page.path.as_str());
    pages.iter().filter(is_first).for_each(Session::run);
}

#[test]
#[ignore = "takes minutes; the weekly workflow runs it"]
fn the_commands_of_all_pages_run() {
    let only = env::var("DOCS_PAGE").unwrap_or_default();
    let pages = pages();
    let chosen = pages.iter().filter(|page| page.path.contains(&only));
    chosen.for_each(Session::run);
}
