//! No module circle inside a crate.
//!
//! A module uses another if its product code names it or an item in it, in a `use` or in a path
//! such as `super::other::Item`. A re-export counts as a use of the module that it comes from, so
//! `crate::Item` leads to the file of the item, not to the root.
//!
//! What counts is seen level by level: the modules of one parent, each with everything below it,
//! must use each other in one direction. So `config/file.rs` → `doctor.rs` and `doctor/check.rs` →
//! `config.rs` make a circle, though no two files use each other. A module and its own parents are
//! one unit and make none: a parent puts its children to use, and they share its types.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::assert_none;
use super::modules::{Tree, trees};
use super::source::{Source, is_word, line_at, repository};

/// A path that starts at `crate`, `self`, `super` or a child module.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Path {
    at: usize,
    segments: Vec<String>,
    /// The name under which a `use` makes the last segment known.
    alias: Option<String>,
}

/// All paths in product code that may lead to a module of the same crate.
fn paths(code: &str, children: &BTreeMap<String, usize>) -> Vec<Path> {
    let bytes = code.as_bytes();
    let mut paths = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !is_word(bytes[at]) {
            at += 1;
            continue;
        }
        let word = word_at(code, at);
        let end = at + word.len();
        let before = code[..at].trim_end();
        if word == "use" && code[end..].starts_with(char::is_whitespace) {
            let statement = code[end..]
                .find(';')
                .map_or(code.len(), |length| end + length);
            import(code, end, statement, &[], &mut paths);
            at = statement;
            continue;
        }
        let is_start = matches!(word, "crate" | "self" | "super") || children.contains_key(word);
        if is_start && code[end..].starts_with("::") && !before.ends_with("::") {
            let segments = segments(code, at);
            at += segments
                .iter()
                .map(|segment| segment.len() + 2)
                .sum::<usize>()
                - 2;
            paths.push(Path {
                at,
                segments,
                alias: None,
            });
        } else {
            at = end;
        }
    }
    paths
}

fn word_at(code: &str, at: usize) -> &str {
    let length = code[at..].bytes().take_while(|byte| is_word(*byte)).count();
    &code[at..at + length]
}

/// The segments of the path that starts at a byte.
fn segments(code: &str, mut at: usize) -> Vec<String> {
    let mut segments = Vec::new();
    loop {
        let word = word_at(code, at);
        if word.is_empty() {
            return segments;
        }
        segments.push(word.to_owned());
        at += word.len();
        if !code[at..].starts_with("::") {
            return segments;
        }
        at += "::".len();
    }
}

/// Reads a use tree between two bytes, below `prefix`; adds a path for each name.
fn import(code: &str, from: usize, to: usize, prefix: &[String], paths: &mut Vec<Path>) {
    let mut depth = 0_usize;
    let mut start = from;
    for at in from..to {
        match code.as_bytes().get(at) {
            Some(b'{') => depth += 1,
            Some(b'}') => depth -= 1,
            Some(b',') if depth == 0 => {
                import_one(code, start, at, prefix, paths);
                start = at + 1;
            }
            _ => {}
        }
    }
    import_one(code, start, to, prefix, paths);
}

fn import_one(code: &str, from: usize, to: usize, prefix: &[String], paths: &mut Vec<Path>) {
    let tree = &code[from..to];
    let start = from + (tree.len() - tree.trim_start().len());
    if tree.trim().is_empty() {
        return;
    }
    let mut path = prefix.to_vec();
    path.extend(segments(code, start));
    if let Some(brace) = tree.find('{') {
        let close = tree.rfind('}').unwrap_or(tree.len());
        import(code, from + brace + 1, from + close, &path, paths);
        return;
    }
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let name = match tree.rsplit_once(" as ") {
        Some((_, alias)) => alias.trim().to_owned(),
        None if tree.trim_end().ends_with('*') => "*".to_owned(),
        None => path.last().cloned().unwrap_or_default(),
    };
    paths.push(Path {
        at: start,
        segments: path,
        alias: Some(name),
    });
}

/// Who uses whom in one crate, and where in the source.
struct Uses<'a> {
    tree: &'a Tree<'a>,
    paths: Vec<Vec<Path>>,
}

impl<'a> Uses<'a> {
    fn new(tree: &'a Tree<'a>) -> Self {
        let paths = tree
            .iter()
            .map(|module| paths(&module.product, &module.children))
            .collect();
        Self { tree, paths }
    }

    /// The module that a path in `module` leads to; `hops` bounds the re-exports followed.
    fn resolve(&self, module: usize, path: &[String], hops: usize) -> Option<usize> {
        let mut here = match path.first()?.as_str() {
            "crate" => 0,
            "self" => module,
            "super" => self.tree[module].parent?,
            name => *self.tree[module].children.get(name)?,
        };
        for (nth, name) in path.iter().enumerate().skip(1) {
            if name == "super" {
                here = self.tree[here].parent?;
            } else if let Some(child) = self.tree[here].children.get(name) {
                here = *child;
            } else {
                let imported = self.paths[here]
                    .iter()
                    .find(|p| p.alias.as_ref() == Some(name));
                return match imported {
                    Some(import) if hops > 0 => {
                        let rest = path[nth + 1..].iter().cloned();
                        let whole: Vec<_> = import.segments.iter().cloned().chain(rest).collect();
                        self.resolve(here, &whole, hops - 1).or(Some(here))
                    }
                    _ => Some(here),
                };
            }
        }
        Some(here)
    }

