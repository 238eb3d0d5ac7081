//! A new pair of Ed25519 keys, for `--generate-key`.
//!
//! The private key is the one of RFC 8032: 32 bytes from which all else is derived. After it is
//! printed, it is wiped from memory. It is stored nowhere.

use std::error::Error;
use std::io::{self, Write};

use clap::Args;
use const_hex::encode;
use ed25519_dalek::{SECRET_KEY_LENGTH, SigningKey};
use rand::TryCryptoRng;
use zeroize::Zeroizing;

/// Whether to generate keys instead of mining.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "About the program")]
pub struct GenerateKeyArgs {
    /// Print a new key pair to mine for, and exit.
    ///
    /// The output is two lines of hex digits, the `public` and the `private` key. Mined coins
    /// cannot be spent without the private key: keep it safe and secret.
    #[arg(long, overrides_with = "no_generate_key")]
    pub generate_key: bool,
    /// Undoes --generate-key.
    #[arg(long, hide = true, overrides_with = "generate_key")]
    no_generate_key: bool,
}

/// Generates a key pair and writes it to `out`.
///
/// # Errors
/// Returns an error if the random generator or the writer fails.
pub(crate) fn write<R>(rng: &mut R, out: &mut impl Write) -> io::Result<()>
where
    R: TryCryptoRng<Error: Error + Send + Sync + 'static>,
{
    let mut private = Zeroizing::new([0; SECRET_KEY_LENGTH]);
    rng.try_fill_bytes(&mut *private)
        .map_err(io::Error::other)?;
    out.write_all(lines(&private).as_bytes())?;
    out.flush()
}

fn lines(private: &[u8; SECRET_KEY_LENGTH]) -> Zeroizing<String> {
    let public = SigningKey::from_bytes(private).verifying_key().to_bytes();
    let digits = Zeroizing::new(encode(private));
    Zeroizing::new(format!(
        "public:  {}\nprivate: {}\n",
        encode(public),
        *digits
    ))
}

#[cfg(test)]
mod tests {
    use super::lines;

    /// The first and the third test vector of RFC 8032, section 7.1.
    #[test]
    fn the_public_key_is_derived_as_in_rfc_8032() {
        for (private, public) in [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            ),
            (
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            ),
        ] {
            let mut bytes = [0; 32];
            const_hex::decode_to_slice(private, &mut bytes).expect("hex digits");
            let expected = format!("public:  {public}\nprivate: {private}\n");
            assert_eq!(*lines(&bytes), expected);
        }
    }
}
