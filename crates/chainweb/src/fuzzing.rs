//! The fuzz target of work and headers. Its corpus is in `fuzz/corpus/work`.

use crate::{
    Adjacents, BlockHash, BlockHeader, ForkState, HeaderError, Target, Weight, Work, WorkHeader,
};

/// The most bytes of the text of an error.
const TEXT: usize = 400;

/// Decodes bytes as work, as a header and as a block header. Each that is one has the same bytes
/// when it is encoded.
///
/// # Panics
/// If a law does not hold.
pub fn work(bytes: &[u8]) {
    match Work::decode(bytes) {
        Ok(work) => {
            assert_eq!(work.encode(), bytes);
            assert!(!work.target().is_zero());
            assert_eq!(WorkHeader::decode(&bytes[36..]).as_ref(), Ok(work.header()));
        }
        Err(error) => assert_short(&error),
    }
    match BlockHeader::decode(bytes) {
        Ok(block) => {
            assert_eq!(block.encode(), bytes);
            let sealed = BlockHeader::seal(block.work().clone());
            let is_sealed = sealed.is_some_and(|sealed| sealed == block);
            assert_eq!(block.hash_is_valid(), is_sealed);
            header(block.work());
        }
        Err(error) => assert_short(&error),
    }
    match WorkHeader::decode(bytes) {
        Ok(decoded) => {
            assert_eq!(decoded.as_bytes(), bytes);
            header(&decoded);
        }
        Err(error) => assert_short(&error),
    }
}

fn header(header: &WorkHeader) {
    let bytes = header.as_bytes();
    assert_eq!(
        bytes.len(),
        WorkHeader::length_of_degree(header.degree()),
        "the degree follows from the length"
    );
    // A node sends chain and target before it.
    let sent = [
        &header.chain().to_le_bytes()[..],
        &header.target().to_le_bytes(),
        bytes,
    ];
    let sent = Work::decode(&sent.concat()).map(|work| work.header().clone());
    assert_eq!(sent.is_err(), header.target().is_zero());
    assert!(sent.is_err() || sent.as_ref() == Ok(header));

    for changed in [
        header.with_nonce(header.nonce()),
        header.with_creation_time(header.creation_time()),
    ] {
        assert_eq!(&changed, header);
    }
    assert!(header.differs_only_in_time_and_nonce(&header.with_nonce(crate::Nonce::new(7))));
    match header.adjacents() {
        Adjacents::Recorded(records) => {
            assert_eq!(records.iter().len(), header.degree());
            assert!(records.iter().is_sorted_by(|(a, _), (b, _)| a < b));
            assert!(header.block_hash().is_some());
        }
        Adjacents::Hashed => assert_eq!(header.block_hash(), None),
    }
    let longer = [bytes, &[0]].concat();
    assert_eq!(
        WorkHeader::decode(&longer),
        Err(HeaderError::Length(longer.len()))
    );
    texts(header);
}

/// The texts of the fields are those that their parsers read.
fn texts(header: &WorkHeader) {
    let target = header.target();
    assert_eq!(Target::from_be_hex(&target.to_be_hex()), Ok(target));
    assert!(target.difficulty().target() >= target);
    assert!(target.difficulty().as_f64() >= 1.0);
    assert!(target.level().target() >= target);
    let parent: Result<BlockHash, _> = header.parent().to_string().parse();
    assert_eq!(parent, Ok(header.parent()));
    let weight = Weight::from_le_bytes(header.weight().to_le_bytes());
    assert_eq!(weight, header.weight());
    let fork = ForkState::from_flags(header.flags());
    assert!(u64::from(fork.millivotes()) >= fork.votes());
    // Any answer will do.
    let _ = fork.has_voted(fork, header.height());
}

fn assert_short(error: &dyn std::error::Error) {
    let text = error.to_string();
    assert!((1..=TEXT).contains(&text.len()), "{text}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn laws_hold_for_the_corpus() {
        fixtures::corpus("work", super::work);
    }
}
