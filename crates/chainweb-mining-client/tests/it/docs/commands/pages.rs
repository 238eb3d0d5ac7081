//! The blocks of a page with their marks.

/// The language of a command that readers do not see.
const START: &str = "start";

/// A block between two lines of backticks.
pub(super) struct Block<'a> {
    pub(super) line: usize,
    pub(super) language: &'a str,
    pub(super) mark: Mark<'a>,
    /// The name of the file that the block is.
    pub(super) file: Option<&'a str>,
    pub(super) lines: Vec<&'a str>,
}

/// What the comment before a block says.
#[derive(Clone, Copy)]
pub(super) enum Mark<'a> {
    None,
    Run,
    RunUntil(&'a str),
    NotRun,
}

impl<'a> Mark<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let comment = comment(line)?;
        if comment == "run" {
            Some(Self::Run)
        } else if let Some(text) = comment.strip_prefix("run until: ") {
            Some(Self::RunUntil(text))
        } else {
            comment.strip_prefix("not run: ").map(|_| Self::NotRun)
        }
    }
}

fn comment(line: &str) -> Option<&str> {
    line.strip_prefix("<!-- ")?.strip_suffix(" -->")
}

impl Block<'_> {
    pub(super) fn has_commands(&self) -> bool {
        ["sh", START].contains(&self.language)
            || self.lines.iter().any(|line| line.starts_with("$ "))
    }

    /// Returns its commands without their output.
    pub(super) fn script(&self) -> String {
        let commands: Vec<_> = match self.language {
            "sh" | START => self.lines.clone(),
            _ => self
                .lines
                .iter()
                .filter_map(|line| line.strip_prefix("$ "))
                .collect(),
        };
        let script = commands.join("\n") + "\n";
        script
            .replace(" …", "")
            .replace("cargo run --release -- ", "chainweb-mining-client ")
            .replace("target/release/", "")
    }
}

/// Returns the command and the expected text of a comment.
fn started(line: &str) -> Option<(&str, &str)> {
    comment(line)?.strip_prefix("start: ")?.split_once(" | ")
}

/// Returns the name in a line such as "Example `once.py`:".
fn file_name(line: &str) -> Option<&str> {
    let mut spans = line.split('`').skip(1).step_by(2);
    spans.find(|span| {
        let ending = span.rsplit_once('.').map_or("", |(_, ending)| ending);
        line.ends_with(':') && ["yaml", "toml", "json", "py"].contains(&ending)
    })
}

/// Returns the blocks of a page, in order.
pub(super) fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut caption = "";
    let mut mark = Mark::None;
    let mut lines = (1..).zip(page.lines());
    while let Some((line, text)) = lines.next() {
        if let Some(language) = text.strip_prefix("```") {
            let body = lines.by_ref().map(|(_, text)| text);
            blocks.push(Block {
                line,
                language,
                mark,
                file: file_name(caption),
                lines: body.take_while(|text| *text != "```").collect(),
            });
            mark = Mark::None;
            caption = "";
        } else if let Some((command, expected)) = started(text) {
            blocks.push(Block {
                line,
                language: START,
                mark: Mark::RunUntil(expected),
                file: None,
                lines: vec![command],
            });
        } else if let Some(found) = Mark::parse(text) {
            mark = found;
        } else if !text.is_empty() {
            mark = Mark::None;
            caption = text;
        }
    }
    blocks
}
