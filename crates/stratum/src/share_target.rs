//! Share targets with their difficulty.

use std::sync::{Arc, OnceLock};

use chainweb::{Difficulty, Target};

/// A share target and the expected number of hashes per share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShareTarget {
    pub(crate) target: Target,
    pub(crate) difficulty: Difficulty,
}

impl ShareTarget {
    fn new(target: Target) -> Self {
        Self {
            target,
            difficulty: target.difficulty(),
        }
    }
}

/// The share targets of all levels, created on first use. Nearly all sessions use one of them and
/// so store a pointer only.
#[derive(Debug)]
pub struct ShareTargets([OnceLock<Arc<ShareTarget>>; LEVELS]);

/// From 0 to 256 leading zero bits.
const LEVELS: usize = 257;

impl Default for ShareTargets {
    fn default() -> Self {
        Self([const { OnceLock::new() }; LEVELS])
    }
}

impl ShareTargets {
    pub(crate) fn get(&self, target: Target) -> Arc<ShareTarget> {
        let new = || Arc::new(ShareTarget::new(target));
        let level = target.level();
        if level.target() == target {
            Arc::clone(self.0[usize::from(level.bits())].get_or_init(new))
        } else {
            new()
        }
    }
}

#[cfg(test)]
mod tests {
    use chainweb::Level;

    use super::*;

    #[test]
    fn sessions_share_the_targets_of_levels_and_no_others() {
        let targets = ShareTargets::default();
        let level = Level::new(40).expect("a level").target();
        let mut bytes = level.to_le_bytes();
        bytes[0] = 0;
        // The next level is harder than this one.
        let between = Target::from_le_bytes(bytes);
        assert_eq!(between.level().target(), level);
        for target in [between, level] {
            assert_eq!(*targets.get(target), ShareTarget::new(target));
        }
        assert!(Arc::ptr_eq(&targets.get(level), &targets.get(level)));
        assert!(!Arc::ptr_eq(&targets.get(between), &targets.get(between)));
    }
}
