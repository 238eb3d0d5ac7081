//! The flag of the history, and where it is by default.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use miner::history::{History, HistoryError, Run};
use miner::job::Proof;
use tracing::{info, warn};

use crate::usage::UsageError;

/// How long the start waits for the disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where blocks are remembered.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Mining")]
pub struct HistoryArgs {
    /// Directory for solved blocks and their history; `none` for nowhere [default: the
    /// state directory of this user; none for the workers that do not hash].
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
}

impl HistoryArgs {
    /// Opens the history of a worker with this proof. `None` if nothing is to be remembered.
    ///
    /// # Errors
    /// Returns a usage error if the directory that the user chose cannot be used.
    pub(crate) async fn open(
        &self,
        proof: Proof,
        account: Option<&str>,
    ) -> anyhow::Result<Option<History>> {
        let is_chosen = self.data_dir.is_some();
        let directory = match &self.data_dir {
            Some(none) if none.as_os_str() == "none" => return Ok(None),
            Some(chosen) => chosen.clone(),
            None if proof == Proof::None => return Ok(None),
            None => match state_directory() {
                Some(directory) => directory,
                None => return Ok(None),
            },
        };
        let about = Run {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            account: account.map(str::to_owned),
        };
        match History::open(directory.clone(), about, PATIENCE).await {
            Ok(history) => {
                if history.instance() > 1 {
                    let instance = history.instance();
                    info!(event = "history_shared", directory = %directory.display(), instance, "another instance uses the same directory: this one has files of its own");
                }
                Ok(Some(history))
            }
            Err(error @ (HistoryError::Newer | HistoryError::Slow)) => {
                let directory = directory.display();
                warn!(event = "history_off", %directory, error = %anyhow::Error::from(error), "blocks are not remembered beyond the end of the program");
                Ok(None)
            }
            Err(error) if is_chosen => Err(UsageError::new(error).into()),
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                info!(
                    event = "history_off",
                    error,
                    "blocks are not remembered beyond the end of the program: choose a directory with --data-dir"
                );
                Ok(None)
            }
        }
    }
}

/// Returns the directory for what a program keeps between two runs: that of the service manager, or
/// of the user.
fn state_directory() -> Option<PathBuf> {
    let absolute = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    // systemd names several directories with colons in between.
    let of_service = env::var("STATE_DIRECTORY").ok();
    let first = of_service.and_then(|all| all.split(':').next().map(PathBuf::from));
    if let Some(directory) = first.filter(|path| path.is_absolute()) {
        return Some(directory);
    }
    let of_user = absolute("XDG_STATE_HOME").or_else(|| {
        let home = absolute("HOME")?;
        Some(match env::consts::OS {
            "macos" => home.join("Library/Application Support"),
            _ => home.join(".local/state"),
        })
    });
    Some(of_user?.join("chainweb-mining-client"))
}
