//! What the program knows about itself, as plain data for every reader.
//!
//! An [`Event`] is something an operator may care about; [`Counters`] are totals since the start.
//! An event is emitted once, where it happens. Log lines are renderings of events.

pub mod counters;
pub mod event;
mod log;

pub use self::counters::Counters;
pub use self::event::Event;
pub(crate) use self::log::log;
