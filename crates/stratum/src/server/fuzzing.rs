//! The fuzz targets of a connection: its first bytes, and its lines. Their corpora are in
//! `fuzz/corpus`. Sessions have a target of their own, with the model of this crate's tests.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use super::config::Config;
use super::gate::{Gate, Opening, Protocol, Refused};
use super::proxy_protocol::ProxyProtocol;
use super::secure::Secure;
use crate::framing::{Framing, MAX_LINE};
use crate::message::{Answer, Request};
use crate::tls::Tls;

/// The longest header of the PROXY protocol, and the longest start of a request of HTTP.
const OPENING: usize = 16 + 4096 + 8;

/// Lines, and the error that ends them, if there is one.
type Lines = Vec<Result<Vec<u8>, String>>;

/// What a connection is, and the lines on it.
type Outcome = Result<(Option<Opening>, Lines), Refused>;

/// The certificate of the tests.
static TLS: LazyLock<Tls> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls");
    Tls::load(folder.join("first.pem"), folder.join("first-key.pem")).expect("a certificate")
});

/// Opens a connection with bytes after the first two, which are the settings of the server and the
/// size of the pieces in which the others arrive. Neither the protocol nor the lines depend on the
/// pieces.
///
/// # Panics
/// If a law does not hold, here and below.
pub fn opening(bytes: &[u8]) {
    let Some((&[setting, size], stream)) = bytes.split_first_chunk() else {
        return;
    };
    let modes = [
        ProxyProtocol::Off,
        ProxyProtocol::Accept,
        ProxyProtocol::Require,
    ];
    let gate = Gate::new(&Config {
        proxy_protocol: modes[usize::from(setting) % modes.len()],
        ..Config::default()
    });
    let is_proxy = setting & 0x80 == 0;
    let peer = if is_proxy {
        "10.0.0.1:1"
    } else {
        "192.0.2.1:1"
    };
    let peer: SocketAddr = peer.parse().expect("an address");
    let whole = connect(&gate, peer, [stream]);
    assert_eq!(
        connect(&gate, peer, stream.chunks(usize::from(size).max(1))),
        whole
    );
    match &whole {
        Ok((Some(opening), _)) => {
            assert!(opening.header < stream.len());
            assert!(opening.client.is_none() || gate.is_proxy(peer.ip()));
        }
        Ok((None, lines)) => assert!(stream.len() < OPENING && lines.is_empty()),
        Err(refused) => assert!(!refused.to_string().is_empty()),
    }
}

/// Receives pieces as a connection does.
fn connect<'a>(
    gate: &Gate,
    peer: SocketAddr,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let now = Instant::now();
    let mut pieces = pieces.into_iter();
    let mut start = Vec::new();
    let opening = loop {
        let Some(piece) = pieces.next() else {
            return Ok((None, Vec::new()));
        };
        start.extend_from_slice(piece);
        if let Some(opening) = gate.read(now, peer, &start)? {
            break opening;
        }
    };
    let rest = pieces.map(|piece| -> &[u8] { piece });
    let pieces = [&start[opening.header..]].into_iter().chain(rest);
    let lines = match opening.protocol {
        Protocol::Stratum => lines_of(pieces),
        Protocol::Tls => decrypt(pieces),
        Protocol::Http => Vec::new(),
    };
    Ok((Some(opening), lines))
}

/// Returns the lines within TLS, of which there are none before the end of the handshake.
fn decrypt<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Lines {
    let mut secure = Secure::new(Arc::clone(&TLS.config())).expect("a server");
    for piece in pieces {
        match secure.receive(piece) {
            Ok(plain) => assert!(plain.is_empty(), "there is no answer to a handshake"),
            Err(error) => return vec![Err(error.to_string())],
        }
    }
    assert!(secure.is_handshaking());
    Vec::new()
}

/// Splits bytes after the first into lines, and parses them. The lines do not depend on the pieces
/// in which the bytes arrive; the first byte is their size.
pub fn lines(bytes: &[u8]) {
    let Some((&size, stream)) = bytes.split_first() else {
        return;
    };
    let whole = lines_of([stream]);
    assert_eq!(lines_of(stream.chunks(usize::from(size).max(1))), whole);
    let total = whole.iter().flatten().map(Vec::len).sum::<usize>();
    assert!(total <= stream.len());
    // Each line alone is the same line: a newline may take the place of what was between two.
    let apart: Vec<u8> = whole
        .iter()
        .flatten()
        .flat_map(|line| [&line[..], b"\n"].concat())
        .collect();
    let expected: Lines = whole.iter().flatten().cloned().map(Ok).collect();
    assert_eq!(lines_of([&apart[..]]), expected);
}

fn lines_of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Lines {
    let mut framing = Framing::default();
    let mut lines = Vec::new();
    for mut piece in pieces {
        while let Some(line) = framing.next(&mut piece) {
            match line {
                Ok(line) => {
                    parse(line);
                    lines.push(Ok(line.to_vec()));
                }
                Err(error) => {
                    lines.push(Err(error.to_string()));
                    return lines;
                }
            }
        }
        assert!(piece.is_empty(), "a piece is consumed");
    }
    lines
}

/// Parses a line. The answer to it is one line of JSON.
fn parse(line: &[u8]) {
    assert!((1..=MAX_LINE).contains(&line.len()) && !line.contains(&b'\n'));
    let request = Request::parse(line);
    let mut answer = Vec::new();
    Answer::True.write(request.id, &mut answer);
    assert!(answer.len() <= line.len() + 64 && answer.ends_with(b"}\n"));
    let answer: Result<serde_json::Value, _> = serde_json::from_slice(&answer);
    assert!(answer.is_ok_and(|answer| answer.is_object()));
}

#[cfg(test)]
mod tests {
    use fixtures::corpus;

    #[test]
    fn laws_hold_for_the_corpora() {
        corpus("stratum_opening", super::opening);
        corpus("stratum_framing", super::lines);
    }
}
