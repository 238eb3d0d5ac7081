//! The settings of the server.

use std::num::NonZeroUsize;
use std::time::Duration;

use chainweb::Level;

use crate::context::SessionLimits;
use crate::difficulty_mode::DifficultyMode;
use crate::nonce1::{Instance, Nonce1Size};

/// The settings of a [`Server`](crate::Server).
#[derive(Clone, Debug)]
pub struct Config {
    /// How share targets are chosen.
    pub difficulty: DifficultyMode,
    /// The lowest share difficulty of the automatic mode and of passwords, in leading zero bits. An
    /// easier block target or a lower fixed difficulty overrides it.
    pub min_level: Level,
    /// The longest time between two jobs of a session.
    pub rate: Duration,
    /// The size of the server's part of the nonce.
    pub nonce1: Nonce1Size,
    /// This server's part of all values of nonce1.
    pub instance: Instance,
    /// The most connections at a time.
    pub max_connections: NonZeroUsize,
    /// The most connections at a time from one IP address. `None` is no limit: a farm often shares
    /// one address.
    pub max_connections_per_ip: Option<NonZeroUsize>,
    /// The most worker names with statistics of their own.
    pub max_workers: usize,
    /// Timeouts and rate limits of a session.
    pub session: SessionLimits,
    /// How long a client may leave sent data unread or unacknowledged.
    pub write_stall: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            difficulty: DifficultyMode::default(),
            min_level: Level::new(40).expect("at most 256"),
            rate: Duration::from_secs(1),
            nonce1: Nonce1Size::TWO,
            instance: Instance::WHOLE,
            max_connections: NonZeroUsize::new(10_000).expect("not zero"),
            max_connections_per_ip: None,
            max_workers: 10_000,
            session: SessionLimits::default(),
            write_stall: Duration::from_mins(1),
        }
    }
}
