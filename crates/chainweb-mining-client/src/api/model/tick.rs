//! What the stream sends each second.

use miner::telemetry::snapshot::Device;
use miner::telemetry::variant;
use serde::Serialize;
use utoipa::ToSchema;

use super::rounded;
use super::status::Figures;

/// A message `status` of the stream: the figures, and devices that changed.
///
/// If the number of the snapshot is not one more than in the message before, changes of devices may
/// be missing: `/api/v1/workers` has them all.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tick {
    /// The figures at this moment.
    #[serde(flatten)]
    pub(crate) figures: Figures,
    /// Devices that changed. If there are many, each waits for its turn.
    pub(crate) changed: Vec<Change>,
}

/// What changed about a device.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Change {
    /// Its name.
    pub(crate) name: String,
    /// Its state, as in `/api/v1/workers`.
    pub(crate) state: String,
    /// Its present hash rate, as in `/api/v1/workers`.
    pub(crate) hash_rate: Option<f64>,
    /// Accepted shares.
    pub(crate) accepted: u64,
    /// Refused shares.
    pub(crate) refused: u64,
}

impl Change {
    pub(crate) fn new(device: &Device) -> Self {
        let stats = &device.stats;
        Self {
            name: stats.name.as_str().to_owned(),
            state: variant(device.state),
            hash_rate: device.hash_rate().map(rounded),
            accepted: stats.accepted + stats.accepted_late,
            refused: stats.rejections.of(stratum::Rejection::Stale)
                + stats.rejections.except_stale(),
        }
    }

    /// Whether a reader who has seen `earlier` should see this.
    pub(crate) fn is_news_after(&self, earlier: &Self) -> bool {
        let rates = (
            self.hash_rate.unwrap_or(0.0),
            earlier.hash_rate.unwrap_or(0.0),
        );
        let counts = |change: &Self| (change.accepted, change.refused);
        self.state != earlier.state
            || counts(self) != counts(earlier)
            || (rates.0 - rates.1).abs() > rates.1.abs() / 20.0
    }
}
