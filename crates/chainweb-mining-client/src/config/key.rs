//! The names that an option has outside the command line: its key in a file, its variable in the environment.
//!
//! Both follow from the name of the flag, so that no option is named twice; only the Haskell client's own exceptions
//! stand in a table. What an option means, and whether it exists, is not known here.

/// The Haskell client's keys that are not the camelCase of their flags.
const EXCEPTIONS: [(&str, &str); 3] = [
    ("tls", "useTls"),
    ("external-worker-cmd", "externalWorkerCommand"),
    ("default-http-timeout", "defaultHTTPTimeout"),
];

/// The flags that ask for something else than mining, say where settings come from, or are short for another flag with a
/// value: no settings themselves.
const COMMAND_LINE_ONLY: [&str; 9] = [
    "config-file",
    "help",
    "info",
    "license",
    "long-info",
    "no-color",
    "print-config",
    "print-config-as",
    "version",
];

/// What the variables of all options begin with.
pub(crate) const ENVIRONMENT_PREFIX: &str = "CHAINWEB_MINING_";

/// Whether an option, by the long name of its flag, can be set in files and in the environment.
pub fn is_setting(flag: &str) -> bool {
    !COMMAND_LINE_ONLY.contains(&flag)
}

/// The key of an option in a file, from the long name of its flag without the dashes before it: `stratum-port` is
/// `stratumPort`.
pub fn config_key(flag: &str) -> String {
    if let Some((_, key)) = EXCEPTIONS.iter().find(|(exception, _)| *exception == flag) {
        return (*key).to_owned();
    }
    let mut words = flag.split('-');
    let mut key = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        key.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        key.push_str(letters.as_str());
    }
    key
}

/// The variable of an option in the environment, from the long name of its flag: `stratum-port` is
/// `CHAINWEB_MINING_STRATUM_PORT`.
pub fn environment_variable(flag: &str) -> String {
    let option = flag.replace('-', "_").to_ascii_uppercase();
    format!("{ENVIRONMENT_PREFIX}{option}")
}

#[cfg(test)]
mod tests {
    use super::{config_key, environment_variable};

    #[test]
    fn keys_are_those_of_the_haskell_client() {
        for (flag, key) in [
            ("node", "node"),
            ("tls", "useTls"),
            ("public-key", "publicKey"),
            ("external-worker-cmd", "externalWorkerCommand"),
            ("constant-delay-block-time", "constantDelayBlockTime"),
            ("default-http-timeout", "defaultHTTPTimeout"),
            (
                "stratum-max-connections-per-ip",
                "stratumMaxConnectionsPerIp",
            ),
        ] {
            assert_eq!(config_key(flag), key);
        }
    }

    #[test]
    fn variables_are_named_after_the_flag() {
        for (flag, variable) in [
            ("node", "CHAINWEB_MINING_NODE"),
            ("tls", "CHAINWEB_MINING_TLS"),
            ("public-key", "CHAINWEB_MINING_PUBLIC_KEY"),
            (
                "default-http-timeout",
                "CHAINWEB_MINING_DEFAULT_HTTP_TIMEOUT",
            ),
        ] {
            assert_eq!(environment_variable(flag), variable);
        }
    }
}
