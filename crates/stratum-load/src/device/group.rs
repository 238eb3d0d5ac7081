//! Several devices at once, and their common report.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::device::duplicates::{DuplicateWork, duplicate_work};
use crate::device::emulator::{self, DeviceConfig};
use crate::device::report::{DeviceReport, Fault};

/// Reports of several devices.
#[derive(Clone, Debug, Serialize)]
pub struct DevicesReport {
    /// One report per device, in the order of the configuration.
    pub devices: Vec<DeviceReport>,
    /// Hashes computed more than once.
    pub duplicate_work: DuplicateWork,
}

impl DevicesReport {
    /// Combines the reports of devices.
    pub fn of(devices: Vec<DeviceReport>) -> Self {
        let mined = devices.iter().map(|device| &device.mined[..]);
        let duplicate_work = duplicate_work(mined);
        Self {
            devices,
            duplicate_work,
        }
    }

    /// Whether every device logged in and the server broke no rule, rejected no good share and sent
    /// no work twice.
    pub fn is_flawless(&self) -> bool {
        let is_flawless = |device: &DeviceReport| {
            device.logins > 0 && device.violation_count == 0 && device.rejected_by_server_fault == 0
        };
        self.devices.iter().all(is_flawless) && self.duplicate_work == DuplicateWork::default()
    }
}

/// Mines with all devices for `duration`.
///
/// # Errors
/// Returns an error if a hashing thread cannot be started.
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

/// Formats a table of the devices, followed by the errors.
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
            "hashed twice: {by_itself} by one device, {by_two_devices} by two devices"
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
                writeln!(
                    f,
                    "{user}: violation: {}: {}",
                    violation.rule, violation.line
                )?;
            }
            let rejections = device.rejections.iter();
            for rejection in rejections.filter(|rejection| rejection.fault == Fault::Server) {
                let code = rejection
                    .code
                    .map_or("no code".to_owned(), |code| code.to_string());
                writeln!(
                    f,
                    "{user}: unjustified rejection: {code} {}",
                    rejection.reason
                )?;
            }
        }
        Ok(())
    }
}
