//! Variable difficulty: the level at which a device of any speed sends a share every few seconds.
//!
//! The shares of a steady device are a Poisson process, so single gaps carry little information.
//! The level changes only if the share count since the last change is statistically significant
//! *and* both averages of the hash rate call for another level. Levels are powers of two, rounded
//! down. The result depends on the shares and on `now` alone. Block targets are not known here: the
//! session applies an easier one.

mod estimate;
mod mask;
pub(crate) mod start;
#[cfg(test)]
mod tests;
mod window;

use std::time::{Duration, Instant};

use chainweb::{Difficulty, Level};

use self::estimate::{Estimate, Spans};
use self::mask::TicketMask;
use self::window::{Count, Window};

/// Silence of this many share intervals means that the level is too high or the device gone.
const SILENT_INTERVALS: f64 = 6.0;

/// After silence of this many share intervals the device was away.
const AWAY_INTERVALS: f64 = 12.0;

/// The largest decrease at once, in bits: a seemingly slower device may be a short outage.
const STEP_DOWN: u16 = 2;

/// The largest quick increase, in bits: after a network outage shares arrive in a burst that is no
/// measure of speed.
const STEP_UP: u16 = 4;

/// The fewest shares that raise a level.
const MIN_SHARES: f64 = 8.0;

/// A quick increase needs shares at this many times the expected rate.
const QUICK_FACTOR: f64 = 4.0;

/// A level is lowered only if its difficulty is at least this many times the ideal one.
const MARGIN_DOWN: f64 = 1.5;

/// A level is raised only if the ideal difficulty is at least this many times that of the *next*
/// level. Without the margin, a device right between two levels would alternate between them.
const MARGIN_UP: f64 = 1.125;

/// The highest level: ten thousand of the largest devices behind one proxy need less. It bounds how
/// long an absurd start level keeps a device silent.
pub(crate) const CEILING: Level = Level::new(64).expect("at most 256");

/// The settings of [`Vardiff`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VardiffConfig {
    /// The intended time between shares. Levels are powers of two, so the actual time is 0.4 to 1.5
    /// times this.
    pub(crate) interval: Duration,
    /// The lowest level.
    pub(crate) floor: Level,
}

impl Default for VardiffConfig {
    /// A share every five seconds, and no level below 40: the chips of the Antminer KA3 report no
    /// easier hashes.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5),
            floor: Level::new(40).expect("at most 256"),
        }
    }
}

/// The variable difficulty of one session.
#[derive(Clone, Debug)]
pub(crate) struct Vardiff {
    /// Seconds.
    interval: f64,
    spans: Spans,
    floor: Level,
    ceiling: Level,
    level: Level,
    last_share_level: Option<Level>,
    estimate: Estimate,
    window: Window,
    mask: TicketMask,
    last_share: Option<Instant>,
    /// The hash rate at the last share, in hashes per second.
    rate: f64,
    /// The expected time between shares at the last share, in seconds.
    expected_gap: f64,
    silent_since: Instant,
}

impl Vardiff {
    /// Starts at `start`, or at the nearest level between floor and ceiling. An interval below a
    /// millisecond counts as one.
    pub(crate) fn new(config: VardiffConfig, start: Level, now: Instant) -> Self {
        let interval = config.interval.max(Duration::from_millis(1));
        let spans = Spans::of(interval);
        let ceiling = CEILING.max(config.floor);
        let level = start.clamp(config.floor, ceiling);
        Self {
            interval: interval.as_secs_f64(),
            spans,
            floor: config.floor,
            ceiling,
            level,
            last_share_level: None,
            estimate: Estimate::new(spans, now),
            window: Window::new(spans.slow, now),
            mask: TicketMask::default(),
            last_share: None,
            rate: 0.0,
            expected_gap: 0.0,
            silent_since: now,
        }
    }

    /// Returns the current level.
    pub(crate) fn level(&self) -> Level {
        self.level
    }

    /// Changes the level, to the nearest one between floor and ceiling.
    pub(crate) fn set_level(&mut self, now: Instant, level: Level) {
        let level = level.clamp(self.floor, self.ceiling);
        self.change(now, level);
    }

    /// Returns the level at the last share, or `None` before the first. A device that has not
    /// started or has stopped has a level too, which does not reflect its speed.
    pub(crate) fn last_share_level(&self) -> Option<Level> {
        self.last_share_level
    }

    /// Returns the hash rate in hashes per second, averaged over about five minutes. It declines
    /// without shares.
    pub(crate) fn hash_rate(&self, now: Instant) -> f64 {
        self.estimate.slow(now)
    }

    /// Returns [`Vardiff::hash_rate`] as of the last share.
    pub(crate) fn rate_at_last_share(&self) -> f64 {
        self.rate
    }

    /// Returns the difficulty to credit for a share of the target difficulty `required`: that of
    /// the device's ticket mask, if higher.
    pub(crate) fn credit(&self, required: Difficulty) -> Difficulty {
        self.mask
            .above(required.as_f64())
            .map_or(required, Difficulty::from_f64)
    }

    /// Counts a share of the target difficulty `required` whose hash has the difficulty `achieved`.
    /// Returns the new level if it changes.
    pub(crate) fn share(
        &mut self,
        now: Instant,
        required: Difficulty,
        achieved: Difficulty,
    ) -> Option<Level> {
        let credit = self.observe(now, required, achieved)?;
        self.window.add(now, credit / difficulty(self.level));
        let new = self
            .quick_increase(now)
            .or_else(|| self.increase(now))
            .or_else(|| self.decrease(now))?;
        Some(self.change(now, new))
    }

