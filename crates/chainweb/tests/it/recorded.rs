//! Recorded headers: proof of work, block hash, fields.

use blake2::{Blake2s256, Digest};
use chainweb::{
    Adjacents, BlockHeader, ChainGraph, ChainId, CreationTime, Genesis, HeaderError, Nonce,
    PowHash, Target, Work, WorkError, WorkHeader,
};
use fixtures::{BLOCK_HEADER_LENGTH, mainnet};

use crate::families;

#[test]
fn every_recorded_header_meets_its_target_and_has_its_hash() {
    let headers = mainnet();
    assert_eq!(headers.len(), 15);
    for header in headers {
        let hash = PowHash::from_le_bytes(Blake2s256::digest(header.work().as_bytes()).into());
        assert!(header.work().target().is_met_by(&hash), "{header:?}");
        assert_eq!(header.work().block_hash(), Some(header.hash()));
        assert!(header.hash_is_valid());
        assert_eq!(header.encode().len(), BLOCK_HEADER_LENGTH);
    }
}

#[test]
fn the_fields_of_a_recorded_header_have_the_offsets_of_the_node() {
    // Chain 5, height 2111409: the first header of the Haskell client's test-headers.bin.
    let headers = mainnet();
    let header = headers[7].work();
    assert_eq!(header.chain(), ChainId::new(5));
    assert_eq!(header.height(), 2_111_409);
    assert_eq!(
        header.creation_time(),
        CreationTime::from_micros(0x0005_cfb4_6cda_3c6c)
    );
    assert_eq!(header.flags(), [0; 8]);
    assert_eq!(header.version_code(), 5);
    assert_eq!(header.degree(), 3);
    assert_eq!(header.nonce(), Nonce::new(0x7166_791a_5269_0384));
    assert_eq!(header.nonce().get(), 0x7166_791a_5269_0384);
    assert_eq!(header.nonce().to_string(), "7166791a52690384");
    assert_eq!(
        header.target().to_be_hex(),
        "0000000000000115ac13d9523973628be59fc92b7b49c4a5715a566df6892449"
    );
    let Adjacents::Recorded(adjacents) = header.adjacents() else {
        panic!("hashed adjacents")
    };
    let adjacents: Vec<_> = adjacents.iter().map(|(chain, _)| chain).collect();
    assert_eq!(adjacents, ChainGraph::twenty().adjacents(header.chain()));
    // Heights below 852,054 are on the Petersen graph.
    let early = headers[0].work();
    assert_eq!((early.chain(), early.height()), (ChainId::new(7), 318_266));
    assert_ne!(
        early.flags(),
        [0; 8],
        "the first blocks carried their nonce in the flags"
    );
}

#[test]
fn work_of_a_recorded_header_round_trips_as_322_bytes() {
    for header in mainnet() {
        let work = Work::new(header.work().clone()).unwrap();
        let bytes = work.encode();
        assert_eq!(bytes.len(), 322);
        assert_eq!(Work::decode(&bytes), Ok(work));
    }
}

