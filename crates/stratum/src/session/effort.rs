//! How hard a session's shares are, by the mode of the server and the wish in the password.
//!
//! The estimate of the device's speed runs in every mode: it says how soon the device needs another header.

use std::time::{Duration, Instant};

use chainweb::{Difficulty, Level, Target};

use crate::vardiff::start::of_password;
use crate::{DifficultyMode, Terms, Vardiff, VardiffConfig, start_level};

/// The hardness of one session's shares.
#[derive(Debug)]
pub(super) struct Effort {
    rule: Rule,
    vardiff: Vardiff,
}

#[derive(Debug)]
enum Rule {
    Block,
    Level(Level),
    Vary,
}

/// Whether the level is another than before.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Level,
}

impl Effort {
    /// The effort to begin with. `remembered` is what the worker last ran at.
    pub(super) fn new(
        terms: &Terms,
        now: Instant,
        remembered: Option<Level>,
        password: &str,
        agent: &str,
    ) -> Self {
        let wish = of_password(password);
        let rule = match (terms.difficulty, wish) {
            (DifficultyMode::Auto(_), _) => Rule::Vary,
            (DifficultyMode::Block, None) => Rule::Block,
            (DifficultyMode::Block, Some(wish)) => Rule::Level(wish.max(terms.min_level)),
            (DifficultyMode::Level(level), None) => Rule::Level(level),
            (DifficultyMode::Level(level), Some(wish)) => {
                Rule::Level(wish.max(terms.min_level.min(level)))
            }
        };
        let defaults = VardiffConfig::default();
        let config = VardiffConfig {
            interval: match terms.difficulty {
                DifficultyMode::Auto(interval) => interval,
                DifficultyMode::Block | DifficultyMode::Level(_) => defaults.interval,
            },
            floor: terms.min_level,
        };
        let start = start_level(remembered, password, agent);
        Self {
            rule,
            vardiff: Vardiff::new(config, start, now),
        }
    }

    /// The target of its shares; `None` if only blocks are asked for.
    pub(super) fn target(&self) -> Option<Target> {
        self.level().map(Level::target)
    }

    /// How often [`Effort::tick`] is to be called; `None` if it has nothing to do.
    pub(super) fn tick_interval(terms: &Terms) -> Option<Duration> {
        match terms.difficulty {
            DifficultyMode::Auto(interval) => Some(interval),
            DifficultyMode::Block | DifficultyMode::Level(_) => None,
        }
    }

    pub(super) fn credit(&self, asked: Difficulty) -> Difficulty {
        self.vardiff.credit(asked)
    }

    pub(super) fn share(&mut self, now: Instant, asked: Difficulty, found: Difficulty) -> Change {
        match self.rule {
            Rule::Vary => {
                let new = self.vardiff.share(now, asked, found);
                self.change(new)
            }
            Rule::Block | Rule::Level(_) => {
                self.vardiff.observe(now, asked, found);
                Change::None
            }
        }
    }

    pub(super) fn tick(&mut self, now: Instant) -> Change {
        let new = self.vardiff.tick(now);
        self.change(new)
    }

    fn change(&self, new: Option<Level>) -> Change {
        match (&self.rule, new) {
            (Rule::Vary, Some(_)) => Change::Level,
            _ => Change::None,
        }
    }

    /// Hashes per second.
    pub(super) fn hash_rate(&self, now: Instant) -> f64 {
        self.vardiff.hash_rate(now)
    }

    /// Hashes per second at the time of the last share.
    pub(super) fn rate_at_last_share(&self) -> f64 {
        self.vardiff.rate_at_last_share()
    }

    /// The level that shares are asked for at; `None` if only blocks are.
    pub(super) fn level(&self) -> Option<Level> {
        match self.rule {
            Rule::Block => None,
            Rule::Level(level) => Some(level),
            Rule::Vary => Some(self.vardiff.level()),
        }
    }

    /// The level to remember of the worker; `None` if it was not found out, but told or only assumed.
    pub(super) fn worked_at(&self) -> Option<Level> {
        match self.rule {
            Rule::Vary => self.vardiff.worked_at(),
            Rule::Block | Rule::Level(_) => None,
        }
    }
}
