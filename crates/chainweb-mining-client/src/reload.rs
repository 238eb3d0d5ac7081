//! SIGHUP without a controlling terminal: a running program takes over what has changed in its
//! files.
//!
//! The log level and the certificate of the Stratum server change at once. Every other changed
//! setting is named in the log: it takes effect after a restart. If any is wrong, none changes.

use std::convert::Infallible;
use std::ffi::OsString;
use std::sync::{Arc, OnceLock};

use clap::ValueEnum;
use clap::builder::PossibleValue;
use stratum::Tls;
use tracing::{debug, error, info, warn};

use crate::cli::{self, Cli};
use crate::config::{self, Invocation, Problems, Settings};
use crate::flags;
use crate::logging::{LogFilter, Summaries};
use crate::platform::HangUps;

/// The certificate of the Stratum server, once it is loaded.
pub type Certificate = OnceLock<Arc<Tls>>;

/// What a program needs to reload its settings.
#[derive(Debug)]
pub struct Reload<'a> {
    /// The arguments, the name of the program included.
    pub args: &'a [OsString],
    /// The environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The settings that the program has started with.
    pub started: &'a Settings<Cli>,
    /// The certificate of the Stratum server.
    pub certificate: &'a Certificate,
    /// The filter of the log.
    pub log: LogFilter,
}

impl Reload<'_> {
    /// Reloads at each signal.
    pub async fn at_each(&self, mut hang_ups: HangUps) -> Infallible {
        loop {
            hang_ups.next().await;
            self.reload().await;
        }
    }

    /// Reloads what can be reloaded, and logs what cannot.
    async fn reload(&self) {
        if let Some(tls) = self.certificate.get() {
            tls.reload();
        }
        let settings = self.read().await.map_err(anyhow::Error::from);
        let settings = settings.and_then(|settings| {
            flags::check(&settings.parsed.mine)?;
            Ok(settings)
        });
        match settings {
            Ok(settings) => self.take_over(&settings),
            Err(error) => error!(
                event = "reload_failed",
                error = format!("{error:#}"),
                "cannot reload the settings: the present ones stay in effect"
            ),
        }
    }

    fn take_over(&self, settings: &Settings<Cli>) {
        let cli = &settings.parsed;
        self.log
            .set(cli.log, cli.simnet_log_level(), Summaries::Logged);
        let level = cli.log.log_level.to_possible_value();
        let log_level = level.as_ref().map(PossibleValue::get_name);
        info!(event = "reloaded", log_level, "settings reloaded");
        let mut changed = settings.changed(self.started);
        changed.retain(|key| key != "logLevel");
        if !changed.is_empty() {
            let settings = changed.join(", ");
            warn!(
                event = "restart_needed",
                settings, "changed settings take effect after a restart"
            );
        }
    }

    /// Reads the settings of all sources again.
    async fn read(&self) -> Result<Settings<Cli>, Problems> {
        let args = self.args.to_vec();
        match config::read::<Cli>(cli::coloured(&args), args) {
            Ok(Invocation::Settings(flags)) => {
                let environment = self.environment.iter().cloned();
                flags
                    .resolve(environment, |progress| debug!(progress, "reading settings"))
                    .await
            }
            Ok(Invocation::Command(_)) | Err(_) => {
                unreachable!("the arguments had settings at the start")
            }
        }
    }
}
