//! The client on a node that fails in every way a node can.
//!
//! In each story the client does not end, hashes no dead work for longer than the fault forces, loses no solution
//! that the node could still take, and mines again soon after the fault's end. What holds at the end of all of them
//! is checked in one place, [`setting::Ended::check`].

mod answers;
mod development;
mod external;
mod on_demand;
mod outages;
mod preemption;
mod refusals;
mod setting;
mod shutdown;
mod solutions;
mod stratum;
mod streams;
