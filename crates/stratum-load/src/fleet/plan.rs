//! Configuration of a fleet.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use crate::clock::parse_time;
use crate::device::Login;

/// Rate at which sessions are opened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ConnectPace {
    /// As fast as the server accepts them, with at most this many connecting or logging in.
    InFlight(usize),
    /// This many a second, regardless of their progress.
    PerSecond(f64),
}

/// How a fleet waits for events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Idle {
    /// Sleep. Each wake-up costs the sender more than the sending, and a slow sender pays it more
    /// often.
    Sleep,
    /// Poll without a pause. Needs a core of its own.
    Spin,
}

/// Timing of shares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shares {
    /// No shares.
    None,
    /// This many a minute from each session, evenly spaced, with a random start.
    PerMinute(f64),
    /// This many unanswered ones from each session at any time.
    InFlight(usize),
}

/// Ratio of valid, low and stale shares. A valid one meets the target, a low one does not, and the
/// job of a stale one does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix(pub(crate) [u32; 3]);

impl Mix {
    /// Only valid shares.
    pub const VALID: Self = Self([1, 0, 0]);
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split(':').map(str::parse::<u16>);
        match numbers.collect::<Result<Vec<_>, _>>().as_deref() {
            Ok(&[valid, low, stale]) if [valid, low, stale] != [0; 3] => {
                Ok(Self([valid, low, stale].map(u32::from)))
            }
            _ => Err("expected VALID:LOW:STALE, three numbers that are not all zero".to_owned()),
        }
    }
}

/// Sessions that disconnect and reconnect at once, periodically.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storm {
    /// Number of sessions.
    pub sessions: usize,
    /// Interval between storms.
    pub every: Duration,
}

impl FromStr for Storm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('@').and_then(|(sessions, every)| {
            let every = parse_time(every).ok()?;
            let sessions = sessions.parse().ok()?;
            Some(Self { sessions, every })
        });
        parts.ok_or_else(|| "expected SESSIONS@INTERVAL, for example 500@10s".to_owned())
    }
}

/// Configuration of a fleet.
#[derive(Clone, Debug)]
pub struct FleetPlan {
    /// Address of the server.
    pub address: SocketAddr,
    /// Number of sessions.
    pub sessions: usize,
    /// Rate at which they are opened.
    pub pace: ConnectPace,
    /// The login, with the account as its user: each session logs in as the worker `user.N`, with
    /// its index. `None` for a server that does not speak Stratum.
    pub login: Option<Login>,
    /// Timing of their shares.
    pub shares: Shares,
    /// Ratio of the kinds of shares.
    pub mix: Mix,
    /// Number of sessions that stop reading after the login.
    pub slow_readers: usize,
    /// Periodic reconnects.
    pub storm: Option<Storm>,
    /// Seed of all random choices.
    pub seed: u64,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Mix, Storm};

    #[test]
    fn a_mix_is_three_numbers_not_all_zero() {
        #[track_caller]
        fn check(text: &str, expected: Option<[u32; 3]>) {
            assert_eq!(text.parse().ok(), expected.map(Mix), "{text:?}");
        }
        check("1:0:0", Some([1, 0, 0]));
        check("90:8:2", Some([90, 8, 2]));
        check("0:0:0", None);
        check("1:2", None);
        check("1:2:3:4", None);
        check("1:-2:3", None);
        check("", None);
    }

    #[test]
    fn a_storm_is_a_number_and_an_interval() {
        #[track_caller]
        fn check(text: &str, expected: Option<(usize, Duration)>) {
            let expected = expected.map(|(sessions, every)| Storm { sessions, every });
            assert_eq!(text.parse::<Storm>().ok(), expected, "{text:?}");
        }
        check("500@10s", Some((500, Duration::from_secs(10))));
        check("1@250ms", Some((1, Duration::from_millis(250))));
        check("500", None);
        check("500@", None);
        check("500@0s", None);
        check("x@10s", None);
    }
}