    /// The modules around one, from the root down to itself.
    fn line_of(&self, module: usize) -> Vec<usize> {
        let mut line = vec![module];
        while let Some(parent) = self.tree[line[line.len() - 1]].parent {
            line.push(parent);
        }
        line.reverse();
        line
    }

    /// The uses between modules of one parent, each with the first place that shows it.
    fn between_siblings(&self) -> BTreeMap<usize, BTreeMap<usize, String>> {
        let mut edges: BTreeMap<usize, BTreeMap<usize, String>> = BTreeMap::new();
        for (from, paths) in self.paths.iter().enumerate() {
            for path in paths {
                let Some(to) = self.resolve(from, &path.segments, 8) else {
                    continue;
                };
                let (from_line, to_line) = (self.line_of(from), self.line_of(to));
                let pairs = from_line.iter().zip(&to_line);
                let Some((from_side, to_side)) = pairs.into_iter().find(|(a, b)| a != b) else {
                    continue;
                };
                let line = line_at(&self.tree[from].product, path.at);
                let place = self.tree[from].source.place(line);
                let shown = format!("{place} uses {}", self.tree[to].source.path);
                edges
                    .entry(*from_side)
                    .or_default()
                    .entry(*to_side)
                    .or_insert(shown);
            }
        }
        edges
    }
}

/// The shortest way from `start` back to it.
fn circle(edges: &BTreeMap<usize, BTreeMap<usize, String>>, start: usize) -> Option<Vec<usize>> {
    let mut ways = VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in edges.get(way.last()?).into_iter().flat_map(BTreeMap::keys) {
            if *next == start {
                return Some(way);
            }
            if seen.insert(*next) {
                ways.push_back(way.iter().copied().chain([*next]).collect());
            }
        }
    }
    None
}

fn findings(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for tree in trees(sources) {
        let edges = Uses::new(&tree).between_siblings();
        let mut reported = BTreeSet::new();
        for start in edges.keys() {
            let Some(circle) = circle(&edges, *start) else {
                continue;
            };
            // A circle is found from each of its modules; one report is enough.
            let mut members = circle.clone();
            members.sort_unstable();
            if !reported.insert(members) {
                continue;
            }
            let mut text = String::from("a circle:");
            for (nth, from) in circle.iter().enumerate() {
                let to = circle[(nth + 1) % circle.len()];
                text.push_str("\n    ");
                text.push_str(&edges[from][&to]);
            }
            findings.push(text);
        }
    }
    findings
}

#[test]
fn modules_of_a_crate_use_each_other_in_one_direction() {
    assert_none(
        &findings(&repository()),
        "Cut each circle: move the shared part into a module that both use, or pass it in as an \
         argument.",
    );
}

/// Checks a crate whose files are `(name, text)`.
#[track_caller]
fn check(files: &[(&str, &str)], expected: &[&str]) {
    let files: Vec<_> = files
        .iter()
        .map(|(name, text)| Source::new(&format!("crates/k/src/{name}"), text))
        .collect();
    let found: Vec<_> = findings(&files)
        .iter()
        .map(|text| text.replace("crates/k/src/", ""))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_circle_of_two_is_found() {
    check(
        &[
            (
                "lib.rs",
                "mod header;\nmod merkle;\npub use header::Header;\n",
            ),
            ("header.rs", "use crate::merkle;\npub struct Header;\n"),
            ("merkle.rs", "use crate::{Header};\n"),
        ],
        &["a circle:\n    header.rs:1 uses merkle.rs\n    merkle.rs:1 uses header.rs"],
    );
}

#[test]
fn a_circle_of_three_through_paths_in_code_is_found() {
    check(
        &[
            ("lib.rs", "mod a;\nmod b;\nmod c;\n"),
            ("a.rs", "fn f() {\n    super::b::g();\n}\n"),
            ("b.rs", "use super::c as other;\n"),
            ("c.rs", "fn h() -> crate::a::T {}\n"),
        ],
        &["a circle:\n    a.rs:2 uses b.rs\n    b.rs:1 uses c.rs\n    c.rs:1 uses a.rs"],
    );
}

#[test]
fn a_circle_between_folders_is_found() {
    check(
        &[
            ("lib.rs", "mod config;\nmod doctor;\n"),
            ("config.rs", "mod file;\n"),
            ("config/file.rs", "use crate::doctor::Examine;\n"),
            ("doctor.rs", "mod check;\npub struct Examine;\n"),
            (
                "doctor/check.rs",
                "use super::super::config::{\n    Given,\n};\n",
            ),
        ],
        &["a circle:\n    config/file.rs:1 uses doctor.rs\n    doctor/check.rs:2 uses config.rs"],
    );
}

#[test]
fn parents_tests_comments_and_other_crates_make_no_circle() {
    check(
        &[
            (
                "lib.rs",
                "mod a;\nmod b;\npub use a::child::Deep;\npub struct Shared;\n",
            ),
            (
                "a.rs",
                "mod child;\nuse self::child::Deep;\nuse crate::Shared;\n// use crate::b::B;\n\
                 #[cfg(test)]\nmod tests {\n    use crate::b::B;\n}\n",
            ),
            ("a/child.rs", "use super::Item;\nuse crate::Shared;\n"),
            ("b.rs", "use crate::Deep;\nuse other::a::C;\n"),
        ],
        &[],
    );
}
