//! The networks that exist, and the releases of chainweb-node that serve them.

use chainweb::ChainGraph;

use super::{Config, ProofOfWork};

/// Simulated release of chainweb-node. It decides the rules of the mining API and of fork votes,
/// the fields of `/info`, and the value of the header `X-Chainweb-Node-Version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// 3.2, the community's line. It casts fork votes.
    Community3_2,
    /// 3.2 with the `/info` of its pull request 34, which names fork numbers.
    CommunityNext,
    /// 2.32.0, Kadena's last release.
    Kadena2_32,
    /// 2.31.1; its `/info` has a service date.
    Kadena2_31,
    /// 2.23; its `/info` has none of the optional fields.
    Kadena2_23,
    /// 3.2.1-stoa.1, the node of `StoaChain`, with the rules of 2.32.0.
    Stoa3_2,
    /// 2.31.2, the EVM line. It has a mining API of its own: work without a miner, and with a hash
    /// over the adjacent hashes.
    Evm2_31,
}

impl Release {
    /// Returns the package version, as in `nodePackageVersion`.
    pub(crate) const fn package_version(self) -> &'static str {
        match self {
            Self::Community3_2 | Self::CommunityNext => "3.2",
            Self::Kadena2_32 => "2.32.0",
            Self::Kadena2_31 => "2.31.1",
            Self::Kadena2_23 => "2.23",
            Self::Stoa3_2 => "3.2.1-stoa.1",
            Self::Evm2_31 => "2.31.2",
        }
    }

    /// Whether the release casts fork votes.
    pub(crate) const fn has_fork_votes(self) -> bool {
        matches!(self, Self::Community3_2 | Self::CommunityNext)
    }

    /// Whether the release is of the EVM line.
    pub(crate) const fn is_evm(self) -> bool {
        matches!(self, Self::Evm2_31)
    }
}

/// Rules of fork votes of a node of the community's line. Other nodes copy the flags of the parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkRules {
    /// Highest fork number that the node knows. Blocks with a higher one are invalid.
    pub known: u32,
    /// The fork number up to which blocks vote for the next one.
    pub target: u32,
    /// Number of heights in each epoch at which votes are cast. At the next 120 they are counted.
    pub casting: u64,
}

/// Number of heights in each epoch at which votes are counted (`Chainweb/Version.hs`).
const COUNTING: u64 = 120;

impl ForkRules {
    /// Returns the number of heights in an epoch.
    pub(crate) const fn epoch(&self) -> u64 {
        self.casting + COUNTING
    }
}

impl Default for ForkRules {
    /// Returns the rules of 3.2 on the main network.
    fn default() -> Self {
        Self {
            known: 1,
            target: 1,
            casting: 14_280,
        }
    }
}

/// Names, version codes (`Chainweb/Version/*.hs`), and whether the first epoch of difficulty
/// adjustment starts at height 1.
const NETWORKS: [(&str, u32, bool); 11] = [
    ("recap-development", 0x01, true),
    ("development", 0x02, true),
    ("mainnet01", 0x05, false),
    ("testnet04", 0x07, false),
    ("testnet06", 0x08, false),
    ("testnet05", 0x09, false),
    ("stoa", 0x0a, false),
    ("evm-testnet", 0x0a, true),
    ("evm-development", 0x0b, true),
    ("evm-development-pair", 0x0001_000b, true),
    ("evm-development-singleton", 0x0001_000c, true),
];

/// Returns the version code of a network that exists, by its name.
pub fn version_code_of(name: &str) -> Option<u32> {
    let mut networks = NETWORKS.iter();
    let (_, code, _) = networks.find(|(known, ..)| *known == name)?;
    Some(*code)
}

/// A network that exists, to imitate from its genesis on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// A development network of Kadena's last release.
    Development,
    /// The main network, with the community's release and its fork votes.
    MainnetLike,
    /// `StoaChain`.
    Stoa,
    /// The sandbox of the EVM line, without proof of work.
    EvmSandbox,
}

impl Config {
    /// Returns the configuration of a network that exists. The start difficulty is that of a
    /// development network.
    pub fn of_network(preset: Preset) -> Self {
        let (release, version, graph) = match preset {
            Preset::Development => (Release::Kadena2_32, "development", ChainGraph::twenty()),
            Preset::MainnetLike => (Release::Community3_2, "mainnet01", ChainGraph::twenty()),
            Preset::Stoa => (Release::Stoa3_2, "stoa", ChainGraph::petersen()),
            Preset::EvmSandbox => (Release::Evm2_31, "evm-development", ChainGraph::d4k4()),
        };
        let mut config = Self {
            graph,
            release,
            ..Self::default()
        };
        config.name(version);
        if preset == Preset::EvmSandbox {
            config.proof_of_work = ProofOfWork::Disabled;
        }
        config
    }

    /// Sets the network's name, and its version code if a network of this name exists.
    pub fn name(&mut self, name: &str) {
        name.clone_into(&mut self.version);
        self.version_code = version_code_of(name).unwrap_or(self.version_code);
    }

    /// Whether the first epoch of difficulty adjustment starts at height 1, not at the genesis.
    pub(crate) fn fakes_first_epoch_start(&self) -> bool {
        let mut networks = NETWORKS.iter();
        networks
            .find(|(known, ..)| *known == self.version)
            .is_none_or(|(.., fakes)| *fakes)
    }
}
