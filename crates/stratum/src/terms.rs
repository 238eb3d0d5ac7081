//! What all sessions of a server have in common.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chainweb::Level;

use crate::{DifficultyMode, JobIds, Nonce1Space};

/// The conditions under which sessions are served.
#[derive(Debug)]
pub struct Terms {
    /// How hard shares are.
    pub difficulty: DifficultyMode,
    /// The easiest level that is asked for, unless a block's target is easier.
    pub min_level: Level,
    /// The longest time between jobs.
    pub rate: Duration,
    /// Times and amounts.
    pub limits: SessionLimits,
    /// Where sessions take their part of the nonce from.
    pub nonce1: Nonce1Space,
    /// Where jobs take their names from.
    pub job_ids: Arc<JobIds>,
    /// What levels workers ran at.
    pub levels: LevelMemory,
}

/// Times and amounts of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// How long a connection may stay without subscribing.
    pub stranger: Duration,
    /// How long after subscribing the first job waits for the authorization.
    pub authorize_grace: Duration,
    /// How long shares count after their work has ended or their target was changed.
    pub share_grace: Duration,
    /// The longest silence of the server: devices hang up after 60 seconds of it.
    pub heartbeat: Duration,
    /// How many lines a second a client may send in the long run.
    pub lines_per_second: u32,
    /// How many lines it may send at once.
    pub burst: u32,
}

impl Default for SessionLimits {
    /// A device sends a line every few seconds. A thousand a second still leave room for a proxy with a whole farm
    /// behind it.
    fn default() -> Self {
        Self {
            stranger: Duration::from_secs(20),
            authorize_grace: Duration::from_secs(2),
            share_grace: Duration::from_secs(5),
            heartbeat: Duration::from_secs(25),
            lines_per_second: 1000,
            burst: 10_000,
        }
    }
}

/// The level each worker last ran at, by name, of the workers seen last.
#[derive(Debug, Default)]
pub struct LevelMemory(Mutex<Generations>);

/// As many names as fit are young; when they do not fit any more, the ones before are forgotten.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Arc<str>, Level>,
    old: HashMap<Arc<str>, Level>,
}

/// The names of one generation.
const GENERATION: usize = 16_384;

impl LevelMemory {
    pub(crate) fn remember(&self, worker: &Arc<str>, level: Level) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.young.len() >= GENERATION && !names.young.contains_key(worker) {
            names.old = std::mem::take(&mut names.young);
        }
        names.young.insert(Arc::clone(worker), level);
    }

    pub(crate) fn recall(&self, worker: &str) -> Option<Level> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let level = names.young.get(worker).or_else(|| names.old.get(worker));
        level.copied()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chainweb::Level;

    use super::{GENERATION, LevelMemory};

    #[test]
    fn the_names_seen_last_are_remembered_and_their_number_is_bounded() {
        let memory = LevelMemory::default();
        let level =
            |bits: usize| Level::new(u16::try_from(bits % 256).expect("small")).expect("a level");
        let name = |number: usize| Arc::<str>::from(number.to_string());
        for number in 0..3 * GENERATION {
            memory.remember(&name(number), level(number));
        }
        assert_eq!(memory.recall(&name(0)), None);
        for number in [GENERATION, 3 * GENERATION - 1] {
            assert_eq!(memory.recall(&name(number)), Some(level(number)));
        }
        let names = memory.0.lock().expect("no test panicked");
        assert_eq!(
            (names.young.len(), names.old.len()),
            (GENERATION, GENERATION)
        );
    }
}
