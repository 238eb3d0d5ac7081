//! Laws of headers, for every degree and any bytes.

use std::collections::BTreeMap;

use chainweb::{
    Adjacents, BlockHash, ChainId, CreationTime, HeaderFields, Nonce, PayloadHash, Target, Weight,
    Work, WorkHeader,
};
use proptest::collection::btree_map;
use proptest::prelude::*;

fn adjacents() -> impl Strategy<Value = BTreeMap<ChainId, BlockHash>> {
    btree_map(
        any::<u32>().prop_map(ChainId::new),
        any::<[u8; 32]>().prop_map(BlockHash::new),
        0..8,
    )
}

prop_compose! {
    fn fields()(
        adjacents in adjacents(),
        (flags, time, parent, target) in any::<([u8; 8], i64, [u8; 32], [u8; 32])>(),
        (payload, chain, weight, height) in any::<([u8; 32], u32, [u8; 32], u64)>(),
        (version_code, epoch, nonce) in any::<(u32, i64, u64)>(),
    ) -> HeaderFields {
        HeaderFields {
            flags,
            creation_time: CreationTime::from_micros(time),
            parent: BlockHash::new(parent),
            adjacents,
            target: Target::from_le_bytes(target),
            payload_hash: PayloadHash::new(payload),
            chain: ChainId::new(chain),
            weight: Weight::from_le_bytes(weight),
            height,
            version_code,
            epoch_start: CreationTime::from_micros(epoch),
            nonce: Nonce::new(nonce),
        }
    }
}

fn read(header: &WorkHeader) -> HeaderFields {
    let Adjacents::Recorded(adjacents) = header.adjacents() else {
        panic!("hashed adjacents")
    };
    HeaderFields {
        flags: header.flags(),
        creation_time: header.creation_time(),
        parent: header.parent(),
        adjacents: adjacents.iter().collect(),
        target: header.target(),
        payload_hash: header.payload_hash(),
        chain: header.chain(),
        weight: header.weight(),
        height: header.height(),
        version_code: header.version_code(),
        epoch_start: header.epoch_start(),
        nonce: header.nonce(),
    }
}

proptest! {
    #[test]
    fn decoding_an_encoded_header_of_any_degree_returns_its_fields(fields in fields()) {
        let header = fields.encode();
        prop_assert_eq!(header.as_bytes().len(), 178 + 36 * fields.adjacents.len());
        prop_assert_eq!(read(&header), fields);
        prop_assert_eq!(WorkHeader::decode(header.as_bytes()), Ok(header));
    }

    #[test]
    fn decoding_work_does_not_panic_on_any_bytes(mut bytes: Vec<u8>, pad in 0_usize..400, mark: Option<u16>) {
        bytes.resize(bytes.len() + pad, 0);
        if let (Some(mark), Some(count)) = (mark, bytes.get_mut(84..86)) {
            count.copy_from_slice(&mark.to_le_bytes());
        }
        if let Ok(work) = Work::decode(&bytes) {
            prop_assert_eq!(work.encode(), bytes);
        }
    }

    #[test]
    fn each_field_changes_the_block_hash(fields in fields(), other in fields()) {
        let (a, b) = (fields.encode(), other.encode());
        prop_assert_ne!(a.block_hash(), b.block_hash());
        prop_assert_ne!(a.with_nonce(Nonce::new(!fields.nonce.get())).block_hash(), a.block_hash());
    }

    #[test]
    fn time_moves_by_whole_microseconds_and_never_wraps(start: i64, nanos: u64) {
        let by = std::time::Duration::from_nanos(nanos);
        let start = CreationTime::from_micros(start);
        let moved = start.saturating_add(by);
        prop_assert!(moved >= start);
        let passed = moved.saturating_since(start);
        let whole = std::time::Duration::from_micros(nanos / 1000);
        prop_assert!(passed == whole || moved.as_micros() == i64::MAX);
        prop_assert_eq!(start.saturating_since(moved.saturating_add(whole)), std::time::Duration::ZERO);
    }
}
