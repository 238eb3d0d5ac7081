//! What the log writes to: lines that scroll, and on a terminal an area of a few rows below them.
//!
//! The area is erased before a line and drawn again after it, by the one thread that writes, so
//! lines and area never mix. Without an area nothing but the lines is written.

use std::io::Write;

use crossterm::cursor::{MoveToColumn, MoveUp};
use crossterm::queue;
use crossterm::style::{Attribute, Color, SetAttribute, SetForegroundColor};
use crossterm::terminal::{Clear, ClearType};
use unicode_width::UnicodeWidthStr;

/// The rows below the log, the widest narrower than the terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Area {
    /// From top to bottom.
    pub(crate) rows: Vec<Row>,
    /// The width of the terminal.
    pub(crate) columns: u16,
}

/// One row of text without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

/// How a row looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As other text.
    Plain,
    /// Less important than other text, where there are colours.
    Dim,
    /// A warning, where there are colours.
    Warning,
}

/// An output with an area at its end, empty at first.
#[derive(Debug)]
pub(super) struct Screen<W> {
    out: W,
    has_colors: bool,
    area: Area,
    /// The widths of the rows on the terminal.
    drawn: Vec<usize>,
    /// Whether these rows are the area.
    is_current: bool,
}

impl<W: Write> Screen<W> {
    pub(super) fn new(out: W, has_colors: bool) -> Self {
        Self {
            out,
            has_colors,
            area: Area::default(),
            drawn: Vec::new(),
            is_current: true,
        }
    }

    /// Writes whole lines above the area, which is not drawn again yet.
    pub(super) fn print(&mut self, lines: &[u8]) {
        if self.drawn.is_empty() {
            self.write(lines);
        } else {
            let bytes = [&self.erase(), lines].concat();
            self.write(&bytes);
        }
        self.is_current = self.area.rows.is_empty();
    }

    /// Changes the area, which is not drawn yet.
    pub(super) fn show(&mut self, area: Area) {
        self.area = area;
        self.is_current = false;
    }

    /// Takes the rows on the terminal for something else from now on.
    pub(super) fn forget(&mut self) {
        self.drawn.clear();
        self.show(Area::default());
    }

    /// Ends the area, and erases it.
    pub(super) fn close(&mut self) {
        self.area.rows.clear();
        self.is_current = false;
        self.draw();
    }

    /// Draws the area, unless it is on the terminal.
    pub(super) fn draw(&mut self) {
        if self.is_current {
            return;
        }
        let mut bytes = self.erase();
        for (at, row) in self.area.rows.iter().enumerate() {
            if at > 0 {
                bytes.extend(b"\r\n");
            }
            self.put(&mut bytes, row);
            self.drawn.push(row.text.width());
        }
        self.is_current = true;
        self.write(&bytes);
    }

    /// Returns the codes that erase the rows on the terminal. The cursor is at the end of the last
    /// one. Rows wider than the terminal, which was made narrower, have been wrapped by it.
    fn erase(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.drawn.is_empty() {
            return bytes;
        }
        let columns = usize::from(self.area.columns.max(1));
        let rows = self.drawn.drain(..);
        let rows: usize = rows.map(|width| width.div_ceil(columns).max(1)).sum();
        let above = u16::try_from(rows - 1).unwrap_or(u16::MAX);
        queue!(bytes, MoveToColumn(0)).expect(IN_MEMORY);
        // No terminal moves by zero rows: it moves by one.
        if above > 0 {
            queue!(bytes, MoveUp(above)).expect(IN_MEMORY);
        }
        queue!(bytes, Clear(ClearType::FromCursorDown)).expect(IN_MEMORY);
        bytes
    }

    fn put(&self, bytes: &mut Vec<u8>, row: &Row) {
        let text = row.text.as_bytes();
        match row.tone {
            Tone::Dim if self.has_colors => {
                queue!(bytes, SetAttribute(Attribute::Dim)).expect(IN_MEMORY);
            }
            Tone::Warning if self.has_colors => {
                queue!(bytes, SetForegroundColor(Color::DarkYellow)).expect(IN_MEMORY);
            }
            _ => return bytes.extend(text),
        }
        bytes.extend(text);
        queue!(bytes, SetAttribute(Attribute::Reset)).expect(IN_MEMORY);
    }

