//! The coordinator as tables of events and the actions that follow, and under random interleavings.

mod demand;
mod fates;
mod fuzz;
mod gate;
mod handing_in;
mod late;
mod outages;
mod pieces;
mod preemption;
mod refetch;
mod refreshed;
mod script;
mod start;
mod stop;
mod unsolved;
