//! The files of the repository, and Rust code without its comments, texts and tests.

use std::fs;
use std::path::Path;

/// A text file; `path` is relative to the root of the repository, with `/` between the parts.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    pub(super) fn is_rust(&self) -> bool {
        self.has_extension("rs")
    }

    pub(crate) fn is_page(&self) -> bool {
        self.has_extension("md")
    }

    fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|e| e == extension)
    }

    /// `path:line`, as editors and terminals link it.
    pub(crate) fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }
}

/// Reads every text that the project wrote: Rust sources, pages, scripts and settings.
pub(crate) fn repository() -> Vec<Source> {
    const FOLDERS: [&str; 7] = [".", ".ci", ".github", "crates", "docs", "fuzz", "scripts"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for folder in FOLDERS {
        read(&root, folder, folder != ".", &mut found);
    }
    assert!(found.len() > 100, "only {} files found", found.len());
    found
}

fn read(root: &Path, folder: &str, nested: bool, found: &mut Vec<Source>) {
    const WRITTEN: [&str; 7] = ["rs", "md", "toml", "yml", "sh", "py", ""];
    let Ok(entries) = fs::read_dir(root.join(folder)) else {
        return;
    };
    let mut entries: Vec<_> = entries.map(|entry| entry.unwrap()).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().into_string().unwrap();
        let path = match folder {
            "." => name.clone(),
            folder => format!("{folder}/{name}"),
        };
        if entry.file_type().unwrap().is_dir() {
            if nested && !["target", "data", "corpus", "artifacts"].contains(&name.as_str()) {
                read(root, &path, nested, found);
            }
            continue;
        }
        let extension = Path::new(&name).extension().unwrap_or_default();
        if name.starts_with("LICENSE") || !WRITTEN.contains(&extension.to_str().unwrap()) {
            continue;
        }
        if let Ok(text) = fs::read_to_string(root.join(&path)) {
            found.push(Source { path, text });
        }
    }
}

/// The number of the line at a byte, from 1.
pub(super) fn line_at(text: &str, at: usize) -> usize {
    1 + text[..at].matches('\n').count()
}

/// Replaces comments and the insides of texts and characters by spaces: every byte that is left
/// stands where it stood.
pub(super) fn code(text: &str) -> String {
    let mut code = text.as_bytes().to_vec();
    let mut at = 0;
    while at < code.len() {
        let rest = &text.as_bytes()[at..];
        let end = at + token(rest, at > 0 && is_word(text.as_bytes()[at - 1]));
        if matches!(rest[0], b'"' | b'\'' | b'/' | b'r' | b'b' | b'c') && end > at + 1 {
            for byte in &mut code[at..end] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
        }
        at = end;
    }
    String::from_utf8(code).unwrap()
}

/// The length of the comment, text or character literal that `rest` starts with; 1 for all else.
fn token(rest: &[u8], inside_word: bool) -> usize {
    let find = |what: &[u8]| rest.windows(what.len()).position(|window| window == what);
    match rest {
        [b'/', b'/', ..] => find(b"\n").unwrap_or(rest.len()),
        [b'/', b'*', ..] => find(b"*/").map_or(rest.len(), |end| end + 2),
        [b'"', ..] => quoted(rest, b'"'),
        [b'\'', b'\\', ..] => quoted(rest, b'\''),
        [b'\'', first, ..] => {
            let width = match first {
                0..0x80 => 1,
                0x80..0xe0 => 2,
                0xe0..0xf0 => 3,
                0xf0.. => 4,
            };
            // Without a quote at the end it is a lifetime.
            if rest.get(1 + width) == Some(&b'\'') {
                2 + width
            } else {
                1
            }
        }
        [b'r' | b'b' | b'c', ..] if !inside_word => {
            let prefix = rest.iter().take_while(|b| b"rbc".contains(b)).count();
            let hashes = rest[prefix..].iter().take_while(|b| **b == b'#').count();
            if rest.get(prefix + hashes) != Some(&b'"') {
                1
            } else if rest[..prefix].contains(&b'r') {
                let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
                let body = prefix + hashes + 1;
                let found = rest[body..].windows(end.len()).position(|w| w == end);
                found.map_or(rest.len(), |at| body + at + end.len())
            } else {
                prefix + quoted(&rest[prefix..], b'"')
            }
        }
        _ => 1,
    }
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    rest.len().min(at + 1)
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Replaces every item under `#[cfg(test)]` by spaces, in what [`code`] returned.
pub(super) fn without_tests(code: &str) -> String {
    let mut kept = code.as_bytes().to_vec();
    let mut from = 0;
    while let Some(found) = code[from..].find("#[cfg(test)]") {
        let start = from + found;
        let mut depth = 0_i32;
        let mut end = code.len();
        for (at, byte) in code.bytes().enumerate().skip(start) {
            depth += match byte {
                b'(' | b'[' | b'{' => 1,
                b')' | b']' | b'}' => -1,
                _ => 0,
            };
            if depth < 0 {
                end = at;
                break;
            }
            if depth == 0 && matches!(byte, b'}' | b';') {
                end = at + 1;
                break;
            }
        }
        for byte in &mut kept[start..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        from = end;
    }
    String::from_utf8(kept).unwrap()
}

#[test]
fn comments_texts_and_characters_become_spaces() {
    let text = "a('\"', 'x); // b\nlet s = \"c // {\"; /* d */ e(r#\"f\"g\"#, 'h', &'i j);";
    let left = code(text);
    assert_eq!(left.len(), text.len());
    let words: Vec<_> = left.split_whitespace().collect();
    assert_eq!(
        words,
        [
            "a(", ",", "'x);", "let", "s", "=", ";", "e(", ",", ",", "&'i", "j);"
        ]
    );
}

#[test]
fn items_under_test_become_spaces() {
    let text = "use a;\n#[cfg(test)]\nmod tests {\n    fn b() { c(); }\n}\nfn d() {}\n\
                #[cfg(test)]\nmod e;\nmod f;\n";
    let left = without_tests(text);
    let words: Vec<_> = left.split_whitespace().collect();
    assert_eq!(words, ["use", "a;", "fn", "d()", "{}", "mod", "f;"]);
}
