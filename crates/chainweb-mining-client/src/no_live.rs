//! The live area where the terminal cannot be used for it: there are plain lines only.

use std::sync::Arc;

use miner::telemetry::Snapshot;
use tokio::sync::watch;

use crate::logging::{LogArgs, LogFilter, LogLevel};

/// The live area. Never there.
#[derive(Debug)]
pub(crate) enum Live {}

/// What the live area needs of the log. Never there.
#[derive(Clone, Debug)]
pub enum Setup {}

impl Setup {
    /// Returns `None`.
    pub fn new(_filter: &LogFilter, _args: LogArgs, _simnet: LogLevel) -> Option<Self> {
        None
    }

    pub(crate) fn start(
        &self,
        _snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
        _pause: Option<watch::Sender<bool>>,
    ) -> Option<Live> {
        match *self {}
    }
}
