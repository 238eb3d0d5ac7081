//! A new pair of Ed25519 keys to mine for, as `--generate-key` prints it.
//!
//! The private key is what RFC 8032 calls so: the 32 bytes that everything else follows from. It is wiped from memory
//! when it has been printed, and is kept nowhere.

use std::error::Error;
use std::io::{self, Write};

use clap::Args;
use const_hex::encode;
use ed25519_dalek::{SECRET_KEY_LENGTH, SigningKey};
use rand::TryCryptoRng;
use zeroize::Zeroizing;

/// Whether to make keys instead of mining.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "About the program")]
pub struct GenerateKeyArgs {
    /// Print a new pair of keys and exit; --no-generate-key takes it back.
    ///
    /// Two lines of hex digits: the `public` key, which is mined for, and the `private` one, without which nothing that
    /// was mined can be spent. Nobody else has it: keep it, and keep it secret.
    #[arg(long, overrides_with = "no_generate_key")]
    pub generate_key: bool,
    /// Print no keys.
    #[arg(long, hide = true, overrides_with = "generate_key")]
    no_generate_key: bool,
}

/// Makes a pair of keys and writes it.
pub fn write<R>(rng: &mut R, out: &mut impl Write) -> io::Result<()>
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
    fn the_public_key_follows_from_the_private_one_as_in_rfc_8032() {
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
