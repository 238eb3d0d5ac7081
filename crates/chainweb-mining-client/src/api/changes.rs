//! Which devices each message of the stream holds: those that changed, in turn, and few enough.

use std::collections::BTreeMap;

use super::model::tick::Change;

/// The bytes of devices in a message: this many, and so many more for each device. So a stream
/// takes less than 2 KB a second with 20 devices, and less than 20 KB with 1,000.
const BYTES: usize = 400;
const BYTES_EACH: usize = 15;
/// The most bytes of a change in JSON, apart from its name.
const BYTES_OF_CHANGE: usize = 100;

/// What the readers of the stream have seen of the devices.
#[derive(Debug, Default)]
pub(super) struct Changes {
    seen: BTreeMap<String, Change>,
    /// The last device of the last message.
    last: String,
}

impl Changes {
    /// Returns what to send of the devices, which are in the order of their names. Those after the
    /// last one that was sent come first.
    pub(super) fn next(&mut self, devices: &[Change]) -> Vec<Change> {
        let first = devices.partition_point(|device| device.name <= self.last);
        let mut room = BYTES + BYTES_EACH * devices.len();
        let mut changes = Vec::new();
        for device in devices[first..].iter().chain(&devices[..first]) {
            let seen = self.seen.get(&device.name);
            if seen.is_some_and(|seen| !device.is_news_after(seen)) {
                continue;
            }
            let bytes = BYTES_OF_CHANGE + device.name.len();
            // At least one, however long its name is.
            if bytes > room && !changes.is_empty() {
                break;
            }
            room = room.saturating_sub(bytes);
            self.seen.insert(device.name.clone(), device.clone());
            self.last.clone_from(&device.name);
            changes.push(device.clone());
        }
        self.seen.retain(|name, _| {
            let place = devices.binary_search_by(|device| device.name.cmp(name));
            place.is_ok()
        });
        changes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Changes;
    use crate::api::answer::bytes;
    use crate::api::model::tick::Change;

    fn devices(count: u64, accepted: u64) -> Vec<Change> {
        let device = |number| Change {
            name: format!("farm-7.rig-{number:04}"),
            state: "disconnected".to_owned(),
            hash_rate: Some(123_456e9),
            accepted: 1_000_000 + accepted,
            refused: 1_000,
        };
        (0..count).map(device).collect()
    }

    #[test]
    fn a_message_is_short_and_no_device_waits_for_ever() {
        for (count, most) in [(20, 800), (1_000, 16_000)] {
            let mut changes = Changes::default();
            let mut sent = BTreeSet::new();
            for round in 0..20 {
                let next = changes.next(&devices(count, round));
                let length = bytes(&next).len();
                assert!(length <= most, "{length} bytes for {count} devices");
                sent.extend(next.into_iter().map(|change| change.name));
            }
            assert_eq!(sent.len() as u64, count);
        }
    }

    #[test]
    fn a_device_with_a_very_long_name_is_sent() {
        let mut devices = devices(2, 0);
        devices[0].name = "a".repeat(10_000);
        let mut changes = Changes::default();
        assert_eq!(changes.next(&devices), [devices[0].clone()]);
        assert_eq!(changes.next(&devices), [devices[1].clone()]);
    }

    #[test]
    fn only_changed_devices_are_sent() {
        let mut changes = Changes::default();
        let mut devices = devices(3, 0);
        assert_eq!(changes.next(&devices), devices);
        assert_eq!(changes.next(&devices), []);
        devices[1].accepted += 1;
        devices[2].hash_rate = devices[2].hash_rate.map(|rate| 1.01 * rate);
        assert_eq!(changes.next(&devices), [devices[1].clone()]);
        // Those that are gone are forgotten.
        let first = changes.next(&devices[..1]);
        assert_eq!((first, changes.seen.len()), (vec![], 1));
    }
}
