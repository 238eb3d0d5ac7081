//! What is known of the networks that exist: their names, their nodes, their forks.
//!
//! All tables with dates are here. A network that is not in them can be mined on as well.

use chainweb::{ForkState, WorkHeader};

/// Below this height the flags of a block of mainnet01 are a second nonce
/// (`SkipFeatureFlagValidation` in kadena-io/chainweb-node, `src/Chainweb/Version/Mainnet.hs`).
const FIRST_FLAGS_OF_MAINNET: u64 = 530_500;
const MAINNET: u32 = 0x05;

/// Returns the networks with this version code. Sources: `src/Chainweb/Version/*.hs` in
/// kadena-io/chainweb-node (also in its branch `evm/main`), kda-community/chainweb-node and
/// StoaChain/stoa-chain.
pub(crate) fn names_of_code(code: u32) -> Option<&'static str> {
    Some(match code {
        0x01 => "recap-development",
        0x02 => "development",
        MAINNET => "mainnet01",
        0x07 => "testnet04",
        0x08 => "testnet06",
        0x09 => "testnet05",
        0x0a => "stoa, or evm-testnet of the EVM line",
        0x0b => "evm-development",
        0x0001_000b => "evm-development-pair",
        0x0001_000c => "evm-development-singleton",
        0x8000_0000.. => "a network of the node's own tests",
        _ => return None,
    })
}

/// Returns the fork state of a header, or `None` if its flags are a nonce.
pub(crate) fn fork_state(header: &WorkHeader) -> Option<ForkState> {
    let is_nonce = header.version_code() == MAINNET && header.height() < FIRST_FLAGS_OF_MAINNET;
    (!is_nonce).then(|| ForkState::from_flags(header.flags()))
}

/// Returns the fork number and the votes of a block of this height in words.
pub(crate) fn fork_in_words(state: ForkState, height: u64) -> String {
    let number = state.number();
    if state.millivotes() == 0 {
        return format!("fork {number}, no votes for the next one");
    }
    let (votes, next) = (state.votes(), u64::from(number) + 1);
    let (needed, casting) = (ForkState::NEEDED, ForkState::CASTING);
    let blocks = (height % ForkState::EPOCH + 1).min(casting);
    format!(
        "fork {number}; {votes} of the {needed} votes that fork {next} needs, after {blocks} of \
         {casting} blocks"
    )
}
