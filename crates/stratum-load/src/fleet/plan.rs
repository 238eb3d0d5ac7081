//! What a fleet is to do.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

/// How fast sessions are opened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ConnectPace {
    /// As fast as the server takes them: this many at most are connecting or logging in.
    InFlight(usize),
    /// This many a second, whatever becomes of them.
    PerSecond(f64),
}

/// What a session says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// It subscribes and authorizes as this user with its number behind a dot.
    Login {
        /// The account.
        user: String,
        /// The password.
        password: String,
    },
    /// Nothing: what it speaks to is no Stratum server.
    Silence,
}

/// What a fleet does while nothing comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// It sleeps. Whoever sends to it wakes it, which costs the sender more than the sending, and costs a slow sender
    /// more often than one that keeps the fleet busy.
    Asleep,
    /// It looks again and again, and needs a core of its own.
    Awake,
}

/// When shares are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shares {
    /// Never.
    None,
    /// By each session at this many a minute, evenly, from a moment of its own.
    PerMinute(f64),
    /// By each session one for every answer, with this many on their way.
    InFlight(usize),
}

/// How many of the shares are good, low and stale, relative to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Those that meet the target.
    pub valid: u32,
    /// Those that miss it.
    pub low: u32,
    /// Those for a job that there never was.
    pub stale: u32,
}

/// A text that is no mix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a mix is three numbers, valid:low:stale, not all of them zero; got {0:?}")]
pub struct MixError(String);

impl Mix {
    /// Good shares alone.
    pub const VALID: Self = Self {
        valid: 1,
        low: 0,
        stale: 0,
    };
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.valid, self.low, self.stale)
    }
}

impl FromStr for Mix {
    type Err = MixError;

    fn from_str(text: &str) -> Result<Self, MixError> {
        let numbers: Result<Vec<u16>, _> = text.split(':').map(str::parse).collect();
        match numbers.as_deref() {
            Ok([0, 0, 0]) | Err(_) => Err(MixError(text.to_owned())),
            Ok(&[valid, low, stale]) => Ok(Self {
                valid: valid.into(),
                low: low.into(),
                stale: stale.into(),
            }),
            Ok(_) => Err(MixError(text.to_owned())),
        }
    }
}

/// Sessions that go and come back at once, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storm {
    /// The number of sessions.
    pub sessions: usize,
    /// The time between two storms.
    pub every: Duration,
}

/// A text that is no storm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a storm is a number of sessions and an interval, 500@10s; got {0:?}")]
pub struct StormError(String);

impl FromStr for Storm {
    type Err = StormError;

    fn from_str(text: &str) -> Result<Self, StormError> {
        let parts = text.split_once('@').and_then(|(sessions, every)| {
            let every = humantime::parse_duration(every).ok()?;
            Some((sessions.parse().ok()?, every))
        });
        match parts {
            Some((sessions, every)) if !every.is_zero() => Ok(Self { sessions, every }),
            _ => Err(StormError(text.to_owned())),
        }
    }
}

/// What a fleet is to do.
#[derive(Clone, Debug)]
pub struct FleetPlan {
    /// The server.
    pub address: SocketAddr,
    /// The number of sessions.
    pub sessions: usize,
    /// How fast they are opened.
    pub pace: ConnectPace,
    /// What they say first.
    pub greeting: Greeting,
    /// When they send shares.
    pub shares: Shares,
    /// What shares they send.
    pub mix: Mix,
    /// So many of them read nothing any more once they are logged in.
    pub slow_readers: usize,
    /// Sessions that go and come back.
    pub storm: Option<Storm>,
    /// Decides who sends what when.
    pub seed: u64,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Mix, Storm};

    #[test]
    fn a_mix_is_three_numbers_of_which_one_is_not_zero() {
        #[track_caller]
        fn check(text: &str, expected: Option<(u32, u32, u32)>) {
            let expected = expected.map(|(valid, low, stale)| Mix { valid, low, stale });
            assert_eq!(text.parse::<Mix>().ok(), expected, "{text:?}");
        }
        check("1:0:0", Some((1, 0, 0)));
        check("90:8:2", Some((90, 8, 2)));
        check("0:0:0", None);
        check("1:2", None);
        check("1:2:3:4", None);
        check("1:-2:3", None);
        check("", None);
    }

    #[test]
    fn a_storm_is_a_number_at_an_interval() {
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
