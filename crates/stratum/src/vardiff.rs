//! The level that makes a device send a share every few seconds, whatever its speed.
//!
//! Shares of a constant device are a Poisson process, so single gaps say little: a level changes only when the count
//! since the last change is no accident *and* both averages of the hash rate ask for another. Levels are powers of two,
//! rounded to the easier. All of it is a function of the shares and of the `now` that is passed in. It does not know
//! messages, jobs or block targets: that a block's easier target wins is the session's business.

mod estimate;
mod mask;
pub(crate) mod start;
#[cfg(test)]
mod tests;
mod window;

use std::time::{Duration, Instant};

use chainweb::{Difficulty, Level};

use self::estimate::Estimate;
use self::mask::TicketMask;
pub use self::start::start_level;
use self::window::{Count, Window};

/// Silence of this many share intervals is a sign that the level is too hard or the device gone.
const SILENT_INTERVALS: f64 = 6.0;

/// Silence of this many share intervals is no accident any more.
const AWAY_INTERVALS: f64 = 12.0;

/// A level is lowered by at most this many bits at once: what looks like a slower device may be a short outage.
const STEP_DOWN: u16 = 2;

/// A quick rise is at most this many bits: after a network's hiccup shares arrive in a heap that says nothing of speed.
const STEP_UP: u16 = 4;

/// Fewer shares never raise a level.
const LEAST_SHARES: f64 = 8.0;

/// A quick rise takes shares that come at least this many times too fast.
const QUICK_FACTOR: f64 = 4.0;

/// A level is lowered only if its difficulty is at least this many times what is wanted.
const MARGIN_DOWN: f64 = 1.5;

/// A level is raised only if what is wanted is at least this many times the difficulty of the *next* one. Without that, a
/// device whose speed lies right on the border would change with every accident.
const MARGIN_UP: f64 = 1.125;

/// No level above this is ever asked for: ten thousand of the largest devices behind one proxy need less. It bounds how
/// long an absurd start keeps a device silent.
const CEILING: Level = Level::new(64).expect("at most 256");

/// What a server wants of its devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VardiffConfig {
    /// The time from share to share that is aimed at. Levels are powers of two: what comes of it is 0.4 to 1.5 times that.
    pub interval: Duration,
    /// No level below this one is asked for.
    pub floor: Level,
}

impl Default for VardiffConfig {
    /// A share every five seconds, and never easier than 2^40: chips of the Antminer KA3 report no easier hashes.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5),
            floor: Level::new(40).expect("at most 256"),
        }
    }
}

/// The times over which the hash rate is averaged.
#[derive(Clone, Copy, Debug)]
struct Spans {
    fast: Duration,
    slow: Duration,
}

impl Spans {
    /// A minute and five, more where shares are so far apart that this would be a handful.
    fn of(interval: Duration) -> Self {
        Self {
            fast: interval.saturating_mul(12).max(Duration::from_mins(1)),
            slow: interval.saturating_mul(60).max(Duration::from_mins(5)),
        }
    }
}

/// The variable level of one session.
#[derive(Clone, Debug)]
pub struct Vardiff {
    /// Seconds.
    interval: f64,
    spans: Spans,
    floor: Level,
    ceiling: Level,
    level: Level,
    worked_at: Option<Level>,
    estimate: Estimate,
    window: Window,
    mask: TicketMask,
    last_share: Option<Instant>,
    /// Hashes per second as the last share left it.
    rate: f64,
    /// Seconds from share to share as the last one left it.
    usual_gap: f64,
    quiet_since: Instant,
}

