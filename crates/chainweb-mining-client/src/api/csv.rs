//! Tables as comma-separated values, for spreadsheets.
//!
//! A spreadsheet computes a text that begins like a formula, and worker names are chosen by
//! strangers: such a text gets an apostrophe (OWASP, "CSV Injection"). Milliseconds since 1970 are
//! no time to it, so each such column is followed by one that it reads as a time.

use std::time::{Duration, UNIX_EPOCH};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use csv::{ReaderBuilder, Writer};
use humantime::format_rfc3339_seconds;
use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde::Serialize;

/// Why a table in memory cannot fail.
const FLAT: &str = "rows are flat, and all have the same fields";

/// The end of the names of columns with milliseconds since the Unix epoch, and of the same as text.
const MILLISECONDS: &str = "_unix_ms";
const TEXT: &str = "_utc";

/// The first time that has no such text.
const YEAR_10000: Duration = Duration::from_hours(70_389_528);

const FORMULAS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Returns rows with a line of their names, which is there without rows as well.
pub(super) fn table<T: Serialize + Default>(rows: &[T]) -> Bytes {
    let mut plain = Writer::from_writer(Vec::new());
    if rows.is_empty() {
        // The writer knows the names from a row only.
        plain.serialize(T::default()).expect(FLAT);
    }
    for row in rows {
        plain.serialize(row).expect(FLAT);
    }
    let plain = plain.into_inner().expect(FLAT);
    let mut safe = Writer::from_writer(Vec::with_capacity(plain.len()));
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .from_reader(plain.as_slice());
    let lines = if rows.is_empty() { 1 } else { usize::MAX };
    let mut times = Vec::new();
    for record in reader.records().take(lines) {
        let record = record.expect(FLAT);
        if times.is_empty() {
            times.extend(record.iter().map(|name| name.ends_with(MILLISECONDS)));
        }
        for (field, is_time) in record.iter().zip(&times) {
            safe.write_field(without_formula(field)).expect(FLAT);
            if *is_time {
                let text = match field.strip_suffix(MILLISECONDS) {
                    Some(name) => format!("{name}{TEXT}"),
                    None => time(field),
                };
                safe.write_field(text).expect(FLAT);
            }
        }
        safe.write_record(None::<&[u8]>).expect(FLAT);
    }
    safe.into_inner().expect(FLAT).into()
}

/// Returns milliseconds since the Unix epoch as `2026-11-29 12:34:56`: the form of RFC 3339 that
/// spreadsheets read, which is without its zone. Empty if there is none.
fn time(unix_ms: &str) -> String {
    let since = unix_ms.parse().map(Duration::from_millis);
    let time = since.ok().filter(|since| *since < YEAR_10000);
    time.map_or_else(String::new, |since| {
        let text = format_rfc3339_seconds(UNIX_EPOCH + since).to_string();
        text.replace('T', " ").replace('Z', "")
    })
}

fn without_formula(text: &str) -> String {
    let apostrophe = if text.starts_with(FORMULAS) { "'" } else { "" };
    format!("{apostrophe}{text}")
}

/// Responds with a file of this name.
pub(super) fn file(name: &str, table: Bytes) -> Response {
    let disposition = format!("attachment; filename=\"{name}.csv\"");
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, disposition),
    ];
    (headers, table).into_response()
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::table;

    #[derive(Default, Serialize)]
    struct Named {
        id: u64,
        worker: Option<String>,
    }

    #[derive(Default, Serialize)]
    struct Row(&'static str, Option<f64>);

    #[test]
    fn the_names_are_there_without_rows() {
        assert_eq!(&*table::<Named>(&[]), b"id,worker\n");
        assert_eq!(&*table(&[Named::default()]), b"id,worker\n0,\n");
    }

    #[derive(Default, Serialize)]
    struct Timed {
        found_unix_ms: i64,
        ended_unix_ms: Option<i64>,
        worker: &'static str,
    }

    #[test]
    fn times_are_text_as_well() {
        let row = |found_unix_ms, ended_unix_ms| Timed {
            found_unix_ms,
            ended_unix_ms,
            worker: "a",
        };
        let rows = [
            row(1_795_958_978_877, None),
            row(-1, Some(0)),
            row(i64::MAX, Some(253_402_300_799_999)),
        ];
        let expected = "found_unix_ms,found_utc,ended_unix_ms,ended_utc,worker
1795958978877,2026-11-29 13:29:38,,,a
'-1,,0,1970-01-01 00:00:00,a
9223372036854775807,,253402300799999,9999-12-31 23:59:59,a
";
        assert_eq!(table(&rows), expected);
    }

    #[test]
    fn texts_are_quoted_and_no_formula() {
        #[track_caller]
        fn check(text: &'static str, expected: &str) {
            let line = String::from_utf8(table(&[Row(text, None)]).to_vec()).expect("text");
            assert_eq!(line, format!("{expected},\n"));
        }
        check("rig-1", "rig-1");
        check("=1+1", "'=1+1");
        check("+1", "'+1");
        check("-1", "'-1");
        check("@SUM(A1)", "'@SUM(A1)");
        check("\t=1", "'\t=1");
        check("\r=1", "\"'\r=1\"");
        check("a,\"b\"\nc", "\"a,\"\"b\"\"\nc\"");
        check("é\u{202e}<b>", "é\u{202e}<b>");
    }
}
