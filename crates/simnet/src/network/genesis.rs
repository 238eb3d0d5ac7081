//! Genesis blocks: of a new network, or of Kadena's `development`.
//!
//! Time, target and payloads of `development` are those of `Chainweb/Version/Development.hs`; a
//! test compares the resulting hashes with the real ones.

use std::sync::Arc;

use chainweb::{BlockHeader, ChainId, CreationTime, Genesis, Target};

use super::payload::payload_hash;
use crate::config::{Config, GenesisBlocks};

/// Genesis time of `development`.
const DEVELOPMENT_TIME: CreationTime = CreationTime::from_micros(1_563_388_117_613_832);

/// Genesis target of `development`, big-endian: ⌊(2^256 - 1) / 100000⌋.
const DEVELOPMENT_TARGET: &str = "0000a7c5ac471b4784230fcf80dc33721d53cddd6e04c059210385c67dfe32a0";

/// Genesis payload hashes of `development`: of chain 0, and of every other chain.
const DEVELOPMENT_PAYLOADS: [&str; 2] = [
    "GB8YsdVgd50IaJ_shYGN3pnzOohPi-gE3YaP2pvhw0w",
    "tL8Um8Zql3uKtYX5yo9-YoW_cKGf_BFBONzVD5JDd5k",
];

/// Returns the genesis blocks of all chains.
pub(crate) fn genesis_blocks(config: &Config, now: CreationTime) -> Vec<Arc<BlockHeader>> {
    let development = config.genesis == GenesisBlocks::Development;
    let (time, target) = if development {
        let target =
            Target::from_be_hex(DEVELOPMENT_TARGET).expect("the constant is 64 hex digits");
        (DEVELOPMENT_TIME, target)
    } else {
        (now, config.start_difficulty.target())
    };
    let genesis = Genesis {
        version_code: config.version_code,
        graph: config.graph.clone(),
        time,
        target,
    };
    let payload_of = |chain: ChainId| {
        if development {
            DEVELOPMENT_PAYLOADS[usize::from(chain.get() != 0)]
                .parse()
                .expect("the constants are 43 characters of base64url")
        } else {
            payload_hash(
                config.seed,
                [b"genesis".as_slice(), &chain.get().to_le_bytes()],
            )
        }
    };
    config
        .graph
        .chains()
        .map(|chain| Arc::new(genesis.header(chain, payload_of(chain))))
        .collect()
}
