//! The command line that the shell is given.
//!
//! The command itself is the shell's affair, with all its quotes, pipes and variables. What is put behind it is quoted,
//! so that the shell takes nothing in it for its own.

use std::process::Stdio;

use tokio::process::Command;

/// What is to be run.
#[derive(Clone, Debug, Default)]
pub struct ShellCommand {
    /// A command of the shell.
    pub command: String,
    /// Arguments that are put behind it.
    pub arguments: Vec<String>,
    /// Variables that are set beside those of this program.
    pub environment: Vec<(String, String)>,
}

impl ShellCommand {
    /// The command with its arguments and, if there is one, `last` behind them; all of its pipes lead here.
    pub(super) fn with(&self, last: Option<&str>) -> Command {
        // By its path: a PATH among the variables is the command's, and need not lead to a shell.
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
        // A newline at its end, as a file or a variable may bring, would end the command before its arguments.
        let mut line = self.command.trim_end().to_owned();
        for argument in &self.arguments {
            line.push(' ');
            line.push_str(&quoted(argument));
        }
        if let Some(last) = last {
            line.push(' ');
            line.push_str(last);
        }
        line
    }
}

/// A word that the shell takes as it is: within single quotes nothing is special but the next one of them.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:,+@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
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
    fn the_target_is_the_last_word_of_the_line() {
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
    async fn arguments_and_variables_reach_the_command_as_they_are() {
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
