//! The command line.
//!
//! Converts the flags of `devices` to configurations, so that tests can build others.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::bench::BenchArgs;
use crate::clock::parse_time;
use crate::device::{DeviceConfig, Firmware, FirmwareName, Login};
use crate::load::RunArgs;
use crate::serve::ServeArgs;

/// Load and emulated devices for Kadena Stratum servers.
#[derive(Debug, Parser)]
#[command(name = "stratum-load", version)]
pub struct Cli {
    /// Command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Load a server with many sessions and measure it
    Run(RunArgs),
    /// Mine with emulated devices and report protocol errors of the server
    Devices(DevicesArgs),
    /// Measure this project's server and compare it with its limits and with minimal servers
    Bench(BenchArgs),
    /// Serve synthetic work (used by `run` and `bench`)
    Serve(ServeArgs),
    /// Run a minimal server to compare with (used by `bench`)
    Floor(FloorArgs),
}

/// Flags of `devices`.
#[derive(Debug, Args)]
pub struct DevicesArgs {
    /// Server to mine on
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub address: SocketAddr,
    /// Devices, also repeatedly
    #[arg(long, value_delimiter = ',', default_value = "ka3,kd-box,bm-k1,plain")]
    device: Vec<FirmwareName>,
    /// Divide the hash rates and firmware limits by 2^BITS
    #[arg(long, value_name = "BITS", default_value_t = 32, value_parser = clap::value_parser!(u32).range(0..=40))]
    scale: u32,
    /// Duration of the run
    #[arg(long = "for", value_name = "TIME", default_value = "1m", value_parser = parse_time)]
    pub duration: Duration,
    /// Account; the devices log in as its workers
    #[arg(long, default_value = "emulated")]
    account: String,
    /// Password of the devices; scaled-down devices need a low difficulty
    #[arg(long, default_value = "d=9")]
    password: String,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

impl DevicesArgs {
    /// Returns the configurations of the devices.
    pub fn configs(&self) -> Vec<DeviceConfig> {
        let numbered = self.device.iter().enumerate();
        let config = |(number, name): (usize, &FirmwareName)| {
            let login = Login {
                user: format!("{}.{name}-{number}", self.account),
                password: self.password.clone(),
            };
            DeviceConfig::scaled(Firmware::new(*name), login, self.scale)
        };
        numbered.map(config).collect()
    }
}

/// Flags of `floor`.
#[derive(Debug, Args)]
pub struct FloorArgs {
    /// Server to run
    #[command(subcommand)]
    pub floor: Floor,
    /// Core to run on
    #[arg(long, global = true)]
    pub core: Option<usize>,
}

/// A minimal server.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Floor {
    /// Write the bytes of a job to many sockets
    Write {
        /// Number of connections to accept first
        connections: usize,
    },
    /// Return every line
    Echo,
}
