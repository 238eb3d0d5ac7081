//! Which files there are: tests apart from the product, no file too long, none from elsewhere.

use std::collections::BTreeMap;

use super::assert_none;
use super::modules::trees;
use super::source::{Source, code, line_at, repository};

/// The largest product file, in bytes.
const LIMIT: usize = 20_000;

/// Files that are allowed to be longer, since they hold a table.
const TABLES: [&str; 0] = [];

/// Files in `src` that no root reaches, that hold tests in the product, or that are too long.
fn findings(sources: &[Source]) -> Vec<String> {
    // A file that two roots reach is a product file if one of them has it in the product.
    let mut is_test = BTreeMap::new();
    let trees = trees(sources);
    for module in trees.iter().flatten() {
        let entry = is_test.entry(module.source.path.as_str()).or_insert(true);
        *entry &= module.is_test;
    }
    let mut findings = Vec::new();
    let in_src = sources
        .iter()
        .filter(|source| source.is_rust() && source.path.contains("/src/"));
    for source in in_src {
        match is_test.get(source.path.as_str()) {
            None => findings.push(format!("{}: no `mod` line leads to it", source.path)),
            Some(false) => product_findings(source, &mut findings),
            Some(true) => {}
        }
    }
    findings
}

fn product_findings(source: &Source, findings: &mut Vec<String>) {
    let product = super::source::without_tests(&code(&source.text));
    let named_test = source.path.ends_with("/tests.rs") || source.path.contains("/src/tests/");
    if named_test {
        findings.push(format!("{}: tests without `#[cfg(test)]`", source.path));
    } else if let Some(at) = product.find("#[test]") {
        let place = source.place(line_at(&product, at));
        findings.push(format!("{place}: a test without `#[cfg(test)]` around it"));
    }
    if source.text.len() > LIMIT && !TABLES.contains(&source.path.as_str()) {
        findings.push(format!("{}: {} bytes", source.path, source.text.len()));
    }
}

/// Modules whose file stands elsewhere.
fn detours(source: &Source) -> Vec<String> {
    let code = code(&source.text);
    let lines = (1..).zip(code.lines());
    lines
        .filter(|(_, line)| line.trim_start().starts_with("#[path"))
        .map(|(line, _)| format!("{}: `#[path]`", source.place(line)))
        .collect()
}

#[test]
fn product_files_are_short_and_free_of_tests() {
    assert_none(
        &findings(&repository()),
        "Put tests under `#[cfg(test)]`, split a file of more than 20,000 bytes (a table may go \
         into TABLES in tidy/files.rs), delete a file that is not used.",
    );
}

#[test]
fn no_module_has_its_file_elsewhere() {
    let sources = repository();
    // The fuzz targets are no part of the workspace; they run the model of the Stratum tests.
    let checked = sources
        .iter()
        .filter(|source| source.is_rust() && source.path.starts_with("crates/"));
    let findings: Vec<_> = checked.flat_map(detours).collect();
    assert_none(
        &findings,
        "Put what two crates share into the crate `fixtures`.",
    );
}

#[test]
fn a_test_in_the_product_is_found() {
    let sources = [
        Source::new(
            "crates/a/src/lib.rs",
            "mod b;\nmod tests;\n#[cfg(test)]\nmod good;\n",
        ),
        Source::new("crates/a/src/b.rs", "fn c() {}\n\n#[test]\nfn d() {}\n"),
        Source::new("crates/a/src/tests.rs", ""),
        Source::new("crates/a/src/good.rs", "#[test]\nfn e() {}\n"),
    ];
    assert_eq!(
        findings(&sources),
        [
            "crates/a/src/b.rs:3: a test without `#[cfg(test)]` around it",
            "crates/a/src/tests.rs: tests without `#[cfg(test)]`",
        ]
    );
}

#[test]
fn a_long_file_and_an_unused_one_are_found() {
    let sources = [
        Source::new("crates/a/src/main.rs", &"x".repeat(LIMIT + 1)),
        Source::new("crates/a/src/lost.rs", ""),
        Source::new("crates/a/tests/it/long.rs", &"x".repeat(LIMIT + 1)),
    ];
    assert_eq!(
        findings(&sources),
        [
            "crates/a/src/main.rs: 20001 bytes",
            "crates/a/src/lost.rs: no `mod` line leads to it",
        ]
    );
}

#[test]
fn a_module_from_elsewhere_is_found() {
    let text = "// #[path]\n#[path = \"../b.rs\"]\nmod b;\n";
    assert_eq!(detours(&Source::new("a.rs", text)), ["a.rs:2: `#[path]`"]);
}
