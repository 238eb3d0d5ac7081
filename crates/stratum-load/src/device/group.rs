//! Several devices at once, and their common report.

use std::net::SocketAddr;
use std::{fmt, io};

use serde::Serialize;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::device::config::DeviceConfig;
use crate::device::duplicates::{DuplicateWork, duplicate_work};
use crate::device::emulator;
use crate::device::report::{DeviceReport, Fault};
use crate::device::rules::Violation;

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

/// Mines with all devices until `end` is ready.
///
/// # Errors
/// Returns an error if a hashing thread cannot be started.
pub async fn run_until(
    configs: &[DeviceConfig],
    address: SocketAddr,
    end: impl Future<Output = ()>,
) -> io::Result<DevicesReport> {
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    for (number, config) in configs.iter().cloned().enumerate() {
        let stop = stop.clone();
        running.spawn(async move { (number, emulator::run(&config, address, stop).await) });
    }
    end.await;
    stop.cancel();
    let mut reports = running.join_all().await;
    reports.sort_unstable_by_key(|(number, _)| *number);
    let reports: io::Result<Vec<_>> = reports.into_iter().map(|(_, report)| report).collect();
    reports.map(DevicesReport::of)
}

/// A column of the table: its head, its width and its value.
type Column = (&'static str, usize, fn(&DeviceReport) -> u64);

const COLUMNS: [Column; 8] = [
    ("logins", 7, |device| device.logins),
    ("jobs", 6, |device| device.jobs),
    ("hashes", 12, |device| device.hashes),
    ("shares", 7, |device| device.sent),
    ("accepted", 9, |device| device.accepted),
    ("rejected", 9, |device| device.rejected),
    ("server's fault", 13, |device| {
        device.rejected_by_server_fault
    }),
    ("violations", 10, |device| device.violation_count),
];

/// Formats a table of the devices, followed by the errors.
impl fmt::Display for DevicesReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<24}", "user")?;
        for (name, width, _) in COLUMNS {
            write!(f, " {name:>width$}")?;
        }
        writeln!(f)?;
        for device in &self.devices {
            write!(f, "{:<24}", device.user)?;
            for (_, width, count) in COLUMNS {
                write!(f, " {:>width$}", count(device))?;
            }
            writeln!(f)?;
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
            for Violation { rule, line } in &device.violations {
                writeln!(f, "{user}: violation: {rule}: {line}")?;
            }
            let rejections = device.rejections.iter();
            for rejection in rejections.filter(|rejection| rejection.fault == Fault::Server) {
                let code = rejection.code.map(|code| code.to_string());
                let code = code.as_deref().unwrap_or("no code");
                let reason = &rejection.reason;
                writeln!(f, "{user}: unjustified rejection: {code} {reason}")?;
            }
        }
        Ok(())
    }
}
