//! The floors of the machine: what no server can be faster than.
//!
//! [`mod@write`] sends the bytes of a job to a number of sockets in a bare loop; [`mod@echo`] gives every line back from a task
//! per connection. Both are children that run on the core of the server that they are compared with, and the same
//! fleet reads what they send.

pub mod echo;
pub mod write;