impl Vardiff {
    /// Begins at `start`, or at the nearest level that is allowed. An interval below a millisecond counts as one.
    pub fn new(config: VardiffConfig, start: Level, now: Instant) -> Self {
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
            worked_at: None,
            estimate: Estimate::new(spans, now),
            window: Window::new(spans.slow, now),
            mask: TicketMask::default(),
            last_share: None,
            rate: 0.0,
            usual_gap: 0.0,
            quiet_since: now,
        }
    }

    /// The level to ask for.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The level at which the last share came, if one did. This is what to remember of a worker: the level of a device
    /// that has not begun or has stopped says nothing.
    pub fn worked_at(&self) -> Option<Level> {
        self.worked_at
    }

    /// Hashes per second as borne out by the shares of the last five minutes or so; it falls while none come.
    pub fn hash_rate(&self, now: Instant) -> f64 {
        self.estimate.slow(now)
    }

    /// [`Vardiff::hash_rate`] at the time of the last share.
    pub(crate) fn rate_at_last_share(&self) -> f64 {
        self.rate
    }

    /// The effort that a share proves which was asked for at difficulty `asked`: that, unless the device is known to
    /// filter harder.
    pub fn credit(&self, asked: Difficulty) -> Difficulty {
        self.mask
            .passed(asked.as_f64())
            .map_or(asked, Difficulty::from_f64)
    }

    /// Counts a share that was asked for at difficulty `asked` and whose hash has difficulty `found`; gives the new level
    /// if that changes it.
    pub fn share(&mut self, now: Instant, asked: Difficulty, found: Difficulty) -> Option<Level> {
        let credit = self.observe(now, asked, found)?;
        self.window.add(now, credit / difficulty(self.level));
        let new = self
            .quick_rise(now)
            .or_else(|| self.rise(now))
            .or_else(|| self.fall(now))?;
        Some(self.change(now, new))
    }

    /// Counts a share where no level is to be found, but only how fast the device is; gives the effort that it proves,
    /// and `None` if the device had been away.
    pub(crate) fn observe(
        &mut self,
        now: Instant,
        asked: Difficulty,
        found: Difficulty,
    ) -> Option<f64> {
        let asked = asked.as_f64();
        self.mask.observe(asked, found.as_f64());
        let credit = self.mask.passed(asked).unwrap_or(asked);
        let was_away = self.was_away(now);
        self.last_share = Some(now);
        self.quiet_since = now;
        self.worked_at = Some(self.level);
        if was_away {
            // Its absence is no part of its speed. This share only marks the beginning.
            self.estimate = Estimate::new(self.spans, now);
            self.window = Window::new(self.spans.slow, now);
            self.rate = 0.0;
            return None;
        }
        self.estimate.add(now, credit);
        self.rate = self.estimate.slow(now);
        self.usual_gap = credit / self.rate;
        Some(credit)
    }

    /// Looks at the time that passed without shares; gives the new level if that changes it. To be called once per
    /// interval at least.
    pub fn tick(&mut self, now: Instant) -> Option<Level> {
        if let Some(new) = self.idle_down(now) {
            // The count goes on: what made it silent may show in the next shares.
            self.level = new;
            self.quiet_since = now;
            return Some(new);
        }
        let new = self.fall(now)?;
        Some(self.change(now, new))
    }

    fn change(&mut self, now: Instant, new: Level) -> Level {
        self.level = new;
        self.window = Window::new(self.spans.slow, now);
        self.quiet_since = now;
        new
    }

    /// Whether the last share is longer ago than that of a device at work would be.
    fn was_away(&self, now: Instant) -> bool {
        let usual_gap = self.interval.max(self.usual_gap);
        self.last_share.is_some_and(|last| {
            let gap = now.saturating_duration_since(last).as_secs_f64();
            gap >= AWAY_INTERVALS * usual_gap
        })
    }

    fn idle_down(&self, now: Instant) -> Option<Level> {
        let patience = self.interval * SILENT_INTERVALS;
        let quiet = now
            .saturating_duration_since(self.quiet_since)
            .as_secs_f64();
        let bits = if quiet < patience {
            0
        } else if quiet < 2.0 * patience {
            1
        } else {
            STEP_DOWN
        };
        self.lowered(self.level.bits().saturating_sub(bits))
    }

    /// The far too many first shares after a change or a return: they alone decide, unless the average that knows more
    /// than them holds them for an accident.
    fn quick_rise(&self, now: Instant) -> Option<Level> {
        let shares = self.window.shares();
        let elapsed = self.window.elapsed(now).as_secs_f64();
        if shares < LEAST_SHARES || shares * self.interval < QUICK_FACTOR * elapsed {
            return None;
        }
        // The time ends with a share: of n shares in it only n - 1 are a matter of chance.
        let rate = (shares - 1.0) * difficulty(self.level) / elapsed;
        let wanted = level_of(self.wanted(rate.min(self.estimate.fast(now))));
        self.raised(wanted.min(self.level.bits() + STEP_UP))
    }

    fn rise(&self, now: Instant) -> Option<Level> {
        if self.window.shares() < LEAST_SHARES || self.count(now) != Count::TooMany {
            return None;
        }
        let wanted = self.wanted(self.estimate.lower(now));
        let is_due = wanted >= 2.0 * MARGIN_UP * difficulty(self.level);
        is_due.then(|| self.raised(level_of(wanted))).flatten()
    }

    fn fall(&self, now: Instant) -> Option<Level> {
        if self.count(now) != Count::TooFew {
            return None;
        }
        let wanted = self.wanted(self.estimate.higher(now));
        // Before the first share there is no rate to go by, only silence.
        let is_due = wanted > 0.0 && wanted * MARGIN_DOWN <= difficulty(self.level);
        let least = self.level.bits().saturating_sub(STEP_DOWN);
        is_due
            .then(|| self.lowered(level_of(wanted).max(least)))
            .flatten()
    }

    /// Whether so many shares in such a time are to be expected of a device at one share per interval.
    fn count(&self, now: Instant) -> Count {
        let expected = self.window.elapsed(now).as_secs_f64() / self.interval;
        window::judge(self.window.shares(), expected)
    }

    /// The hashes from share to share that this rate asks for.
    fn wanted(&self, rate: f64) -> f64 {
        self.interval * rate
    }

    /// The level of this many bits or the hardest allowed, if that is harder than the present one.
    fn raised(&self, bits: u16) -> Option<Level> {
        let level = Level::new(bits).unwrap_or(self.ceiling).min(self.ceiling);
        (level > self.level).then_some(level)
    }

    /// The level of this many bits or the easiest allowed, if that is easier than the present one. Easier levels than a
    /// device's own filter would change nothing.
    fn lowered(&self, bits: u16) -> Option<Level> {
        let filter = self.mask.difficulty().map_or(0, level_of);
        let level = Level::new(bits.max(filter)).map_or(self.floor, |level| level.max(self.floor));
        (level < self.level).then_some(level)
    }
}

/// Expected hashes at a level.
fn difficulty(level: Level) -> f64 {
    2_f64.powi(i32::from(level.bits()))
}

/// The bits of the hardest level that takes at most so many hashes; 0 for less than one hash.
fn level_of(hashes: f64) -> u16 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the logarithm of a double is below 1025, and the cast stops at 0"
    )]
    let bits = hashes.log2().min(256.0) as u16;
    bits
}
