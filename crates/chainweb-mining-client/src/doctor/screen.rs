//! Prints the findings: line by line as they come, or as one JSON object at the end.
//!
//! Findings come in the order of the checks. Skipped checks are printed as not checked.

use std::io::{self, Write};

use serde::Serialize;

use super::check::{Check, Finding, State};
use super::{Form, Verdict};

/// The width of a line, in columns.
const WIDTH: usize = 100;
/// The width of mark and label.
const INDENT: usize = 17;

/// Whether a signal has ended the examination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interrupted {
    No,
    Yes,
}

/// The output and the findings so far.
pub(super) struct Screen<'a> {
    out: &'a mut dyn Write,
    form: Form,
    report: Report,
}

#[derive(Serialize)]
struct Report {
    node: String,
    account: String,
    is_submit_only: bool,
    mining_would_work: bool,
    checks: Vec<Finding>,
}

impl<'a> Screen<'a> {
    pub(super) fn new(
        out: &'a mut dyn Write,
        form: Form,
        node: &node::Config,
        is_submit_only: bool,
    ) -> io::Result<Self> {
        let report = Report {
            node: node.endpoint.to_string(),
            account: node.miner.account().to_owned(),
            is_submit_only,
            mining_would_work: false,
            checks: Vec::new(),
        };
        let mut screen = Self { out, form, report };
        let node = match &screen.report.node {
            node if is_submit_only => format!("{node} (submit only)"),
            node => node.clone(),
        };
        let title = match screen.report.account.as_str() {
            "k:" => format!("{node}, without a key to mine for\n\n"),
            account => format!("{node}, mining for {}\n\n", clean(account)),
        };
        screen.print(&title)?;
        Ok(screen)
    }

    /// Prints a finding, after those of the checks skipped before it. Returns its state.
    pub(super) fn show(&mut self, finding: Finding) -> io::Result<State> {
        for &(check, _) in self.left() {
            if check < finding.check {
                self.add(Finding::unreached(check))?;
            }
        }
        let state = finding.state;
        self.add(finding)?;
        Ok(state)
    }

    /// Prints the remaining checks, in one paragraph, and the verdict.
    pub(super) fn finish(mut self, interrupted: Interrupted) -> io::Result<Verdict> {
        let left = self.left();
        if !left.is_empty() {
            let labels: Vec<_> = left.iter().map(|(_, label)| *label).collect();
            let text = self.line(State::Skipped, "not checked", &labels.join(", "));
            self.print(&text)?;
        }
        let unreached = left.iter().map(|(check, _)| Finding::unreached(*check));
        self.report.checks.extend(unreached);
        let worst = self.report.checks.iter().map(|finding| finding.state).max();
        let (verdict, text) = match (worst, interrupted) {
            (Some(State::Fail), _) => (Verdict::Unwell, "mining would not work"),
            (_, Interrupted::Yes) => (
                Verdict::Unwell,
                "interrupted: whether mining would work is not known",
            ),
            (Some(State::Warn), _) => (Verdict::Healthy, "mining would work, but see above"),
            _ => (Verdict::Healthy, "mining would work"),
        };
        self.print(&format!("\n{text}\n"))?;
        if self.form == Form::Json {
            self.report.mining_would_work = verdict == Verdict::Healthy;
            writeln!(self.out, "{}", serde_json::to_string(&self.report)?)?;
            self.out.flush()?;
        }
        Ok(verdict)
    }

    /// The checks after the last finding.
    fn left(&self) -> &'static [(Check, &'static str)] {
        const ALL: &[(Check, &str)] = &Check::ALL;
        &ALL[self.report.checks.len()..]
    }

    fn add(&mut self, finding: Finding) -> io::Result<()> {
        let text = self.line(finding.state, finding.check.label(), &finding.figure)
            + &finding.advice.as_deref().map_or(String::new(), advised);
        self.report.checks.push(finding);
        self.print(&text)
    }

    /// Prints text unless the form is JSON. The next text may take a while, so it is flushed.
    fn print(&mut self, text: &str) -> io::Result<()> {
        if self.form == Form::Json {
            return Ok(());
        }
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    fn line(&self, state: State, label: &str, text: &str) -> String {
        let head = format!("{}{label:<15}", mark(self.form, state));
        wrapped(head, INDENT, text)
    }
}

