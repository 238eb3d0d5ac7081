//! The network that flags describe.

use clap::Parser;
use simnet::ProofOfWork::{self, Disabled, Required};
use simnet::Release::{self, Community3_2, Evm2_31, Kadena2_32, Stoa3_2};

use super::SimnetArgs;

#[derive(Parser)]
struct Simnet {
    #[command(flatten)]
    args: SimnetArgs,
}

fn config(flags: &str) -> simnet::Config {
    let words = std::iter::once("simnet").chain(flags.split_whitespace());
    let parsed = Simnet::try_parse_from(words).expect("these flags exist");
    parsed.args.config()
}

/// Checks release, name, version code, number of chains, and proof of work.
#[track_caller]
fn check(flags: &str, expected: (Release, &str, u32, usize, ProofOfWork)) {
    let config = config(flags);
    let name = config.version.as_str();
    let chains = config.graph.len();
    let actual = (
        config.release,
        name,
        config.version_code,
        chains,
        config.proof_of_work,
    );
    assert_eq!(actual, expected, "{flags}");
    assert_eq!(config.check(), Ok(()));
}

#[test]
fn lines_and_presets_are_networks() {
    check("", (Kadena2_32, "development", 2, 20, Required));
    check("--line n", (Kadena2_32, "development", 2, 20, Required));
    check("--line k", (Community3_2, "development", 2, 20, Required));
    check("--line e", (Evm2_31, "evm-development", 0x0b, 98, Required));
    check(
        "--preset development",
        (Kadena2_32, "development", 2, 20, Required),
    );
    check(
        "--preset mainnet-like",
        (Community3_2, "mainnet01", 5, 20, Required),
    );
    check("--preset stoa", (Stoa3_2, "stoa", 0x0a, 10, Required));
    check(
        "--preset evm-sandbox",
        (Evm2_31, "evm-development", 0x0b, 98, Disabled),
    );
}

#[test]
fn flags_change_a_preset() {
    check(
        "--preset evm-sandbox --graph pair --disable-pow=false --network-name evm-testnet",
        (Evm2_31, "evm-testnet", 0x0a, 2, Required),
    );
    check(
        "--preset stoa --line k --network-name mine --version-code 0x80000001 --disable-pow",
        (Community3_2, "mine", 0x8000_0001, 10, Disabled),
    );
    check("--network-name mine", (Kadena2_32, "mine", 2, 20, Required));
    let config = config("--preset stoa --block-delay 5s");
    assert_eq!(config.block_delay.as_secs(), 5);
    assert_eq!(self::config("--preset stoa").block_delay.as_secs(), 30);
}
