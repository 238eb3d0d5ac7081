//! Estimates from hashes, difficulties and blocks found: rates, effort, luck, odds, stale work.
//!
//! Pure: times and amounts are arguments. What is not known is `None` and never a number, such as
//! the hashes of devices whose shares are blocks.
//!
//! A hash meets the target of a job with probability 1 / difficulty, so `h` hashes at difficulty
//! `D` find `h / D` blocks on average. This is the number of *expected blocks*. The blocks found
//! with that work have a Poisson distribution with this mean.

mod expected;
mod expected_rate;
mod luck;
mod network;
mod odds;
mod stale;
mod windows;

pub use self::expected::{Expected, expected_blocks};
pub use self::expected_rate::{ExpectedRate, HOURS};
pub use self::luck::{Interval, Luck};
pub use self::network::{BLOCK_DELAY, NetworkRates};
pub use self::odds::{DAY, MONTH, Odds, WEEK, YEAR};
pub use self::stale::StaleWork;
pub use self::windows::{Rates, Window, Windows};
