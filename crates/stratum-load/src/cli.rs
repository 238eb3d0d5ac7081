//! The command line.
//!
//! Converts the flags of `run` and `devices` to configurations, so that tests can build others.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::bench::BenchArgs;
use crate::clock::parse_time;
use crate::device::{DeviceConfig, Firmware, FirmwareName, Login};
use crate::fleet::{ConnectPace, FleetPlan, Greeting, Mix, Shares, Storm};
use crate::load::{Load, Target};
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

/// Flags of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Server to load [default: start one]
    #[arg(long, value_name = "ADDRESS:PORT")]
    address: Option<SocketAddr>,
    /// Process id of the server, to measure its CPU time and memory
    #[arg(long, requires = "address")]
    pid: Option<u32>,
    /// Number of sessions
    #[arg(long, default_value_t = 1000)]
    miners: usize,
    /// New connections per second [default: as fast as the server accepts them]
    #[arg(long, value_name = "PER-SECOND", value_parser = positive)]
    connect_rate: Option<f64>,
    /// Shares per minute of each session
    #[arg(long, value_name = "NUMBER", value_parser = positive, conflicts_with = "in_flight")]
    shares_per_minute: Option<f64>,
    /// Unanswered shares that each session keeps in flight
    #[arg(long, value_name = "SHARES", value_parser = clap::value_parser!(u16).range(1..=1000))]
    in_flight: Option<u16>,
    /// Ratio of valid, low and stale shares
    #[arg(long, value_name = "VALID:LOW:STALE", default_value_t = Mix::VALID)]
    mix: Mix,
    /// Number of sessions that stop reading after the login
    #[arg(long, value_name = "SESSIONS", default_value_t = 0)]
    slow_readers: usize,
    /// Reconnect this many sessions at once, at this interval
    #[arg(long, value_name = "SESSIONS@INTERVAL")]
    storm: Option<Storm>,
    /// Duration of the run
    #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = parse_time)]
    duration: Duration,
    /// User name; the sessions log in as its workers
    #[arg(long, default_value = "load")]
    user: String,
    /// Password of the sessions
    #[arg(long, default_value = "d=0")]
    password: String,
    /// Interval between publications of new work by a started server
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_time)]
    publish_every: Duration,
    /// Share difficulty of a started server: `block`, a level or `auto`
    #[arg(long, default_value = "0", conflicts_with = "address")]
    difficulty: String,
    /// Seed of all random choices
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

impl RunArgs {
    /// Returns the configuration of the run. `program` is the path of this program, to start a
    /// server.
    pub fn load(&self, program: PathBuf) -> Load {
        let target = match self.address {
            Some(_) => Target::Running { pid: self.pid },
            None => Target::Started {
                program,
                difficulty: self.difficulty.clone(),
                publish_every: self.publish_every,
            },
        };
        let in_flight = self.in_flight.map(|depth| Shares::InFlight(depth.into()));
        let per_minute = self.shares_per_minute.map(Shares::PerMinute);
        let plan = FleetPlan {
            address: self
                .address
                .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0))),
            sessions: self.miners,
            pace: match self.connect_rate {
                Some(rate) => ConnectPace::PerSecond(rate),
                None => ConnectPace::InFlight(64),
            },
            greeting: Greeting::Login {
                user: self.user.clone(),
                password: self.password.clone(),
            },
            shares: in_flight.or(per_minute).unwrap_or(Shares::None),
            mix: self.mix,
            slow_readers: self.slow_readers,
            storm: self.storm,
            seed: self.seed,
        };
        Load {
            plan,
            target,
            duration: self.duration,
        }
    }
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

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        Ok(_) => Err("must be greater than zero".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
