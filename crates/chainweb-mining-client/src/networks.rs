//! What is known of the networks that exist: their names, their nodes, their forks.
//!
//! All tables with dates are here. A network that is not in them can be mined on as well.

use chainweb::{ForkState, WorkHeader};
use node::Info;

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

/// A line of chainweb-node: who releases it, and what it can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Kadena's own, which ended with 2.32.
    Kadena,
    /// The community's, from 3.0 on.
    Community,
    /// Kadena's with EVM chains, which ended with 2.31.2.
    Evm,
    Stoa,
}

impl Line {
    /// Returns the line of a node, as far as `/info` shows it.
    pub(crate) fn of(info: &Info) -> Option<Self> {
        let release = info.package_version.as_deref();
        if info.is_evm {
            Some(Self::Evm)
        } else if info.version.as_str() == "stoa" {
            Some(Self::Stoa)
        } else if info.fork_number.is_some() {
            Some(Self::Community)
        } else {
            let numbers = numbers(release.unwrap_or("0"))?;
            let is_kadenas = numbers.first().is_none_or(|first| *first < 3);
            Some(if is_kadenas {
                Self::Kadena
            } else {
                Self::Community
            })
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Kadena => "Kadena's line",
            Self::Community => "the community's line",
            Self::Evm => "the EVM line",
            Self::Stoa => "StoaChain's line",
        }
    }
}

/// Returns the release of a node and its line in words.
pub(crate) fn release_in_words(info: &Info) -> String {
    let release = match (&info.package_version, info.fork_number) {
        (Some(release), _) => release,
        (None, None) => "older than 2.24.1",
        (None, Some(_)) => "of an unknown release",
    };
    match Line::of(info) {
        Some(line) => format!("chainweb-node {release} ({})", line.name()),
        None => format!("chainweb-node {release}"),
    }
}

/// The last release that a network is known to require.
struct Required {
    network: &'static str,
    release: &'static str,
    since: &'static str,
    /// The highest fork number that this release knows.
    fork: u32,
    source: &'static str,
}

/// When [`REQUIRED`] was last compared with its sources.
const AS_OF: &str = "29 November 2026";

const COMMUNITY: &str = "https://github.com/kda-community/chainweb-node/releases";

const REQUIRED: [Required; 3] = [
    Required {
        network: "mainnet01",
        release: "3.2",
        since: "10 July 2026",
        fork: 1,
        source: COMMUNITY,
    },
    Required {
        network: "testnet06",
        release: "3.2",
        since: "10 July 2026",
        fork: 1,
        source: COMMUNITY,
    },
    Required {
        network: "stoa",
        release: "3.2.1",
        since: "August 2026",
        fork: 0,
        source: "https://github.com/StoaChain/stoa-chain/tree/main/docs/stoa",
    },
];

impl Required {
    fn by(info: &Info) -> Option<&'static Self> {
        let mut known = REQUIRED.iter();
        known.find(|known| known.network == info.version.as_str())
    }

    /// Whether a node is older. `None` if its release is of unknown form.
    fn is_missed_by(&self, info: &Info) -> Option<bool> {
        let required = numbers(self.release)?;
        match &info.package_version {
            Some(release) => Some(numbers(release)? < required),
            // It is older than the field, or newer than this table.
            None => Some(info.fork_number.is_none()),
        }
    }
}

/// Returns what a node lacks that is older than its network requires.
pub(crate) fn upgrade(info: &Info) -> Option<String> {
    let required = Required::by(info).filter(|known| known.is_missed_by(info) == Some(true))?;
    let Required {
        network,
        release,
        since,
        source,
        ..
    } = required;
    Some(format!(
        "upgrade the node: {network} has required release {release} since {since} ({source}, as \
         of {AS_OF}), and an older node does not follow all of the network's forks"
    ))
}

/// Whether a node knows the rules of a fork. `None` if its answers do not show it.
pub(crate) fn knows_fork(info: &Info, number: u32) -> Option<bool> {
    if let Some(highest) = info.fork_number {
        return Some(number <= highest);
    }
    if let Some(required) = Required::by(info) {
        return if required.is_missed_by(info)? {
            Some(number < required.fork.max(1))
        } else {
            (number <= required.fork).then_some(true)
        };
    }
    // No release of Kadena's knows a fork that is voted on.
    (Line::of(info)? == Line::Kadena).then_some(number == 0)
}

/// Returns the numbers of a release, such as 3, 2 and 1 of `3.2.1-stoa.1`, without zeros at the
/// end.
fn numbers(release: &str) -> Option<Vec<u64>> {
    let is_part = |c: char| c.is_ascii_digit() || c == '.';
    let end = release.find(|c| !is_part(c)).unwrap_or(release.len());
    let parts = release[..end].split('.').map(|part| part.parse().ok());
    let mut numbers: Vec<u64> = parts.collect::<Option<_>>()?;
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    Some(numbers)
}

#[cfg(test)]
mod tests;
