//! The client on a node that fails in every way a node can.
//!
//! In each story the client keeps running, hashes no dead work for longer than the fault forces,
//! loses no solution that the node could still accept, and mines again soon after the fault ends.
//! [`setting::Ended::check`] checks what holds at the end of every story.

mod answers;
mod balancer;
mod delays;
mod development;
mod external;
mod held;
mod matrix;
mod networks;
mod nodes;
mod on_demand;
mod outages;
mod preemption;
mod refusals;
mod setting;
mod shutdown;
mod solutions;
mod stratum;
mod streams;
