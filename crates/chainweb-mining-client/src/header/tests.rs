//! Recorded headers through the whole command, and inputs that are no headers.

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use chainweb::{BlockHash, BlockHeader, Work};
use serde_json::{Value, json};

use super::{HeaderArgs, Verdict};

const FIXTURE: &[u8] = fixtures::MAINNET;
const FIXTURE_PATH: &str = fixtures::MAINNET_PATH;

/// Block 2111409 of chain 5.
fn recorded() -> &'static [u8] {
    &FIXTURE[7 * 318..8 * 318]
}

/// The form of the output.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Text,
    Json,
}

fn run(
    inputs: &[&str],
    format: Format,
    mut stdin: &[u8],
    out: &mut Vec<u8>,
) -> anyhow::Result<Verdict> {
    let args = HeaderArgs {
        headers: inputs.iter().copied().map(str::to_owned).collect(),
        json: format == Format::Json,
    };
    args.run(&mut stdin, out)
}

fn run_with(inputs: &[&str], format: Format, stdin: &[u8]) -> (Verdict, String) {
    let mut out = Vec::new();
    let verdict = run(inputs, format, stdin, &mut out).expect("these are headers");
    (verdict, String::from_utf8(out).expect("text"))
}

/// Returns the JSON objects of the headers on standard input.
fn json_of(stdin: &[u8]) -> (Verdict, Vec<Value>) {
    let (verdict, out) = run_with(&["-"], Format::Json, stdin);
    let objects = out
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object a line"));
    (verdict, objects.collect())
}

#[test]
fn recorded_headers_meet_their_targets_and_state_their_hashes() {
    for (input, stdin) in [(FIXTURE_PATH, &[][..]), ("-", FIXTURE)] {
        let (verdict, out) = run_with(&[input], Format::Text, stdin);
        assert_eq!(verdict, Verdict::Sound);
        let count = |text| out.lines().filter(|line| line.contains(text)).count();
        assert_eq!(count("meets target: yes"), 15);
        assert_eq!(count("(as stated)"), 15);
        assert_eq!(count("(mainnet01)"), 15);
    }
}

#[test]
fn text_has_a_line_for_each_field() {
    let (verdict, out) = run_with(&[&const_hex::encode(recorded())], Format::Text, &[]);
    assert_eq!(verdict, Verdict::Sound);
    assert_eq!(
        out,
        "\
header:       block header of 318 bytes (argument 1)
chain:        5
height:       2111409
created:      2021-11-01T06:38:30.857836Z (1635748710857836 µs)
parent:       lGM128RwuCn1hpdUTanI_jBr9KMhQ6RaR1dVvAVCyE4
adjacent 0:   tBT_rIRSkhEqIADZ0FZXnF-DCQ8ray6WZMJ6NG8WyQQ
adjacent 7:   el7EVy1yPcT1N9XT_rMMKsKPT-dZS-1swk6vkoajIgA
adjacent 8:   b-LoHvvIoTG-1s7a1GvBtJQOCHf9N_GqqOLTvDiNrCU
target:       0000000000000115ac13d9523973628be59fc92b7b49c4a5715a566df6892449
difficulty:   66433534015507404 (66.4 Phashes)
payload:      kNpi29wI0BLF9OpOL0lBlR_qkub5vokiXHfb37LxgtY
weight:       15993847239483669070619
version:      5 (mainnet01)
epoch start:  2021-11-01T06:33:25.707237Z (1635748405707237 µs)
flags:        0000000000000000
fork:         fork 0, no votes for the next one
nonce:        7166791a52690384
pow hash:     0000000000000112b8b8e1416bd9663c2aff1b4c6fdf1a2d4301f3921a99ea07
block hash:   6o5XvJ0YV3KIqhttqxAkjAvEw_L8KK7-tMbMhquhIA4 (as stated)
meets target: yes
"
    );
}

