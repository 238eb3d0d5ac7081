//! One style of imports: one `use` for each module, in three groups (standard library, other
//! crates, this crate) with a blank line between them.

use std::collections::BTreeMap;

use super::assert_none;
use super::source::{Source, code, repository};

/// A `use` as it stands in a file.
#[derive(Debug)]
struct Use {
    line: usize,
    /// Imports with nothing but blank lines, attributes and `mod` lines between them.
    block: usize,
    after_blank: bool,
    has_attribute: bool,
    visibility: String,
    /// `a::b::{c, d}`, without spaces at line ends.
    tree: String,
}

impl Use {
    /// The module that is imported from, and what is imported: `a::b` and `{c, d}`.
    fn split(&self) -> (&str, &str) {
        let path = self
            .tree
            .split_once('{')
            .map_or(self.tree.as_str(), |(path, _)| path);
        let module = path.trim_end_matches("::");
        match path.len() - module.len() {
            0 => module.rsplit_once("::").unwrap_or(("", module)),
            _ => (module, &self.tree[path.len()..]),
        }
    }

    /// `None` for a child module without `self::`, which may stand with the crates or below.
    fn group(&self, local_modules: &[String]) -> Option<Group> {
        let first = self.tree.split("::").next().unwrap_or_default();
        match first {
            "std" | "core" | "alloc" => Some(Group::Standard),
            "crate" | "self" | "super" => Some(Group::Own),
            name if local_modules.iter().any(|module| module == name) => None,
            _ => Some(Group::Others),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Standard,
    Others,
    Own,
}

/// The imports of a file and the modules that it declares.
fn parse(text: &str) -> (Vec<Use>, Vec<String>) {
    let code = code(text);
    let lines: Vec<&str> = code.lines().collect();
    let (mut uses, mut modules) = (Vec::new(), Vec::new());
    let (mut block, mut after_blank, mut has_attribute) = (0, false, false);
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at].trim();
        let (visibility, item) = split_visibility(line);
        if let Some(first) = item.strip_prefix("use ") {
            let start = at;
            let mut tree = first.to_owned();
            while !tree.contains(';') && at + 1 < lines.len() {
                at += 1;
                tree.push_str(lines[at].trim());
                tree.push(' ');
            }
            uses.push(Use {
                line: start + 1,
                block,
                after_blank,
                has_attribute,
                visibility: visibility.to_owned(),
                tree: tree.split(';').next().unwrap().trim().to_owned(),
            });
            (after_blank, has_attribute) = (false, false);
        } else if line.is_empty() {
            after_blank = true;
        } else if line.starts_with("#[") {
            has_attribute = true;
        } else {
            match item
                .strip_prefix("mod ")
                .and_then(|rest| rest.strip_suffix(';'))
            {
                Some(module) => modules.push(module.to_owned()),
                None => block += 1,
            }
            (after_blank, has_attribute) = (false, false);
        }
        at += 1;
    }
    (uses, modules)
}

/// `pub(crate)` and `use a;` of `pub(crate) use a;`.
fn split_visibility(line: &str) -> (&str, &str) {
    let Some(rest) = line.strip_prefix("pub") else {
        return ("", line);
    };
    let end = match rest.strip_prefix('(').and_then(|inner| inner.find(')')) {
        Some(end) => "pub(".len() + end + 1,
        None => "pub".len(),
    };
    (&line[..end], line[end..].trim_start())
}

fn findings(source: &Source) -> Vec<String> {
    let (uses, local_modules) = parse(&source.text);
    let mut findings = Vec::new();
    let mut find = |line: usize, what: String| {
        findings.push(format!("{}: {what}", source.place(line)));
    };
    let mut modules = BTreeMap::new();
    let mut previous: Option<(usize, Group)> = None;
    let mut blank_above = false;
    for import in &uses {
        let (module, names) = import.split();
        if names.contains("::") || names.matches('{').count() > 1 {
            find(import.line, format!("`{}` names two modules", import.tree));
        }
        if names.contains('*') && module != "super" && !module.ends_with("::prelude") {
            find(import.line, format!("a glob import of `{module}`"));
        }
        if !import.has_attribute && names != "*" && !module.is_empty() {
            let key = (import.block, import.visibility.as_str(), module);
            if let Some(first) = modules.insert(key, import.line) {
                let what = format!("a second `use` of `{module}`, the first is in line {first}");
                find(import.line, what);
            }
        }
        blank_above |= import.after_blank;
        let Some(group) = import.group(&local_modules) else {
            continue;
        };
        if let Some((block, before)) = previous
            && block == import.block
        {
            if group < before {
                find(
                    import.line,
                    format!("`{}` stands below its group", import.tree),
                );
            } else if group > before && !blank_above {
                find(
                    import.line,
                    format!("no blank line above `{}`", import.tree),
                );
            }
        }
        previous = Some((import.block, group));
        blank_above = false;
    }
    findings
}

#[test]
fn imports_have_one_style() {
    let sources = repository();
    let checked = sources.iter().filter(|source| source.is_rust());
    let findings: Vec<_> = checked.flat_map(findings).collect();
    assert_none(
        &findings,
        "Write one `use` for each module, in the groups std, other crates, own crate, with a blank \
         line between them; globs are for `super` in tests and for a `prelude`.",
    );
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let found = findings(&Source::new("a.rs", text));
    assert_eq!(found, expected, "{text}");
}

#[test]
fn good_imports_are_left_alone() {
    check(
        "mod c;\n\nuse std::collections::{BTreeMap, BTreeSet};\nuse std::fmt::{self, Display};\n\
         use std::io;\n\nuse tokio::sync::mpsc;\nuse tokio::sync::mpsc::error::SendError;\n\
         use tokio::{\n    select,\n    time,\n};\n\nuse c::D;\nuse crate::e::F as G;\n\
         use crate::e;\nuse super::H;\n\npub use c::I;\npub(crate) use c::J;\n\n\
         #[cfg(test)]\nmod tests {\n    use proptest::prelude::*;\n\n    use super::*;\n\
         \n    fn k() {\n        use std::io;\n    }\n}\n",
        &[],
    );
}

#[test]
fn a_use_of_two_modules_is_found() {
    check(
        "use std::{fmt, io};\n\nuse reqwest::{Url, header::HeaderMap};\nuse a::{b::{C, D}};\n",
        &[
            "a.rs:3: `reqwest::{Url, header::HeaderMap}` names two modules",
            "a.rs:4: `a::{b::{C, D}}` names two modules",
        ],
    );
}

#[test]
fn a_second_use_of_a_module_is_found() {
    check(
        "use a::b::C;\nuse a::b::D;\n#[cfg(unix)]\nuse a::b::E;\nuse a::F;\n",
        &["a.rs:2: a second `use` of `a::b`, the first is in line 1"],
    );
}

#[test]
fn a_glob_is_found() {
    check(
        "use crate::a::*;\n",
        &["a.rs:1: a glob import of `crate::a`"],
    );
}

#[test]
fn groups_in_another_order_or_without_a_blank_line_are_found() {
    check(
        "use crate::a::B;\n\nuse std::fmt;\nuse tokio::select;\n",
        &[
            "a.rs:3: `std::fmt` stands below its group",
            "a.rs:4: no blank line above `tokio::select`",
        ],
    );
}
