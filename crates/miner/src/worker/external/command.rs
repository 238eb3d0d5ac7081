//! The command line for the shell.
//!
//! The command itself is shell syntax, with its quotes, pipes and variables. Arguments after it are
//! quoted, so the shell does not interpret them. Each process has an index, by which a command can
//! choose its device.

use std::process::Stdio;

use tokio::process::Command;

/// What the index of the process replaces in commands, arguments and values of variables.
const PLACEHOLDER: &str = "{index}";
/// The environment variable with the index of the process.
const INDEX: &str = "CHAINWEB_WORKER_INDEX";

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
    /// Returns the command of the process with this index, counted from 0, followed by `last` if
    /// present. Its standard streams are piped.
    pub(super) fn of(&self, index: usize, last: Option<&str>) -> Command {
        let index = index.to_string();
        let environment = self.environment.iter();
        let environment = environment.map(|(key, value)| (key, value.replace(PLACEHOLDER, &index)));
        // By absolute path: the environment can set a PATH without a shell.
        let mut command = Command::new("/bin/sh");
        command
            .arg("-c")
            .arg(self.line(last).replace(PLACEHOLDER, &index))
            .env(INDEX, &index)
            .envs(environment)
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
        let mut run = shell.of(0, Some("ff"));
        let output = run
            .stdin(Stdio::null())
            .output()
            .await
            .expect("there is a shell");
        let printed = String::from_utf8(output.stdout).expect("text");
        let expected = [&["a = 'b'"], &words[..], &["ff", ""]].concat();
        assert_eq!(printed.split('\0').collect::<Vec<_>>(), expected);
    }

    #[tokio::test]
    async fn each_process_gets_its_index() {
        for index in [0, 12] {
            let mut shell = command(
                "echo gpu{index} $DEVICE $CHAINWEB_WORKER_INDEX",
                &["-d{index}"],
            );
            shell.environment = vec![("DEVICE".to_owned(), "d={index}".to_owned())];
            let output = shell
                .of(index, None)
                .output()
                .await
                .expect("there is a shell");
            let printed = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(printed, format!("gpu{index} d={index} {index} -d{index}\n"));
        }
    }
}