    /// Errors are ignored: there is nowhere to report them.
    fn write(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.out.write_all(bytes).ok();
        }
    }
}

const IN_MEMORY: &str = "writing to memory cannot fail";

#[cfg(test)]
mod tests {
    use super::{Area, Row, Screen, Tone};

    fn area(rows: &[&str], columns: u16) -> Area {
        let row = |text: &&str| Row {
            text: (*text).to_owned(),
            tone: Tone::Plain,
        };
        Area {
            rows: rows.iter().map(row).collect(),
            columns,
        }
    }

    /// Returns what was written since the last call.
    fn written(screen: &mut Screen<Vec<u8>>) -> String {
        String::from_utf8(std::mem::take(&mut screen.out)).expect("text")
    }

    #[test]
    fn without_an_area_nothing_but_lines_is_written() {
        let mut screen = Screen::new(Vec::new(), true);
        screen.print(b"one\n");
        screen.draw();
        screen.print(b"two\n");
        screen.forget();
        screen.draw();
        assert_eq!(written(&mut screen), "one\ntwo\n");
    }

    #[test]
    fn lines_go_above_the_area_and_an_empty_one_erases_it() {
        let mut screen = Screen::new(Vec::new(), false);
        screen.show(area(&["rate", "blocks"], 80));
        screen.draw();
        assert_eq!(written(&mut screen), "rate\r\nblocks");
        screen.draw();
        assert_eq!(written(&mut screen), "");
        screen.print(b"line\n");
        screen.print(b"line\n");
        assert_eq!(
            written(&mut screen),
            "\u{1b}[1G\u{1b}[1A\u{1b}[Jline\nline\n"
        );
        screen.draw();
        assert_eq!(written(&mut screen), "rate\r\nblocks");
        screen.show(area(&["one"], 80));
        screen.draw();
        assert_eq!(written(&mut screen), "\u{1b}[1G\u{1b}[1A\u{1b}[Jone");
        screen.close();
        assert_eq!(written(&mut screen), "\u{1b}[1G\u{1b}[J");
        screen.print(b"line\n");
        assert_eq!(written(&mut screen), "line\n");
    }

    #[test]
    fn rows_that_the_terminal_has_wrapped_are_erased_whole() {
        let mut screen = Screen::new(Vec::new(), false);
        screen.show(area(&["12345678901", "12345", ""], 80));
        screen.draw();
        screen.show(area(&["1234"], 5));
        written(&mut screen);
        screen.draw();
        // Three rows, one and one; the cursor is on the last.
        assert_eq!(written(&mut screen), "\u{1b}[1G\u{1b}[4A\u{1b}[J1234");
    }

    #[test]
    fn rows_of_another_program_are_not_erased() {
        let mut screen = Screen::new(Vec::new(), false);
        screen.show(area(&["one", "two"], 80));
        screen.draw();
        screen.forget();
        written(&mut screen);
        screen.draw();
        screen.print(b"line\n");
        assert_eq!(written(&mut screen), "line\n");
    }

    #[test]
    fn tones_are_escape_codes_only_with_colours() {
        let draw = |has_colors| {
            let mut screen = Screen::new(Vec::new(), has_colors);
            let mut area = area(&["dim", "bad", "plain"], 80);
            area.rows[0].tone = Tone::Dim;
            area.rows[1].tone = Tone::Warning;
            screen.show(area);
            screen.draw();
            written(&mut screen)
        };
        assert_eq!(draw(false), "dim\r\nbad\r\nplain");
        let coloured = draw(true);
        assert!(
            coloured.starts_with("\u{1b}[2mdim\u{1b}[0m\r\n\u{1b}["),
            "{coloured:?}"
        );
        assert!(coloured.ends_with("mbad\u{1b}[0m\r\nplain"), "{coloured:?}");
    }
}
