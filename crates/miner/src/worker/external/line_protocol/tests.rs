use std::ops::Range;
use std::sync::Arc;

use proptest::prelude::*;

use super::{BAD_LINES, LINE, LineProtocol, Message, NO_JOB, REMEMBERED, nonce_span};
use crate::job::Job;
use crate::worker::external::test_job::{Nonces, issued, job, nonces};

const SPAN: Range<u64> = 16..16 + u64::MAX / 2;

fn send(protocol: &mut LineProtocol, job: &Arc<Job>) -> String {
    String::from_utf8(protocol.job_line(issued(job), &SPAN)).expect("text")
}

/// Passes output to the protocol and returns its messages.
#[track_caller]
fn receive(protocol: &mut LineProtocol, output: &str) -> Vec<Message> {
    let (messages, fatal) = protocol.receive(&mut output.as_bytes().to_vec());
    assert!(fatal.is_none(), "{fatal:?}");
    messages
}

fn words(messages: &[Message]) -> Vec<String> {
    let word = |message: &Message| match message {
        Message::Solution(solution) => format!("job {} nonce {}", solution.job.id, solution.nonce),
        Message::Hashes(hashes) => format!("{hashes} hashes"),
        Message::Bad(failure) => failure.to_string(),
    };
    messages.iter().map(word).collect()
}

/// Checks the messages in some output after job 10 was sent.
#[track_caller]
fn check(output: &str, expected: &[&str]) {
    let mut protocol = LineProtocol::default();
    send(&mut protocol, &job(10));
    let messages = receive(&mut protocol, output);
    assert_eq!(words(&messages), expected, "{output}");
}

/// Appends output to the buffer and returns the fatal failure, if there is one.
fn extend(protocol: &mut LineProtocol, buffer: &mut Vec<u8>, output: &str) -> Result<(), String> {
    buffer.extend_from_slice(output.as_bytes());
    let fatal = protocol.receive(buffer).1;
    fatal.map_or(Ok(()), |failure| Err(failure.to_string()))
}

#[test]
fn job_is_one_line_with_numbers_and_bytes_in_hex() {
    let job = job(10);
    let line = send(&mut LineProtocol::default(), &job);
    let header = const_hex::encode(job.work.header().as_bytes());
    let target = "f".repeat(62) + "7f";
    let expected = format!(
        r#"{{"job":"000000000000000a","header":"{header}","target":"{target}","nonce_start":"0000000000000010","nonce_count":"7fffffffffffffff"}}"#
    );
    assert_eq!(line, expected + "\n");
    assert_eq!(header.len(), 572);
    // The target is also in the header.
    assert_eq!(&header[2 * 158..2 * 190], target);
    assert_eq!(NO_JOB, b"{\"job\":null}\n");
}

#[test]
fn messages_are_answers_and_hash_counts() {
    let Nonces {
        good,
        bad,
        reversed,
    } = nonces(&job(10));
    let solved = format!("job 10 nonce {good}");
    let answer = |nonce: &dyn std::fmt::Display| {
        format!("{{\"job\":\"000000000000000a\",\"nonce\":\"{nonce}\"}}\n")
    };
    check(&answer(&good), &[&solved]);
    // Only the first answer counts.
    check(&(answer(&good) + &answer(&good)), &[&solved]);
    check(
        "{\"hashes\":\"3e8\"}\r\n\n  \n{\"hashes\":\"0x1\", \"more\":[1]}\n",
        &["1000 hashes", "1 hashes"],
    );
    check(
        &format!("{{\"hashes\":\"ff\",\"nonce\":\"{good}\",\"job\":\"000000000000000a\"}}\n"),
        &["255 hashes", &solved],
    );
    check(
        &answer(&bad),
        &[&format!("nonce {bad} does not solve the work")],
    );
    let hint = "but would with its bytes reversed: print the most significant digit first";
    check(
        &(answer(&reversed) + &answer(&good)),
        &[
            &format!("nonce {reversed} does not solve the work, {hint}"),
            &solved,
        ],
    );
    check(
        "{\"job\":\"b\",\"nonce\":\"0000000000000000\"}\n",
        &["answered for job \"b\", which is unknown or expired"],
    );
}

