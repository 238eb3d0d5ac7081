//! The flags of the Stratum server.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::stratum::{Config, DifficultyMode, ProxyProtocol, Tls, WorkerName};
use anyhow::{Context, bail};
use chainweb::Level;
use clap::Args;
use ipnet::IpNet;
use listen::Interface;
use miner::units::HashRate;
use miner::worker::Worker;
use miner::worker::asic::Asic;
use rand::rngs::StdRng;
use tracing::warn;

use super::instance::StratumInstance;
use crate::quantity::{count, positive_number};
use crate::share_log::{self, ShareLogFormat, Writing};
use crate::usage::UsageError;

/// The largest number of connections: the values of nonce1 are fewer.
const MOST_CONNECTIONS: usize = 65_536;

/// In milliseconds. Devices need a line from the server every half minute.
const MOST_RATE_MS: u64 = 25_000;

/// In milliseconds. A session keeps its last ten jobs, and shares for a job count for five seconds.
const LEAST_RATE_MS: u64 = 500;

/// How to serve mining devices.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Stratum")]
pub struct StratumArgs {
    /// Port for mining devices.
    #[arg(long = "stratum-port", value_name = "PORT", default_value = "1917", value_parser = port)]
    pub port: u16,
    /// Address to listen on: *, *4, *6, !4 (IPv4 only), !6 (IPv6 only), an address or a host name.
    #[arg(long = "stratum-interface", value_name = "INTERFACE", default_value = "*", value_parser = interface)]
    pub interface: Interface,
    /// Share difficulty: `block`, 0 to 256 (zero bits), `auto`, or `auto:<seconds>` per share.
    #[arg(
        long = "stratum-difficulty",
        value_name = "DIFFICULTY",
        default_value = "auto"
    )]
    pub difficulty: DifficultyMode,
    /// Longest time between two jobs of a device in milliseconds, from 500 to 25000.
    #[arg(short = 's', long = "stratum-rate", value_name = "MS", default_value = "1000",
          value_parser = rate_ms)]
    pub rate_ms: u64,
    /// Lowest share difficulty, in bits, for auto and for d= passwords.
    #[arg(long = "stratum-min-difficulty", value_name = "LEVEL", default_value = "40", value_parser = level)]
    pub min_difficulty: Level,
    /// This server's number and how many servers mine on the node, such as 3/8; each searches its
    /// own nonces. With auto/8 the number is that of the host name, miner-0 to miner-7.
    #[arg(long = "stratum-instance", value_name = "K/N", default_value = "1/1")]
    pub instance: StratumInstance,
    /// Maximum number of connected devices.
    #[arg(long = "stratum-max-connections", value_name = "COUNT", default_value = "10000", value_parser = connections)]
    pub max_connections: NonZeroUsize,
    /// Maximum devices per IP address [default: no limit; a farm often shares one address].
    #[arg(long = "stratum-max-connections-per-ip", value_name = "COUNT", value_parser = connections)]
    pub max_connections_per_ip: Option<NonZeroUsize>,
    /// Addresses of devices that may connect, as in 192.168.0.0/16; repeatable [default: all].
    #[arg(long = "stratum-allow", value_name = "ADDRESS[/BITS]", value_parser = network)]
    pub allow: Vec<IpNet>,
    /// Whether a proxy sends the device's address in a PROXY protocol header: `off`, `accept` or
    /// `require`.
    #[arg(
        long = "stratum-proxy-protocol",
        value_name = "MODE",
        default_value = "off"
    )]
    pub proxy_protocol: ProxyProtocol,
    /// Addresses of proxies that may send such headers; repeatable [default: loopback and private
    /// networks].
    #[arg(long = "stratum-proxy-from", value_name = "ADDRESS[/BITS]", value_parser = network)]
    pub proxy_from: Vec<IpNet>,
    /// TLS certificate in PEM, followed by its issuers: the port takes TLS and plain connections.
    #[arg(long = "stratum-tls-cert", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the TLS certificate, in PEM.
    #[arg(long = "stratum-tls-key", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// File to append a line to for each accepted share, for the accounts of a pool.
    #[arg(long, value_name = "PATH", help_heading = "Mining")]
    pub share_log: Option<PathBuf>,
    /// Lines of the share log: those of StoaChain's pool, or more of them with more about each.
    #[arg(
        long,
        value_enum,
        default_value = "pool",
        ignore_case = true,
        value_name = "FORMAT",
        help_heading = "Mining"
    )]
    pub share_log_format: ShareLogFormat,
    /// Hash rate that a device should have, by worker name, as in rig1=4.2T; repeatable [default:
    /// its median of the last 7 days].
    #[arg(long = "expected-rate", value_name = "NAME=RATE", value_parser = expected_rate, help_heading = "Mining")]
    pub expected_rate: Vec<(String, HashRate)>,
}

