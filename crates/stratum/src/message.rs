//! What the two sides of a Stratum connection say to each other, typed.
//!
//! [`Request`] and [`Answer`] are the server's side: requests as it reads them, answers as it writes them.
//! [`notification`] holds what it sends unasked; [`client`] is the same conversation seen from a miner. Every object
//! that the server writes has its `id` as the last key. Nothing here knows a session: a message is only well formed or
//! not.

mod answer;
pub mod client;
pub mod notification;
mod request;
mod text;

pub use answer::{Answer, Refusal};
pub use request::{BadRequest, Call, Id, Request};
