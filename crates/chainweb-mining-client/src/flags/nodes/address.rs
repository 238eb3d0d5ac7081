//! A node as it is written: `ADDRESS[,ca=FILE][,fingerprint=FINGERPRINT][,insecure]`.

use std::path::PathBuf;
use std::str::FromStr;
use std::{fmt, fs};

use ::node::{Endpoint, Fingerprint, Trust};

/// The name of the value, by which files know the keys of its map.
pub(super) const NAME: &str = "URL[,ca=FILE][,fingerprint=FINGERPRINT][,insecure]";

/// The address of a node as it is written, and the certificates that it alone may have. `--tls`
/// applies to an address without a scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeAddress {
    text: String,
    /// Whom to trust; `None` if the flags for all nodes apply.
    pub(super) trusted: Option<Trusted>,
}

/// The certificates of a node to trust, before any file is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trusted {
    Machine,
    Any,
    Ca(PathBuf),
    Pinned(Fingerprint),
}

impl NodeAddress {
    /// Returns the address without options.
    pub(super) fn address(&self) -> &str {
        self.text.split(',').next().unwrap_or_default()
    }
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for NodeAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',');
        let address = parts.next().unwrap_or_default();
        let endpoint = address.parse::<Endpoint>();
        endpoint.map_err(|error| error.to_string())?;
        let (mut insecure, mut ca, mut pinned) = (None, None, None);
        for part in parts {
            let (key, value) = match part.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (part, None),
            };
            let appears_before = match (key, value) {
                ("ca", Some(path)) if !path.is_empty() => ca.replace(path.into()).is_some(),
                ("fingerprint", Some(text)) => {
                    let fingerprint = text.parse::<Fingerprint>();
                    let fingerprint = fingerprint.map_err(|error| format!("{key}: {error}"))?;
                    pinned.replace(fingerprint).is_some()
                }
                ("insecure", None | Some("true")) => insecure.replace(true).is_some(),
                ("insecure", Some("false")) => insecure.replace(false).is_some(),
                ("insecure", Some(_)) => return Err(format!("{key}: expected true or false")),
                _ => {
                    return Err(format!(
                        "{key:?} is no option of a node: expected ca=FILE, fingerprint=FINGERPRINT \
                         or insecure"
                    ));
                }
            };
            if appears_before {
                return Err(format!("{key} appears twice"));
            }
        }
        let names = ["insecure", "ca", "fingerprint"];
        let named = trusted(insecure == Some(true), ca, pinned, names)?;
        let trusted = named.map(|(trusted, _)| trusted);
        Ok(Self {
            text: text.to_owned(),
            trusted: trusted.or(insecure.map(|_| Trusted::Machine)),
        })
    }
}

/// Returns what is to be trusted, and its name; `None` if nothing is named. `names` are those of
/// the other arguments.
///
/// # Errors
/// Returns an error if two of them contradict each other.
pub(super) fn trusted(
    is_insecure: bool,
    ca: Option<PathBuf>,
    pinned: Option<Fingerprint>,
    names: [&'static str; 3],
) -> Result<Option<(Trusted, &'static str)>, String> {
    let all = [
        is_insecure.then_some(Trusted::Any),
        ca.map(Trusted::Ca),
        pinned.map(Trusted::Pinned),
    ];
    let mut named = all.into_iter().zip(names);
    let mut named = named.by_ref().filter_map(|(it, name)| Some((it?, name)));
    match (named.next(), named.next()) {
        (Some((_, one)), Some((_, other))) => Err(format!(
            "{one} contradicts {other}: leave out one of the two"
        )),
        (first, _) => Ok(first),
    }
}

impl Trusted {
    /// Returns the certificates. `name` is that of the setting with the file.
    ///
    /// # Errors
    /// Returns an error if a file of certificates cannot be read.
    pub(super) fn read(&self, name: &str) -> Result<Trust, String> {
        match self {
            Self::Machine => Ok(Trust::Machine),
            Self::Any => Ok(Trust::Any),
            Self::Pinned(fingerprint) => Ok(Trust::Pinned(*fingerprint)),
            Self::Ca(file) => {
                let unreadable = |why: String| format!("{name} {}: {why}", file.display());
                let text = fs::read(file);
                let text = text.map_err(|error| unreadable(format!("cannot be read: {error}")))?;
                let trust = Trust::only_pem(&text);
                trust.map_err(|error| unreadable(error.to_string()))
            }
        }
    }
}
