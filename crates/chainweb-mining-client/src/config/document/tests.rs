use proptest::prelude::*;

use super::tree::MAX_NODES;
use super::{DocumentError, Entry, Format, MAX_BYTES, Place, Style, Value, parse};

/// A value without its places, short.
fn shape(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Scalar(text, Style::Quoted) => format!("{text:?}"),
        Value::Scalar(text, Style::Plain) => text.clone(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|node| shape(&node.value)).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Map(entries) => shape_of(entries),
    }
}

fn shape_of(entries: &[Entry]) -> String {
    let entries: Vec<String> = entries
        .iter()
        .map(|entry| format!("{}:{}", entry.key, shape(&entry.node.value)))
        .collect();
    format!("{{{}}}", entries.join(" "))
}

#[track_caller]
fn entries_of(text: &str, format: Format) -> Vec<Entry> {
    let entries = parse(text.as_bytes(), Some(format)).expect("a document");
    entries.expect("a document with something in it")
}

#[track_caller]
fn check(format: Format, text: &str, expected: &str) {
    for promised in [Some(format), None] {
        let entries = parse(text.as_bytes(), promised).expect("a document");
        let entries = entries.expect("a document with something in it");
        assert_eq!(shape_of(&entries), expected, "{promised:?}");
    }
}

#[track_caller]
fn check_wrong(format: Format, text: &str, place: (usize, usize), what: &str) {
    let error = parse(text.as_bytes(), Some(format)).expect_err("no document");
    let (line, column) = place;
    assert_eq!(error.place, Some(Place { line, column }), "{error:?}");
    assert!(error.what.contains(what), "{error:?}");
}

#[test]
fn keys_of_digits_keep_their_form_in_every_format() {
    for key in [
        "1234567890123456789012345678901234567890123456789012345678901234",
        "12345678901234567890123456789012345678901234567890123456789012e5",
        "0000000000000000000000000000000000000000000000000000000000000000",
    ] {
        check(
            Format::Yaml,
            &format!("publicKey: {key}\n"),
            &format!("{{publicKey:{key}}}"),
        );
        let quoted = format!("{{publicKey:\"{key}\"}}");
        check(Format::Yaml, &format!("publicKey: '{key}'"), &quoted);
        check(
            Format::Json,
            &format!("{{\"publicKey\": \"{key}\"}}"),
            &quoted,
        );
        check(Format::Toml, &format!("publicKey = \"{key}\""), &quoted);
    }
}

#[test]
fn the_three_formats_are_read_alike() {
    check(
        Format::Yaml,
        "# settings\na: 1\nb: ~\nc: \"x\"\nd: [true, 2.5]\ne:\n  f: 'y'\n  g:\n",
        r#"{a:1 b:null c:"x" d:[true 2.5] e:{f:"y" g:null}}"#,
    );
    check(
        Format::Json,
        "{\t\"a\": 1, \"b\": null,\n \"c\": \"x\", \"d\": [true, 2.5], \"e\": {\"f\": \"y\", \"g\": null}, \"h\": {}, \"i\": []}\n",
        r#"{a:1 b:null c:"x" d:[true 2.5] e:{f:"y" g:null} h:{} i:[]}"#,
    );
    check(
        Format::Toml,
        "c = 'x' # settings\na = 1_000\nh = 0x10\nd = [true, 2.5]\nt = 2024-01-02\n[e]\nf = \"y\"\n[x.y]\nz = -3\n",
        r#"{c:"x" a:1000 h:16 d:[true 2.5] t:2024-01-02 e:{f:"y"} x:{y:{z:-3}}}"#,
    );
}

