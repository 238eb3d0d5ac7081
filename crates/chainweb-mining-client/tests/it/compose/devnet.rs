//! A network as those of the compose files are, and a mining device for it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use chainweb::Difficulty;
use simnet::{ProofOfWork, Simnet};
use stratum_load::device::{
    self, DeviceConfig, DeviceLimits, DeviceReport, Firmware, FirmwareName, Login,
};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::seed;

/// What a network is like.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A node that was started with `--disable-pow`.
    NoProofOfWork,
    /// A node that checks proof of work, of which little is needed.
    ProofOfWork,
    /// A node that does not check it, with a target that every hash meets.
    Effortless,
}

/// Hashes for a block: what the device does in some hundredths of a second.
const DIFFICULTY: u128 = 10_000;
/// The device's hash rate is divided by 2^this.
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
                Kind::NoProofOfWork | Kind::ProofOfWork => DIFFICULTY,
            }),
            proof_of_work: match kind {
                Kind::ProofOfWork => ProofOfWork::Required,
                Kind::NoProofOfWork | Kind::Effortless => ProofOfWork::Disabled,
            },
            seed: seed(),
            ..simnet::Config::default()
        };
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let simnet = runtime.block_on(Simnet::start(config, anywhere)).unwrap();
        Self { simnet, runtime }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.simnet.address()
    }

    /// Blocks of the client that have come into the cut.
    pub(super) fn accepted(&self) -> u64 {
        self.simnet.report().tally.accepted
    }

    /// Nothing that was handed in was wrong.
    #[track_caller]
    pub(super) fn check(&self) {
        let tally = self.simnet.report().tally;
        let wrong = (tally.bad_pow, tally.malformed, tally.invalid);
        assert_eq!(wrong, (0, 0, 0), "{tally:?}");
    }

    pub(super) fn device(&self, server: SocketAddr) -> Device {
        let login = Login {
            user: "somebody.device".to_owned(),
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
