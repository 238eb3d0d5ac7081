//! Messages of Kadena's Stratum dialect: requests as the server parses them, answers and
//! notifications as it writes them.
//!
//! The forms are those of `kadena-io/chainweb-mining-client`,
//! `src/Worker/POW/Stratum/Protocol.hs`, and of the pools in service. In each object that the
//! server writes `id` is the last key. Sessions are not known here.

mod answer;
pub(crate) mod notification;
mod request;

pub(crate) use answer::Answer;
pub use answer::Refusal;
pub(crate) use request::Call;
pub use request::{BadRequest, Request};
