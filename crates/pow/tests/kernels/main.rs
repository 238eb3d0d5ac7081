//! The same checks for every kernel.
//!
//! Each check is one test per kernel, such as `avx2::an_empty_range_has_no_solution`. Tests of
//! kernels without instructions on this machine are ignored, so no test passes without a check.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod checks;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use pow::Kernel;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = Kernel::ALL
        .iter()
        .flat_map(|&kernel| trials(kernel))
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trials(kernel: Kernel) -> impl Iterator<Item = Trial> {
    let is_available = kernel.is_available();
    checks::ALL.iter().map(move |&(name, check)| {
        let trial = Trial::test(format!("{kernel}::{name}"), move || {
            check(&kernel.prove()?);
            Ok(())
        });
        if is_available {
            trial
        } else {
            trial
                .with_kind("not on this machine")
                .with_ignored_flag(true)
        }
    })
}
