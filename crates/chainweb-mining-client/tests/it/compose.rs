//! The command lines with which public compose files start the Haskell client, each on a simulated
//! network.
//!
//! Only the address of the node and the listening addresses are replaced. Each must make blocks in
//! the way of its users: with a device on the Stratum port, by requests over HTTP, or by itself.

mod client;
mod devnet;
mod requests;

use std::thread;

use tokio::runtime::{Builder, Runtime};

use self::client::Client;
use self::devnet::{Devnet, Kind};
use self::requests::{Request, make_blocks};

/// A command line, the kind of its network, and the source of its blocks.
struct Line {
    /// The repository or the document, and the service.
    from: &'static str,
    command: &'static str,
    network: Kind,
    blocks: Blocks,
}

enum Blocks {
    /// The client makes them by itself.
    Unprompted,
    /// A mining device finds them.
    ByDevice,
    /// They are requested over HTTP.
    Requested(&'static [Request]),
    /// Two for each of so many chains are requested over HTTP, twice.
    TwoOnEach(u32),
}

/// The number of blocks that each has to make.
const ENOUGH: u64 = 3;

const PROBE: Request = Request {
    content_type: "application/x-www-form-urlencoded",
    body: "{}",
};

/// Two blocks for each chain, as requested by the trigger of the devnet at its start.
const TWO_EACH: Request = Request {
    content_type: "application/json",
    body: r#"{"0":2,"1":2,"2":2,"3":2,"4":2,"5":2,"6":2,"7":2,"8":2,"9":2,"10":2,"11":2,"12":2,"13":2,"14":2,"15":2,"16":2,"17":2,"18":2,"19":2}"#,
};

const LINES: [Line; 12] = [
    Line {
        from: "devnet, docker-compose.minimal.yaml and docker-compose.indexer.yaml",
        command: "--public-key=f89ef46927f506c70b6a58fd322450a936311dc6ac91f4ec3d8ef949608dbf1f \
                  --node=bootstrap-node:1848 --worker=constant-delay --thread-count=1 --log-level=info --no-tls \
                  --constant-delay-block-time=10",
        network: Kind::NoProofOfWork,
        blocks: Blocks::Unprompted,
    },
    Line {
        from: "devnet, docker-compose.on-demand.minimal.yaml",
        command: "--public-key=f89ef46927f506c70b6a58fd322450a936311dc6ac91f4ec3d8ef949608dbf1f \
                  --node=bootstrap-node:1848 --worker=on-demand --thread-count=1 --log-level=info --no-tls \
                  --constant-delay-block-time=10",
        network: Kind::NoProofOfWork,
        blocks: Blocks::Requested(&[TWO_EACH]),
    },
    Line {
        from: "devnet, docker-compose.minimal-l2.yaml",
        command: "--public-key=f89ef46927f506c70b6a58fd322450a936311dc6ac91f4ec3d8ef949608dbf1f \
                  --node=bootstrap-node:1849 --worker=constant-delay --thread-count=1 --log-level=info --no-tls \
                  --constant-delay-block-time=5",
        network: Kind::NoProofOfWork,
        blocks: Blocks::Unprompted,
    },
    Line {
        from: "devnet, docker-compose.yaml, stratum",
        command: "--public-key=f89ef46927f506c70b6a58fd322450a936311dc6ac91f4ec3d8ef949608dbf1f \
                  --node=bootstrap-node:1848 --worker=stratum --thread-count=2 --no-tls",
        network: Kind::NoProofOfWork,
        blocks: Blocks::ByDevice,
    },
    Line {
        from: "devnet, docker-compose.yaml, simulation",
        command: "--public-key=f89ef46927f506c70b6a58fd322450a936311dc6ac91f4ec3d8ef949608dbf1f \
                  --node=bootstrap-node:1848 --worker=simulation --thread-count=2 --no-tls --hash-rate=1000000",
        network: Kind::NoProofOfWork,
        blocks: Blocks::Unprompted,
    },
    Line {
        from: "devnet, nix/modules/chainweb-mining-client.nix",
        command: "--public-key=f89ef46927f506c70b6a58fd322450a936311dc6ac91f4ec3d8ef949608dbf1f \
                  --node=127.0.0.1:1848 --worker=on-demand --on-demand-port=1790 --thread-count=1 --log-level=info \
                  --no-tls",
        network: Kind::NoProofOfWork,
        blocks: Blocks::Requested(&[PROBE, TWO_EACH]),
    },
    Line {
        from: "network in a box, on demand",
        command: "--node=bootnode-consensus:1848 --thread-count=1 --no-tls --worker=on-demand --hash-rate=1000000 \
                  --constant-delay-block-time=2 --on-demand-port=1917",
        network: Kind::Sandbox,
        blocks: Blocks::TwoOnEach(98),
    },
    Line {
        from: "network in a box, constant delay",
        command: "--node=bootnode-consensus:1848 --thread-count=1 --no-tls --worker=constant-delay \
                  --hash-rate=1000000 --constant-delay-block-time=2 --on-demand-port=1917",
        network: Kind::Sandbox,
        blocks: Blocks::Unprompted,
    },
    Line {
        from: "network in a box, simulation",
        command: "--node=bootnode-consensus:1848 --thread-count=1 --no-tls --worker=simulation --hash-rate=1000000 \
                  --constant-delay-block-time=2 --on-demand-port=1917",
        network: Kind::Sandbox,
        blocks: Blocks::Unprompted,
    },
    Line {
        from: "network in a box, stratum",
        command: "--node=bootnode-consensus:1848 --thread-count=1 --no-tls --worker=stratum --hash-rate=1000000 \
                  --constant-delay-block-time=2 --on-demand-port=1917",
        network: Kind::Sandbox,
        blocks: Blocks::ByDevice,
    },
    Line {
        from: "docker-compose-chainweb-node, mining-node",
        command: "--public-key= --node=chainweb-node:1848 --worker=stratum --thread-count=2 --log-level=info --no-tls \
                  --stratum-port=1917 --stratum-difficulty=46",
        network: Kind::ProofOfWork,
        blocks: Blocks::ByDevice,
    },
    Line {
        from: "README",
        command: "--public-key f89ef46927f506c70b6a58fd322450a936311dc6ac91f4ec3d8ef949608dbf1f \
                  --node example.com:1848 --worker cpu --thread-count 16 --log-level info",
        network: Kind::ProofOfWork,
        blocks: Blocks::Unprompted,
    },
];

/// Returns a runtime with two threads for all networks and devices.
fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn public_command_lines_make_blocks() {
    let runtime = runtime();
    thread::scope(|scope| {
        for line in &LINES {
            let runtime = runtime.handle();
            let name = line.from.to_owned();
            let check = move || line.check(&Devnet::start(line.network, runtime));
            thread::Builder::new()
                .name(name)
                .spawn_scoped(scope, check)
                .unwrap();
        }
    });
}

/// Each worker continues the network of the one before. Proof of work is not checked there, as most
/// of them require; the others hash all the same.
#[test]
fn each_worker_makes_blocks_on_the_same_network_one_after_the_other() {
    let runtime = runtime();
    let network = Devnet::start(Kind::Effortless, runtime.handle());
    for (command, blocks) in [
        ("--worker=cpu --thread-count=1", Blocks::Unprompted),
        ("--worker=stratum", Blocks::ByDevice),
        // Any nonce is good, so the simplest miner suffices.
        (
            "--worker=external --external-worker-cmd='echo 0123456789abcdef; :'",
            Blocks::Unprompted,
        ),
        ("--worker=simulation", Blocks::Unprompted),
        (
            "--worker=constant-delay --constant-delay-block-time=2",
            Blocks::Unprompted,
        ),
        ("--worker=on-demand", Blocks::Requested(&[TWO_EACH])),
    ] {
        let line = Line {
            from: "the documentation",
            command,
            network: Kind::Effortless,
            blocks,
        };
        line.check(&network);
    }
}

impl Line {
    /// Runs the client until it has made some blocks. Checks that it ends well and submitted valid
    /// solutions only.
    fn check(&self, network: &Devnet<'_>) {
        let more = match self.blocks {
            Blocks::TwoOnEach(chains) => 4 * u64::from(chains),
            _ => ENOUGH,
        };
        let wanted = network.accepted() + more;
        let mut client = Client::start(self.command, network.address());
        let device = match self.blocks {
            Blocks::Unprompted => None,
            Blocks::ByDevice => {
                let address = client.listens("Stratum server ready");
                Some(network.device(address))
            }
            Blocks::Requested(requests) => {
                let address = client.listens("on-demand worker ready");
                for Request { content_type, body } in requests {
                    make_blocks(address, content_type, body);
                }
                None
            }
            Blocks::TwoOnEach(chains) => {
                let address = client.listens("on-demand worker ready");
                let counts = (0..chains).map(|chain| format!("\"{chain}\":2"));
                let body = format!("{{{}}}", counts.collect::<Vec<_>>().join(","));
                for _ in 0..2 {
                    make_blocks(address, "application/json", &body);
                }
                None
            }
        };
        client.until("blocks are made", || network.accepted() >= wanted);
        drop(device);
        client.ends_well();
        network.check();
    }
}
