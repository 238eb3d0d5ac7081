//! The flags of alerts.

use clap::{Args, ValueEnum};

use crate::alerts::{Alerts, Receiver};
use crate::config::ConfigArgs;
use crate::quantity::count;
use crate::usage::UsageError;

/// Where alerts go.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Alerts")]
pub struct AlertFlags {
    /// Send alerts to this webhook: Discord, Telegram, ntfy, or JSON to any other URL; repeatable,
    /// and kept secret.
    #[arg(long, value_name = "SECRET-URL")]
    pub alert_url: Vec<Receiver>,
    /// The most alerts an hour; more are summed up in one.
    #[arg(long, value_name = "COUNT", default_value = "20", value_parser = per_hour)]
    pub alert_max_per_hour: std::num::NonZeroUsize,
}

/// What to do with the receivers of alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AlertAction {
    /// Send one alert of each kind to each receiver, and print the answers.
    Test,
}

/// The receivers of alerts, and what to do with them.
#[derive(Debug, Args)]
pub struct AlertsArgs {
    /// What to do.
    #[arg(value_enum)]
    pub action: AlertAction,
    /// The receivers.
    #[command(flatten)]
    pub alerts: AlertFlags,
    /// The sources of settings, as for mining.
    #[command(flatten)]
    pub config: ConfigArgs,
}

impl AlertFlags {
    /// Returns the receivers, if there are any.
    ///
    /// # Errors
    /// Returns an error if a client cannot be built.
    pub(crate) fn alerts(&self) -> anyhow::Result<Option<Alerts>> {
        if self.alert_url.is_empty() {
            return Ok(None);
        }
        Alerts::new(&self.alert_url, self.alert_max_per_hour.get()).map(Some)
    }

    /// Returns the receivers to be tested.
    ///
    /// # Errors
    /// Returns an error if there is none.
    pub(crate) fn tested(&self) -> Result<&[Receiver], UsageError> {
        match self.alert_url.as_slice() {
            [] => Err(UsageError::new(
                "there is no receiver to test: set --alert-url, or --config-file with the key alertUrl",
            )),
            receivers => Ok(receivers),
        }
    }
}

/// Parses a number of alerts.
fn per_hour(text: &str) -> Result<std::num::NonZeroUsize, String> {
    count(text, 1000)
}
