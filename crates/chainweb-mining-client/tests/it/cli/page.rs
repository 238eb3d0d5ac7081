//! The files on the page about configuration.

use super::config::Folder;
use super::program::text;

const PAGE: &str = include_str!("../../../../../docs/configuration.md");

/// Returns the code blocks of a page: the line before, the language, the lines.
fn blocks(page: &str) -> Vec<(&str, &str, Vec<&str>)> {
    let mut blocks = Vec::new();
    let mut caption = "";
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        match line.strip_prefix("```") {
            Some(language) => {
                let block = lines.by_ref().take_while(|line| *line != "```").collect();
                blocks.push((caption, language, block));
            }
            None if line.is_empty() => {}
            None => caption = line,
        }
    }
    blocks
}

#[test]
fn the_three_files_of_the_page_are_the_same_configuration() {
    let folder = Folder::new("formats");
    let mut printed = Vec::new();
    for (caption, language, lines) in blocks(PAGE) {
        if caption.starts_with("`miner.") && language != "console" {
            let file = folder.file(&format!("same.{language}"), lines.join("\n"));
            let output = super::run(&["--config-file", &file, "--print-config"]);
            assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
            printed.push(text(&output.stdout).to_owned());
        }
    }
    assert_eq!(printed.len(), 3);
    assert!(printed[0].contains("stratumPort: 1918\n"), "{}", printed[0]);
    assert!(printed.iter().all(|one| *one == printed[0]), "{printed:#?}");
}
