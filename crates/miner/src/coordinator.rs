//! Decides what is mined: the state machine between the nodes and the worker.
//!
//! `Coordinator::handle` maps an event and its time to actions. The invariant: as far as any
//! event shows, the node of a published job could still accept a solution of it. Everything an
//! operator may care about is returned as `Action::Report`.
//!
//! It knows no socket, clock, task, log or randomness. A logical clock of sequence numbers
//! (`Seq`) orders events and requests.

mod action;
#[cfg(feature = "bench")]
pub mod benching;
mod chains;
mod choice;
mod comparison;
mod config;
mod cut;
mod demand;
mod event;
mod freshness;
mod gate;
mod heights;
mod identity;
mod live;
mod news;
mod node_state;
mod origin;
mod peer;
mod requests;
mod silence;
mod solution;
mod standby;
mod state;
mod stream;
mod streams;
mod submissions;
mod tip;
mod tracked_block;
mod tracker;
mod twins;
mod updates;
mod upstreams;
mod work;

#[cfg(test)]
mod tests;

pub(crate) use self::action::{Action, Connection, Request};
pub(crate) use self::config::Config;
pub use self::config::Preemption;
pub(crate) use self::event::Event;
pub(crate) use self::state::Coordinator;
