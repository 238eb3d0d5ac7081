//! The exit code of the program, and the report of the error that ends it.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::time::Duration;

use tracing::error;

use crate::logging::{self, LogFormat};
use crate::usage::UsageError;

/// How long the program waits at its end for the log and for running tasks.
pub const QUIT_LIMIT: Duration = Duration::from_millis(500);

/// The exit code for wrong usage, as in `sysexits.h`.
pub const USAGE: u8 = 64;

/// Prints a line to standard error, after everything logged so far.
pub fn eprint(line: &str) {
    logging::flush(QUIT_LIMIT);
    // If standard error is closed, only the exit code remains.
    writeln!(io::stderr(), "{line}").ok();
}

/// Returns the exit code for a result, and reports the error if it is one.
///
/// For a usage error, `origins` returns the sources of the flags that the message names.
pub fn code(
    result: anyhow::Result<ExitCode>,
    format: LogFormat,
    origins: impl Fn(&str) -> Vec<String>,
) -> ExitCode {
    match result {
        Ok(code) => code,
        // The reader of the output has closed it.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let message = format!("{error:#}");
            if error.is::<UsageError>() {
                report(&message, &origins(&message), format);
                ExitCode::from(USAGE)
            } else {
                report(&message, &[], format);
                ExitCode::FAILURE
            }
        }
    }
}

fn report(error: &str, origins: &[String], format: LogFormat) {
    match format {
        LogFormat::Plain => {
            eprint(&format!("error: {error}"));
            for origin in origins {
                eprint(&format!("  {origin}"));
            }
        }
        LogFormat::Json => {
            let origins = (!origins.is_empty()).then(|| origins.join("; "));
            error!(event = "fatal_error", error, origins, "fatal error");
        }
    }
}

/// Whether the reader of an output has closed it.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
