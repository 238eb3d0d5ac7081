//! Several devices at once, and what they tell together.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::device::{DeviceConfig, DeviceReport, DuplicateWork, Fault, duplicate_work, emulator};

/// What the devices tell together.
#[derive(Clone, Debug, Serialize)]
pub struct DevicesReport {
    /// Each device, in the order of the configuration.
    pub devices: Vec<DeviceReport>,
    /// Work that was done more than once.
    pub duplicate_work: DuplicateWork,
}

impl DevicesReport {
    /// Gathers what the devices tell.
    pub fn of(devices: Vec<DeviceReport>) -> Self {
        let mined = devices.iter().map(|device| &device.mined[..]);
        let duplicate_work = duplicate_work(mined);
        Self {
            devices,
            duplicate_work,
        }
    }

    /// Whether every device logged in, and the server broke no rule, refused no good share and gave no work twice.
    pub fn is_flawless(&self) -> bool {
        let is_flawless = |device: &DeviceReport| {
            device.logins > 0 && device.violation_count == 0 && device.rejected_by_server_fault == 0
        };
        self.devices.iter().all(is_flawless) && self.duplicate_work == DuplicateWork::default()
    }
}

/// Mines with all devices for some time.
pub async fn run_all(
    configs: &[DeviceConfig],
    address: SocketAddr,
    duration: Duration,
) -> io::Result<DevicesReport> {
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    for (number, config) in configs.iter().cloned().enumerate() {
        let stop = stop.clone();
        running.spawn(async move { (number, emulator::run(&config, address, stop).await) });
    }
    tokio::time::sleep(duration).await;
    stop.cancel();
    let mut reports = running.join_all().await;
    reports.sort_unstable_by_key(|(number, _)| *number);
    let reports: io::Result<Vec<_>> = reports.into_iter().map(|(_, report)| report).collect();
    reports.map(DevicesReport::of)
}

/// A table, and below it what went wrong.
impl fmt::Display for DevicesReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<24} {:>7} {:>6} {:>12} {:>7} {:>9} {:>9} {:>13} {:>10}",
            "user",
            "logins",
            "jobs",
            "hashes",
            "shares",
            "accepted",
            "rejected",
            "server's fault",
            "violations"
        )?;
        for device in &self.devices {
            writeln!(
                f,
                "{:<24} {:>7} {:>6} {:>12} {:>7} {:>9} {:>9} {:>13} {:>10}",
                device.user,
                device.logins,
                device.jobs,
                device.hashes,
                device.sent,
                device.accepted,
                device.rejected,
                device.rejected_by_server_fault,
                device.violation_count
            )?;
        }
        let DuplicateWork {
            by_itself,
            by_two_devices,
        } = self.duplicate_work;
        writeln!(
            f,
            "hashed twice: {by_itself} by a device itself, {by_two_devices} by two devices"
        )?;
        for device in &self.devices {
            let user = &device.user;
            if let Some(error) = &device.connect_error {
                let failed = device.failed_connections;
                writeln!(f, "{user}: could not connect, {failed} ×: {error}")?;
            }
            if device.logins == 0 {
                writeln!(f, "{user}: never logged in")?;
            }
            for violation in &device.violations {
                writeln!(f, "{user}: broken: {}: {}", violation.rule, violation.line)?;
            }
            let faults = device.rejections.iter();
            for rejection in faults.filter(|rejection| rejection.fault == Fault::Server) {
                let code = rejection
                    .code
                    .map_or("no code".to_owned(), |code| code.to_string());
                writeln!(
                    f,
                    "{user}: refused without need: {code} {}",
                    rejection.reason
                )?;
            }
        }
        Ok(())
    }
}
