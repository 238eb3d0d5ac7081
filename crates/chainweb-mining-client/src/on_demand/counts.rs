//! Numbers of blocks as a JSON object, such as `{"0":2,"5":1}`.

use std::collections::BTreeMap;

use anyhow::{anyhow, bail};
use miner::worker::on_demand::Counts;

/// Reads such an object. If a key is repeated, the last one counts.
///
/// # Errors
///
/// Returns an error about a body of another form, or about a key which is not a decimal number.
pub(super) fn from_json(text: &[u8]) -> anyhow::Result<Counts> {
    let counts: BTreeMap<String, u64> = serde_json::from_slice(text).map_err(|error| {
        // It may repeat the body.
        let error: String = error.to_string().chars().take(200).collect();
        anyhow!(
            r#"expected an object of chains and numbers of blocks, as in {{"0":2,"5":1}}: {error}"#
        )
    })?;
    let counts = counts.into_iter().map(|(key, count)| match key.parse() {
        Ok(chain) if !key.starts_with('+') => Ok((chain, count)),
        _ => bail!(
            "expected the number of a chain in decimal digits, got {:?}",
            short(&key)
        ),
    });
    counts.collect()
}

/// Writes such an object.
pub(super) fn to_json(counts: &Counts) -> String {
    let items = counts.iter().map(|(chain, count)| (chain.get(), count));
    serde_json::json!(items.collect::<BTreeMap<_, _>>()).to_string()
}

/// Returns the beginning of a text, for an error.
pub(super) fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn error_does_not_repeat_a_long_body() {
        let body = format!("\"{}\"", "x".repeat(10_000));
        let error = super::from_json(body.as_bytes()).expect_err("no object");
        assert!(error.to_string().len() < 400, "{error}");
    }
}
