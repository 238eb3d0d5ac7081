//! Floors: minimal servers that bound the speed of any server on this machine.
//!
//! [`mod@write`] writes the bytes of a job to many sockets in a bare loop. [`mod@echo`] returns
//! every line, with one task per connection. Both run as child processes on the core of the
//! compared server, under the same load.

pub mod echo;
pub mod write;
