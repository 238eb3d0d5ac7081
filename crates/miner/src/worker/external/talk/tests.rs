use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;

use super::{BAD_LINES, Heard, LINE, NonceSpan, REMEMBERED, Talk};
use crate::job::Job;
use crate::worker::external::deal::Stamped;
use crate::worker::external::test_job::{Nonces, job, nonces};

const SPAN: NonceSpan = NonceSpan {
    start: 16,
    count: u64::MAX / 2,
};

fn give(talk: &mut Talk, job: &Arc<Job>) -> String {
    let stamped = Stamped {
        header: job.work.header().clone(),
        creation_time: job.work.header().creation_time(),
        valid_from: Instant::now(),
    };
    String::from_utf8(talk.give(job, stamped, SPAN)).expect("text")
}

/// What is heard, in words.
fn words(heard: &[Heard]) -> Vec<String> {
    let word = |heard: &Heard| match heard {
        Heard::Solution(solution) => format!("job {} nonce {}", solution.job.id, solution.nonce),
        Heard::Hashes(hashes) => format!("{hashes} hashes"),
        Heard::Wrong(failure) => failure.to_string(),
    };
    heard.iter().map(word).collect()
}

/// What a conversation that was given job 10 hears in some output.
#[track_caller]
fn check(output: &str, expected: &[&str]) {
    let mut talk = Talk::default();
    give(&mut talk, &job(10));
    let mut heard = Vec::new();
    talk.hear(output.as_bytes(), &mut heard)
        .expect("it goes on");
    assert_eq!(words(&heard), expected, "{output}");
}

#[test]
fn a_job_is_one_line_with_all_numbers_and_bytes_in_hex() {
    let job = job(10);
    let line = give(&mut Talk::default(), &job);
    let header = const_hex::encode(job.work.header().as_bytes());
    let target = "f".repeat(62) + "7f";
    let expected = format!(
        r#"{{"job":"000000000000000a","header":"{header}","target":"{target}","nonce_start":"0000000000000010","nonce_count":"7fffffffffffffff"}}"#
    );
    assert_eq!(line, expected + "\n");
    assert_eq!(header.len(), 572);
    // It is the part of the header that holds the target.
    assert_eq!(&header[2 * 158..2 * 190], target);
    assert_eq!(Talk::give_none(), b"{\"job\":null}\n");
}

#[test]
fn messages_are_answers_and_counts() {
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
    // Only the first is told.
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
        &[&format!("its nonce {bad} does not solve the work")],
    );
    let hint = "but would with its bytes reversed: the most significant digit has to come first";
    check(
        &(answer(&reversed) + &answer(&good)),
        &[
            &format!("its nonce {reversed} does not solve the work, {hint}"),
            &solved,
        ],
    );
    check(
        "{\"job\":\"b\",\"nonce\":\"0000000000000000\"}\n",
        &["it answered for the job \"b\", which it was not given, or long ago"],
    );
}

#[test]
fn what_is_no_message_is_told_with_what_was_expected_and_passed_over() {
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
        let mut heard = Vec::new();
        let output = format!("{line}\n{{\"hashes\":\"1\"}}\n");
        let mut talk = Talk::default();
        talk.hear(output.as_bytes(), &mut heard)
            .expect("it goes on");
        let words = words(&heard);
        assert!(
            words[0].starts_with("it wrote a line that is no message: "),
            "{words:?}"
        );
        assert!(words[0].contains(expected), "{words:?}");
        assert_eq!(words[1..], ["1 hashes"]);
    }
}

#[test]
fn a_line_without_an_end_and_too_many_bad_ones_end_the_conversation() {
    let hear = |talk: &mut Talk, output: &str| {
        let goes_on = talk.hear(output.as_bytes(), &mut Vec::new());
        goes_on.map_err(|failure| failure.to_string())
    };
    let mut talk = Talk::default();
    assert_eq!(hear(&mut talk, &" ".repeat(LINE)), Ok(()));
    let too_long =
        "it wrote more than 4096 bytes to its standard output, where a line of JSON is expected";
    assert_eq!(hear(&mut talk, " "), Err(too_long.to_owned()));

    let mut talk = Talk::default();
    let bad = |lines: u32| "no\n".repeat(usize::try_from(lines).expect("few"));
    assert_eq!(hear(&mut talk, &bad(BAD_LINES)), Ok(()));
    assert_eq!(hear(&mut talk, "{\"hashes\":\"1\"}\n"), Ok(()));
    assert_eq!(hear(&mut talk, &bad(BAD_LINES)), Ok(()));
    let garbage = "it wrote 1001 lines in a row that are no messages";
    assert_eq!(hear(&mut talk, &bad(1)), Err(garbage.to_owned()));
}

#[test]
fn answers_for_recent_jobs_count_and_for_those_long_ago_do_not() {
    let mut talk = Talk::default();
    for id in 0..=REMEMBERED as u64 {
        give(&mut talk, &job(id));
    }
    let mut answer = |id: u64| {
        let nonce = nonces(&job(id)).good;
        let line = format!("{{\"job\":\"{id:016x}\",\"nonce\":\"{nonce}\"}}\n");
        let mut heard = Vec::new();
        talk.hear(line.as_bytes(), &mut heard).expect("it goes on");
        matches!(heard.as_slice(), [Heard::Solution(solution)] if solution.job.id.0 == id)
    };
    assert_eq!(
        [0, 1, 30, REMEMBERED as u64].map(&mut answer),
        [false, true, true, true]
    );
}

proptest! {
    #[test]
    fn how_output_is_cut_does_not_matter(
        lines in prop::collection::vec(
            prop::sample::select(vec!["{\"hashes\":\"a\"}\n", "no\n", "\n", "{\"hashes\":\"b\"}\r\n", "{"]),
            0..8
        ),
        cuts in prop::collection::vec(0_usize..100, 0..6),
    ) {
        let output = lines.concat().into_bytes();
        let mut whole = Vec::new();
        Talk::default().hear(&output, &mut whole).expect("it goes on");
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(output.len())).collect();
        cuts.extend([0, output.len()]);
        cuts.sort_unstable();
        let (mut talk, mut parts) = (Talk::default(), Vec::new());
        for cut in cuts.windows(2) {
            talk.hear(&output[cut[0]..cut[1]], &mut parts).expect("it goes on");
        }
        prop_assert_eq!(words(&whole), words(&parts));
    }

    #[test]
    fn spans_of_nonces_are_disjoint_and_pass_no_end(processes in 1_usize..1025, first_nonce: u64) {
        let spans: Vec<_> = (0..processes)
            .map(|process| NonceSpan::of(process, processes, first_nonce))
            .collect();
        for pair in spans.windows(2) {
            prop_assert_eq!(pair[0].start.checked_add(pair[0].count), Some(pair[1].start));
        }
        let last = spans[processes - 1];
        prop_assert!(last.start.checked_add(last.count).is_some());
        // No process has less than its share of them but for one share.
        prop_assert_eq!(last.count, u64::MAX / (processes as u64 + 1));
    }
}
