//! The flags for replacing a job after the node refreshes its payload.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use miner::Preemption;

use crate::quantity::positive_duration;

/// When to replace a job after the node refreshes its payload.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Preemption")]
pub struct PreemptionArgs {
    /// When to fetch new work after the node refreshes a block's transactions: `immediate`,
    /// `batch-complete`, `delayed:<time>` or `conditional`.
    #[arg(
        long = "preemption",
        value_name = "POLICY",
        default_value = "conditional"
    )]
    pub policy: Policy,
    /// Minimum time between fetches of work for a chain, with --preemption conditional.
    #[arg(long = "preemption-min-interval", value_name = "TIME", default_value = "15s", value_parser = positive_duration)]
    pub min_interval: Duration,
}

/// A policy by its name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Fetch at once.
    Immediate,
    /// Fetch when the worker starts a new header anyway.
    BatchComplete,
    /// Fetch this long after the first refresh.
    Delayed(Duration),
    /// Fetch at once, but not more often than a limit.
    Conditional,
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, time) = match text.split_once(':') {
            Some((name, time)) => (name, Some(time)),
            None => (text, None),
        };
        match (name.to_ascii_lowercase().as_str(), time) {
            ("immediate", None) => Ok(Self::Immediate),
            ("batch-complete", None) => Ok(Self::BatchComplete),
            ("conditional", None) => Ok(Self::Conditional),
            ("delayed", Some(time)) => positive_duration(time).map(Self::Delayed),
            _ => Err(
                "expected immediate, batch-complete, conditional, or delayed:<time> as in delayed:2s"
                    .to_owned(),
            ),
        }
    }
}

impl PreemptionArgs {
    /// Returns the policy, for a worker that starts a new header every `batch`.
    pub(super) fn policy(&self, batch: Duration) -> Preemption {
        match self.policy {
            Policy::Immediate => Preemption::Immediate,
            Policy::BatchComplete => Preemption::BatchComplete { batch },
            Policy::Delayed(delay) => Preemption::Delayed(delay),
            Policy::Conditional => Preemption::Conditional {
                min_interval: self.min_interval,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;
    use miner::Preemption;
    use miner::timing::Timing;

    use crate::cli::Cli;
    use crate::flags::batch;

    #[track_caller]
    fn check(flags: &[&str], expected: Preemption) {
        let flags = ["chainweb-mining-client"].iter().chain(flags);
        let args = Cli::try_parse_from(flags).expect("good flags").mine;
        let policy = args.preemption.policy(batch(&args, &Timing::default()));
        assert_eq!(policy, expected);
    }

    #[test]
    fn flags_name_a_policy_and_its_time() {
        let ms = Duration::from_millis;
        check(&[], Preemption::default());
        check(&["--preemption", "Immediate"], Preemption::Immediate);
        let delayed = Preemption::Delayed(ms(1500));
        check(&["--preemption=delayed:1500ms"], delayed);
        let min_interval = Preemption::Conditional {
            min_interval: ms(2000),
        };
        check(&["--preemption-min-interval", "2s"], min_interval);
    }

    #[test]
    fn the_length_of_a_batch_depends_on_the_worker() {
        #[track_caller]
        fn check_batch(worker: &[&str], ms: u64) {
            let batch = Duration::from_millis(ms);
            let flags = [&["--preemption", "batch-complete"], worker].concat();
            check(&flags, Preemption::BatchComplete { batch });
        }
        check_batch(&["--worker", "cpu", "--stratum-rate", "3000"], 1000);
        check_batch(&["--worker", "stratum"], 1000);
        check_batch(&["--worker", "stratum", "--stratum-rate", "3000"], 3000);
        check_batch(&["--worker", "constant-delay"], 1000);
        let lines = ["--worker", "external", "--external-protocol", "lines"];
        check_batch(&lines, 1000);
        // The limits of the server.
        check_batch(&["--worker", "stratum", "--stratum-rate", "1"], 500);
        check_batch(&["--worker", "stratum", "--stratum-rate", "60000"], 25_000);
        let endless = Preemption::BatchComplete {
            batch: Duration::MAX,
        };
        check(
            &["--worker", "external", "--preemption", "batch-complete"],
            endless,
        );
    }
}
