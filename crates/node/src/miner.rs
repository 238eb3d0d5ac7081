//! Whom a block's reward goes to, in the form a node compares it.
//!
//! A node hands work out only to a miner that equals one it was configured with: account, set of
//! keys and predicate, compared as text (`chainweb-node`, `Chainweb/Miner/RestAPI/Server.hs`). So
//! everything is sent exactly as it was given.

use serde::Serialize;

/// A miner: account, one public key, and the predicate `keys-all`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Miner {
    account: String,
    predicate: &'static str,
    #[serde(rename = "public-keys")]
    public_keys: [String; 1],
}

impl Miner {
    /// The account defaults to `k:` and the key. Without a key the key is empty: nodes that are not
    /// told a miner by the client (the EVM line) ignore both.
    pub fn new(public_key: Option<&str>, account: Option<&str>) -> Self {
        let public_key = public_key.unwrap_or_default();
        let account = account.map_or_else(|| format!("k:{public_key}"), str::to_owned);
        Self {
            account,
            predicate: "keys-all",
            public_keys: [public_key.to_owned()],
        }
    }

    /// The account as sent.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The public key as sent; empty if there is none.
    pub fn public_key(&self) -> &str {
        &self.public_keys[0]
    }

    /// The predicate as sent.
    pub fn predicate(&self) -> &'static str {
        self.predicate
    }

    /// The JSON body of a request for work.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings always have a JSON form")
    }
}
