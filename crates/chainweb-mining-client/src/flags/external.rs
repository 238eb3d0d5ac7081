//! The flags of the external worker.

use std::num::NonZeroUsize;
#[cfg(unix)]
use std::path::Path;
use std::time::Duration;

use clap::{Args, ValueEnum};
#[cfg(unix)]
use miner::timing::CommandTiming;
use miner::timing::Timing;
use miner::worker::Worker;
#[cfg(unix)]
use miner::worker::external::{
    self, External, InputEncoding, Once, Protocol, ShellCommand, TargetEncoding,
};
#[cfg(unix)]
use rand::Rng;
#[cfg(unix)]
use rand::rngs::StdRng;

use crate::quantity::positive_duration;
use crate::usage::UsageError;

/// The command of the external worker and its protocol.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "External")]
pub struct ExternalArgs {
    /// The shell command to solve work, run by `sh -c`; `{index}` is the number of the process.
    #[arg(
        long = "external-worker-cmd",
        value_name = "COMMAND",
        value_parser = without_nul,
        allow_hyphen_values = true
    )]
    pub command: Option<String>,
    /// How the command receives work and returns nonces.
    #[arg(
        long = "external-protocol",
        value_enum,
        value_name = "PROTOCOL",
        default_value = "once",
        ignore_case = true
    )]
    pub protocol: ProtocolName,
    /// Protocol `once`: the encoding of the target, which is the last argument.
    #[arg(
        long = "external-target-encoding",
        value_enum,
        value_name = "ENCODING",
        default_value = "bytes",
        ignore_case = true
    )]
    pub target_encoding: TargetEncodingName,
    /// Protocol `once`: the encoding of the header on standard input.
    #[arg(
        long = "external-input",
        value_enum,
        value_name = "ENCODING",
        default_value = "binary",
        ignore_case = true
    )]
    pub input: InputEncodingName,
    /// An argument after the command, quoted for the shell; repeatable.
    #[arg(
        long = "external-arg",
        value_name = "ARGUMENT",
        value_parser = without_nul,
        allow_hyphen_values = true
    )]
    pub arguments: Vec<String>,
    /// An environment variable for the command; repeatable.
    #[arg(
        long = "external-env",
        value_name = "KEY=VALUE",
        value_parser = variable
    )]
    pub environment: Vec<(String, String)>,
    /// Protocol `once`: how long a command may run before it is restarted [default: no limit].
    #[arg(
        long = "external-timeout",
        value_name = "TIME",
        value_parser = positive_duration
    )]
    pub time_limit: Option<Duration>,
}

/// The protocol between the worker and its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProtocolName {
    /// One run per header: header on standard input, target as last argument, nonce on standard
    /// output.
    Once,
    /// One long-running process that receives jobs and returns nonces as lines of JSON.
    Lines,
}

/// The encoding of the target on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TargetEncodingName {
    /// The bytes as in the header, least significant first, as the Haskell client documents.
    Bytes,
    /// Four 64-bit words, least significant word first, each word most significant digit first, as
    /// the Haskell client 0.5 writes.
    Words,
}

/// The encoding of the header on standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InputEncodingName {
    /// The bytes of the header.
    Binary,
    /// One line of hex digits, two for each byte.
    Hex,
}

impl ExternalArgs {
    /// Returns an error: there is no such worker.
    #[cfg(not(unix))]
    pub(crate) fn worker(&self, _processes: NonZeroUsize) -> Result<Worker, UsageError> {
        Err(UsageError::new(
            "--worker external: not on Windows, which has no process groups to end a command with: \
             use the Linux program in the Windows Subsystem for Linux",
        ))
    }

    /// Creates the external worker.
    #[cfg(unix)]
    pub(crate) fn worker(&self, processes: NonZeroUsize) -> Result<Worker, UsageError> {
        let first_nonce = rand::make_rng::<StdRng>().next_u64();
        let config = self.config(processes, first_nonce)?;
        Ok(Worker::External(External::new(config)))
    }

    /// Returns how long a command works on one header before the worker sends a fresh one.
    pub(super) fn time_between_headers(&self, timing: &Timing) -> Duration {
        match self.protocol {
            ProtocolName::Once => Duration::MAX,
            ProtocolName::Lines => timing.restamp,
        }
    }

    #[cfg(unix)]
    fn config(
        &self,
        processes: NonZeroUsize,
        first_nonce: u64,
    ) -> Result<external::Config, UsageError> {
        let command = self.command.as_deref().unwrap_or_default();
        if command.trim().is_empty() {
            return Err(UsageError::new(
                "--worker external needs a command: --external-worker-cmd 'miner --device 0'",
            ));
        }
        if !Path::new("/bin/sh").exists() {
            return Err(UsageError::new(
                "--worker external runs its command by /bin/sh, which is not here: \
                 use the image whose tag ends with -debian, or another system with a shell",
            ));
        }
        Ok(external::Config {
            processes,
            command: ShellCommand {
                command: command.to_owned(),
                arguments: self.arguments.clone(),
                environment: self.environment.clone(),
            },
            protocol: match self.protocol {
                ProtocolName::Once => Protocol::Once(Once {
                    target: match self.target_encoding {
                        TargetEncodingName::Bytes => TargetEncoding::Bytes,
                        TargetEncodingName::Words => TargetEncoding::Words,
                    },
                    input: match self.input {
                        InputEncodingName::Binary => InputEncoding::Binary,
                        InputEncodingName::Hex => InputEncoding::Hex,
                    },
                    time_limit: self.time_limit,
                }),
                ProtocolName::Lines => Protocol::Lines,
            },
            first_nonce,
            timing: CommandTiming::default(),
        })
    }
}

