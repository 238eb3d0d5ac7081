//! The miners elsewhere in the network, as one.
//!
//! They mine one chain at a time, chosen uniformly among the extensible ones, and find a block
//! after an exponentially distributed time, as hashing does. They do not hash: their blocks are
//! exempt from proof of work. They choose again whenever another miner extends their chain;
//! exponential times are memoryless, so the switch loses no work.

use std::time::Duration;

use chainweb::{ChainId, CreationTime, Nonce, Target};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::timers::{Timer, TimerKey, Timers};

/// Lower bound of a solve time: creation times on a chain are at least a microsecond apart.
const MINIMUM_SOLVE_TIME: Duration = Duration::from_micros(100);

/// Separates their random choices from the node's, which depend on the clients' requests. ASCII
/// "foreign".
const STREAM: u64 = 0x666f_7265_6967_6e00;

#[derive(Debug)]
pub(crate) struct ForeignMiners {
    hash_rate: f64,
    rng: StdRng,
    /// The chain being mined, and the timer of its next block.
    current: Option<(ChainId, TimerKey)>,
    blocks: u64,
}

impl ForeignMiners {
    pub(crate) fn new(hash_rate: f64, seed: u64) -> Self {
        Self {
            hash_rate,
            rng: StdRng::seed_from_u64(seed ^ STREAM),
            current: None,
            blocks: 0,
        }
    }

    /// Returns the chain being mined.
    pub(crate) fn chain(&self) -> Option<ChainId> {
        self.current.map(|(chain, _)| chain)
    }

    /// Chooses one of the extensible chains; `None` if the hash rate is zero.
    pub(crate) fn choose(&mut self, mineable: &[ChainId]) -> Option<ChainId> {
        if self.hash_rate <= 0.0 || mineable.is_empty() {
            return None;
        }
        Some(mineable[self.rng.random_range(0..mineable.len())])
    }

    /// Starts mining `chain` and sets the timer of its next block.
    pub(crate) fn mine(
        &mut self,
        chain: ChainId,
        target: Target,
        now: CreationTime,
        timers: &mut Timers,
    ) {
        if let Some((_, key)) = self.current.take() {
            timers.cancel(key);
        }
        // In (0, 1]: the logarithm of zero is not finite.
        let uniform = 1.0 - self.rng.random::<f64>();
        let seconds = -uniform.ln() * target.difficulty().as_f64() / self.hash_rate;
        let solve_time = Duration::try_from_secs_f64(seconds)
            .unwrap_or(Duration::MAX)
            .max(MINIMUM_SOLVE_TIME);
        let due = now.saturating_add(solve_time);
        self.current = Some((chain, timers.set(due, Timer::ForeignBlock)));
    }

    /// Returns the number of their next block, which makes its payload unique, and its nonce.
    pub(crate) fn next_block(&mut self) -> (u64, Nonce) {
        self.blocks += 1;
        (self.blocks, Nonce::new(self.rng.random()))
    }
}
