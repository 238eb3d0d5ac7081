//! One emulated device of each model, which really hash until they are stopped.

use std::net::SocketAddr;
use std::time::Duration;

use clap::ValueEnum;
use stratum_load::device::{
    self, DeviceConfig, DeviceLimits, DeviceReport, DevicesReport, Firmware, FirmwareName, Login,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The binary logarithm of the divisor of their hash rates: a KD-BOX makes 1,490 hashes a second, a
/// KA3 a hundred times as many.
const SCALE_BITS: u32 = 30;

pub(in super::super) struct Devices {
    running: JoinSet<DeviceReport>,
    stop: CancellationToken,
}

impl Devices {
    pub(in super::super) fn start(address: SocketAddr) -> Self {
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        for &name in FirmwareName::value_variants() {
            let login = Login {
                user: format!("miner.{name}"),
                password: "x".to_owned(),
            };
            let config = DeviceConfig {
                limits: DeviceLimits {
                    pause: Duration::from_millis(50),
                    ..DeviceLimits::default()
                },
                ..DeviceConfig::scaled(Firmware::new(name), login, SCALE_BITS)
            };
            let stop = stop.clone();
            running.spawn(async move { device::run(&config, address, stop).await.unwrap() });
        }
        Self { running, stop }
    }

    /// Stops the devices, and returns their complaints about the server.
    pub(super) async fn stop(self) -> DevicesReport {
        self.stop.cancel();
        let mut reports = self.running.join_all().await;
        reports.sort_unstable_by_key(|report| format!("{:?}", report.device));
        DevicesReport::of(reports)
    }
}
