//! The coordinator as tables of events and the actions that follow, and under random interleavings.

mod blocks;
mod counts;
mod demand;
mod fates;
mod flood;
mod fuzz;
mod gate;
mod late;
mod outages;
mod pieces;
mod pow_policy;
mod preemption;
mod refetch;
mod refreshed;
mod reports;
mod script;
mod silence;
mod start;
mod stop;
mod submission;
