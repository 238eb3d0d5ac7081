//! The fuzz target of headers for the `header` command.

use std::fmt::Write as _;

use chainweb::{BlockHeader, Work};

use super::input::{self, Form, Item};
use super::{HeaderArgs, Verdict};

/// The most bytes of the text of an error.
const TEXT: usize = 600;

/// Prints the headers on standard input. The same headers in hex have the same report.
///
/// # Panics
/// If a law does not hold.
pub fn header(bytes: &[u8]) {
    let read = |mut bytes: &[u8]| input::read(&["-".to_owned()], &mut bytes);
    let items = match read(bytes) {
        Ok(items) => items,
        Err(error) => {
            let text = format!("{error:#}");
            assert!(
                text.starts_with("standard input") && text.len() <= TEXT,
                "{text}"
            );
            assert!(!text.contains(char::is_control), "{text:?}");
            let (result, out) = run(bytes, true);
            assert!(result.is_err() && out.is_empty());
            return;
        }
    };
    assert!(!items.is_empty());
    let mut hex = String::new();
    for item in &items {
        writeln!(hex, "{}", const_hex::encode(encode(item))).expect("memory");
    }
    let again = read(hex.as_bytes()).expect("the same headers");
    let facts = |items: &[Item]| {
        let facts = items.iter().map(|item| (item.header.clone(), item.form));
        facts.collect::<Vec<_>>()
    };
    assert_eq!(facts(&again), facts(&items));

    let (verdict, json) = run(bytes, true);
    let reports = json.lines().map(|line| {
        let report: serde_json::Value = serde_json::from_str(line).expect("an object a line");
        report["meets_target"] == true && report["block_hash_is_right"] != false
    });
    let sound: Vec<bool> = reports.collect();
    assert_eq!(sound.len(), items.len());
    let expected = if sound.contains(&false) {
        Verdict::Unsound
    } else {
        Verdict::Sound
    };
    assert_eq!(verdict.ok(), Some(expected));
    let (verdict, text) = run(bytes, false);
    assert_eq!(verdict.ok(), Some(expected));
    assert_eq!(text.matches("\n\n").count() + 1, items.len());
}

fn run(mut bytes: &[u8], json: bool) -> (anyhow::Result<Verdict>, String) {
    let args = HeaderArgs {
        headers: vec!["-".to_owned()],
        json,
    };
    let mut out = Vec::new();
    let result = args.run(&mut bytes, &mut out);
    (result, String::from_utf8(out).expect("text"))
}

/// Returns the bytes of a header in its form.
fn encode(item: &Item) -> Vec<u8> {
    let header = &item.header;
    match item.form {
        Form::Bare => header.as_bytes().to_vec(),
        Form::Block(hash) => {
            let bytes = [header.as_bytes(), hash.as_bytes()].concat();
            let block = BlockHeader::decode(&bytes).expect("a header with its hash");
            assert_eq!(block.encode(), bytes);
            bytes
        }
        Form::Work => {
            let prefix = [
                &header.chain().to_le_bytes()[..],
                &header.target().to_le_bytes(),
            ];
            assert_eq!(prefix.concat().len(), Work::PREFIX_LENGTH);
            [&prefix.concat(), header.as_bytes()].concat()
        }
    }
}
