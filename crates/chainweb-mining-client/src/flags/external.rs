//! The flags of the external worker.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Args, ValueEnum};
use rand::Rng;
use rand::rngs::StdRng;

use crate::quantity::positive_duration;
use crate::usage::UsageError;
use miner::timing::{CommandTiming, Timing};
use miner::worker::Worker;
use miner::worker::external::{
    self, External, InputEncoding, Once, Protocol, ShellCommand, TargetEncoding,
};

/// What the external worker runs, and how it is spoken with.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "External")]
pub struct ExternalArgs {
    /// The shell command that solves the work, run by `sh -c`.
    #[arg(
        long = "external-worker-cmd",
        value_name = "COMMAND",
        value_parser = without_zero,
        allow_hyphen_values = true
    )]
    pub command: Option<String>,
    /// How the command is spoken with.
    #[arg(
        long = "external-protocol",
        value_enum,
        value_name = "PROTOCOL",
        default_value = "once",
        ignore_case = true
    )]
    pub protocol: ProtocolName,
    /// With the protocol `once`: how the target is written in the last argument.
    #[arg(
        long = "external-target-encoding",
        value_enum,
        value_name = "ENCODING",
        default_value = "bytes",
        ignore_case = true
    )]
    pub target_encoding: TargetEncoding,
    /// With the protocol `once`: how the header is written to standard input.
    #[arg(
        long = "external-input",
        value_enum,
        value_name = "ENCODING",
        default_value = "binary",
        ignore_case = true
    )]
    pub input: InputEncoding,
    /// An argument that is put behind the command, quoted for the shell; repeatable.
    #[arg(
        long = "external-arg",
        value_name = "ARGUMENT",
        value_parser = without_zero,
        allow_hyphen_values = true
    )]
    pub arguments: Vec<String>,
    /// A variable of the command's environment; repeatable.
    #[arg(
        long = "external-env",
        value_name = "KEY=VALUE",
        value_parser = variable
    )]
    pub environment: Vec<(String, String)>,
    /// With the protocol `once`: how long a command may run before it is ended and started again [default: no limit].
    #[arg(
        long = "external-timeout",
        value_name = "TIME",
        value_parser = positive_duration
    )]
    pub time_limit: Option<Duration>,
}

/// The external worker has nothing to run.
#[derive(Debug, thiserror::Error)]
#[error("--worker external needs a command: --external-worker-cmd 'miner --device 0'")]
struct NoCommand;

/// The ways to speak with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProtocolName {
    /// A command for each work: header on standard input, target as last argument, nonce on standard output.
    Once,
    /// A process that is started once and told of its jobs in lines of JSON.
    Lines,
}

impl ExternalArgs {
    /// The external worker.
    pub(crate) fn worker(&self, processes: NonZeroUsize) -> Result<Worker, UsageError> {
        let first_nonce = rand::make_rng::<StdRng>().next_u64();
        let config = self.config(processes, first_nonce)?;
        Ok(Worker::External(External::new(config)))
    }

    /// How long a command is on a header unless it is told otherwise: with `once` for ever, until it has solved it.
    pub(super) fn time_between_headers(&self, timing: &Timing) -> Duration {
        match self.protocol {
            ProtocolName::Once => Duration::MAX,
            ProtocolName::Lines => timing.restamp,
        }
    }

    fn config(
        &self,
        processes: NonZeroUsize,
        first_nonce: u64,
    ) -> Result<external::Config, UsageError> {
        let command = self.command.as_deref().unwrap_or_default();
        if command.trim().is_empty() {
            return Err(UsageError::new(NoCommand));
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
                    target: self.target_encoding,
                    input: self.input,
                    time_limit: self.time_limit,
                }),
                ProtocolName::Lines => Protocol::Lines,
            },
            first_nonce,
            timing: CommandTiming::default(),
        })
    }
}

/// Text that can be handed to a process.
fn without_zero(text: &str) -> Result<String, String> {
    if text.contains('\0') {
        return Err("expected text without a zero character".to_owned());
    }
    Ok(text.to_owned())
}

/// A variable of the environment, named as shells name them, with its value, which may be empty and hold any `=`.
fn variable(text: &str) -> Result<(String, String), String> {
    let is_name = |key: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        key.bytes().all(is_plain) && !key.starts_with(|first: char| first.is_ascii_digit())
    };
    match without_zero(text)?.split_once('=') {
        Some((key, value)) if !key.is_empty() && is_name(key) => {
            Ok((key.to_owned(), value.to_owned()))
        }
        _ => Err("expected KEY=VALUE, as in CUDA_VISIBLE_DEVICES=0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::time::Duration;

    use clap::Parser;

    use super::super::{PROCESSES, slots};
    use super::{ExternalArgs, variable};
    use crate::cli::Cli;
    use miner::worker::external::{InputEncoding, Once, Protocol, TargetEncoding};

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
    fn without_flags_it_is_what_the_haskell_client_documents() {
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
    fn each_process_has_a_work_of_its_own_unless_it_is_said_how_many_are_held() {
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
    fn variables_are_keys_with_values() {
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
