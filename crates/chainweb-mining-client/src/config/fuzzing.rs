//! The fuzz targets of settings: documents, and the command line with the environment.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::{CommandFactory, FromArgMatches};

use super::catalog::Catalog;
use super::document::{self, Entry, Format, Style, Value};
use super::findings::{Findings, Layer};
use super::from_flags::Request;
use super::print::{self, PrintAs};
use super::{Flags, args_of, from_document, from_environment, from_flags};

/// The most bytes of a message.
const TEXT: usize = 1500;

thread_local! {
    static CATALOG: OnceCell<Catalog> = const { OnceCell::new() };
}

/// Calls with the settings of `P`, which are collected once.
fn with_catalog<P: CommandFactory>(run: impl FnOnce(&Catalog)) {
    CATALOG.with(|catalog| run(catalog.get_or_init(|| Catalog::new(P::command()))));
}

/// Reads bytes after the first as a document of settings; the first is its format. What is read is
/// read again from its own text, as JSON and as printed settings.
///
/// # Panics
/// If a law does not hold, here and below.
pub(crate) fn document<P: CommandFactory + FromArgMatches>(bytes: &[u8]) {
    let Some((&first, text)) = bytes.split_first() else {
        return;
    };
    let name = ["a.yaml", "a.json", "a.toml", "a"][usize::from(first) % 4];
    let format = Format::of_name(name);
    if let Ok(Some(entries)) = document::parse(text, format) {
        let again = document::parse(to_json(&entries).as_bytes(), Some(Format::Json));
        let again = again.expect("it is JSON").expect("a map");
        assert_eq!(to_json(&again), to_json(&entries));
    }
    with_catalog::<P>(|catalog| {
        let read = |name, text: &[u8], format| {
            let mut findings = Findings::default();
            let document = (text.to_vec(), format);
            from_document::read(catalog, (Layer::File(0), name), document, &mut findings);
            findings
        };
        let findings = read(name, text, format);
        // A line of YAML may end with a carriage return alone.
        let lines = [false, true].map(|returns_end| lines(text, returns_end));
        for problem in &findings.problems {
            assert_message(problem);
            assert_place(problem, name, &lines);
        }
        findings
            .warnings
            .iter()
            .for_each(|warning| assert_message(warning));
        if !findings.problems.is_empty() {
            return;
        }
        for form in [PrintAs::Full, PrintAs::Minimal] {
            let printed = print::print(catalog, &findings.resolved(), form);
            let again = read("b.yaml", printed.as_bytes(), Some(Format::Yaml));
            assert_eq!(again.problems, [""; 0], "{printed}");
            assert_eq!(values(&again), values(&findings), "{printed}");
        }
        if first & 0x80 != 0 {
            settle::<P>(catalog, Vec::new(), findings);
        }
    });
}

/// Writes entries as JSON. Of the scalars without quotes those that are no JSON get some.
fn to_json(entries: &[Entry]) -> String {
    let entries = entries.iter().map(|Entry { key, node, .. }| {
        let (key, value) = (quote(key), value_to_json(&node.value));
        format!("{key}:{value}")
    });
    format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
}

fn value_to_json(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Scalar(text, Style::Plain) if is_json(text) => text.clone(),
        Value::Scalar(text, _) => quote(text),
        Value::List(items) => {
            let items = items.iter().map(|item| value_to_json(&item.value));
            format!("[{}]", items.collect::<Vec<_>>().join(","))
        }
        Value::Map(entries) => to_json(entries),
    }
}

fn quote(text: &str) -> String {
    serde_json::json!(text).to_string()
}

/// Whether a scalar without quotes is one in JSON as well.
fn is_json(text: &str) -> bool {
    let value: Result<serde_json::Value, _> = serde_json::from_str(text);
    text != "null" && text.trim() == text && value.is_ok_and(|it| it.is_number() || it.is_boolean())
}