#[test]
fn bad_line_is_reported_with_what_was_expected_and_skipped() {
    for (line, expected) in [
        ("hello", "expected value"),
        ("{\"hashes\":\"1\"", "EOF while parsing"),
        (
            "{\"hashes\":1000}",
            "invalid type: integer `1000`, expected a string",
        ),
        ("{\"hashes\":\"\"}", "1 to 16 hex digits"),
        ("{\"hashes\":\"-1\"}", "1 to 16 hex digits"),
        (
            "{\"job\":\"000000000000000a\"}",
            "neither \"nonce\" nor \"hashes\"",
        ),
        ("{}", "neither \"nonce\" nor \"hashes\""),
        ("{\"nonce\":\"0000000000000000\"}", "needs the \"job\""),
        ("{\"job\":\"a\",\"nonce\":\"0\"}", "16 hex digits"),
        ("{\"job\":10,\"nonce\":\"0\"}", "invalid type: integer `10`"),
        ("\u{fffd}", "expected value"),
    ] {
        let output = format!("{line}\n{{\"hashes\":\"1\"}}\n");
        let words = words(&receive(&mut LineProtocol::default(), &output));
        assert!(
            words[0].starts_with("printed a line that is not a message: "),
            "{words:?}"
        );
        assert!(words[0].contains(expected), "{words:?}");
        assert_eq!(words[1..], ["1 hashes"]);
    }
}

#[test]
fn report_on_a_bad_line_is_short() {
    let line = format!("\"{}\"\n", "\\u0007".repeat(600));
    let words = words(&receive(&mut LineProtocol::default(), &line));
    assert!((100..400).contains(&words[0].len()), "{words:?}");
}

#[test]
fn line_without_an_end_and_too_many_bad_lines_are_fatal() {
    let (mut protocol, mut buffer) = (LineProtocol::default(), Vec::new());
    assert_eq!(
        extend(&mut protocol, &mut buffer, &" ".repeat(LINE)),
        Ok(())
    );
    let too_long = "printed more than 4096 bytes to standard output, expected a line of JSON";
    assert_eq!(
        extend(&mut protocol, &mut buffer, " "),
        Err(too_long.to_owned())
    );

    let (mut protocol, mut buffer) = (LineProtocol::default(), Vec::new());
    let bad = |lines: u32| "no\n".repeat(usize::try_from(lines).expect("few"));
    assert_eq!(extend(&mut protocol, &mut buffer, &bad(BAD_LINES)), Ok(()));
    assert_eq!(
        extend(&mut protocol, &mut buffer, "{\"hashes\":\"1\"}\n"),
        Ok(())
    );
    assert_eq!(extend(&mut protocol, &mut buffer, &bad(BAD_LINES)), Ok(()));
    let garbage = "printed more than 1000 lines in a row that are not messages";
    assert_eq!(
        extend(&mut protocol, &mut buffer, &bad(1)),
        Err(garbage.to_owned())
    );
}

#[test]
fn answers_for_recent_jobs_count_and_for_old_jobs_do_not() {
    let mut protocol = LineProtocol::default();
    for id in 0..=REMEMBERED as u64 {
        send(&mut protocol, &job(id));
    }
    let mut answer = |id: u64| {
        let nonce = nonces(&job(id)).good;
        let line = format!("{{\"job\":\"{id:016x}\",\"nonce\":\"{nonce}\"}}\n");
        let messages = receive(&mut protocol, &line);
        matches!(messages.as_slice(), [Message::Solution(solution)] if solution.job.id.0 == id)
    };
    assert_eq!(
        [0, 1, 30, REMEMBERED as u64].map(&mut answer),
        [false, true, true, true]
    );
}

proptest! {
    #[test]
    fn output_can_arrive_in_any_pieces(
        lines in prop::collection::vec(
            prop::sample::select(vec!["{\"hashes\":\"a\"}\n", "no\n", "\n", "{\"hashes\":\"b\"}\r\n", "{"]),
            0..8
        ),
        cuts in prop::collection::vec(0_usize..100, 0..6),
    ) {
        let output = lines.concat().into_bytes();
        let (whole, fatal) = LineProtocol::default().receive(&mut output.clone());
        prop_assert!(fatal.is_none());
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(output.len())).collect();
        cuts.extend([0, output.len()]);
        cuts.sort_unstable();
        let (mut protocol, mut buffer, mut parts) = (LineProtocol::default(), Vec::new(), Vec::new());
        for cut in cuts.windows(2) {
            buffer.extend_from_slice(&output[cut[0]..cut[1]]);
            let (messages, fatal) = protocol.receive(&mut buffer);
            prop_assert!(fatal.is_none());
            parts.extend(messages);
        }
        prop_assert_eq!(words(&whole), words(&parts));
    }

    #[test]
    fn nonce_spans_are_disjoint_and_do_not_wrap(processes in 1_usize..1025, first_nonce: u64) {
        let spans: Vec<_> = (0..processes)
            .map(|process| nonce_span(process, processes, first_nonce))
            .collect();
        for pair in spans.windows(2) {
            prop_assert_eq!(pair[0].end, pair[1].start);
        }
        let last = &spans[processes - 1];
        prop_assert!(last.start < last.end);
        // One share of the nonces stays unused.
        prop_assert_eq!(last.end - last.start, u64::MAX / (processes as u64 + 1));
    }
}