/// Parses an argument, which cannot contain the NUL character.
fn without_nul(text: &str) -> Result<String, String> {
    if text.contains('\0') {
        return Err("expected text without a NUL character".to_owned());
    }
    Ok(text.to_owned())
}

/// Parses an environment variable. Its name must be a shell name; its value may be empty and
/// contain `=`.
fn variable(text: &str) -> Result<(String, String), String> {
    let is_name = |key: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        key.bytes().all(is_plain) && !key.starts_with(|first: char| first.is_ascii_digit())
    };
    match without_nul(text)?.split_once('=') {
        Some((key, value)) if !key.is_empty() && is_name(key) => {
            Ok((key.to_owned(), value.to_owned()))
        }
        _ => Err("expected KEY=VALUE, as in CUDA_VISIBLE_DEVICES=0".to_owned()),
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::time::Duration;

    use clap::Parser;
    use miner::worker::external::{InputEncoding, Once, Protocol, TargetEncoding};

    use super::super::{PROCESSES, slots};
    use super::{ExternalArgs, variable};
    use crate::cli::Cli;

    fn args(flags: &[&str]) -> ExternalArgs {
        let program = ["chainweb-mining-client"];
        let flags = program.iter().chain(flags);
        Cli::try_parse_from(flags)
            .expect("good flags")
            .mine
            .external
    }

    #[test]
    fn every_flag_reaches_the_worker() {
        let args = args(&[
            "--external-worker-cmd=miner --fast",
            "--external-protocol=ONCE",
            "--external-target-encoding=words",
            "--external-input=hex",
            "--external-arg=-d",
            "--external-arg",
            "-2",
            "--external-env=A=1",
            "--external-env=B==",
            "--external-timeout=90s",
        ]);
        let config = args.config(NonZeroUsize::new(5).expect("not zero"), 7);
        let config = config.expect("there is a command");
        assert_eq!((config.processes.get(), config.first_nonce), (5, 7));
        assert_eq!(config.command.command, "miner --fast");
        assert_eq!(config.command.arguments, ["-d", "-2"]);
        let variables =
            [("A", "1"), ("B", "=")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(config.command.environment, variables);
        let Protocol::Once(Once {
            target,
            input,
            time_limit,
        }) = config.protocol
        else {
            panic!("{:?}", config.protocol);
        };
        assert_eq!((target, input), (TargetEncoding::Words, InputEncoding::Hex));
        assert_eq!(time_limit, Some(Duration::from_secs(90)));
    }

    #[test]
    fn defaults_are_those_the_haskell_client_documents() {
        let args = args(&["--external-worker-cmd", "miner"]);
        let config = args.config(PROCESSES, 0);
        let config = config.expect("there is a command");
        assert_eq!(config.processes.get(), 2);
        let Protocol::Once(Once {
            target,
            input,
            time_limit,
        }) = config.protocol
        else {
            panic!("{:?}", config.protocol);
        };
        assert_eq!(
            (target, input),
            (TargetEncoding::Bytes, InputEncoding::Binary)
        );
        assert_eq!(time_limit, None);
    }

    #[test]
    fn each_process_has_its_own_work_unless_work_slots_says_otherwise() {
        #[track_caller]
        fn check(flags: &[&str], expected: usize) {
            let flags = ["chainweb-mining-client", "-w", "external"]
                .iter()
                .chain(flags);
            let args = Cli::try_parse_from(flags).expect("good flags").mine;
            assert_eq!(slots(&args).expect("good flags").get(), expected);
        }
        check(&[], 2);
        check(&["-c", "1"], 2);
        check(&["-c", "5"], 5);
        check(&["-c", "500"], 98);
        check(&["-c", "5", "--work-slots", "3"], 3);
    }

    #[test]
    fn variables_are_key_value_pairs() {
        let pair = |key: &str, value: &str| Ok((key.to_owned(), value.to_owned()));
        assert_eq!(variable("A=1"), pair("A", "1"));
        assert_eq!(variable("A=b=c"), pair("A", "b=c"));
        assert_eq!(variable("A="), pair("A", ""));
        assert_eq!(variable("_a9=1"), pair("_a9", "1"));
        for text in ["", "A", "=1", "9A=1", "A B=1", "a-b=1", " A=1"] {
            let error = variable(text).expect_err("no variable");
            assert!(error.contains("KEY=VALUE"), "{error}");
        }
    }
}
