//! The share difficulty of a session, by the server's mode and what the client asks for.
//!
//! The hash rate is estimated in every mode: it determines how soon the device needs another
//! header.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use chainweb::{Difficulty, Level, Target};

use crate::context::SessionContext;
use crate::difficulty_mode::DifficultyMode;
use crate::vardiff::start::start_level;
use crate::vardiff::{CEILING, Vardiff, VardiffConfig};

/// The share difficulty of one session.
#[derive(Debug)]
pub(super) struct ShareDifficulty {
    mode: Mode,
    vardiff: Vardiff,
}

#[derive(Debug)]
enum Mode {
    Block,
    Fixed(Level),
    Variable,
}

/// Whether the level changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Level,
}

impl ShareDifficulty {
    /// Returns the difficulty to start with. `last` is the level of the worker's last share, and
    /// `asked` the one that the client asks for.
    pub(super) fn new(
        context: &SessionContext,
        now: Instant,
        last: Option<Level>,
        asked: Option<Level>,
        agent: &str,
    ) -> Self {
        let defaults = VardiffConfig::default();
        let config = VardiffConfig {
            interval: match context.difficulty {
                DifficultyMode::Auto(interval) => interval,
                DifficultyMode::Block | DifficultyMode::Level(_) => defaults.interval,
            },
            floor: context.min_level,
        };
        let start = start_level(last, asked, agent);
        let mut difficulty = Self {
            mode: match context.difficulty {
                DifficultyMode::Auto(_) => Mode::Variable,
                DifficultyMode::Block => Mode::Block,
                DifficultyMode::Level(level) => Mode::Fixed(level),
            },
            vardiff: Vardiff::new(config, start, now),
        };
        if let Some(level) = asked {
            difficulty.fix(context, level);
        }
        difficulty
    }

    /// Returns the lowest and the highest level that a client can ask for.
    pub(super) fn limits(context: &SessionContext) -> RangeInclusive<Level> {
        let (lowest, highest) = match context.difficulty {
            DifficultyMode::Level(fixed) => (context.min_level.min(fixed), fixed),
            DifficultyMode::Auto(_) | DifficultyMode::Block => {
                (context.min_level, context.min_level)
            }
        };
        lowest..=highest.max(CEILING)
    }

    /// Changes to the level that the client asks for, or the nearest within the limits.
    pub(super) fn ask(&mut self, context: &SessionContext, now: Instant, level: Level) -> Change {
        let before = self.level();
        self.fix(context, level);
        self.vardiff.set_level(now, level);
        if self.level() == before {
            Change::None
        } else {
            Change::Level
        }
    }

    /// Fixes the level, unless it is variable.
    fn fix(&mut self, context: &SessionContext, level: Level) {
        if !matches!(self.mode, Mode::Variable) {
            let limits = Self::limits(context);
            self.mode = Mode::Fixed(level.clamp(*limits.start(), *limits.end()));
        }
    }

    /// Returns the share target, or `None` if shares are blocks.
    pub(super) fn target(&self) -> Option<Target> {
        self.level().map(Level::target)
    }

    /// Returns the interval at which to call [`ShareDifficulty::tick`], or `None` for never.
    pub(super) fn tick_interval(context: &SessionContext) -> Option<Duration> {
        match context.difficulty {
            DifficultyMode::Auto(interval) => Some(interval),
            DifficultyMode::Block | DifficultyMode::Level(_) => None,
        }
    }

    /// Returns the difficulty to credit for a share of this target difficulty.
    pub(super) fn credit(&self, required: Difficulty) -> Difficulty {
        self.vardiff.credit(required)
    }

    pub(super) fn share(
        &mut self,
        now: Instant,
        required: Difficulty,
        achieved: Difficulty,
    ) -> Change {
        match self.mode {
            Mode::Variable => {
                let new = self.vardiff.share(now, required, achieved);
                self.change(new)
            }
            Mode::Block | Mode::Fixed(_) => {
                self.vardiff.observe(now, required, achieved);
                Change::None
            }
        }
    }

    pub(super) fn tick(&mut self, now: Instant) -> Change {
        let new = self.vardiff.tick(now);
        self.change(new)
    }

    fn change(&self, new: Option<Level>) -> Change {
        match (&self.mode, new) {
            (Mode::Variable, Some(_)) => Change::Level,
            _ => Change::None,
        }
    }

    /// Returns the hash rate in hashes per second.
    pub(super) fn hash_rate(&self, now: Instant) -> f64 {
        self.vardiff.hash_rate(now)
    }

    /// Returns the hash rate in hashes per second as of the last share.
    pub(super) fn rate_at_last_share(&self) -> f64 {
        self.vardiff.rate_at_last_share()
    }

    /// Returns the level, or `None` if shares are blocks.
    pub(super) fn level(&self) -> Option<Level> {
        match self.mode {
            Mode::Block => None,
            Mode::Fixed(level) => Some(level),
            Mode::Variable => Some(self.vardiff.level()),
        }
    }

    /// Returns the level of the last share, or `None` before the first and if the level is fixed.
    pub(super) fn last_share_level(&self) -> Option<Level> {
        match self.mode {
            Mode::Variable => self.vardiff.last_share_level(),
            Mode::Block | Mode::Fixed(_) => None,
        }
    }
}
