//! Which devices each message of the stream holds: those that changed, in turn, and few enough.

use std::collections::BTreeMap;

use miner::telemetry::Snapshot;
use stratum::WorkerName;

use super::model::tick::Change;

/// The bytes of devices in a message: this many, and so many more for each device. So a stream
/// takes less than 2 KB a second with 20 devices, and less than 20 KB with 1,000.
const BYTES: usize = 500;
const BYTES_EACH: usize = 15;
/// The bytes of a change in JSON, apart from its name.
const BYTES_OF_CHANGE: usize = 90;

/// What the readers of the stream have seen of the devices.
#[derive(Debug, Default)]
pub(super) struct Changes {
    seen: BTreeMap<WorkerName, Change>,
    /// The last device of the last message.
    last: Option<WorkerName>,
}

impl Changes {
    /// Returns what to send of the devices of a snapshot. Those after the last one that was sent
    /// come first.
    pub(super) fn next(&mut self, snapshot: &Snapshot) -> Vec<Change> {
        let each = snapshot.devices.iter().flat_map(|devices| &devices.each);
        let each: Vec<_> = each.collect();
        let first = self.last.as_ref().map_or(0, |last| {
            each.partition_point(|device| device.stats.name <= *last)
        });
        let mut room = BYTES + BYTES_EACH * each.len();
        let mut changes = Vec::new();
        for device in each[first..].iter().chain(&each[..first]) {
            let change = Change::new(device);
            let name = &device.stats.name;
            let is_news = self.seen.get(name);
            if !is_news.is_none_or(|seen| change.is_news_after(seen)) {
                continue;
            }
            let bytes = BYTES_OF_CHANGE + change.name.len();
            if bytes > room {
                break;
            }
            room -= bytes;
            self.seen.insert(name.clone(), change.clone());
            self.last = Some(name.clone());
            changes.push(change);
        }
        changes
    }
}
