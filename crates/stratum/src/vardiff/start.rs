//! The level of a session before its first share.
//!
//! That of the worker's last share, else that of its password, else that of its kind of device.

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

/// Returns the level to start at: `last`, else that of the password, else that of the agent.
pub(crate) fn start_level(last: Option<Level>, password: &str, agent: &str) -> Level {
    last.or_else(|| of_password(password))
        .or_else(|| of_agent(agent))
        .unwrap_or(UNKNOWN)
}

/// Returns the level of a password `d=<level>`.
///
/// A password may have several parts, separated by commas, semicolons or spaces. Parts that are no
/// level from 0 to 256 are ignored.
pub(crate) fn of_password(password: &str) -> Option<Level> {
    password
        .split([',', ';', ' '])
        .filter_map(|part| part.strip_prefix("d="))
        .find_map(|bits| bits.parse().ok().and_then(Level::new))
}

fn of_agent(agent: &str) -> Option<Level> {
    known(agent).map(|(_, level, _)| level)
}

/// Returns the hash rate of the device with this agent by its vendor, in hashes per second; 0 if
/// the agent is unknown.
pub(crate) fn vendor_rate(agent: &str) -> f64 {
    known(agent).map_or(0.0, |(_, _, rate)| rate)
}

fn known(agent: &str) -> Option<(&str, Level, f64)> {
    AGENTS.into_iter().find(|(name, _, _)| {
        let start = agent.get(..name.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(name))
    })
}

#[cfg(test)]
mod tests {
    use chainweb::Level;

    use super::start_level;

    #[test]
    fn the_last_level_precedes_the_password_and_that_the_agent() {
        #[track_caller]
        fn check(last: Option<u16>, password: &str, agent: &str, bits: u16) {
            let last = last.and_then(Level::new);
            assert_eq!(start_level(last, password, agent).bits(), bits);
        }
        check(Some(43), "d=50", "GodMiner/2.0.0", 43);
        check(None, "d=50", "GodMiner/2.0.0", 50);
        check(None, "x", "GodMiner/2.0.0", 49);
        check(None, "x", "godminer", 49);
        check(None, "", "cgminer/4.11", 45);
        check(None, "x", "", 45);
        check(None, "x,d=41;y", "", 41);
        check(None, "x d=0", "", 0);
        check(None, "d=256", "", 256);
        // Not levels.
        check(None, "d=257", "", 45);
        check(None, "d=", "", 45);
        check(None, "d=-1", "", 45);
        check(None, "d=9999999999", "", 45);
        check(None, "bad=50", "", 45);
        check(None, "d=x,d=47", "", 47);
        check(None, "", "GodMine\u{e9}", 45);
    }
}
