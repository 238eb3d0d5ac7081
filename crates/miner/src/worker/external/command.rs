//! The command line for the shell.
//!
//! The command itself is shell syntax, with its quotes, pipes and variables. Arguments after it are
//! quoted, so the shell does not interpret them.

use std::process::Stdio;

use tokio::process::Command;

/// A shell command with arguments and environment variables.
#[derive(Clone, Debug, Default)]
pub struct ShellCommand {
    /// The command in shell syntax.
    pub command: String,
    /// Arguments after the command, passed literally.
    pub arguments: Vec<String>,
    /// Environment variables in addition to this program's.
    pub environment: Vec<(String, String)>,
}

impl ShellCommand {
    /// Returns the command with its arguments, followed by `last` if present. Its standard streams
    /// are piped.
    pub(super) fn with(&self, last: Option<&str>) -> Command {
        // By absolute path: the environment can set a PATH without a shell.
        let mut command = Command::new("/bin/sh");
        command
            .arg("-c")
            .arg(self.line(last))
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn line(&self, last: Option<&str>) -> String {
        // A newline at the end, as in a file, would end the command before its arguments.
        let mut line = self.command.trim_end().to_owned();
        let arguments = self.arguments.iter().map(|argument| quoted(argument));
        for argument in arguments.chain(last.map(str::to_owned)) {
            line.push(' ');
            line.push_str(&argument);
        }
        line
    }
}

/// Returns a word quoted for the shell. Within single quotes, only a single quote is special.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:,+@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::ShellCommand;

    fn command(command: &str, arguments: &[&str]) -> ShellCommand {
        ShellCommand {
            command: command.to_owned(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            environment: Vec::new(),
        }
    }

    #[test]
    fn target_is_the_last_word_of_the_line() {
        #[track_caller]
        fn check(shell: &str, arguments: &[&str], last: Option<&str>, line: &str) {
            assert_eq!(command(shell, arguments).line(last), line);
        }
        check("miner", &[], Some("ff00"), "miner ff00");
        check("miner -x\n", &["a"], Some("ff00"), "miner -x a ff00");
        check(
            "miner --fast",
            &["-d", "2"],
            Some("ff00"),
            "miner --fast -d 2 ff00",
        );
        check("a | b", &[], None, "a | b");
        check(
            "miner",
            &["two words", "it's", ""],
            None,
            r"miner 'two words' 'it'\''s' ''",
        );
    }

    #[tokio::test]
    async fn arguments_and_variables_reach_the_command_unchanged() {
        let words = [
            "two words",
            "it's",
            "",
            "$HOME `id` \\ \"; exit 3",
            "*",
            "-n",
            "é\n",
        ];
        let mut shell = command(r#"printf '%s\0' "$VARIABLE""#, &words);
        shell.environment = vec![("VARIABLE".to_owned(), "a = 'b'".to_owned())];
        let mut run = shell.with(Some("ff"));
        let output = run
            .stdin(Stdio::null())
            .output()
            .await
            .expect("there is a shell");
        let printed = String::from_utf8(output.stdout).expect("text");
        let expected = [&["a = 'b'"], &words[..], &["ff", ""]].concat();
        assert_eq!(printed.split('\0').collect::<Vec<_>>(), expected);
    }
}