impl StratumArgs {
    /// Returns the Stratum worker, which listens, and its share log if there is one. Logs a warning
    /// for a flag without effect.
    ///
    /// # Errors
    /// Returns a usage error if the TLS certificate or the file of the share log cannot be used, or
    /// an error if the address cannot.
    pub(crate) async fn worker(&self) -> anyhow::Result<(Worker, Option<Writing>)> {
        if self.proxy_protocol == ProxyProtocol::Off && !self.proxy_from.is_empty() {
            warn!(
                event = "suspicious_setting",
                "--stratum-proxy-from has no effect without --stratum-proxy-protocol accept or \
                 require"
            );
        }
        let mut rng = rand::make_rng::<StdRng>();
        let tls = self.tls().map_err(UsageError::new)?;
        let (share_log, writing) = match &self.share_log {
            Some(path) => {
                let opened = share_log::open(path.clone(), self.share_log_format).await;
                let (log, writing) = opened.map_err(UsageError::new)?;
                (Some(log), Some(writing))
            }
            None => (None, None),
        };
        let config = Config {
            tls,
            share_log,
            instance: self.instance.resolve().map_err(UsageError::new)?,
            ..self.config()
        };
        let bound = Asic::bind(&self.interface, self.port, config, &mut rng).await;
        let stratum = bound.with_context(|| {
            format!(
                "the Stratum server cannot use --stratum-interface {} with --stratum-port {}; choose others or free it",
                self.interface, self.port
            )
        })?;
        let expected = self.expected_rate.iter().cloned().collect();
        Ok((Worker::Asic(stratum.expecting(expected)), writing))
    }

    /// Returns the certificate for devices that speak TLS.
    pub(super) fn tls(&self) -> anyhow::Result<Option<Arc<Tls>>> {
        match (&self.tls_cert, &self.tls_key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => {
                let tls = Tls::load(certificate.clone(), key.clone())
                    .context("cannot use --stratum-tls-cert with --stratum-tls-key")?;
                Ok(Some(Arc::new(tls)))
            }
            (Some(_), None) => bail!(
                "--stratum-tls-cert needs the private key of the certificate: \
                 --stratum-tls-key FILE"
            ),
            (None, Some(_)) => {
                bail!("--stratum-tls-key needs the certificate of the key: --stratum-tls-cert FILE")
            }
        }
    }

    /// Returns the longest time between two jobs of a device.
    pub(super) fn time_between_jobs(&self) -> Duration {
        let config = self.config();
        config.rate.min(config.session.heartbeat)
    }

    /// Returns the settings of the server, without the files of TLS and the instance.
    fn config(&self) -> Config {
        let defaults = Config::default();
        let proxy_from = match &self.proxy_from[..] {
            [] => defaults.proxy_from,
            proxies => proxies.into(),
        };
        Config {
            difficulty: self.difficulty,
            min_level: self.min_difficulty,
            rate: Duration::from_millis(self.rate_ms.clamp(LEAST_RATE_MS, MOST_RATE_MS)),
            max_connections: self.max_connections,
            max_connections_per_ip: self.max_connections_per_ip,
            allow: self.allow.clone(),
            proxy_protocol: self.proxy_protocol,
            proxy_from,
            ..defaults
        }
    }
}

/// Parses an interface, possibly in quotes: the Haskell client reads this flag as JSON.
pub(super) fn interface(text: &str) -> Result<Interface, String> {
    let inner = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    inner
        .unwrap_or(text)
        .parse()
        .map_err(|error: listen::InterfaceError| error.to_string())
}

pub(super) fn port(text: &str) -> Result<u16, &'static str> {
    text.parse().map_err(|_| "expected a port from 0 to 65535")
}

fn rate_ms(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| "expected a time in milliseconds, as in 1000".to_owned())
}

fn level(text: &str) -> Result<Level, String> {
    let level = text.parse().ok().and_then(Level::new);
    level.ok_or_else(|| "expected a level from 0 to 256".to_owned())
}

/// Parses an address or a network of addresses.
fn network(text: &str) -> Result<IpNet, &'static str> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.parse())
        .map_err(|_| "expected an IP address, or a network such as 192.168.0.0/16")
}

/// Parses a worker name, alone or as part of a user, and a hash rate. Returns the name that the
/// device is shown by.
fn expected_rate(text: &str) -> Result<(String, HashRate), String> {
    let (name, rate) = text
        .rsplit_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("expected a worker name and a hash rate, as in rig1=4.2T")?;
    let rate = HashRate(positive_number(rate)?);
    // As it is shown, with escapes.
    if name.contains('%') {
        return Ok((name.to_owned(), rate));
    }
    // The name of a device may have dots as well; that of an account has a colon or an `@`.
    let is_user = name.contains([':', '@']);
    let user = format!("{}{name}", if is_user { "" } else { "." });
    let name = WorkerName::of_user(user.as_bytes());
    Ok((name.as_str().to_owned(), rate))
}

