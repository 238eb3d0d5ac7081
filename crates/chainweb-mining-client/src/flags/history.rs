//! The flag of the history, and where it is by default.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use miner::history::{History, Place, Run};
use miner::job::Proof;
use tracing::{info, warn};

use crate::usage::UsageError;

/// How long the start waits for the disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where blocks are remembered.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Mining")]
pub struct HistoryArgs {
    /// Directory for solved blocks and the history; `none` keeps them in memory [default: the
    /// state directory of this user; none for the workers that do not hash].
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
}

impl HistoryArgs {
    /// Opens the history of a worker with this proof.
    ///
    /// # Errors
    /// Returns a usage error if the directory that the user chose cannot be used.
    pub(crate) async fn open(
        &self,
        proof: Proof,
        account: Option<&str>,
    ) -> anyhow::Result<History> {
        let is_chosen = self.data_dir.is_some();
        let directory = match &self.data_dir {
            Some(none) if none.as_os_str() == "none" => None,
            Some(chosen) => Some(chosen.clone()),
            None if proof == Proof::None => None,
            None => state_directory(),
        };
        let about = Run {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            account: account.map(str::to_owned),
        };
        let Some(directory) = directory else {
            return Ok(History::open(Place::Memory, about, PATIENCE).await?);
        };
        let place = Place::Directory(directory.clone());
        match History::open(place, about.clone(), PATIENCE).await {
            Ok(history) => {
                if history.instance() > 1 {
                    let instance = history.instance();
                    info!(
                        event = "history_shared",
                        directory = %directory.display(),
                        instance,
                        "another instance uses the same directory: this one has files of its own"
                    );
                }
                return Ok(history);
            }
            Err(error) if error.is_harmless() => {
                let directory = directory.display();
                warn!(
                    event = "history_off",
                    %directory,
                    error = %anyhow::Error::from(error),
                    "blocks are not remembered beyond the end of the program"
                );
            }
            Err(error) if is_chosen => return Err(UsageError::new(error).into()),
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                info!(
                    event = "history_off",
                    error,
                    "blocks are not remembered beyond the end of the program: choose a directory with --data-dir"
                );
            }
        }
        Ok(History::open(Place::Memory, about, PATIENCE).await?)
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
    let of_user = absolute("XDG_STATE_HOME").or_else(|| match env::consts::OS {
        "macos" => Some(absolute("HOME")?.join("Library/Application Support")),
        "windows" => absolute("LOCALAPPDATA"),
        _ => Some(absolute("HOME")?.join(".local/state")),
    });
    Some(of_user?.join("chainweb-mining-client"))
}
