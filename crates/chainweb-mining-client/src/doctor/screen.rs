//! Where findings are shown: line by line for people as they come, or as one JSON object at the end.
//!
//! Findings come in the order of the checks; those that are left out in between are shown as not checked.

use std::io::{self, Write};

use serde::Serialize;

use super::check::{Check, Finding, State};
use super::{Form, Verdict};

/// Width of a line, and of its mark and label.
const WIDTH: usize = 100;
const INDENT: usize = 17;

/// Whether what depends on a check can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    GoOn,
    /// It failed.
    Stop,
}

/// Whether the examination was ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interrupted {
    No,
    Yes,
}

/// The findings so far.
pub(super) struct Screen<'a> {
    out: &'a mut dyn Write,
    form: Form,
    node: String,
    account: String,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Object<'a> {
    node: &'a str,
    account: &'a str,
    mining_would_work: bool,
    checks: &'a [Finding],
}

impl<'a> Screen<'a> {
    pub(super) fn new(out: &'a mut dyn Write, form: Form, node: &node::Config) -> io::Result<Self> {
        let (node, miner) = (node.endpoint.to_string(), &node.miner);
        if form != Form::Json {
            match miner.account() {
                "k:" => writeln!(out, "{node}, without a key to mine for\n")?,
                account => writeln!(out, "{node}, mining for {}\n", clean(account))?,
            }
        }
        let account = miner.account().to_owned();
        Ok(Self {
            out,
            form,
            node,
            account,
            findings: Vec::new(),
        })
    }

    /// Shows a finding, and before it those that were left out.
    pub(super) fn show(&mut self, finding: Finding) -> io::Result<Flow> {
        for check in Check::ALL {
            if check < finding.check && self.findings.iter().all(|found| found.check < check) {
                self.add(Finding::unreached(check))?;
            }
        }
        let flow = match finding.state {
            State::Fail => Flow::Stop,
            State::Ok | State::Warn | State::Skipped => Flow::GoOn,
        };
        self.add(finding)?;
        Ok(flow)
    }

    /// Shows what was not reached and what comes of it all.
    pub(super) fn finish(mut self, interrupted: Interrupted) -> io::Result<Verdict> {
        let unreached: Vec<_> = Check::ALL
            .into_iter()
            .filter(|&check| self.findings.iter().all(|found| found.check < check))
            .collect();
        if self.form != Form::Json && !unreached.is_empty() {
            write!(self.out, "{}", not_checked(&unreached, self.form))?;
        }
        let unreached = unreached.into_iter().map(Finding::unreached);
        self.findings.extend(unreached);
        let count = |state| {
            self.findings
                .iter()
                .filter(|found| found.state == state)
                .count()
        };
        let works = count(State::Fail) == 0 && interrupted == Interrupted::No;
        let (failures, warnings) = (count(State::Fail), count(State::Warn));
        match self.form {
            Form::Json => {
                let object = Object {
                    node: &self.node,
                    account: &self.account,
                    mining_would_work: works,
                    checks: &self.findings,
                };
                writeln!(self.out, "{}", serde_json::to_string(&object)?)?;
            }
            Form::Plain | Form::Coloured => {
                let result = match (failures, warnings) {
                    (0, _) if interrupted == Interrupted::Yes => {
                        "interrupted: whether mining would work is not known"
                    }
                    (0, 0) => "mining would work",
                    (0, _) => "mining would work, but see above",
                    _ => "mining would not work",
                };
                writeln!(self.out, "\n{result}")?;
            }
        }
        self.out.flush()?;
        Ok(if works {
            Verdict::Healthy
        } else {
            Verdict::Unwell
        })
    }

    fn add(&mut self, finding: Finding) -> io::Result<()> {
        if self.form != Form::Json {
            write!(self.out, "{}", text(&finding, self.form))?;
            // The next one may take its time.
            self.out.flush()?;
        }
        self.findings.push(finding);
        Ok(())
    }
}

fn mark(state: State, form: Form) -> String {
    let (mark, colour) = match state {
        State::Ok => ('✓', 32),
        State::Warn => ('!', 33),
        State::Fail => ('✗', 31),
        State::Skipped => ('-', 2),
    };
    match form {
        Form::Coloured => format!("\x1b[{colour}m{mark}\x1b[0m"),
        Form::Plain | Form::Json => mark.to_string(),
    }
}

