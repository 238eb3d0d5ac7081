//! Tables as comma-separated values, for spreadsheets.
//!
//! A spreadsheet computes a text that begins like a formula, and worker names are chosen by
//! strangers: such a text gets an apostrophe (OWASP, "CSV Injection").

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use csv::{ReaderBuilder, Writer};
use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde::Serialize;

/// Why a table in memory cannot fail.
const FLAT: &str = "rows are flat, and all have the same fields";

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
    for record in reader.records().take(lines) {
        let record = record.expect(FLAT);
        safe.write_record(record.iter().map(without_formula))
            .expect(FLAT);
    }
    safe.into_inner().expect(FLAT).into()
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
