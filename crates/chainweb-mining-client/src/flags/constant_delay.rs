//! The flags of the constant-delay worker.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;
use miner::worker::Worker;
use miner::worker::constant_delay::ConstantDelay;

/// The block time for 0: nodes do not issue work faster.
const LEAST: Duration = Duration::from_millis(1);
const MOST: Duration = Duration::from_hours(24 * 366);

/// How to produce blocks at a constant rate.
#[derive(Clone, Debug, Args)]
pub struct ConstantDelayArgs {
    /// Seconds between blocks of a chain for --worker constant-delay; 0 is as fast as possible.
    #[arg(long = "constant-delay-block-time", value_name = "SECONDS", default_value = "30", value_parser = seconds,
          help_heading = "Constant delay")]
    pub block_time: Duration,
}

impl ConstantDelayArgs {
    /// Returns the constant-delay worker.
    pub(crate) fn worker(&self, blocks: NonZeroUsize) -> Worker {
        Worker::ConstantDelay(ConstantDelay {
            block_time: self.block_time,
            blocks,
        })
    }
}

/// Parses a number of seconds, possibly with a fraction.
fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    let number = number.ok_or("expected a number of seconds, as in 30 or 2.5")?;
    match Duration::try_from_secs_f64(number) {
        Ok(Duration::ZERO) => Ok(LEAST),
        Ok(time) if (LEAST..=MOST).contains(&time) => Ok(time),
        _ => Err("must be 0, or between 0.001 (a millisecond) and 31622400 (a year)".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::seconds;

    #[test]
    fn a_block_time_is_a_number_of_seconds() {
        for (text, time) in [
            ("30", Duration::from_secs(30)),
            ("30.0", Duration::from_secs(30)),
            ("2.5", Duration::from_millis(2500)),
            ("1e1", Duration::from_secs(10)),
            ("0.001", Duration::from_millis(1)),
            ("0", Duration::from_millis(1)),
            ("0.0", Duration::from_millis(1)),
            ("31622400", Duration::from_hours(24 * 366)),
        ] {
            assert_eq!(seconds(text), Ok(time), "{text}");
        }
    }

    #[test]
    fn errors_in_block_times_say_what_is_expected() {
        for text in ["", "soon", "30s", "nan", "inf", "1,5"] {
            let error = seconds(text).expect_err(text);
            assert!(error.starts_with("expected a number of seconds"), "{error}");
        }
        for text in ["-1", "0.0009", "31622401", "1e300"] {
            let error = seconds(text).expect_err(text);
            assert!(error.starts_with("must be 0, or between 0.001"), "{error}");
        }
    }
}