/// Returns a text with a mark, and what to do about it.
pub(super) fn paragraph(form: Form, state: State, text: &str, advice: Option<&str>) -> String {
    wrapped(mark(form, state), 2, text) + &advice.map_or(String::new(), advised)
}

fn advised(advice: &str) -> String {
    wrapped(format!("{:INDENT$}→ ", ""), INDENT + 2, advice)
}

fn mark(form: Form, state: State) -> String {
    let (mark, colour) = match state {
        State::Ok => ('✓', 32),
        State::Warn => ('!', 33),
        State::Fail => ('✗', 31),
        State::Skipped => ('-', 2),
    };
    match form {
        Form::Coloured => format!("\x1b[{colour}m{mark}\x1b[0m "),
        Form::Plain | Form::Json => format!("{mark} "),
    }
}

/// Replaces control characters, which may come from a node or a file.
fn clean(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// Returns `head`, which is `indent` columns wide, and the clean text to the right of it, in lines
/// of [`WIDTH`] columns.
fn wrapped(mut head: String, indent: usize, text: &str) -> String {
    let mut column = indent;
    for word in clean(text).split_whitespace() {
        let length = word.chars().count();
        if column > indent && column + 1 + length > WIDTH {
            head += "\n";
            head += &" ".repeat(indent);
            column = indent;
        } else if column > indent {
            head += " ";
            column += 1;
        }
        head += word;
        column += length;
    }
    head + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the output for three findings, with a check left out and one failed.
    fn output(form: Form) -> String {
        let node = node::Config {
            endpoint: "localhost".parse().expect("it is an address"),
            miner: node::Miner::new(Some("abc"), Some("k:\x1babc")),
            trust: node::Trust::default(),
            limits: node::Limits::default(),
        };
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, form, &node, false).expect("memory is writable");
        let findings = [
            (Finding::ok(Check::Name, "it is an address"), State::Ok),
            (
                Finding::warn(Check::Protocol, "odd\r\n\x1b[2J", "look"),
                State::Warn,
            ),
            (
                Finding::fail(Check::Info, "404", "word ".repeat(20)),
                State::Fail,
            ),
        ];
        for (finding, state) in findings {
            assert_eq!(screen.show(finding).expect("memory is writable"), state);
        }
        let verdict = screen.finish(Interrupted::No).expect("memory is writable");
        assert_eq!(verdict, Verdict::Unwell);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn lines_are_aligned_and_wrapped_and_control_characters_removed() {
        let expected = "\
http://localhost:1848, mining for k: abc

✓ name           it is an address
- connection     not checked
! protocol       odd [2J
                 → look
✗ /info          404
                 → word word word word word word word word word word word word word word word word
                   word word word word
- not checked    network, /cut, mining API, key, work, fork votes, update stream, clock, round trip,
                 one node

mining would not work
";
        assert_eq!(output(Form::Plain), expected);
        let marks = [('✓', 32), ('-', 2), ('!', 33), ('✗', 31)];
        let coloured = marks
            .iter()
            .fold(expected.to_owned(), |text, (mark, colour)| {
                text.replace(
                    &format!("\n{mark}"),
                    &format!("\n\x1b[{colour}m{mark}\x1b[0m"),
                )
            });
        assert_eq!(output(Form::Coloured), coloured);
    }

    #[test]
    fn json_has_every_check() {
        let object: serde_json::Value = serde_json::from_str(&output(Form::Json)).expect("JSON");
        let states: Vec<_> = object["checks"].as_array().into_iter().flatten().collect();
        assert_eq!(states.len(), Check::ALL.len());
        assert_eq!(object["mining_would_work"], false);
        assert_eq!(object["checks"][1]["state"], "skipped");
        assert_eq!(object["checks"][3]["advice"], "word ".repeat(20));
    }
}
