//! A device and its session in simulated time: exponential gaps between shares, a target that
//! reaches the device late, and a tick each second.

use std::time::{Duration, Instant};

use chainweb::{Difficulty, Level};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::super::{Vardiff, VardiffConfig, difficulty};

/// From a change of level to the first share that meets it: network latency, and the pipeline of
/// the device.
const LAG_SECONDS: f64 = 0.5;

pub(super) struct Device {
    rng: SmallRng,
    origin: Instant,
    pub(super) seconds: f64,
    pub(super) vardiff: Vardiff,
    /// The levels in force for the device, each with the time from which on.
    levels: Vec<(f64, Level)>,
    /// The level of the device's ticket mask.
    mask: u16,
    pub(super) shares: u64,
    /// When and to what the level changed.
    pub(super) changes: Vec<(f64, u16)>,
}

impl Device {
    pub(super) fn new(seed: u64, floor: u16, start: u16, mask: u16) -> Self {
        let config = VardiffConfig {
            floor: Level::new(floor).expect("a level"),
            ..VardiffConfig::default()
        };
        Self::of(config, seed, start, mask)
    }

    pub(super) fn of(config: VardiffConfig, seed: u64, start: u16, mask: u16) -> Self {
        let origin = Instant::now();
        let vardiff = Vardiff::new(config, Level::new(start).expect("a level"), origin);
        Self {
            rng: SmallRng::seed_from_u64(seed),
            origin,
            seconds: 0.0,
            levels: vec![(0.0, vardiff.level())],
            vardiff,
            mask,
            shares: 0,
            changes: Vec::new(),
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.origin + Duration::from_secs_f64(self.seconds)
    }

    pub(super) fn bits(&self) -> u16 {
        self.vardiff.level().bits()
    }

    pub(super) fn changes_since(&self, seconds: f64) -> usize {
        self.changes.iter().filter(|(at, _)| *at > seconds).count()
    }

    /// Runs for this many seconds at `rate`, a function of time in seconds that returns hashes per
    /// second.
    pub(super) fn run(&mut self, seconds: u32, rate: impl Fn(f64) -> f64) {
        for _ in 0..seconds {
            let tick = self.seconds.floor() + 1.0;
            loop {
                let required = self.required();
                let passing = 2_f64.powi(i32::from(required.bits().max(self.mask)));
                // The process has no memory, so a gap may be drawn again at each second.
                let gap = -(1.0 - self.rng.random::<f64>()).ln() * passing / rate(self.seconds);
                let change = self.levels.get(1).map_or(f64::INFINITY, |(from, _)| *from);
                if self.seconds + gap >= tick.min(change) {
                    if change > tick {
                        break;
                    }
                    self.seconds = change;
                    self.levels.remove(0);
                    continue;
                }
                self.seconds += gap;
                self.share(required, passing);
            }
            self.seconds = tick;
            let change = self.vardiff.tick(self.now());
            self.note(change);
        }
    }

    fn required(&self) -> Level {
        self.levels[0].1
    }

    fn share(&mut self, required: Level, passing: f64) {
        let achieved = passing / (1.0 - self.rng.random::<f64>());
        self.shares += 1;
        let required = Difficulty::from_f64(difficulty(required));
        let change = self
            .vardiff
            .share(self.now(), required, Difficulty::from_f64(achieved));
        self.note(change);
    }

    fn note(&mut self, change: Option<Level>) {
        if let Some(level) = change {
            self.levels.push((self.seconds + LAG_SECONDS, level));
            self.changes.push((self.seconds, level.bits()));
        }
    }
}