#[test]
fn json_has_the_same_in_an_object() {
    let (verdict, objects) = json_of(recorded());
    assert_eq!(verdict, Verdict::Sound);
    assert_eq!(
        objects,
        [json!({
            "source": "standard input",
            "form": "block header",
            "length": 318,
            "chain": 5,
            "height": 2_111_409,
            "creation_time": "2021-11-01T06:38:30.857836Z",
            "creation_time_us": 1_635_748_710_857_836_i64,
            "parent": "lGM128RwuCn1hpdUTanI_jBr9KMhQ6RaR1dVvAVCyE4",
            "adjacents": {
                "0": "tBT_rIRSkhEqIADZ0FZXnF-DCQ8ray6WZMJ6NG8WyQQ",
                "7": "el7EVy1yPcT1N9XT_rMMKsKPT-dZS-1swk6vkoajIgA",
                "8": "b-LoHvvIoTG-1s7a1GvBtJQOCHf9N_GqqOLTvDiNrCU"
            },
            "target": "0000000000000115ac13d9523973628be59fc92b7b49c4a5715a566df6892449",
            "difficulty": "66433534015507404",
            "payload": "kNpi29wI0BLF9OpOL0lBlR_qkub5vokiXHfb37LxgtY",
            "weight": "15993847239483669070619",
            "version_code": 5,
            "version": "mainnet01",
            "epoch_start": "2021-11-01T06:33:25.707237Z",
            "epoch_start_us": 1_635_748_405_707_237_i64,
            "flags": "0000000000000000",
            "fork_number": 0,
            "fork_votes": 0.0,
            "nonce": "7166791a52690384",
            "pow_hash": "0000000000000112b8b8e1416bd9663c2aff1b4c6fdf1a2d4301f3921a99ea07",
            "meets_target": true,
            "block_hash": "6o5XvJ0YV3KIqhttqxAkjAvEw_L8KK7-tMbMhquhIA4",
            "stated_block_hash": "6o5XvJ0YV3KIqhttqxAkjAvEw_L8KK7-tMbMhquhIA4",
            "block_hash_is_right": true
        })]
    );
}

/// Of the recorded headers, only block 318266 of chain 7 is older than the fork state.
#[test]
fn recorded_headers_have_a_fork_number_unless_their_flags_are_a_nonce() {
    let (_, objects) = json_of(FIXTURE);
    for object in &objects {
        let fork = match object["height"].as_u64().expect("a height") {
            ..530_500 => (Value::Null, Value::Null),
            530_500.. => (json!(0), json!(0.0)),
        };
        let found = (object["fork_number"].clone(), object["fork_votes"].clone());
        assert_eq!(found, fork, "{object:#}");
    }
    let (_, out) = run_with(&["-"], Format::Text, &FIXTURE[..318]);
    let expected = "\nflags:        0046e9008ceaa628\nfork:         none: the flags of the first blocks \
                    of mainnet01 are a nonce\n";
    assert!(out.contains(expected), "{out}");
}

#[test]
fn fork_votes_are_printed_with_what_the_fork_needs() {
    #[track_caller]
    fn check((number, millivotes, height): (u32, u32, u64), expected: &str) {
        let mut bytes = recorded()[..286].to_vec();
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        bytes[4..8].copy_from_slice(&millivotes.to_le_bytes());
        bytes[258..266].copy_from_slice(&height.to_le_bytes());
        let (_, out) = run_with(&["-"], Format::Text, &bytes);
        let line = out.lines().find_map(|line| line.strip_prefix("fork:"));
        assert_eq!(line.map(str::trim), Some(expected), "{out}");
        let (_, objects) = json_of(&bytes);
        assert_eq!(objects[0]["fork_number"], number);
        assert_eq!(objects[0]["fork_votes"], f64::from(millivotes) / 1000.0);
    }
    let start = 14_400 * 500;
    check((1, 0, start), "fork 1, no votes for the next one");
    check(
        (0, 1000, start),
        "fork 0; 1 of the 9520 votes that fork 1 needs, after 1 of 14280 blocks",
    );
    check(
        (0, 4_210_000, start + 5000),
        "fork 0; 4210 of the 9520 votes that fork 1 needs, after 5001 of 14280 blocks",
    );
    // The last blocks of an epoch have means.
    check(
        (3, 9_519_500, start + 14_399),
        "fork 3; 9520 of the 9520 votes that fork 4 needs, after 14280 of 14280 blocks",
    );
    check(
        (u32::MAX, u32::MAX, u64::MAX),
        "fork 4294967295; 4294967 of the 9520 votes that fork 4294967296 needs, after 10816 of \
         14280 blocks",
    );
}

#[test]
fn version_codes_have_the_names_of_all_their_networks() {
    #[track_caller]
    fn check(code: u32, expected: &str) {
        let mut bytes = recorded()[..286].to_vec();
        bytes[266..270].copy_from_slice(&code.to_le_bytes());
        let (_, out) = run_with(&["-"], Format::Text, &bytes);
        let line = format!("\nversion:      {code} ({expected})\n");
        assert!(out.contains(&line), "{out}");
    }
    check(1, "recap-development");
    check(2, "development");
    check(5, "mainnet01");
    check(7, "testnet04");
    check(8, "testnet06");
    check(9, "testnet05");
    check(10, "stoa, or evm-testnet of the EVM line");
    check(11, "evm-development");
    check(0x0001_000b, "evm-development-pair");
    check(0x0001_000c, "evm-development-singleton");
    check(0x8000_0003, "a network of the node's own tests");
    check(3, "unknown");
}

