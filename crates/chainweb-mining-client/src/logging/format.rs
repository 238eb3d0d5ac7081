//! The two forms of a line in the log: plain for people, JSON for programs.
//!
//! Fields are written for programs: `event` names the line, and a number has its unit in its name.
//! JSON lines hold them as they are, and `null` for a number that is not known, which `tracing` has
//! as NaN. Plain lines leave out `event` and what is not known, write times and rates with their
//! unit, and cut hashes and keys.

use std::fmt::{self, Debug, Write as _};
use std::time::Duration;

use miner::units::{About, HashRate};
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The characters of a hash in a plain line.
const HASH_LENGTH: usize = 12;

/// Fields with a block hash.
const HASHES: [&str; 2] = ["block", "by"];

/// Names of fields that plain lines shorten.
const SHORT: [(&str, &str); 11] = [
    ("hash_rate", "rate"),
    ("simulated_hash_rate", "simulated_rate"),
    ("expected_seconds", "next_block"),
    ("effort_percent", "effort"),
    ("node_latency_seconds", "latency"),
    ("blocks_pending", "pending"),
    ("blocks_displaced", "displaced"),
    ("blocks_orphaned", "orphaned"),
    ("blocks_unknown", "unknown"),
    ("blocks_stale", "stale"),
    ("blocks_rejected", "rejected"),
];

/// The form of a line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Format {
    /// For people: time, level, message and fields. Hashes are cut unless they are wanted whole.
    Plain {
        /// Whether hashes are written whole.
        whole_hashes: bool,
        /// Whether the journal of systemd, which adds the time, reads the lines. They begin with
        /// the priority then, as in `sd-daemon(3)`.
        to_journal: bool,
    },
    /// For programs: an object with `timestamp`, `level`, `target` and `fields`.
    Json,
}

impl<S, N> FormatEvent<S, N> for Format
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let fields = Fields::of(event);
        match *self {
            Self::Plain {
                whole_hashes,
                to_journal,
            } => {
                let line = plain_line(&writer, &fields, whole_hashes)?;
                write_plain(writer, *event.metadata().level(), &line, to_journal)
            }
            Self::Json => write_json(writer, event, fields),
        }
    }
}

/// Returns the message and the fields.
fn plain_line(
    writer: &Writer<'_>,
    fields: &Fields,
    whole_hashes: bool,
) -> Result<String, fmt::Error> {
    let mut line = printable(&fields.message(), Some('\n'));
    let is_status = fields.0.contains(&("event", "status".into()));
    for (name, value) in &fields.0 {
        // The status line fits its width as long as all is well.
        if is_status && name.starts_with("blocks_") && *value == 0 {
            continue;
        }
        if let Some((name, text)) = plain_field(name, value, whole_hashes) {
            let text = printable(&text, None);
            if writer.has_ansi_escapes() {
                write!(line, " \u{1b}[3m{name}\u{1b}[0m\u{1b}[2m=\u{1b}[0m{text}")?;
            } else {
                write!(line, " {name}={text}")?;
            }
        }
    }
    Ok(line)
}

/// Writes a line with its time and level.
fn write_plain(mut writer: Writer<'_>, level: Level, line: &str, to_journal: bool) -> fmt::Result {
    let (color, priority) = match level {
        Level::ERROR => (31, 3),
        Level::WARN => (33, 4),
        Level::INFO => (32, 6),
        Level::DEBUG => (34, 7),
        Level::TRACE => (35, 7),
    };
    if to_journal {
        // Each line has a priority of its own.
        let lines = line.split('\n');
        lines
            .into_iter()
            .try_for_each(|line| writeln!(writer, "<{priority}>{line}"))
    } else if writer.has_ansi_escapes() {
        let time = now();
        writeln!(
            writer,
            "\u{1b}[2m{time}\u{1b}[0m \u{1b}[{color}m{level:>5}\u{1b}[0m {line}"
        )
    } else {
        writeln!(writer, "{} {level:>5} {line}", now())
    }
}

