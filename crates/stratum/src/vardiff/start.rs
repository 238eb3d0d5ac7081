//! The level of a session before its first share.
//!
//! That of the worker's last share, else the one that it asks for, else that of its kind of device.

use chainweb::Level;

/// Prefixes of agents that identify a device, with its start level and the vendor's figure for its
/// hash rate in hashes per second.
const AGENTS: [(&str, Level, f64); 1] = [
    // Antminer KA3.
    ("GodMiner", Level::new(49).expect("at most 256"), 166e12),
];

/// The start level of other devices: fits 7 to 14 TH/s. A device of 166 TH/s sends 24 shares in the
/// first five seconds, one of 1.6 TH/s its first after 22 s.
const UNKNOWN: Level = Level::new(45).expect("at most 256");

/// Returns the level to start at: `last`, else the one that the device asks for, else that of the
/// agent.
pub(crate) fn start_level(last: Option<Level>, asked: Option<Level>, agent: &str) -> Level {
    last.or(asked).unwrap_or_else(|| known(agent).0)
}

/// Returns the hash rate of the device with this agent by its vendor, in hashes per second; 0 if
/// the agent is unknown.
pub(crate) fn vendor_rate(agent: &str) -> f64 {
    known(agent).1
}

fn known(agent: &str) -> (Level, f64) {
    let device = AGENTS.into_iter().find(|(name, _, _)| {
        let start = agent.get(..name.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(name))
    });
    device.map_or((UNKNOWN, 0.0), |(_, level, rate)| (level, rate))
}

#[cfg(test)]
mod tests {
    use chainweb::Level;

    use super::start_level;

    #[test]
    fn the_last_level_precedes_the_asked_one_and_that_the_agent() {
        #[track_caller]
        fn check(last: Option<u16>, asked: Option<u16>, agent: &str, bits: u16) {
            let [last, asked] = [last, asked].map(|bits| bits.and_then(Level::new));
            assert_eq!(start_level(last, asked, agent).bits(), bits);
        }
        check(Some(43), Some(50), "GodMiner/2.0.0", 43);
        check(None, Some(50), "GodMiner/2.0.0", 50);
        check(None, None, "GodMiner/2.0.0", 49);
        check(None, None, "godminer", 49);
        check(None, None, "cgminer/4.11", 45);
        check(None, None, "", 45);
        check(None, Some(0), "", 0);
        check(None, None, "GodMine\u{e9}", 45);
    }
}
