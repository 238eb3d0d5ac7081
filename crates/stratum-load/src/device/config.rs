//! Configuration of an emulated device.

use std::time::Duration;

use crate::device::firmware::Firmware;

/// Time limits of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceLimits {
    /// Limit for the answer to each request of the login.
    pub login: Duration,
    /// Limit for the next line after the login.
    pub silence: Duration,
    /// Pause before the next connection.
    pub pause: Duration,
}

impl Default for DeviceLimits {
    /// Returns those of the KA3: 30 s, 60 s and 30 s.
    fn default() -> Self {
        Self {
            login: Duration::from_secs(30),
            silence: Duration::from_mins(1),
            pause: Duration::from_secs(30),
        }
    }
}

/// User name and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// User name; of a device `account.worker`.
    pub user: String,
    /// Password.
    pub password: String,
}

/// Configuration of an emulated device.
#[derive(Clone, Debug)]
pub struct DeviceConfig {
    /// Its firmware.
    pub firmware: Firmware,
    /// Its user name and password.
    pub login: Login,
    /// Its time limits.
    pub limits: DeviceLimits,
    /// The firmware's numbers of hashes and nonces are divided by 2^`scale_bits`.
    pub scale_bits: u32,
    /// Its emulated hash rate, in hashes per second.
    pub hashes_per_second: f64,
}

impl DeviceConfig {
    /// Returns a device with the vendor's hash rate and the firmware's numbers, all divided by
    /// 2^`scale_bits`.
    pub fn scaled(firmware: Firmware, login: Login, scale_bits: u32) -> Self {
        let scale = 2_f64.powf(f64::from(scale_bits));
        Self {
            hashes_per_second: firmware.rate / scale,
            firmware,
            login,
            limits: DeviceLimits::default(),
            scale_bits,
        }
    }
}