#[test]
fn invalid_work_is_an_error_with_the_reason() {
    #[track_caller]
    fn check(change: impl FnOnce(&mut Vec<u8>), expected: WorkError) {
        let mut bytes = Work::new(mainnet()[7].work().clone()).unwrap().encode();
        change(&mut bytes);
        assert_eq!(Work::decode(&bytes), Err(expected));
    }
    let header = mainnet()[7].work().clone();
    let malformed = |length, source| WorkError::Header { length, source };
    check(Vec::clear, WorkError::Length(0));
    check(|bytes| bytes.truncate(35), WorkError::Length(35));
    check(
        |bytes| bytes.truncate(36),
        malformed(36, HeaderError::Length(0)),
    );
    check(
        |bytes| bytes.truncate(321),
        malformed(321, HeaderError::Length(285)),
    );
    check(
        |bytes| bytes.push(0),
        malformed(323, HeaderError::Length(287)),
    );
    check(
        |bytes| bytes[36 + 48] = 4,
        malformed(
            322,
            HeaderError::AdjacentCount {
                length: 286,
                expected: 3,
                stated: 4,
            },
        ),
    );
    check(
        |bytes| bytes.extend([0; 36]),
        malformed(
            358,
            HeaderError::AdjacentCount {
                length: 322,
                expected: 4,
                stated: 3,
            },
        ),
    );
    check(
        |bytes| bytes[36 + 50] = 19,
        malformed(322, HeaderError::AdjacentOrder),
    );
    check(
        |bytes| bytes[0] = 9,
        WorkError::Chain {
            prefix: ChainId::new(9),
            header: header.chain(),
        },
    );
    check(
        |bytes| bytes[4..36].fill(0),
        WorkError::Target {
            prefix: Target::from_le_bytes([0; 32]),
            header: header.target(),
        },
    );
    check(
        |bytes| {
            bytes[4..36].fill(0);
            bytes[36 + 158..36 + 190].fill(0);
        },
        WorkError::Unsolvable,
    );
}

#[test]
fn a_header_with_hashed_adjacents_round_trips_without_a_block_hash() {
    let header = fixtures::hash_adjacents(mainnet()[7].work());
    let bytes = header.as_bytes().to_vec();
    assert!(matches!(header.adjacents(), Adjacents::Hashed));
    assert_eq!(header.block_hash(), None);
    assert_eq!(BlockHeader::seal(header.clone()), None);
    assert_eq!(header.as_bytes(), bytes);
    assert_eq!(header.chain(), ChainId::new(5));
    let work = Work::new(header).unwrap();
    assert_eq!(Work::decode(&work.encode()), Ok(work));
}

#[test]
fn only_time_and_nonce_may_differ() {
    let header = mainnet()[7].work().clone();
    for offset in 0..header.as_bytes().len() {
        let mut bytes = header.as_bytes().to_vec();
        bytes[offset] ^= 1;
        // A header with an invalid count or order of records cannot be decoded.
        let Ok(changed) = WorkHeader::decode(&bytes) else {
            continue;
        };
        let may_change = (8..16).contains(&offset) || (278..286).contains(&offset);
        assert_eq!(
            header.differs_only_in_time_and_nonce(&changed),
            may_change,
            "byte {offset}"
        );
    }
}

#[test]
fn weight_and_height_follow_the_parent() {
    for family in families() {
        let (block, parent) = (family.block.work(), family.parent.work());
        assert_eq!(block.parent(), family.parent.hash());
        assert_eq!(block.height(), parent.height() + 1);
        assert_eq!(block.weight(), parent.weight().plus(block.target()));
        assert!(family.parent.hash_is_valid());
        assert!(
            family
                .adjacent_parents
                .iter()
                .all(BlockHeader::hash_is_valid)
        );
    }
}

#[test]
fn the_genesis_blocks_of_development_have_the_recorded_hashes() {
    let genesis = Genesis {
        version_code: 2,
        graph: ChainGraph::twenty(),
        time: CreationTime::from_micros(1_563_388_117_613_832),
        // ⌊(2^256 - 1) / 100,000⌋
        target: Target::from_be_hex(
            "0000a7c5ac471b4784230fcf80dc33721d53cddd6e04c059210385c67dfe32a0",
        )
        .unwrap(),
    };
    let hashes: Vec<_> = genesis
        .graph
        .chains()
        .map(|chain| {
            let payload = match chain.get() {
                0 => "GB8YsdVgd50IaJ_shYGN3pnzOohPi-gE3YaP2pvhw0w",
                _ => "tL8Um8Zql3uKtYX5yo9-YoW_cKGf_BFBONzVD5JDd5k",
            };
            genesis
                .header(chain, payload.parse().unwrap())
                .hash()
                .to_string()
        })
        .collect();
    let expected: Vec<_> = include_str!("../data/genesis-development.txt")
        .lines()
        .collect();
    assert_eq!(hashes, expected);
}
