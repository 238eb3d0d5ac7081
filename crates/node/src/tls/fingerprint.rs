//! The fingerprint of a certificate: the SHA-256 hash of its DER encoding, as `openssl x509
//! -fingerprint -sha256` prints it.

use std::fmt;
use std::str::FromStr;

use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};

/// The SHA-256 hash of a certificate. Displays as `sha256:` and 64 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// The error of parsing a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected sha256: and 64 hex digits, with or without colons between the bytes")]
pub struct FingerprintError;

impl Fingerprint {
    /// Returns the fingerprint of a certificate.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let (algorithm, digits) = text.split_once(':').ok_or(FingerprintError)?;
        let digits: Vec<u8> = match digits.len() {
            64 => digits.into(),
            // 32 bytes with a colon between any two.
            95 if digits.bytes().skip(2).step_by(3).all(|byte| byte == b':') => {
                digits.bytes().filter(|byte| *byte != b':').collect()
            }
            _ => return Err(FingerprintError),
        };
        let mut bytes = [0; 32];
        let pairs = digits.chunks_exact(2);
        if !algorithm.eq_ignore_ascii_case("sha256") || pairs.len() != bytes.len() {
            return Err(FingerprintError);
        }
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16).ok_or(FingerprintError);
            *byte = u8::try_from(16 * digit(0)? + digit(1)?).map_err(|_| FingerprintError)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Fingerprint, FingerprintError};

    #[test]
    fn a_fingerprint_is_read_as_openssl_prints_it() {
        let plain = format!("sha256:{}", "0aff".repeat(16));
        let with_colons = format!("SHA256:{}", ["0A:FF"; 16].join(":"));
        for text in [&plain, &with_colons] {
            let read = text.parse::<Fingerprint>().expect("a fingerprint");
            assert_eq!(read.to_string(), plain);
        }
        for text in [
            "",
            "sha256:",
            "0aff".repeat(16).as_str(),
            &format!("sha1:{}", "0aff".repeat(16)),
            &format!("sha256:{}", "0afg".repeat(16)),
            &format!("sha256:{}", "0aff".repeat(15)),
            &format!("sha256:{}", "a".repeat(95)),
            &format!("sha256:{}", ":".repeat(95)),
            &format!("sha256:{}", "é".repeat(32)),
        ] {
            assert_eq!(text.parse::<Fingerprint>(), Err(FingerprintError), "{text}");
        }
    }
}
