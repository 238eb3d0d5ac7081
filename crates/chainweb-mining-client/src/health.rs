//! The `health` command: whether a running program is alive, or ready to mine.

use std::fmt;

use clap::Args;
use hyper::StatusCode;
use serde_json::Value;

use crate::ask::AskArgs;
use crate::config::ConfigArgs;

/// What to ask.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Ask whether it is ready to mine, not only whether it is alive.
    #[arg(long)]
    pub ready: bool,
    /// Where the API of the running program listens.
    #[command(flatten)]
    pub api: AskArgs,
    /// The sources of settings, as for mining.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// The answer of the program.
#[derive(Debug)]
pub(crate) struct Health {
    /// Whether all is well.
    pub(crate) is_well: bool,
    reason: String,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl HealthArgs {
    /// Asks a running program.
    ///
    /// # Errors
    /// Returns an error if it does not answer.
    pub(crate) async fn ask(&self) -> anyhow::Result<Health> {
        let path = if self.ready { "/readyz" } else { "/healthz" };
        let (status, body) = self.api.ask(path).await?;
        let body = String::from_utf8_lossy(&body);
        let reason = match serde_json::from_str::<Value>(&body) {
            Ok(json) => match &json["reason"] {
                Value::String(reason) if status == StatusCode::OK => format!("ready: {reason}"),
                Value::String(reason) => format!("not ready: {reason}"),
                _ => json["error"].as_str().unwrap_or_default().to_owned(),
            },
            Err(_) => body.lines().next().unwrap_or_default().to_owned(),
        };
        Ok(Health {
            is_well: status == StatusCode::OK,
            reason,
        })
    }
}
