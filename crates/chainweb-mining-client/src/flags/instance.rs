//! The flag `--stratum-instance`: a number, or the number at the end of the name of this machine.
//!
//! A set of like machines has one command line for all of them, and numbers in their names.

use std::str::FromStr;

use ::stratum::{Instance, InstanceError};

use crate::platform::host_name;

/// Which part of the nonces this server searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StratumInstance {
    /// This one.
    Given(Instance),
    /// That of the number at the end of the host name, of this many.
    OfHostName(u16),
}

/// The error for a host name from which [`StratumInstance::OfHostName`] gets no instance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "--stratum-instance auto/{of} needs a host name that ends in a hyphen and a number from 0 to \
     {}, as in miner-0, and the name of this machine is {host:?}; rename it, or set 1/{of} to \
     {of}/{of}", of - 1
)]
pub(super) struct NoInstance {
    of: u16,
    host: String,
}

impl StratumInstance {
    /// Returns the instance of this machine.
    ///
    /// # Errors
    /// Returns an error if the host name has no number, or one beyond the last instance.
    pub(super) fn resolve(self) -> Result<Instance, NoInstance> {
        self.on_host(&host_name().unwrap_or_default())
    }

    fn on_host(self, host: &str) -> Result<Instance, NoInstance> {
        let of = match self {
            Self::Given(instance) => return Ok(instance),
            Self::OfHostName(of) => of,
        };
        // The rest of a qualified name is the domain.
        let name = host.split('.').next().unwrap_or(host);
        let ordinal = name.rsplit_once('-').and_then(|(_, end)| {
            let is_number = !end.is_empty() && end.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| end.parse::<u16>().ok()).flatten()
        });
        let number = ordinal.and_then(|ordinal| ordinal.checked_add(1));
        let instance = number.and_then(|number| format!("{number}/{of}").parse().ok());
        instance.ok_or_else(|| NoInstance {
            of,
            host: host.to_owned(),
        })
    }
}

impl FromStr for StratumInstance {
    type Err = InstanceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(of) = text.strip_prefix("auto/") else {
            return text.parse().map(Self::Given);
        };
        // The first of them exists if the number of them is valid.
        format!("1/{of}").parse::<Instance>()?;
        let of = of.parse().expect("a number up to 256");
        Ok(Self::OfHostName(of))
    }
}

#[cfg(test)]
mod tests {
    use super::StratumInstance;

    #[test]
    fn the_number_at_the_end_of_the_host_name_is_counted_from_zero() {
        let auto: StratumInstance = "auto/8".parse().expect("a good flag");
        for (host, expected) in [
            ("farm-0", "1/8"),
            ("chainweb-mining-client-7", "8/8"),
            ("farm-03.miners.svc.cluster.local", "4/8"),
        ] {
            assert_eq!(
                auto.on_host(host),
                Ok(expected.parse().expect("good")),
                "{host}"
            );
        }
        for host in [
            "farm",
            "farm-",
            "farm-8",
            "farm-70000",
            "farm-+1",
            "farm3",
            "3",
            "-",
            "",
            // The name that Docker gives a container.
            "0f52a8c31e04",
            "farm.site-3",
        ] {
            let error = auto.on_host(host).expect_err("no number").to_string();
            assert!(error.contains(&format!("{host:?}")), "{error}");
            assert!(
                error.contains("from 0 to 7") && error.contains("1/8 to 8/8"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_given_instance_does_not_depend_on_the_host_name() {
        let given: StratumInstance = "3/8".parse().expect("a good flag");
        assert_eq!(given.on_host("farm-0"), Ok("3/8".parse().expect("good")));
    }

    #[test]
    fn the_number_of_instances_is_checked() {
        for bad in [
            "auto/0", "auto/257", "auto/", "auto", "AUTO/8", "auto/1/2", "9/8",
        ] {
            assert!(bad.parse::<StratumInstance>().is_err(), "{bad}");
        }
    }
}
