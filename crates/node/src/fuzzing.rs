//! The fuzz targets of a node's responses. Their corpora are in `fuzz/corpus`.

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

use crate::ancestors::{self, Ancestor};
use crate::answer::Answer;
use crate::updates::events::{Event, Events};
use crate::{Cut, Error, Info, Malformed, Miner, Refusal, Skew};

/// The most bytes of the text of an error about a malformed response.
const TEXT: usize = 2000;

/// The most bytes of the text of a refusal: it quotes 300 characters of the body or of a header,
/// each of which may be escaped.
const REFUSAL: usize = 5000;

/// Parses bytes as a response to `/info`. What is read is read again from its own text.
///
/// # Panics
/// If a law does not hold, here and below.
pub fn info(bytes: &[u8]) {
    let info = match Info::from_json(bytes) {
        Ok(info) => info,
        Err(error) => return assert_short(&error),
    };
    assert!((1..=128).contains(&info.version.as_str().len()));
    assert!(info.chains.len() <= 256);
    let graph = info.graph.as_ref();
    if let Some(graph) = graph {
        assert!(graph.chains().eq(info.chains.iter().copied()));
        for chain in graph.chains() {
            let adjacents = graph.adjacents(chain).iter();
            assert!(adjacents.clone().all(|other| graph.contains(*other)));
            assert!(adjacents.len() <= graph.degree());
        }
    }
    let chains = info.chains.iter().map(ToString::to_string);
    let chains: Vec<_> = chains.collect();
    let graph = graph.map(|graph| {
        let adjacents = |chain| graph.adjacents(chain).iter().map(|other| other.get());
        let all = graph.chains();
        let all = all.map(|chain| (chain.get(), adjacents(chain).collect::<Vec<_>>()));
        [(0, all.collect::<Vec<_>>())]
    });
    let delay = info.block_delay.map(|delay| delay.as_micros());
    let text = json!({
        "nodeVersion": info.version.as_str(),
        "nodeChains": (!chains.is_empty()).then_some(chains),
        "nodeGraphHistory": graph,
        "nodeBlockDelay": delay.and_then(|micros| u64::try_from(micros).ok()),
        "nodePackageVersion": info.package_version,
        "nodeForkNumber": info.fork_number,
        "nodePayloadProviders": info.is_evm.then_some(0),
    });
    let again = Info::from_json(text.to_string().as_bytes());
    assert_eq!(again.as_ref(), Ok(&info));
}

/// Parses bytes as a response to `/cut`. What is read is read again from its own text.
pub fn cut(bytes: &[u8]) {
    let cut = match Cut::from_json(bytes) {
        Ok(cut) => cut,
        Err(error) => return assert_short(&error.into()),
    };
    let progress = cut.progress();
    assert_eq!(progress.weight, cut.weight);
    assert!(!progress.is_ahead_of(&progress));
    let mut text = String::from("{\"hashes\":{");
    for (position, (chain, tip)) in cut.tips.iter().enumerate() {
        assert!(progress.height >= tip.height);
        assert_eq!(cut.tip(*chain), Some(*tip));
        let comma = if position > 0 { "," } else { "" };
        let (height, hash) = (tip.height, tip.hash);
        write!(
            text,
            "{comma}\"{chain}\":{{\"height\":{height},\"hash\":\"{hash}\"}}"
        )
        .expect("memory");
    }
    text.push_str("}}");
    let again = Cut::from_json(text.as_bytes());
    assert_eq!(
        again,
        Ok(Cut {
            weight: None,
            ..cut
        })
    );
}

/// Parses bytes as pages of hashes, of headers of a branch and of headers at a height. The first
/// two bytes are the requested heights.
pub fn headers(bytes: &[u8]) {
    let Some((&[low, count], body)) = bytes.split_first_chunk() else {
        return;
    };
    let low = u64::from(low);
    let heights = low..=low + u64::from(count);
    let newest = ancestors::newest(heights.clone(), 100);
    assert!(newest.start() >= heights.start() && newest.end() == heights.end());
    assert_eq!(newest.count(), heights.clone().count().min(100));

    let at = heights.clone();
    match ancestors::hashes_from_json(body, heights.clone()) {
        Ok(hashes) => {
            assert_from_the_top(at, hashes.keys());
            let items = hashes.values().rev().map(ToString::to_string);
            let text = json!({ "items": items.collect::<Vec<_>>() }).to_string();
            let again = ancestors::hashes_from_json(text.as_bytes(), heights.clone());
            assert_eq!(again, Ok(hashes));
        }
        Err(error) => assert_short(&error.into()),
    }

    let siblings = ancestors::siblings_from_json(body);
    match ancestors::headers_from_json(body, heights.clone()) {
        Ok(headers) => {
            assert_from_the_top(heights, headers.keys());
            let newest_first: Vec<_> = headers.values().rev().copied().collect();
            let again = ancestors::siblings_from_json(page(&newest_first).as_bytes());
            assert_eq!(again.as_ref(), Ok(&newest_first));
            assert_eq!(siblings, Ok(newest_first));
        }
        Err(error) => {
            // The same headers, of which there may be more.
            assert!(siblings.is_err() || siblings.is_ok_and(|all| all.len() > heights.count()));
            assert_short(&error.into());
        }
    }
}

