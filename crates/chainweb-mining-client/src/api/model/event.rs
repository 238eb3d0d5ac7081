//! An event.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Something that happened, as the log writes it at level `info` or above.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Event {
    /// Its id in the stream, different in each run of the program.
    pub(crate) id: String,
    /// Its number in this run. There are gaps: events of jobs are left out.
    pub(crate) sequence: u64,
    /// When it happened.
    pub(crate) time_unix_ms: i64,
    /// `info`, `warn` or `error`.
    pub(crate) severity: String,
    /// Its name, the field `event` in the log, such as `block_found`.
    pub(crate) name: String,
    /// What happened, in words.
    pub(crate) message: String,
    /// Its data, with the unit in the name.
    #[schema(value_type = Object)]
    pub(crate) fields: Map<String, Value>,
}

/// The latest events, oldest first, at most 256.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Events<'a> {
    /// The events.
    pub(crate) events: Vec<&'a Event>,
}
