//! The first blocks of a network.
//!
//! Either of one that begins now, or of Kadena's `development` with its own time, target and payloads
//! (chainweb-node, `Chainweb/Version/Development.hs`), whose hashes are known.

use chainweb::{BlockHeader, ChainId, CreationTime, Genesis, Target};

use super::payload::payload_hash;
use crate::config::{Config, GenesisBlocks};

/// The genesis time of Kadena's `development`.
const DEVELOPMENT_TIME: CreationTime = CreationTime::from_micros(1_563_388_117_613_832);

/// The genesis target of Kadena's `development`: ⌊(2^256 - 1) / 100000⌋.
const DEVELOPMENT_TARGET: &str = "0000a7c5ac471b4784230fcf80dc33721d53cddd6e04c059210385c67dfe32a0";

/// The genesis payloads of Kadena's `development`: the one of chain 0, and the one of all others.
const DEVELOPMENT_PAYLOADS: [&str; 2] = [
    "GB8YsdVgd50IaJ_shYGN3pnzOohPi-gE3YaP2pvhw0w",
    "tL8Um8Zql3uKtYX5yo9-YoW_cKGf_BFBONzVD5JDd5k",
];

/// The first blocks of all chains.
pub(super) fn genesis_blocks(config: &Config, now: CreationTime) -> Vec<BlockHeader> {
    let development = config.genesis == GenesisBlocks::Development;
    let (time, target) = if development {
        let target = Target::from_be_hex(DEVELOPMENT_TARGET).expect("64 hex digits");
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
                .expect("43 characters of base64url")
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
        .map(|chain| genesis.header(chain, payload_of(chain)))
        .collect()
}