fn assert_from_the_top<'a>(
    heights: RangeInclusive<u64>,
    found: impl DoubleEndedIterator<Item = &'a u64> + ExactSizeIterator,
) {
    let count = found.len();
    assert!(found.rev().copied().eq(heights.rev().take(count)));
}

fn page(blocks: &[Ancestor]) -> String {
    let items = blocks.iter().map(|Ancestor { hash, mined }| {
        json!({
            "hash": hash.to_string(),
            "parent": mined.parent.to_string(),
            "payloadHash": mined.payload_hash.to_string(),
            "creationTime": mined.creation_time.as_micros(),
            "nonce": mined.nonce.get().to_string(),
        })
    });
    json!({ "items": items.collect::<Vec<_>>() }).to_string()
}

/// Parses bytes as an update stream. The events do not depend on the pieces in which the bytes
/// arrive; the first byte is the size of the pieces.
pub fn updates(bytes: &[u8]) {
    let Some((&size, stream)) = bytes.split_first() else {
        return;
    };
    let whole = events([stream]);
    assert_eq!(events(stream.chunks(usize::from(size).max(1))), whole);
    assert_eq!(events(stream.chunks(1)), whole);
    let ends = stream.iter().filter(|byte| b"\r\n".contains(byte)).count();
    // A field and an empty line.
    assert!(2 * whole.len() <= ends);
    // A comment does not change an event, nor does a complete event change the ones after it.
    let ended = [b":\n", stream].concat();
    let has_mark = stream.starts_with(b"\xEF\xBB\xBF");
    assert!(has_mark || events([&ended[..]]) == whole);
    let after = [b"event:New Cut\r\n\r\n", stream].concat();
    let expected = [&[Event::NewCut], &whole[..]].concat();
    assert!(has_mark || events([&after[..]]) == expected);
}

fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
    let (mut parser, mut found) = (Events::default(), Vec::new());
    for piece in pieces {
        parser.feed(piece, &mut found);
    }
    for event in &found {
        if let Event::Other(name) = event {
            // A byte that is no text becomes three.
            assert!(name.len() <= 3 * 1024 && name != "New Cut" && name != "Refreshed Block");
        }
    }
    found
}

/// Reads bytes as a refusal: two bytes of the status, lines of headers up to an empty one, and the
/// body.
pub fn refusal(bytes: &[u8]) {
    let Some((&[high, low], rest)) = bytes.split_first_chunk() else {
        return;
    };
    let Ok(status) = StatusCode::from_u16(u16::from_be_bytes([high, low])) else {
        return;
    };
    let mut headers = HeaderMap::new();
    let mut rest = rest;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = &rest[..end];
        rest = &rest[end + 1..];
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            break;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&line[colon + 1..])) {
            headers.append(name, value);
        }
    }
    if let Some(skew) = Skew::from_headers(&headers, Duration::from_secs(1)) {
        assert!(skew.least_micros() <= skew.most_micros());
        assert!(skew.seconds().is_finite());
        assert!(!skew.differs(&skew, Duration::ZERO));
    }
    let sent = Miner::new(Some("key"), None);
    let tip = chainweb::BlockHash::new([7; 32]);
    for proxy in [None, Some("http://proxy".to_owned())] {
        let answer = Answer {
            path: "/info".to_owned(),
            status,
            headers: headers.clone(),
            body: rest.to_vec(),
            skew: None,
            proxy,
        };
        for refusal in [
            Refusal::of(&answer),
            Refusal::of_work(&answer, &sent),
            Refusal::of_solution(&answer),
            Refusal::of_ancestors(&answer, tip),
        ] {
            let error = Error::from(refusal);
            assert!((1..=REFUSAL).contains(&error.to_string().len()), "{error}");
            let is_busy = matches!(error, Error::Refused(Refusal::Busy { .. }));
            assert!(is_busy || error.retry_after().is_none());
            assert!(!error.is_of_server() || status.is_server_error() || status.as_u16() >= 600);
            // Of each error there is an answer.
            let _ = error.retry();
        }
    }
}

fn assert_short(error: &Error) {
    let is_malformed = matches!(
        error,
        Error::Malformed(Malformed::Json { .. } | Malformed::Version(_))
    );
    let text = error.to_string();
    assert!(is_malformed && (1..=TEXT).contains(&text.len()), "{text}");
}

#[cfg(test)]
mod tests {
    use fixtures::corpus;

    #[test]
    fn laws_hold_for_the_corpora() {
        corpus("info", super::info);
        corpus("cut", super::cut);
        corpus("headers", super::headers);
        corpus("updates", super::updates);
        corpus("refusal", super::refusal);
    }
}
