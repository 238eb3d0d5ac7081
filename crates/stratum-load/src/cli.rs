//! The command line.
//!
//! Each command's arguments become the plan of the part that carries it out; nothing else knows flags.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::bench::BenchPlan;
use crate::device::{DeviceConfig, Firmware, FirmwareName, Login};
use crate::fleet::{ConnectPace, FleetPlan, Greeting, Mix, Shares, Storm};
use crate::load::{Load, Target};
use crate::serve::ServeArgs;

/// Load and emulated devices for Kadena Stratum servers.
#[derive(Debug, Parser)]
#[command(name = "stratum-load", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Hold many sessions on a server and measure what it makes of them.
    Run(RunArgs),
    /// Mine with emulated devices and tell what the server does wrong.
    Devices(DevicesArgs),
    /// Measure the whole table of figures of this project's server, beside the floors of the machine.
    Bench(BenchArgs),
    /// Serve work that no node made, as the child of a run.
    Serve(ServeArgs),
    /// Be a floor of the machine, as the child of a bench.
    Floor(FloorArgs),
}

/// `run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The server to load; without it one is started.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub address: Option<SocketAddr>,
    /// The server's process, to tell its CPU time and memory.
    #[arg(long, requires = "address")]
    pub pid: Option<u32>,
    /// The number of sessions.
    #[arg(long, default_value_t = 1000)]
    pub miners: usize,
    /// Connections a second; without it as fast as the server takes them.
    #[arg(long, value_name = "PER-SECOND", value_parser = positive)]
    pub connect_rate: Option<f64>,
    /// Shares of each session a minute.
    #[arg(long, value_name = "NUMBER", value_parser = positive, conflicts_with = "in_flight")]
    pub shares_per_minute: Option<f64>,
    /// Shares of each session that are on their way all the time.
    #[arg(long, value_name = "SHARES", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub in_flight: Option<u16>,
    /// What the shares are, relative to each other.
    #[arg(long, value_name = "VALID:LOW:STALE", default_value_t = Mix::VALID)]
    pub mix: Mix,
    /// So many of the sessions read nothing any more once they are logged in.
    #[arg(long, value_name = "SESSIONS", default_value_t = 0)]
    pub slow_readers: usize,
    /// Sessions that go and come back at once, at an interval.
    #[arg(long, value_name = "SESSIONS@INTERVAL")]
    pub storm: Option<Storm>,
    /// How long to load the server.
    #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = time)]
    pub duration: Duration,
    /// The user that the sessions are workers of.
    #[arg(long, default_value = "load")]
    pub user: String,
    /// The password of the sessions.
    #[arg(long, default_value = "d=0")]
    pub password: String,
    /// The time between publications of a server that is started.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time)]
    pub publish_every: Duration,
    /// The share difficulty of a server that is started: `block`, a level or `auto`.
    #[arg(long, default_value = "0", conflicts_with = "address")]
    pub difficulty: String,
    /// Decides who sends what when.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

impl RunArgs {
    /// The run that is asked for; `program` is what is started where a server has to be.
    pub fn load(&self, program: PathBuf) -> Load {
        let target = match self.address {
            Some(_) => Target::Running { pid: self.pid },
            None => Target::Started {
                program,
                arguments: ["serve", "--difficulty", &self.difficulty]
                    .map(str::to_owned)
                    .into(),
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

/// `devices`
#[derive(Debug, Args)]
pub struct DevicesArgs {
    /// The server to mine on.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub address: SocketAddr,
    /// The devices, any of them more than once.
    #[arg(long, value_delimiter = ',', default_value = "ka3,kd-box,bm-k1,plain")]
    pub device: Vec<FirmwareName>,
    /// The hash rates and the devices' own limits are divided by 2^this.
    #[arg(long, value_name = "BITS", default_value_t = 32, value_parser = clap::value_parser!(u32).range(0..=40))]
    pub scale: u32,
    /// How long to mine.
    #[arg(long = "for", value_name = "TIME", default_value = "1m", value_parser = time)]
    pub duration: Duration,
    /// The account that the devices are workers of.
    #[arg(long, default_value = "emulated")]
    pub account: String,
    /// The password of the devices. Scaled down they need a level that they can reach.
    #[arg(long, default_value = "d=9")]
    pub password: String,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

impl DevicesArgs {
    /// The devices that are asked for.
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

/// `bench`
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Numbers of idle sessions and for the fan-out.
    #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
    pub sessions: Vec<usize>,
    /// Publications for each of them.
    #[arg(long, default_value_t = 20)]
    pub rounds: usize,
    /// How long each measurement of shares lasts, and a third of each of round trips.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    pub share_time: Duration,
    /// Miners with a share every three seconds.
    #[arg(long, default_value_t = 5000)]
    pub miners: usize,
    /// Connections a second, for ten seconds.
    #[arg(long, default_value_t = 1000)]
    pub connect_rate: u16,
    /// The core of the servers.
    #[arg(long, default_value_t = 0)]
    pub server_core: usize,
    /// The core of the load.
    #[arg(long, default_value_t = 1)]
    pub load_core: usize,
    /// Decides who sends what when.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

impl BenchArgs {
    /// The bench that is asked for; `program` is what is started as server and floor.
    pub fn plan(&self, program: PathBuf) -> BenchPlan {
        BenchPlan {
            program,
            server_core: self.server_core,
            load_core: self.load_core,
            sessions: self.sessions.clone(),
            rounds: self.rounds,
            share_time: self.share_time,
            miners: self.miners,
            one_by_one: 1000,
            pipelined: 100,
            connects_per_second: self.connect_rate.into(),
            seed: self.seed,
        }
    }
}

/// `floor`
#[derive(Debug, Args)]
pub struct FloorArgs {
    /// Which.
    #[command(subcommand)]
    pub floor: Floor,
    /// The core to run on.
    #[arg(long, global = true)]
    pub core: Option<usize>,
}

/// The floors.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Floor {
    /// Write the bytes of a job to many sockets.
    Write,
    /// Give back what comes.
    Echo,
}

fn time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if time.is_zero() => Err("it has to be longer than nothing".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        Ok(_) => Err("it has to be more than zero".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
