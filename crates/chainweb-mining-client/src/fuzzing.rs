//! The fuzz targets of this crate. Their corpora are in `fuzz/corpus`.

use crate::cli::Cli;
use crate::config::fuzzing;
pub use crate::header::fuzzing::header;
pub use crate::on_demand::fuzzing::requests;

/// Reads a document of settings.
///
/// # Panics
/// If a law does not hold, here and below.
pub fn document(bytes: &[u8]) {
    fuzzing::document::<Cli>(bytes);
}

/// Reads a command line and the environment.
pub fn flags(bytes: &[u8]) {
    fuzzing::flags::<Cli>(bytes);
}

#[cfg(test)]
mod tests {
    use fixtures::corpus;

    #[test]
    fn laws_hold_for_the_corpora() {
        corpus("config_document", super::document);
        corpus("flags", super::flags);
        corpus("header_command", super::header);
        corpus("on_demand", super::requests);
    }
}
