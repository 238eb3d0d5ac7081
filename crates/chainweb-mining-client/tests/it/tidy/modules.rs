//! The modules of each crate, found as the compiler finds them: by `mod` lines from the root on.

use std::collections::BTreeMap;

use super::source::{Source, code, without_tests};

/// A module with a file of its own.
#[derive(Debug)]
pub(super) struct Module<'a> {
    pub(super) source: &'a Source,
    pub(super) parent: Option<usize>,
    pub(super) children: BTreeMap<String, usize>,
    /// Whether `#[cfg(test)]` stands above it or above a module around it.
    pub(super) is_test: bool,
    /// What the compiler builds into the product, with spaces for comments, texts and tests.
    pub(super) product: String,
}

/// The modules below one root; the first is the root itself.
pub(super) type Tree<'a> = Vec<Module<'a>>;

/// One tree for each `lib.rs`, `main.rs` and file in `bin`.
pub(super) fn trees(sources: &[Source]) -> Vec<Tree<'_>> {
    let by_path: BTreeMap<&str, &Source> = sources
        .iter()
        .map(|source| (source.path.as_str(), source))
        .collect();
    let roots = sources.iter().filter(|source| is_root(&source.path));
    roots.map(|root| tree(root, &by_path)).collect()
}

fn is_root(path: &str) -> bool {
    let ends = ["/src/lib.rs", "/src/main.rs"];
    ends.iter().any(|end| path.ends_with(end)) || path.contains("/src/bin/")
}

fn tree<'a>(root: &'a Source, by_path: &BTreeMap<&str, &'a Source>) -> Tree<'a> {
    let mut tree = Tree::new();
    add(root, None, false, by_path, &mut tree);
    tree
}

fn add<'a>(
    source: &'a Source,
    parent: Option<usize>,
    is_test: bool,
    by_path: &BTreeMap<&str, &'a Source>,
    tree: &mut Tree<'a>,
) -> usize {
    let all = code(&source.text);
    let product = without_tests(&all);
    let in_product = declared(&product);
    let index = tree.len();
    tree.push(Module {
        source,
        parent,
        children: BTreeMap::new(),
        is_test,
        product: if is_test { String::new() } else { product },
    });
    let path = &source.path;
    let folder = match parent {
        None => path.rsplit_once('/').unwrap().0,
        Some(_) => path
            .strip_suffix("/mod.rs")
            .or(path.strip_suffix(".rs"))
            .unwrap(),
    };
    for name in declared(&all) {
        let files = [
            format!("{folder}/{name}.rs"),
            format!("{folder}/{name}/mod.rs"),
        ];
        let Some(file) = files.iter().find_map(|file| by_path.get(file.as_str())) else {
            continue;
        };
        let is_test = is_test || !in_product.contains(&name);
        let child = add(file, Some(index), is_test, by_path, tree);
        tree[index].children.insert(name, child);
    }
    index
}

/// The names of all `mod name;` lines.
fn declared(code: &str) -> Vec<String> {
    let statements = code
        .lines()
        .filter_map(|line| line.trim().strip_suffix(';'));
    statements
        .filter_map(|statement| {
            let (before, name) = statement.rsplit_once(' ')?;
            let is_mod = before == "mod" || before.starts_with("pub") && before.ends_with(" mod");
            is_mod.then(|| name.to_owned())
        })
        .collect()
}

#[test]
fn modules_are_found_with_their_parents_and_tests() {
    let sources = [
        Source::new(
            "crates/a/src/lib.rs",
            "pub mod b;\n#[cfg(test)]\nmod t;\n// mod no;\n",
        ),
        Source::new("crates/a/src/b.rs", "pub(crate) mod c;\n"),
        Source::new("crates/a/src/b/c.rs", ""),
        Source::new("crates/a/src/t.rs", "mod u;"),
        Source::new("crates/a/src/t/u.rs", ""),
        Source::new("crates/a/src/lost.rs", ""),
    ];
    let trees = trees(&sources);
    let found: Vec<_> = trees[0]
        .iter()
        .map(|module| (module.source.path.as_str(), module.parent, module.is_test))
        .collect();
    assert_eq!(
        found,
        [
            ("crates/a/src/lib.rs", None, false),
            ("crates/a/src/b.rs", Some(0), false),
            ("crates/a/src/b/c.rs", Some(1), false),
            ("crates/a/src/t.rs", Some(0), true),
            ("crates/a/src/t/u.rs", Some(3), true),
        ]
    );
}
