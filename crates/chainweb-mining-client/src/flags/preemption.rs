//! The flags that say when a job makes way for one with a newer payload.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use crate::quantity::positive_duration;
use miner::coordinator::Preemption;

/// When a job makes way for one with a newer payload.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Preemption")]
pub struct PreemptionArgs {
    /// What a payload does that the node renews under a block yet to be mined: work with it is fetched at once
    /// (`immediate`), when the worker begins a header anew anyway (`batch-complete`), so long after the first
    /// (`delayed:<time>`), or at once but not too often (`conditional`). A new block on the job's chain always takes the
    /// job away at once.
    #[arg(
        long = "preemption",
        value_name = "POLICY",
        default_value = "conditional"
    )]
    pub policy: Policy,
    /// With `conditional`, the least time between two answers with work for one chain.
    #[arg(long = "preemption-min-interval", value_name = "TIME", default_value = "15s", value_parser = positive_duration)]
    pub min_interval: Duration,
}

/// A policy as it is named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Fetch at once.
    Immediate,
    /// Fetch when the batch in hand is complete.
    BatchComplete,
    /// Fetch this long after the first newer payload.
    Delayed(Duration),
    /// Fetch at once, but only so often.
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
    /// The policy with its times, for a worker that begins a header anew by itself each `batch`.
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

    use crate::cli::Cli;
    use crate::flags::batch;
    use miner::coordinator::Preemption;
    use miner::timing::Timing;

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
    fn a_batch_is_what_the_worker_makes_of_it() {
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
        // What the server makes of too short and too long a time.
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