    /// Counts a share for the hash rate alone. Returns the credited difficulty, or `None` if the
    /// device was away.
    pub(crate) fn observe(
        &mut self,
        now: Instant,
        required: Difficulty,
        achieved: Difficulty,
    ) -> Option<f64> {
        let required = required.as_f64();
        self.mask.observe(required, achieved.as_f64());
        let credit = self.mask.above(required).unwrap_or(required);
        let was_away = self.was_away(now);
        self.last_share = Some(now);
        self.silent_since = now;
        self.last_share_level = Some(self.level);
        if was_away {
            // Absence does not count as a low rate: measuring restarts with this share.
            self.estimate = Estimate::new(self.spans, now);
            self.window = Window::new(self.spans.slow, now);
            self.rate = 0.0;
            return None;
        }
        self.estimate.add(now, credit);
        self.rate = self.estimate.slow(now);
        self.expected_gap = credit / self.rate;
        Some(credit)
    }

    /// Accounts for time without shares. Returns the new level if it changes. Has to be called at
    /// least once per interval.
    pub(crate) fn tick(&mut self, now: Instant) -> Option<Level> {
        if let Some(new) = self.idle_down(now) {
            // Keeps the count: the next shares may show why the device was silent.
            self.level = new;
            self.silent_since = now;
            return Some(new);
        }
        let new = self.decrease(now)?;
        Some(self.change(now, new))
    }

    fn change(&mut self, now: Instant, new: Level) -> Level {
        self.level = new;
        self.window = Window::new(self.spans.slow, now);
        self.silent_since = now;
        new
    }

    /// Whether the last share is longer ago than a running device would leave it.
    fn was_away(&self, now: Instant) -> bool {
        let expected_gap = self.interval.max(self.expected_gap);
        self.last_share.is_some_and(|last| {
            let gap = now.saturating_duration_since(last).as_secs_f64();
            gap >= AWAY_INTERVALS * expected_gap
        })
    }

    fn idle_down(&self, now: Instant) -> Option<Level> {
        let patience = self.interval * SILENT_INTERVALS;
        let silence = now
            .saturating_duration_since(self.silent_since)
            .as_secs_f64();
        let bits = if silence < patience {
            0
        } else if silence < 2.0 * patience {
            1
        } else {
            STEP_DOWN
        };
        self.lowered(self.level.bits().saturating_sub(bits))
    }

    /// Returns a higher level if shares since the last change or return come far too fast, and the
    /// fast average confirms it.
    fn quick_increase(&self, now: Instant) -> Option<Level> {
        let shares = self.window.shares();
        let elapsed = self.window.elapsed(now).as_secs_f64();
        if shares < MIN_SHARES || shares * self.interval < QUICK_FACTOR * elapsed {
            return None;
        }
        // The time ends with a share, so only n - 1 of the n shares are random.
        let rate = (shares - 1.0) * difficulty(self.level) / elapsed;
        let ideal = level_of(self.ideal(rate.min(self.estimate.fast(now))));
        self.raised(ideal.min(self.level.bits() + STEP_UP))
    }

    fn increase(&self, now: Instant) -> Option<Level> {
        if self.window.shares() < MIN_SHARES || self.count(now) != Count::TooMany {
            return None;
        }
        let ideal = self.ideal(self.estimate.lower(now));
        let is_due = ideal >= 2.0 * MARGIN_UP * difficulty(self.level);
        is_due.then(|| self.raised(level_of(ideal))).flatten()
    }

    fn decrease(&self, now: Instant) -> Option<Level> {
        if self.count(now) != Count::TooFew {
            return None;
        }
        let ideal = self.ideal(self.estimate.higher(now));
        // Before the first share the rate is unknown.
        let is_due = ideal > 0.0 && ideal * MARGIN_DOWN <= difficulty(self.level);
        let least = self.level.bits().saturating_sub(STEP_DOWN);
        is_due
            .then(|| self.lowered(level_of(ideal).max(least)))
            .flatten()
    }

    /// Compares the share count of the window with one share per interval.
    fn count(&self, now: Instant) -> Count {
        let expected = self.window.elapsed(now).as_secs_f64() / self.interval;
        window::compare(self.window.shares(), expected)
    }

    /// Returns the difficulty, in hashes per share, which fits this hash rate.
    fn ideal(&self, rate: f64) -> f64 {
        self.interval * rate
    }

    /// Returns the level of this many bits, at most the ceiling, if it is above the current one.
    fn raised(&self, bits: u16) -> Option<Level> {
        let level = Level::new(bits).unwrap_or(self.ceiling).min(self.ceiling);
        (level > self.level).then_some(level)
    }

    /// Returns the level of this many bits, at least the floor and the device's ticket mask, if it
    /// is below the current one. A level below the mask would change nothing.
    fn lowered(&self, bits: u16) -> Option<Level> {
        let mask = self.mask.difficulty().map_or(0, level_of);
        let level = Level::new(bits.max(mask)).map_or(self.floor, |level| level.max(self.floor));
        (level < self.level).then_some(level)
    }
}

/// Returns the expected number of hashes per share at a level.
fn difficulty(level: Level) -> f64 {
    2_f64.powi(i32::from(level.bits()))
}

/// Returns the bits of the highest level that needs at most `hashes` hashes; 0 below one hash.
pub(crate) fn level_of(hashes: f64) -> u16 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the logarithm of a double is below 1025, and the cast stops at 0"
    )]
    let bits = hashes.log2().min(256.0) as u16;
    bits
}