fn write_json(mut writer: Writer<'_>, event: &Event<'_>, fields: Fields) -> fmt::Result {
    let metadata = event.metadata();
    let all: Map<String, Value> = fields
        .0
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let line = json!({
        "timestamp": now_exact(),
        "level": metadata.level().as_str(),
        "target": metadata.target(),
        // An object of their own: a field may be called `level`.
        "fields": all,
    });
    writeln!(writer, "{line}")
}

/// Returns a number above zero with two significant digits, but none of its whole digits left out.
fn significant(number: f64) -> String {
    let digits = [10.0, 1.0, 0.1, 0.01, 1e-3, 1e-4].map(|least| number < least);
    let digits = digits.iter().filter(|is_below| **is_below).count();
    format!("{number:.digits$}")
}

/// Returns the name and the text of a field, or `None` if it is left out.
fn plain_field<'a>(name: &'a str, value: &Value, whole_hashes: bool) -> Option<(&'a str, String)> {
    let text = match (value, value.as_f64()) {
        (Value::Null, _) => return None,
        _ if matches!(name, "event" | "message") => return None,
        (Value::String(account), _) if name == "account" => short_account(account),
        (Value::String(hash), _) if HASHES.contains(&name) && !whole_hashes => {
            hash.chars().take(HASH_LENGTH).collect()
        }
        (Value::String(text), _) if text.contains(char::is_whitespace) => format!("\"{text}\""),
        (Value::String(text), _) => text.clone(),
        (_, Some(rate)) if name.ends_with("hash_rate") => HashRate(rate).to_string(),
        // Skew has a sign.
        (_, Some(skew)) if name == "skew_seconds" => format!("{skew:.1} s"),
        (_, Some(seconds)) if name.ends_with("_seconds") => {
            About(Duration::try_from_secs_f64(seconds).unwrap_or_default()).to_string()
        }
        (_, Some(percent)) if name.ends_with("_percent") => format!("{percent:.0} %"),
        (_, Some(blocks)) if name == "expected_blocks" => significant(blocks),
        (other, _) => other.to_string(),
    };
    let short = SHORT.iter().find(|(long, _)| *long == name);
    let stem = name.strip_suffix("_seconds").unwrap_or(name);
    Some((short.map_or(stem, |(_, short)| short), text))
}

/// Returns an account with the middle of its key left out: the ends are enough to recognise it.
fn short_account(account: &str) -> String {
    match account.strip_prefix("k:") {
        Some(key) if key.len() == 64 && key.is_ascii() => {
            format!("k:{}…{}", &key[..4], &key[60..])
        }
        _ => account.to_owned(),
    }
}

/// Returns the text without control characters other than `kept`: text from outside must neither
/// reach a terminal as an escape code nor forge a line.
fn printable(text: &str, kept: Option<char>) -> String {
    let is_bad = |c: char| c.is_control() && Some(c) != kept;
    if !text.contains(is_bad) {
        return text.to_owned();
    }
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        if is_bad(c) {
            printable.extend(c.escape_default());
        } else {
            printable.push(c);
        }
    }
    printable
}

/// The time in UTC to the second.
fn now() -> String {
    let exact = now_exact();
    match exact.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => exact,
    }
}

/// The time in UTC to the microsecond.
fn now_exact() -> String {
    let mut text = String::new();
    SystemTime
        .format_time(&mut Writer::new(&mut text))
        .expect("writing to a string cannot fail");
    text
}

/// The fields of an event with their values, in the order of the event.
pub(super) struct Fields(pub(super) Vec<(&'static str, Value)>);

impl Fields {
    pub(super) fn of(event: &Event<'_>) -> Self {
        let mut fields = Self(Vec::new());
        event.record(&mut fields);
        fields
    }

    fn message(&self) -> String {
        let message = self.0.iter().find(|(name, _)| *name == "message");
        match message {
            Some((_, Value::String(message))) => message.clone(),
            _ => String::new(),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push((field.name(), value.into()));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.into()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push((field.name(), format!("{value:?}").into()));
    }
}
