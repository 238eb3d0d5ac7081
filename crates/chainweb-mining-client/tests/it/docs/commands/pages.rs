//! The blocks of a page, each with the comment before it.

/// The language of a command that readers do not see.
const START: &str = "start";

/// A block between two lines of backticks.
pub(super) struct Block<'a> {
    pub(super) line: usize,
    pub(super) language: &'a str,
    /// The comment, without its marks.
    pub(super) comment: &'a str,
    /// The line of text before it.
    caption: &'a str,
    pub(super) lines: Vec<&'a str>,
}

impl<'a> Block<'a> {
    pub(super) fn has_commands(&self) -> bool {
        ["sh", START].contains(&self.language) || self.lines.iter().any(|it| it.starts_with("$ "))
    }

    /// Returns whether the comment has one of the known forms.
    pub(super) fn is_marked(&self) -> bool {
        self.comment == "run" || self.comment.starts_with("not run: ") || self.expected().is_some()
    }

    /// Returns what its last command logs, if it runs on.
    pub(super) fn expected(&self) -> Option<&'a str> {
        if self.language == START {
            return self.comment.split_once(" | ").map(|(_, text)| text);
        }
        self.comment.strip_prefix("run until: ")
    }

    /// Returns its commands without their output.
    pub(super) fn script(&self) -> String {
        let is_plain = ["sh", START].contains(&self.language);
        let prefix = if is_plain { "" } else { "$ " };
        let commands = self.lines.iter().filter_map(|it| it.strip_prefix(prefix));
        commands
            .map(|command| command.replace(" …", "").replace("target/release/", "") + "\n")
            .collect()
    }

    /// Returns the name of the file that it is, as in "Example `once.py`:".
    pub(super) fn file(&self) -> Option<&'a str> {
        let mut spans = self.caption.split('`').skip(1).step_by(2);
        let endings = [".yaml", ".toml", ".json", ".py"];
        spans.find(|span| {
            self.caption.ends_with(':') && endings.iter().any(|ending| span.ends_with(ending))
        })
    }
}

/// Returns the blocks of a page, in order.
pub(super) fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let (mut caption, mut comment) = ("", "");
    let mut lines = (1..).zip(page.lines());
    while let Some((line, text)) = lines.next() {
        let found = text
            .strip_prefix("<!-- ")
            .and_then(|it| it.strip_suffix(" -->"));
        let mut block = Block {
            line,
            language: START,
            comment,
            caption,
            lines: Vec::new(),
        };
        if let Some(language) = text.strip_prefix("```") {
            block.language = language;
            let body = lines.by_ref().map(|(_, text)| text);
            block.lines.extend(body.take_while(|text| *text != "```"));
            blocks.push(block);
            (caption, comment) = ("", "");
        } else if let Some(command) = found.and_then(|it| it.strip_prefix("start: ")) {
            block.caption = "";
            block.comment = command;
            block.lines.extend(command.split(" | ").next());
            blocks.push(block);
        } else if let Some(found) = found {
            comment = found;
        } else if !text.is_empty() {
            (caption, comment) = (text, "");
        }
    }
    blocks
}
