//! The pages about flags and metrics, compared with these, and the commands of all pages.

mod cli_page;
mod commands;
mod haskell_client;
mod metrics_page;
mod troubleshooting;

use std::path::PathBuf;
use std::{env, fs};

use clap::{Arg, ArgAction, Command};

/// Returns the path of a page in the folder `docs`.
fn page(name: &str) -> PathBuf {
    let path = [env!("CARGO_MANIFEST_DIR"), "../../docs", name];
    path.iter().collect()
}

/// Returns the default values of a flag. A switch is off, which clap adds later.
fn defaults(flag: &Arg) -> Vec<&str> {
    if matches!(flag.get_action(), ArgAction::SetTrue) {
        return vec!["false"];
    }
    let values = flag.get_default_values().iter();
    values.map(|value| value.to_str().unwrap()).collect()
}

/// Compares a page with what it is generated from, or writes it.
#[track_caller]
fn check_generated(name: &str, generated: &str) {
    let path = page(name);
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, generated).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let difference = written
        .lines()
        .zip(generated.lines())
        .find(|(written, generated)| written != generated);
    assert!(
        written == generated,
        "docs/{name} differs from the code (first difference: {difference:?}); write it with\n\
         UPDATE_DOCS=1 cargo test -p chainweb-mining-client --test it docs"
    );
}

#[test]
fn the_page_of_the_command_line_is_generated_from_the_flags() {
    let command = chainweb_mining_client::cli::command();
    check_generated("cli.md", &cli_page::generate(&command));
}

#[test]
fn the_description_of_the_api_is_generated_from_its_types() {
    check_generated("openapi.json", chainweb_mining_client::api::description());
}

#[test]
fn the_page_of_the_metrics_is_generated_from_their_table() {
    check_generated("metrics.md", &metrics_page::generate());
}

#[test]
fn a_section_of_the_page_contains_all_about_a_flag() {
    let command = Command::new("program")
        .about("Does something.")
        .arg(
            Arg::new("tls")
                .short('t')
                .long("tls")
                .action(ArgAction::SetTrue)
                .help("Speak TLS <here>")
                .help_heading("Node"),
        )
        .arg(
            Arg::new("no")
                .long("no-tls")
                .action(ArgAction::SetTrue)
                .help_heading("Node"),
        )
        .arg(
            Arg::new("thread-count")
                .short('c')
                .long("lanes")
                .value_name("COUNT")
                .help("Threads [default: one `*` each]")
                .help_heading("Node"),
        );
    let page = cli_page::generate(&command);
    let section = &page[page.find("### Node").unwrap()..];
    assert_eq!(
        section,
        "### Node\n\
         \n\
         #### `-t`, `--tls`, `--no-tls`\n\
         \n\
         Speak TLS \\<here>.\n\
         \n\
         Default `false` · key `useTls` · variable `CHAINWEB_MINING_TLS`\n\
         \n\
         #### `-c`, `--lanes <COUNT>`\n\
         \n\
         Threads.\n\
         \n\
         Default: one `*` each · key `lanes` · variable `CHAINWEB_MINING_LANES`\n"
    );
}