#[test]
fn json_is_read_with_its_escapes_and_tabs_in_a_yaml_file_too() {
    let text = "{\n\t\"account\": \"\\uD83D\\uDE00 \\/ \\\"\"\n}";
    check(Format::Json, text, r#"{account:"😀 / \""}"#);
    check(Format::Yaml, text, r#"{account:"😀 / \""}"#);
    // What only looks like JSON is YAML all the same.
    check(
        Format::Yaml,
        "{node: 'a', # here\n b: 2}",
        r#"{node:"a" b:2}"#,
    );
}

#[test]
fn places_are_those_of_an_editor() {
    let place = |line, column| Place { line, column };
    for (format, text) in [
        (Format::Yaml, "é: ü\nnode:  7"),
        (Format::Json, "{\"é\": \"ü\",\n\"node\":77}"),
        (Format::Toml, "\"é\" = 'ü'\nnode = 7"),
    ] {
        let entries = entries_of(text, format);
        assert_eq!(entries[1].place, place(2, 1), "{format:?}");
        assert_eq!(entries[1].node.place, place(2, 8), "{format:?}");
    }
}

#[test]
fn empty_documents_are_none() {
    for text in ["", " \n\n", "\u{feff}", "# a comment\n", "---\n", "~"] {
        assert_eq!(parse(text.as_bytes(), Some(Format::Yaml)), Ok(None));
    }
    let comment = parse(b"# a comment\n", Some(Format::Toml));
    assert_eq!(comment, Ok(Some(Vec::new())));
}

#[test]
fn invalid_documents_are_reported_with_their_place() {
    use Format::{Json, Toml, Yaml};
    check_wrong(Yaml, "a: 1\nb: [1, 2\n", (3, 1), "YAML");
    check_wrong(Yaml, "a: 'x\n", (1, 4), "YAML");
    check_wrong(Yaml, "a: 1\n---\nb: 2\n", (2, 1), "second document");
    check_wrong(Yaml, "a: !secret x\n", (1, 4), "tag \"!secret\"");
    check_wrong(
        Yaml,
        "- a\n",
        (1, 1),
        "expected settings as `key: value`, got a list",
    );
    check_wrong(Yaml, "hello\n", (1, 1), "got \"hello\"");
    check_wrong(Yaml, "? [a]\n: 1\n", (1, 3), "a key must be a word");
    check_wrong(Json, "{\"a\": 1,\n}", (2, 1), "JSON: key must be a string");
    check_wrong(
        Json,
        "{\"é\": \"ü\"} x",
        (1, 12),
        "JSON: trailing characters",
    );
    check_wrong(Json, "{\"a\": 1} x", (1, 10), "JSON: trailing characters");
    check_wrong(
        Json,
        "{\"a\": \"\\ud83d\"}",
        (1, 7),
        "half of a surrogate pair",
    );
    check_wrong(Json, "[1]", (1, 1), "got a list");
    check_wrong(Toml, "a = 1\nb =\n", (2, 4), "TOML");
    check_wrong(Toml, "a = 1\na = 2\n", (2, 1), "TOML");
    let error = |bytes: &[u8]| parse(bytes, None).expect_err("no document").what;
    for page in ["<!DOCTYPE html>", " \n<html>", "<?xml version='1.0'?>"] {
        assert!(error(page.as_bytes()).contains("web page"), "{page}");
    }
    assert!(error(b"<<: *a\n").contains("alias") || error(b"<<: *a\n").contains("anchor"));
    assert!(error(b"\x7fELF\0\0").contains("zero bytes"));
    assert!(error(b"a: \xff\n").contains("UTF-8"));
    assert!(error(&vec![b' '; MAX_BYTES + 1]).contains("1 MiB"));
}

#[test]
fn documents_that_grow_without_bound_are_refused() {
    use Format::{Json, Toml, Yaml};
    let laughs = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n";
    check_wrong(Yaml, laughs, (1, 4), "anchors");
    let deep = 100_000;
    check_wrong(Yaml, &"[".repeat(deep), (1, 256), "recursion limit");
    check_wrong(
        Yaml,
        &format!("a: {}", "[".repeat(30) + &"]".repeat(30)),
        (1, 20),
        "deep",
    );
    let text = format!("{{\"a\":{}{}}}", "[".repeat(deep), "]".repeat(deep));
    check_wrong(Json, &text, (1, 22), "deep");
    let error = parse(format!("a = {}", "[".repeat(deep)).as_bytes(), Some(Toml));
    assert!(error.is_err());
    let many = vec!["1"; MAX_NODES].join(", ");
    for (format, text) in [
        (Yaml, format!("a: [{many}]")),
        (Json, format!("{{\"a\": [{many}]}}")),
        (Toml, format!("a = [{many}]")),
    ] {
        let error: DocumentError = parse(text.as_bytes(), Some(format)).expect_err("too many");
        assert_eq!(error.what, format!("has more than {MAX_NODES} values"));
    }
}

#[test]
fn formats_are_named_by_extensions_and_media_types() {
    #[track_caller]
    fn check(text: &str, expected: Option<Format>) {
        assert_eq!(Format::of_media_type(text), expected);
    }
    check("application/json; charset=utf-8", Some(Format::Json));
    check("application/vnd.miner+json", Some(Format::Json));
    check("application/x-yaml", Some(Format::Yaml));
    check("text/toml", Some(Format::Toml));
    check("text/plain", None);
    assert_eq!(Format::of_name("a/b.YML"), Some(Format::Yaml));
    assert_eq!(Format::of_name("a.d/miner"), None);
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(
        text in "[\\[\\]{}:,&*!|>'\"#%@\\-?a-c0-9 \\t\\n\\r\\\\=.~<é\u{85}]{0,60}",
    ) {
        for format in [Format::Yaml, Format::Json, Format::Toml] {
            parse(text.as_bytes(), Some(format)).ok();
        }
    }

    #[test]
    fn any_text_goes_through_json_unchanged(value in "\\PC*|[\\x01-\\x20\\u{85}\\u{10ffff}\"\\\\]*") {
        let text = serde_json::json!({ "account": value }).to_string();
        let entries = entries_of(&text, Format::Json);
        prop_assert_eq!(&entries[0].node.value, &Value::Scalar(value, Style::Quoted));
    }
}
