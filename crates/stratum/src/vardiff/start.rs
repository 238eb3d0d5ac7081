//! The level at which a session starts, from what is known before its first share.
//!
//! What the worker last ran at says most, then what its owner wrote into the password, then the kind of device.

use chainweb::Level;

/// Agents that tell the size of the device, by how they begin, with the hashes per second that its vendor states.
const AGENTS: [(&str, Level, f64); 1] = [
    // Antminer KA3.
    ("GodMiner", Level::new(49).expect("at most 256"), 166e12),
];

/// Suits devices of 7 to 14 TH/s; one of 166 sends 24 shares in the first five seconds, one of 1.6 its first after 22 s.
const UNKNOWN: Level = Level::new(45).expect("at most 256");

/// The level to start at: `remembered`, or else the `d=<level>` of the password, or else what suits the agent.
///
/// A password may have several parts, divided by commas, semicolons or spaces. What is no level from 0 to 256 is ignored.
pub fn start_level(remembered: Option<Level>, password: &str, agent: &str) -> Level {
    remembered
        .or_else(|| of_password(password))
        .or_else(|| of_agent(agent))
        .unwrap_or(UNKNOWN)
}

pub(crate) fn of_password(password: &str) -> Option<Level> {
    password
        .split([',', ';', ' '])
        .filter_map(|part| part.strip_prefix("d="))
        .find_map(|bits| bits.parse().ok().and_then(Level::new))
}

fn of_agent(agent: &str) -> Option<Level> {
    known(agent).map(|(_, level, _)| level)
}

/// Hashes per second that a device of this agent may be as fast as; 0 if nothing is known of it.
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
    fn memory_goes_before_the_password_and_that_before_the_agent() {
        #[track_caller]
        fn check(remembered: Option<u16>, password: &str, agent: &str, bits: u16) {
            let remembered = remembered.and_then(Level::new);
            assert_eq!(start_level(remembered, password, agent).bits(), bits);
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
        // No levels.
        check(None, "d=257", "", 45);
        check(None, "d=", "", 45);
        check(None, "d=-1", "", 45);
        check(None, "d=9999999999", "", 45);
        check(None, "bad=50", "", 45);
        check(None, "d=x,d=47", "", 47);
        check(None, "", "GodMine\u{e9}", 45);
    }
}