/// All that was not reached in one paragraph: there is nothing to say about any of it.
fn not_checked(checks: &[Check], form: Form) -> String {
    let labels: Vec<_> = checks.iter().map(|check| check.label()).collect();
    let mark = mark(State::Skipped, form);
    format!(
        "{mark} {:<15}{}",
        "not checked",
        wrapped(&labels.join(", "), "")
    )
}

fn text(finding: &Finding, form: Form) -> String {
    let mark = mark(finding.state, form);
    let mut text = format!("{mark} {:<15}", finding.check.label());
    text.push_str(&wrapped(&finding.figure, ""));
    if let Some(advice) = &finding.advice {
        text.push_str(&" ".repeat(INDENT));
        text.push_str(&wrapped(advice, "→ "));
    }
    text
}

/// A text without control characters, which may come from a node or a file.
fn clean(text: &str) -> String {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(shown).collect()
}

/// A text in lines of [`WIDTH`], all but the first indented, clean.
fn wrapped(text: &str, bullet: &str) -> String {
    let clean = clean(text);
    let hang = INDENT + bullet.chars().count();
    let mut lines = bullet.to_owned();
    let mut column = hang;
    for (index, word) in clean.split_whitespace().enumerate() {
        let length = word.chars().count();
        if index > 0 {
            if column + 1 + length > WIDTH {
                lines.push('\n');
                lines.push_str(&" ".repeat(hang));
                column = hang;
            } else {
                lines.push(' ');
                column += 1;
            }
        }
        lines.push_str(word);
        column += length;
    }
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of three findings, the second of which is left out and the third of which fails.
    fn shown(form: Form) -> String {
        let node = node::Config {
            endpoint: "localhost".parse().expect("it is an address"),
            miner: node::Miner::new(Some("abc"), Some("k:\x1babc")),
            insecure: false,
            limits: node::Limits::default(),
        };
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, form, &node).expect("memory takes it");
        let findings = [
            (Finding::ok(Check::Name, "it is an address"), Flow::GoOn),
            (
                Finding::warn(Check::Protocol, "odd\r\n\x1b[2J", "look"),
                Flow::GoOn,
            ),
            (
                Finding::fail(Check::Info, "404", "word ".repeat(20)),
                Flow::Stop,
            ),
        ];
        for (finding, flow) in findings {
            assert_eq!(screen.show(finding).expect("memory takes it"), flow);
        }
        let verdict = screen.finish(Interrupted::No).expect("memory takes it");
        assert_eq!(verdict, Verdict::Unwell);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn lines_are_aligned_and_wrapped_and_what_a_node_says_cannot_move_the_cursor() {
        let expected = "\
http://localhost:1848, mining for k: abc

✓ name           it is an address
- connection     not checked
! protocol       odd [2J
                 → look
✗ /info          404
                 → word word word word word word word word word word word word word word word word
                   word word word word
- not checked    network, /cut, mining API, key, work, update stream, clock, round trip

mining would not work
";
        assert_eq!(shown(Form::Plain), expected);
        let marks = [('✓', 32), ('-', 2), ('!', 33), ('✗', 31)];
        let coloured = marks
            .iter()
            .fold(expected.to_owned(), |text, (mark, colour)| {
                text.replace(
                    &format!("\n{mark}"),
                    &format!("\n\x1b[{colour}m{mark}\x1b[0m"),
                )
            });
        assert_eq!(shown(Form::Coloured), coloured);
    }

    #[test]
    fn json_holds_every_check() {
        let object: serde_json::Value = serde_json::from_str(&shown(Form::Json)).expect("JSON");
        let states: Vec<_> = object["checks"].as_array().into_iter().flatten().collect();
        assert_eq!(states.len(), Check::ALL.len());
        assert_eq!(object["mining_would_work"], false);
        assert_eq!(object["checks"][1]["state"], "skipped");
        assert_eq!(object["checks"][3]["advice"], "word ".repeat(20));
    }
}
