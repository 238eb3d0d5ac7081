//! The names of an option outside the command line: its key in a file and its environment variable.
//!
//! Both are derived from the flag, with a table of the Haskell client's exceptions. Whether an
//! option exists is not known here.

/// The flags of the Haskell client whose keys are not the flag in camelCase.
const EXCEPTIONS: [(&str, &str); 3] = [
    ("tls", "useTls"),
    ("external-worker-cmd", "externalWorkerCommand"),
    ("default-http-timeout", "defaultHTTPTimeout"),
];

/// The flags that are not settings: they select another task, name the files of settings, or are
/// short for another flag with a value.
const COMMAND_LINE_ONLY: &str =
    "config-file help info license long-info no-color print-config print-config-as version";

/// The prefix of all environment variables.
pub(crate) const ENVIRONMENT_PREFIX: &str = "CHAINWEB_MINING_";

/// Variables of other mining clients, and the flags of the same settings.
pub(crate) const FOREIGN_VARIABLES: [(&str, &str); 1] = [
    // github.com/StoaChain/ChainwebMiningClient, main/Main.hs
    ("POOL2_EVENT_LOG_PATH", "share-log"),
];

/// Whether an option can be set in files and in the environment. `flag` is its long flag without
/// dashes.
pub fn is_setting(flag: &str) -> bool {
    !COMMAND_LINE_ONLY.split(' ').any(|other| other == flag)
}

/// Returns the key of an option in a file: `stratumPort` for the flag `stratum-port`.
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

/// Returns the environment variable of an option: `CHAINWEB_MINING_STRATUM_PORT` for the flag
/// `stratum-port`.
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
