//! The coordinator as tables of events and the actions that follow, and in simulated runs.

mod blocks;
mod counts;
mod demand;
mod fates;
mod flood;
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
mod simulation;
mod start;
mod stop;
mod submission;
mod tips;