#[test]
fn every_encoding_and_form_gives_the_same_fields() {
    let block = BlockHeader::decode(recorded()).expect("a header");
    let bare = block.work().as_bytes();
    let work = Work::new(block.work().clone())
        .expect("the target is not 0")
        .encode();
    let encodings: [fn(&[u8]) -> String; 6] = [
        |bytes| const_hex::encode(bytes),
        |bytes| const_hex::encode_upper(bytes),
        |bytes| format!("0x{}", const_hex::encode(bytes)),
        |bytes| URL_SAFE_NO_PAD.encode(bytes),
        |bytes| URL_SAFE.encode(bytes),
        |bytes| format!("\"{}\"", URL_SAFE.encode(bytes)),
    ];
    let fields = |object: &Value| {
        let mut object = object.clone();
        let fields = object.as_object_mut().expect("an object");
        for about_form in [
            "source",
            "form",
            "length",
            "stated_block_hash",
            "block_hash_is_right",
        ] {
            assert!(fields.remove(about_form).is_some(), "{about_form}");
        }
        object
    };
    let expected = fields(&json_of(recorded()).1[0]);
    for (bytes, form) in [
        (recorded(), "block header"),
        (bare, "header without block hash"),
        (&work, "work"),
    ] {
        let mut texts: Vec<Vec<u8>> = encodings
            .iter()
            .map(|encode| encode(bytes).into_bytes())
            .collect();
        texts.push(bytes.to_vec());
        for text in texts {
            let (verdict, objects) = json_of(&text);
            assert_eq!((verdict, objects.len()), (Verdict::Sound, 1));
            assert_eq!(objects[0]["form"], form);
            assert_eq!(fields(&objects[0]), expected);
        }
    }
}

#[test]
fn lines_and_arguments_have_a_source() {
    let hex = const_hex::encode(recorded());
    let stdin = format!("\n{hex}\r\n\n  {hex}\n");
    let (_, out) = run_with(&[&hex, "-", FIXTURE_PATH], Format::Json, stdin.as_bytes());
    let sources: Vec<String> = out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("an object")["source"].to_string())
        .collect();
    let mut expected = vec![
        json!("argument 1").to_string(),
        json!("standard input, line 2").to_string(),
        json!("standard input, line 4").to_string(),
    ];
    expected.extend((1..=15).map(|i| json!(format!("{FIXTURE_PATH}, header {i}")).to_string()));
    assert_eq!(sources, expected);
}

/// Returns the recorded header with one byte replaced.
fn changed(at: usize, byte: u8) -> Vec<u8> {
    let mut bytes = recorded().to_vec();
    assert_ne!(bytes[at], byte);
    bytes[at] = byte;
    bytes
}

#[test]
fn one_header_that_misses_its_target_makes_all_unsound() {
    // Another nonce makes another block hash.
    let bytes = [recorded(), &changed(280, 0), recorded()].concat();
    let (verdict, objects) = json_of(&bytes);
    assert_eq!(verdict, Verdict::Unsound);
    let checks = |object: &Value| {
        (
            object["meets_target"].clone(),
            object["block_hash_is_right"].clone(),
        )
    };
    assert_eq!(
        objects.iter().map(checks).collect::<Vec<_>>(),
        [
            (json!(true), json!(true)),
            (json!(false), json!(false)),
            (json!(true), json!(true))
        ]
    );
    let (verdict, out) = run_with(&["-"], Format::Text, &changed(280, 0)[..286]);
    assert_eq!(verdict, Verdict::Unsound);
    assert!(out.ends_with("\nmeets target: no\n"), "{out}");
}

#[test]
fn a_wrong_block_hash_is_printed_with_the_right_one() {
    let (verdict, out) = run_with(&["-"], Format::Text, &changed(286, 0xff));
    assert_eq!(verdict, Verdict::Unsound);
    let right = BlockHeader::decode(recorded()).expect("a header").hash();
    let mut stated = *right.as_bytes();
    stated[0] = 0xff;
    let stated = BlockHash::new(stated);
    assert!(
        out.contains(&format!(
            "block hash:   {right} (WRONG: the header states {stated})\n"
        )),
        "{out}"
    );
    assert!(out.ends_with("\nmeets target: yes\n"), "{out}");
}

#[test]
fn genesis_headers_are_printed_like_all_others() {
    let mut genesis = recorded()[..286].to_vec();
    genesis[258..266].fill(0);
    let (verdict, out) = run_with(&["-"], Format::Text, &genesis);
    assert_eq!(verdict, Verdict::Unsound);
    assert!(out.ends_with("\nmeets target: no\n"), "{out}");
}

