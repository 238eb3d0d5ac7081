//! What the stream sends each second.

use miner::telemetry::snapshot::{ChainSnapshot, Device};
use miner::telemetry::variant;
use serde::Serialize;
use utoipa::ToSchema;

use super::rounded;
use super::status::Figures;
use crate::api::clock::Clock;

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
    /// Tips of chains that changed.
    pub(crate) tips: Vec<Tip>,
}

/// The tip of a chain, as in `/api/v1/nodes`.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Tip {
    /// The chain.
    chain: u32,
    /// The height of its latest block.
    height: Option<u64>,
    /// When that block came, unless it was before the start.
    changed_unix_ms: Option<i64>,
}

impl Tip {
    /// Returns the tips that differ from those of an earlier snapshot.
    pub(crate) fn changed(
        now: &[ChainSnapshot],
        before: &[ChainSnapshot],
        clock: &Clock,
    ) -> Vec<Self> {
        let is_new = |chain: &&ChainSnapshot| {
            let before = before.iter().find(|before| before.chain == chain.chain);
            before.is_none_or(|it| (it.height, it.changed) != (chain.height, chain.changed))
        };
        let tip = |chain: &ChainSnapshot| Self {
            chain: chain.chain.get(),
            height: chain.height,
            changed_unix_ms: chain.changed.map(|at| clock.unix_ms(at)),
        };
        now.iter().filter(is_new).map(tip).collect()
    }
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
            accepted: stats.all_accepted(),
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
