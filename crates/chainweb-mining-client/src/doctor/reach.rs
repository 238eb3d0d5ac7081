//! The network path to the node, below HTTP: its addresses and its port.
//!
//! Clients try the addresses in turn, so one connection is enough.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use miner::units::About;
use node::Endpoint;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::check::{Check, Finding};

/// The most addresses of one name to try.
const MAX_ADDRESSES: usize = 8;

const UNKNOWN: &str = "is the host in --node spelt right? If it is, this machine's name servers do \
                       not know it: use its IP address, or correct them (/etc/resolv.conf)";
const SILENT: &str = "this machine's name servers do not answer: is its network up, and are they \
                      right (/etc/resolv.conf)? With an IP address as --node they are not needed";

/// Resolves the node's name. Fails without an address.
pub(super) async fn resolve(endpoint: &Endpoint, limit: Duration) -> (Finding, Vec<SocketAddr>) {
    let host = endpoint.bare_host();
    let fail = |why, advice| Finding::fail(Check::Name, format!("{host}: {why}"), advice);
    let start = Instant::now();
    let mut addresses: Vec<_> = match timeout(limit, lookup_host((host, endpoint.port()))).await {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => return (fail(error.to_string(), UNKNOWN), Vec::new()),
        Err(_) => {
            let why = format!("no answer within {}", About(limit));
            return (fail(why, SILENT), Vec::new());
        }
    };
    let took = About(start.elapsed());
    // An address can be listed once for each kind of socket.
    addresses.dedup();
    addresses.truncate(MAX_ADDRESSES);
    let ips: Vec<_> = addresses
        .iter()
        .map(|address| address.ip().to_string())
        .collect();
    let finding = match addresses.first().map(SocketAddr::ip) {
        None => fail(
            "no address".to_owned(),
            "set --node to the node's IP address",
        ),
        Some(ip) if host.parse() == Ok(ip) => {
            Finding::ok(Check::Name, format!("{host} is an address"))
        }
        Some(_) => Finding::ok(
            Check::Name,
            format!("{host} is {} ({took})", ips.join(", ")),
        ),
    };
    (finding, addresses)
}

/// Connects to all addresses at the same time.
pub(super) async fn connect(addresses: &[SocketAddr], limit: Duration) -> Finding {
    let attempts = addresses.iter().map(|&address| async move {
        let start = Instant::now();
        let connected = timeout(limit, TcpStream::connect(address)).await;
        let result = connected.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
        Attempt {
            address,
            error: result.err(),
            took: start.elapsed(),
        }
    });
    judge(&join_all(attempts).await)
}

struct Attempt {
    address: SocketAddr,
    error: Option<io::Error>,
    took: Duration,
}

impl Attempt {
    fn is(&self, kind: ErrorKind) -> bool {
        self.error.as_ref().map(io::Error::kind) == Some(kind)
    }

    fn figure(&self) -> String {
        let (address, took) = (self.address, About(self.took));
        match &self.error {
            None => format!("{address} connects ({took})"),
            Some(_) if self.is(ErrorKind::ConnectionRefused) => format!("{address} refuses"),
            Some(_) if self.is(ErrorKind::TimedOut) => {
                format!("{address} does not answer ({took})")
            }
            Some(error) => format!("{address}: {error}"),
        }
    }
}

fn judge(attempts: &[Attempt]) -> Finding {
    let figures: Vec<_> = attempts.iter().map(Attempt::figure).collect();
    let figure = figures.join(", ");
    let all_are = |kind| attempts.iter().all(|attempt| attempt.is(kind));
    let mut silent = attempts
        .iter()
        .filter(|attempt| attempt.is(ErrorKind::TimedOut));
    if attempts.iter().any(|attempt| attempt.error.is_none()) {
        let Some(silent) = silent.next() else {
            return Finding::ok(Check::Connection, figure);
        };
        let advice = format!(
            "connecting can take longer than necessary: have {} accept or refuse connections, or \
             set --node to an address that connects",
            silent.address
        );
        return Finding::warn(Check::Connection, figure, advice);
    }
    let advice = if all_are(ErrorKind::ConnectionRefused) {
        "nothing listens there: is the node running, and is this the port of its service API (1848 \
         by default)? A node in a container has to publish it"
    } else if all_are(ErrorKind::TimedOut) {
        "nothing answers there: is the machine up, and does a firewall let this port through?"
    } else {
        "there is no route to the node: is this machine's network up, and is the address right?"
    };
    Finding::fail(Check::Connection, figure, advice)
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    #[track_caller]
    fn check(outcomes: &[Option<ErrorKind>], state: State, figure: &str, advice: &str) {
        let attempts: Vec<_> = outcomes
            .iter()
            .zip(1..)
            .map(|(outcome, port)| Attempt {
                address: SocketAddr::from(([10, 0, 0, 1], port)),
                error: outcome.map(io::Error::from),
                took: Duration::from_millis(40),
            })
            .collect();
        let finding = judge(&attempts);
        assert_eq!(
            (finding.state, finding.figure.as_str()),
            (state, figure),
            "{finding:?}"
        );
        let text = finding.advice.unwrap_or_default();
        assert!(text.contains(advice), "{text}");
        assert_eq!(advice.is_empty(), text.is_empty(), "{text}");
    }

    #[test]
    fn one_address_that_connects_is_enough() {
        use ErrorKind::{ConnectionRefused, NetworkUnreachable, TimedOut};
        check(&[None], State::Ok, "10.0.0.1:1 connects (40 ms)", "");
        check(
            &[Some(ConnectionRefused), None],
            State::Ok,
            "10.0.0.1:1 refuses, 10.0.0.1:2 connects (40 ms)",
            "",
        );
        check(
            &[None, Some(TimedOut)],
            State::Warn,
            "10.0.0.1:1 connects (40 ms), 10.0.0.1:2 does not answer (40 ms)",
            "10.0.0.1:2",
        );
        check(
            &[Some(ConnectionRefused), Some(ConnectionRefused)],
            State::Fail,
            "10.0.0.1:1 refuses, 10.0.0.1:2 refuses",
            "nothing listens there",
        );
        check(
            &[Some(TimedOut)],
            State::Fail,
            "10.0.0.1:1 does not answer (40 ms)",
            "firewall",
        );
        check(
            &[Some(NetworkUnreachable), Some(TimedOut)],
            State::Fail,
            "10.0.0.1:1: network unreachable, 10.0.0.1:2 does not answer (40 ms)",
            "no route to the node",
        );
    }
}