#[test]
fn with_hashed_adjacents_the_block_hash_is_unknown() {
    let mut bytes = recorded()[..286].to_vec();
    bytes[48..50].fill(0xf0);
    let (_, out) = run_with(&["-"], Format::Text, &bytes);
    assert!(
        out.contains("\nadjacents:    only a hash over them\n"),
        "{out}"
    );
    assert!(
        out.contains("\nblock hash:   cannot be computed from"),
        "{out}"
    );
    let (_, objects) = json_of(&bytes);
    assert_eq!(
        (&objects[0]["adjacents"], &objects[0]["block_hash"]),
        (&Value::Null, &Value::Null)
    );
}

/// A bare header with four adjacents has the length of work with three.
#[test]
fn bytes_of_an_ambiguous_length_are_work_if_they_agree() {
    let mut four = recorded()[..158].to_vec();
    four[48] = 4;
    four.extend([200, 0, 0, 0]);
    four.extend([0; 32]);
    four.extend(&recorded()[158..286]);
    assert_eq!(four.len(), 322);
    let (_, objects) = json_of(&four);
    assert_eq!(objects[0]["form"], "header without block hash");
    assert_eq!(
        objects[0]["adjacents"]
            .as_object()
            .map(serde_json::Map::len),
        Some(4)
    );
}

#[track_caller]
fn check_error(inputs: &[&str], stdin: &[u8], expected: &str) {
    let mut out = Vec::new();
    let error = run(inputs, Format::Text, stdin, &mut out).expect_err("bad input");
    assert_eq!(format!("{error:#}"), expected);
    assert_eq!(out, b"", "nothing is printed on errors");
}

#[test]
fn errors_name_the_place_and_what_was_expected() {
    let hex = const_hex::encode(recorded());
    let length = "expected 286 bytes of a header without block hash, 318 with it, 322 of work, or \
                  36 more or less for each adjacent chain more or less than three";
    check_error(
        &[&hex, "no-such-file.bin"],
        &[],
        "argument 2: expected a header in hex or base64url, a file, or -, got \"no-such-file.bin\"",
    );
    check_error(
        &[&hex[..600]],
        &[],
        &format!("argument 1: 300 bytes that are no header: {length}"),
    );
    check_error(&["-"], b"\t\x0b", "standard input holds no header");
    check_error(&["-"], b" \n\n", "standard input holds no header");
    check_error(&["-"], b"", "standard input holds no header");
    check_error(
        &["-"],
        format!("{hex}\n{}\n", &hex[1..]).as_bytes(),
        &format!(
            "standard input, line 2: expected an even number of hex digits, got \"{}…\"",
            &hex[1..61]
        ),
    );
    check_error(
        &["-"],
        format!("{hex}\n{hex}\nheader?\n").as_bytes(),
        "standard input, line 3: expected a header in hex or base64url, got \"header?\"",
    );
    // The count of adjacents is far too large.
    check_error(
        &["-"],
        &[0x80; 9000],
        &format!("standard input: 9000 bytes that are no header: {length}"),
    );
    check_error(
        &["-"],
        &FIXTURE[..2 * 318 + 7],
        "standard input ends within a header: 2 headers of 318 bytes and 7 bytes more",
    );
    check_error(
        &["-"],
        &[1; 7],
        &format!("standard input: 7 bytes that are no header: {length}"),
    );
    check_error(
        &["-"],
        &[recorded(), &changed(48, 4)].concat(),
        "standard input, header 2: 318 bytes that are no header: \
         a work header of 286 bytes has 3 adjacent hashes, not 4",
    );
    let mut work = [&[6, 0, 0, 0], &recorded()[158..190], &recorded()[..286]].concat();
    check_error(
        &["-"],
        &work,
        "standard input: 322 bytes that are no header: \
         the work is for chain 6, but its header is for chain 5",
    );
    work.truncate(321);
    check_error(
        &["-"],
        &work,
        &format!("standard input: 321 bytes that are no header: {length}"),
    );
}

#[test]
fn a_directory_cannot_be_read() {
    let mut out = Vec::new();
    let path = env!("CARGO_MANIFEST_DIR");
    let error = run(&[path], Format::Text, &[], &mut out).expect_err("no file");
    assert_eq!(error.to_string(), format!("cannot read {path}"));
}

#[test]
fn the_arguments_are_headers_and_a_format() {
    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        header: HeaderArgs,
    }
    let parse = |args: &[&str]| {
        let args = ["header"].iter().chain(args);
        <Cli as clap::Parser>::try_parse_from(args).map(|cli| cli.header)
    };
    assert_eq!(
        parse(&["-", "a", "--json"]).expect("well formed"),
        HeaderArgs {
            headers: vec!["-".to_owned(), "a".to_owned()],
            json: true
        }
    );
    // base64url may begin with a hyphen.
    assert_eq!(
        parse(&["--", "-AAA"]).expect("well formed"),
        HeaderArgs {
            headers: vec!["-AAA".to_owned()],
            json: false
        }
    );
    assert!(parse(&[]).is_err());
}
