//! What the program knows about itself, as plain data for every reader.
//!
//! An [`Event`] is something that happened and that an operator may care about; a [`Snapshot`] is
//! the state at one moment. Producers emit an event once, where it happens. Log lines are
//! renderings of events; status line, summaries and tables are renderings of a snapshot.

mod blocks;
pub mod counters;
pub(crate) mod devices;
pub mod estimate;
pub mod event;
mod fates;
pub mod faults;
mod log;
mod names;
mod network;
pub mod problem;
pub mod problems;
pub mod recent;
pub(crate) mod recorder;
pub mod snapshot;
mod standing;
pub mod status;
pub mod table;
mod work;

pub use self::counters::Counters;
pub use self::event::Event;
pub use self::fates::fate;
pub use self::log::log_event;
pub use self::snapshot::Snapshot;
pub use self::standing::Standing;
pub use self::work::Work;
pub use crate::units::variant;
