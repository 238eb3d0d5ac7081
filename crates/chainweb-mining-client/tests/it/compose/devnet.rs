//! A network like those of the compose files, and a mining device for it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use chainweb::Difficulty;
use simnet::{Preset, ProofOfWork, Simnet};
use stratum_load::device::{
    self, DeviceConfig, DeviceLimits, DeviceReport, Firmware, FirmwareName, Login,
};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::seed;

/// The kind of a network.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// The node was started with `--disable-pow`.
    NoProofOfWork,
    /// The node checks proof of work, of little difficulty.
    ProofOfWork,
    /// The node does not check it, and every hash meets the target.
    Effortless,
    /// The sandbox of the EVM line: 98 chains, and a mining API of its own.
    Sandbox,
}

/// Hashes for a block: some hundredths of a second for the device.
const DIFFICULTY: u128 = 10_000;
/// The binary logarithm of the divisor of the device's hash rate.
const SCALE_BITS: u32 = 30;

pub(super) struct Devnet<'a> {
    simnet: Simnet,
    runtime: &'a Handle,
}

/// A device that mines until it is dropped.
pub(super) struct Device {
    _running: JoinSet<DeviceReport>,
}

impl<'a> Devnet<'a> {
    pub(super) fn start(kind: Kind, runtime: &'a Handle) -> Self {
        let config = simnet::Config {
            start_difficulty: Difficulty::from_u128(match kind {
                Kind::Effortless => 1,
                Kind::NoProofOfWork | Kind::ProofOfWork | Kind::Sandbox => DIFFICULTY,
            }),
            proof_of_work: match kind {
                Kind::ProofOfWork => ProofOfWork::Required,
                _ => ProofOfWork::Disabled,
            },
            seed: seed(),
            ..match kind {
                Kind::Sandbox => simnet::Config::of_network(Preset::EvmSandbox),
                _ => simnet::Config::default(),
            }
        };
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let simnet = runtime.block_on(Simnet::start(config, anywhere)).unwrap();
        Self { simnet, runtime }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.simnet.address()
    }

    /// Returns the number of the client's blocks in the cut.
    pub(super) fn accepted(&self) -> u64 {
        self.simnet.report().tally.accepted
    }

    /// Checks that all submitted solutions were valid.
    #[track_caller]
    pub(super) fn check(&self) {
        let tally = self.simnet.report().tally;
        let wrong = (tally.bad_pow, tally.malformed, tally.invalid);
        assert_eq!(wrong, (0, 0, 0), "{tally:?}");
    }

    pub(super) fn device(&self, server: SocketAddr) -> Device {
        let login = Login {
            user: "miner.device".to_owned(),
            password: "x".to_owned(),
        };
        let firmware = Firmware::new(FirmwareName::Ka3);
        let config = DeviceConfig {
            limits: DeviceLimits {
                pause: Duration::from_millis(50),
                ..DeviceLimits::default()
            },
            ..DeviceConfig::scaled(firmware, login, SCALE_BITS)
        };
        let mut running = JoinSet::new();
        let run = async move {
            device::run(&config, server, CancellationToken::new())
                .await
                .unwrap()
        };
        running.spawn_on(run, self.runtime);
        Device { _running: running }
    }
}
