//! How many blocks of which chains: a JSON object of chain numbers and counts.

use std::collections::BTreeMap;

use chainweb::ChainId;

/// Why a body does not say how many blocks.
#[derive(Debug, thiserror::Error)]
pub enum CountsError {
    /// No such object.
    #[error("expected an object of chains and numbers of blocks, as in {{\"0\":2,\"5\":1}}: {0}")]
    Form(#[from] serde_json::Error),
    /// A key is no chain.
    #[error("expected the number of a chain in decimal digits, got {0:?}")]
    Chain(String),
}

/// Reads an object as in `{"0":2,"5":1}`. Of a key that is there twice the last one counts.
pub fn from_json(text: &[u8]) -> Result<BTreeMap<ChainId, u64>, CountsError> {
    let counts: BTreeMap<String, u64> = serde_json::from_slice(text)?;
    let read = |(key, count): (String, u64)| {
        let is_decimal = key.bytes().all(|byte| byte.is_ascii_digit());
        match key.parse() {
            Ok(chain) if is_decimal => Ok((chain, count)),
            _ => Err(CountsError::Chain(key.chars().take(40).collect())),
        }
    };
    counts.into_iter().map(read).collect()
}

/// Writes the same.
pub fn to_json(counts: &BTreeMap<ChainId, u64>) -> String {
    let items = counts
        .iter()
        .map(|(chain, count)| format!("\"{chain}\":{count}"));
    format!("{{{}}}", items.collect::<Vec<_>>().join(","))
}