/// The message starts with the name of the file, and with a place in it unless it is about the
/// whole, by one of these lists of lines.
fn assert_place(problem: &str, name: &str, lists: &[Vec<&[u8]>]) {
    let rest = problem
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix(':'));
    let rest = rest.unwrap_or_else(|| panic!("no name: {problem}"));
    let mut parts = rest.splitn(3, ':');
    let [line, column]: [Option<usize>; 2] =
        [parts.next(), parts.next()].map(|part| part.and_then(|it| it.parse().ok()));
    if let (Some(line), Some(column)) = (line, column) {
        let is_place = lists.iter().any(|lines| {
            let length = lines.get(line - 1).map_or(0, |line| line.len());
            (1..=lines.len() + 1).contains(&line) && (1..=length + 2).contains(&column)
        });
        assert!(is_place, "{problem}");
    }
}

/// Returns the lines of a text. They end with a line feed and, if `returns_end`, with a carriage
/// return alone.
fn lines(text: &[u8], returns_end: bool) -> Vec<&[u8]> {
    let ends_line = |at: usize| match text[at] {
        b'\n' => true,
        b'\r' => returns_end && text.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    let mut lines = Vec::new();
    let mut start = 0;
    for end in (0..text.len()).filter(|&at| ends_line(at)) {
        lines.push(&text[start..end]);
        start = end + 1;
    }
    lines.push(&text[start..]);
    lines
}

fn assert_message(message: &str) {
    assert!(
        (1..=TEXT).contains(&message.len()),
        "{} bytes: {message}",
        message.len()
    );
    assert!(!message.contains(char::is_control), "{message:?}");
}

/// Returns the settings that take effect, except those that are not printed.
fn values(findings: &Findings) -> Vec<(String, Vec<String>)> {
    let resolved = findings.resolved();
    let is_printed = |key: &str| {
        let mut set = resolved.iter();
        set.any(|set| {
            set.setting.key == key
                && !set.setting.is_secret_url()
                && !(set.setting.is_of_command() && set.setting.form == super::Form::Map)
        })
    };
    let values = findings.values().into_iter();
    values.filter(|(key, _)| is_printed(key)).collect()
}

/// Parses all settings as one command line. Values that are good alone may conflict.
fn settle<P: FromArgMatches>(catalog: &Catalog, command: Vec<String>, findings: Findings) {
    let flags = Flags {
        catalog: catalog.clone(),
        command,
        findings,
    };
    match flags.settle::<P>() {
        Ok(settings) => assert_eq!(settings.changed(&settings), [""; 0]),
        Err(problems) => {
            let text = problems.to_string();
            assert!(text.starts_with("settings: "), "{text}");
            problems
                .0
                .problems
                .iter()
                .for_each(|problem| assert_message(problem));
        }
    }
}

/// Reads bytes after the first as arguments, each up to a zero byte; those that start with `@` are
/// variables of the environment. The command line that has the same settings is read as the same.
pub(crate) fn flags<P: CommandFactory + FromArgMatches>(bytes: &[u8]) {
    let Some((&first, rest)) = bytes.split_first() else {
        return;
    };
    let (mut args, mut variables) = (Vec::new(), Vec::new());
    for word in rest.split(|byte| *byte == 0).take(16) {
        let text = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        match word.strip_prefix(b"@") {
            None => args.push(text(word)),
            Some(variable) => {
                let end = variable.iter().position(|byte| *byte == b'=');
                let (name, value) = variable.split_at(end.unwrap_or(variable.len()));
                variables.push((text(name), text(value.get(1..).unwrap_or_default())));
            }
        }
    }
    with_catalog::<P>(|catalog| {
        let mut findings = Findings::default();
        let request = from_flags::read(catalog, &args, &mut findings);
        from_environment::read(catalog, variables, &mut findings);
        let messages = findings.problems.iter().chain(&findings.warnings);
        messages.for_each(|message| assert_message(message));
        let Request::Settings(command) = request else {
            return;
        };
        if !findings.problems.is_empty() {
            return;
        }
        let mut again = Findings::default();
        let args = args_of(catalog, &[], &findings);
        let request = from_flags::read(catalog, &args[1..], &mut again);
        assert_eq!(request, Request::Settings(Vec::new()));
        assert_eq!(again.problems, [""; 0]);
        assert_eq!(again.values(), findings.values());
        if first % 8 == 1 {
            settle::<P>(catalog, command, findings);
        }
    });
}
