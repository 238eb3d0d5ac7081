//! The miner of a block: the account that receives the reward.
//!
//! A node sends work only for a miner equal to one of its configured miners: account, keys and
//! predicate, compared as text (kadena-io/chainweb-node, `Chainweb/Miner/RestAPI/Server.hs`). So
//! all texts are sent unchanged.

use serde::Serialize;

/// An account, one public key, and the predicate `keys-all`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Miner {
    account: String,
    predicate: &'static str,
    #[serde(rename = "public-keys")]
    public_keys: [String; 1],
}

impl Miner {
    /// Returns the miner with this key and account. The account defaults to `k:` and the key.
    /// Without a key it is empty; nodes of the EVM line ignore both.
    pub fn new(public_key: Option<&str>, account: Option<&str>) -> Self {
        let public_key = public_key.unwrap_or_default();
        let account = account.map_or_else(|| format!("k:{public_key}"), str::to_owned);
        Self {
            account,
            predicate: "keys-all",
            public_keys: [public_key.to_owned()],
        }
    }

    /// Returns the account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Returns the public key, empty if there is none.
    pub fn public_key(&self) -> &str {
        &self.public_keys[0]
    }

    /// Returns the predicate.
    pub fn predicate(&self) -> &'static str {
        self.predicate
    }

    /// Returns the JSON body of a request for work.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings have a JSON form")
    }
}
