//! The fuzz targets of this crate. Their corpora are in `fuzz/corpus`.

pub use crate::config::fuzzing::{document, flags};
pub use crate::header::fuzzing::header;
pub use crate::on_demand::fuzzing::requests;
