//! Text that fits into the columns of a terminal.
//!
//! Text from outside, such as the names of devices, may contain anything. Only characters that take
//! columns are kept: no escape codes, marks of direction or joined characters, whose width differs
//! from terminal to terminal.

use unicode_width::UnicodeWidthChar;

/// Marks text that was cut.
const CUT: &str = "..";

/// Between two parts of a row, or two columns of a table.
const GAP: &str = "  ";

/// Returns the text, cut at the end if it is wider than this many columns.
pub(crate) fn fitted(text: &str, columns: usize) -> String {
    let seen = |c: &char| c.width().is_some_and(|width| width > 0);
    let (mut kept, mut width, mut end) = (String::new(), 0, 0);
    for c in text.chars().filter(seen) {
        width += c.width().unwrap_or(0);
        if width > columns {
            kept.truncate(end);
            kept.push_str(&CUT[..CUT.len().min(columns)]);
            return kept;
        }
        kept.push(c);
        if width + CUT.len() <= columns {
            end = kept.len();
        }
    }
    kept
}

/// Returns the parts in one row, without the last ones if they do not fit.
#[cfg_attr(not(unix), expect(dead_code, reason = "for the live area"))]
pub(crate) fn row(parts: &[String], columns: usize) -> String {
    let mut row = String::new();
    for part in parts {
        if row.is_empty() {
            row = fitted(part, columns);
            continue;
        }
        let longer = format!("{row}{GAP}{part}");
        if width(&longer) > columns {
            break;
        }
        row = fitted(&longer, columns);
    }
    row
}

/// Returns a table: the first column to the left, the others to the right.
pub(crate) fn table<const N: usize>(rows: &[[String; N]], columns: usize) -> Vec<String> {
    let widest = |at: usize| rows.iter().map(|row| width(&row[at])).max();
    let widths: Vec<usize> = (0..N).map(|at| widest(at).unwrap_or(0)).collect();
    let line = |row: &[String; N]| {
        let cell = |(at, (cell, wide)): (usize, (&String, &usize))| {
            let space = " ".repeat(wide - width(cell));
            match at {
                0 => format!("{cell}{space}"),
                _ => format!("{space}{cell}"),
            }
        };
        let cells: Vec<_> = row.iter().zip(&widths).enumerate().map(cell).collect();
        fitted(cells.join(GAP).trim_end(), columns)
    };
    rows.iter().map(line).collect()
}

/// Returns the columns that the text takes, once fitted.
fn width(text: &str) -> usize {
    text.chars().filter_map(UnicodeWidthChar::width).sum()
}

#[cfg(test)]
mod tests {
    use super::{fitted, row, table, width};

    #[test]
    fn text_is_cut_at_its_width_without_characters_that_take_none() {
        #[track_caller]
        fn check(text: &str, columns: usize, expected: &str) {
            let fitted = fitted(text, columns);
            assert_eq!(fitted, expected);
            assert!(width(&fitted) <= columns);
        }
        check("device", 6, "device");
        check("device", 5, "dev..");
        check("device", 2, "..");
        check("device", 1, ".");
        check("device", 0, "");
        check("", 0, "");
        // Two columns each.
        check("鉱夫鉱夫", 8, "鉱夫鉱夫");
        check("鉱夫鉱夫", 7, "鉱夫..");
        check("鉱夫鉱夫", 5, "鉱..");
        check("👷👷", 3, "..");
        check(
            "a\u{1b}[31m\u{7}\r\nb\u{202e}c\u{200d}\u{301}",
            80,
            "a[31mbc",
        );
    }

    #[test]
    fn parts_that_do_not_fit_are_left_out_from_the_end() {
        let parts = ["rate 1", "15 min 2", "1 h 3"].map(str::to_owned);
        for (columns, expected) in [
            (23, "rate 1  15 min 2  1 h 3"),
            (22, "rate 1  15 min 2"),
            (8, "rate 1"),
            (5, "rat.."),
        ] {
            assert_eq!(row(&parts, columns), expected);
        }
    }

    #[test]
    fn columns_are_aligned_by_width() {
        let rows = [["device", "rate"], ["鉱夫", "1 H/s"], ["x", "1.00 TH/s"]];
        let rows = rows.map(|row| row.map(str::to_owned));
        let expected = [
            "device       rate",
            "鉱夫        1 H/s",
            "x       1.00 TH/s",
        ];
        assert_eq!(table(&rows, 80), expected);
        assert_eq!(table(&rows, 9), ["device ..", "鉱夫   ..", "x      .."]);
    }
}