fn connections(text: &str) -> Result<NonZeroUsize, String> {
    count(text, MOST_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::num::NonZeroUsize;
    use std::time::Duration;

    use ::stratum::{DifficultyMode, ProxyProtocol, WorkerName};
    use chainweb::Level;
    use clap::Parser;
    use ipnet::IpNet;
    use listen::Interface;
    use miner::units::HashRate;

    use super::interface;
    use crate::cli::Cli;

    #[test]
    fn every_flag_reaches_the_server() {
        let flags = [
            "chainweb-mining-client",
            "--stratum-port=1918",
            "--stratum-interface=!4",
            "--stratum-difficulty=auto:20",
            "-s1500",
            "--stratum-min-difficulty=30",
            "--stratum-instance=3/8",
            "--stratum-max-connections=77",
            "--stratum-max-connections-per-ip=7",
            "--stratum-allow=192.0.2.0/24",
            "--stratum-allow=2001:db8::1",
            "--stratum-proxy-protocol=require",
            "--stratum-proxy-from=198.51.100.7",
        ];
        let args = Cli::try_parse_from(flags).expect("good flags").mine.stratum;
        assert_eq!((args.port, &args.interface), (1918, &Interface::OnlyIpv4));
        let config = args.config();
        let twenty = DifficultyMode::Auto(Duration::from_secs(20));
        assert_eq!(config.difficulty, twenty);
        assert_eq!(config.rate, Duration::from_millis(1500));
        assert_eq!(Some(config.min_level), Level::new(30));
        assert_eq!("3/8".parse(), Ok(args.instance));
        assert_eq!(config.max_connections.get(), 77);
        assert_eq!(config.max_connections_per_ip, NonZeroUsize::new(7));
        let networks =
            |networks: &[IpNet]| networks.iter().map(IpNet::to_string).collect::<Vec<_>>();
        assert_eq!(networks(&config.allow), ["192.0.2.0/24", "2001:db8::1/128"]);
        assert_eq!(config.proxy_protocol, ProxyProtocol::Require);
        assert_eq!(networks(&config.proxy_from), ["198.51.100.7/32"]);
    }

    #[test]
    fn devices_have_expected_rates_by_name() {
        let parse = |rate: &str| {
            let first = "--expected-rate=a=1k";
            let parsed =
                Cli::try_parse_from(["chainweb-mining-client", first, "--expected-rate", rate]);
            parsed.map(|cli| cli.mine.stratum.expected_rate)
        };
        for (text, name, rate) in [
            ("rig1=4.2T", "rig1", 4.2e12),
            ("x=y=5 GH/s", "x=y", 5e9),
            ("k:abc.rig1=4T", "rig1", 4e12),
            ("farm.rig1=4T", "farm.rig1", 4e12),
            ("rig%201=4T", "rig%201", 4e12),
            (
                "rig 1=4T",
                WorkerName::of_user(b"k:abc.rig 1").as_str(),
                4e12,
            ),
        ] {
            let expected = [("a", 1000.0), (name, rate)];
            let expected = expected.map(|(name, rate)| (name.to_owned(), HashRate(rate)));
            assert_eq!(parse(text).expect("a good flag"), expected);
        }
        for bad in ["rig1", "=4T", "rig1=", "rig1=0", "rig1=fast"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_rate_outside_the_limits_is_clamped() {
        for (asked, rate_ms) in [("0", 500), ("499", 500), ("25001", 25_000)] {
            let flags = ["chainweb-mining-client", "-s", asked];
            let args = Cli::try_parse_from(flags)
                .expect("a good flag")
                .mine
                .stratum;
            let config = args.config();
            assert_eq!(config.rate, Duration::from_millis(rate_ms), "{asked}");
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_server() {
        let args = Cli::try_parse_from(["chainweb-mining-client"])
            .expect("no flag is needed")
            .mine
            .stratum;
        assert_eq!((args.port, &args.interface), (1917, &Interface::All));
        // All others are the server's own.
        assert_eq!(
            format!("{:?}", args.config()),
            format!("{:?}", ::stratum::Config::default())
        );
    }

    #[test]
    fn interfaces_are_read_with_and_without_the_quotes_of_json() {
        let loopback = Interface::Address(Ipv4Addr::LOCALHOST.into());
        for text in ["127.0.0.1", "\"127.0.0.1\""] {
            assert_eq!(interface(text), Ok(loopback.clone()));
        }
        for text in ["*", "\"*\""] {
            assert_eq!(interface(text), Ok(Interface::All));
        }
        for text in ["\"", "\"\"", "\"*", "'*'"] {
            let error = interface(text).expect_err("no interface");
            assert!(error.contains("host name"), "{error}");
        }
    }
}
