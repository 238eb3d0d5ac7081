//! Flags of `run`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use crate::clock::parse_time;
use crate::device::Login;
use crate::fleet::{ConnectPace, FleetPlan, Mix, Shares, Storm};

/// Flags of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Server to load [default: start one]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub address: Option<SocketAddr>,
    /// Process id of the server, to measure its CPU time and memory
    #[arg(long, requires = "address")]
    pub pid: Option<u32>,
    /// Number of sessions
    #[arg(long, default_value_t = 1000)]
    pub(super) miners: usize,
    /// New connections per second [default: as fast as the server accepts them]
    #[arg(long, value_name = "PER-SECOND", value_parser = positive)]
    pub(super) connect_rate: Option<f64>,
    /// Shares per minute of each session
    #[arg(long, value_name = "NUMBER", value_parser = positive, conflicts_with = "in_flight")]
    pub(super) shares_per_minute: Option<f64>,
    /// Unanswered shares that each session keeps in flight
    #[arg(long, value_name = "SHARES", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) in_flight: Option<u16>,
    /// Ratio of valid, low and stale shares
    #[arg(long, value_name = "VALID:LOW:STALE", default_value = "1:0:0")]
    pub(super) mix: Mix,
    /// Number of sessions that stop reading after the login
    #[arg(long, value_name = "SESSIONS", default_value_t = 0)]
    pub(super) slow_readers: usize,
    /// Reconnect this many sessions at once, at this interval
    #[arg(long, value_name = "SESSIONS@INTERVAL")]
    pub(super) storm: Option<Storm>,
    /// Duration of the run
    #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = parse_time)]
    pub duration: Duration,
    /// User name; the sessions log in as its workers
    #[arg(long, default_value = "load")]
    pub(super) user: String,
    /// Password of the sessions
    #[arg(long, default_value = "d=0")]
    pub(super) password: String,
    /// Interval between publications of new work by a started server
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_time)]
    pub(super) publish_every: Duration,
    /// Share difficulty of a started server: `block`, a level or `auto`
    #[arg(long, default_value = "0", conflicts_with = "address")]
    pub(super) difficulty: String,
    /// Seed of all random choices
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

impl RunArgs {
    /// Returns the sessions, on a server at this address.
    pub fn plan(&self, address: SocketAddr) -> FleetPlan {
        let in_flight = self.in_flight.map(|depth| Shares::InFlight(depth.into()));
        let per_minute = self.shares_per_minute.map(Shares::PerMinute);
        FleetPlan {
            address,
            sessions: self.miners,
            pace: match self.connect_rate {
                Some(rate) => ConnectPace::PerSecond(rate),
                None => ConnectPace::InFlight(64),
            },
            login: Some(Login {
                user: self.user.clone(),
                password: self.password.clone(),
            }),
            shares: in_flight.or(per_minute).unwrap_or(Shares::None),
            mix: self.mix,
            slow_readers: self.slow_readers,
            storm: self.storm,
            seed: self.seed,
        }
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        Ok(_) => Err("must be greater than zero".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
