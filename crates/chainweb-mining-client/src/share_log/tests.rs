use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use chainweb::{ChainId, Difficulty, Level, Nonce};
use proptest::prelude::*;
use serde_json::Value;
use stratum::message::Refusal;
use stratum::{Freshness, JobId, LoggedShare, ShareLog, ShareRecord};

use super::{ROTATE, ShareLogFormat, Texts, Writer, open_file};

/// An accepted share.
fn share(user: &str) -> LoggedShare {
    let record = ShareRecord {
        received: Instant::now(),
        user: user.into(),
        job: Some(JobId::new(0x1a2b_3c4d)),
        place: Some((ChainId::new(7), 6_543_210)),
        nonce: Some(Nonce::new(u64::MAX)),
        target: Level::new(44).map(Level::target),
        achieved: Some(Difficulty::from_u128(21_000_000_000_000)),
        verdict: Ok(Freshness::Current),
        is_block: false,
    };
    LoggedShare {
        record,
        connection: 3,
        peer: "192.0.2.7:50000".parse().expect("an address"),
    }
}

/// Returns the lines of a share received at a certain time.
fn lines(format: ShareLogFormat, share: &LoggedShare) -> String {
    let received: SystemTime =
        humantime::parse_rfc3339("2026-11-29T12:34:56.0789Z").expect("a time");
    let mut out = Vec::new();
    format.write(share, received, &mut Texts::default(), &mut out);
    String::from_utf8(out).expect("text")
}

/// 2^212 - 1.
const TARGET: &str = "6582018229284824168619876730229402019930943462534319453394436095";

#[test]
fn lines_for_the_pool_are_exact() {
    let mut share = share("k:0123abcd.rig.1");
    let expected = format!(
        r#"{{"schemaVersion":1,"kind":"share","username":"k:0123abcd","worker":"rig.1","chainId":"7","target":"{TARGET}","timestamp":"2026-11-29T12:34:56.078900Z"}}
"#
    );
    assert_eq!(lines(ShareLogFormat::Pool, &share), expected);
    share.record.is_block = true;
    let block = format!(
        r#"{{"schemaVersion":1,"kind":"block","username":"k:0123abcd","worker":"rig.1","chainId":"7","target":"{TARGET}","ownNonce":"18446744073709551615","timestamp":"2026-11-29T12:34:56.078900Z"}}
"#
    );
    assert_eq!(lines(ShareLogFormat::Pool, &share), expected + &block);
}

#[test]
fn the_page_shows_each_kind_of_line() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/share-log.md");
    let page = fs::read_to_string(page).expect("the page");
    let mut block = share("k:0123abcd.rig1");
    block.record.is_block = true;
    let mut late = share("k:0123abcd.rig1");
    late.record.verdict = Ok(Freshness::Late);
    let mut low = share("k:0123abcd.rig1");
    low.record.verdict = Err(Refusal::LowDifficulty);
    low.record.achieved = Some(Difficulty::from_u128(1_234_567));
    let mut unknown = share("");
    unknown.record = ShareRecord {
        place: None,
        nonce: None,
        target: None,
        achieved: None,
        verdict: Err(Refusal::NotSubscribed),
        ..unknown.record
    };
    let shown = [
        lines(ShareLogFormat::Pool, &block),
        [block, late, low, unknown]
            .map(|share| lines(ShareLogFormat::Extended, &share))
            .concat(),
    ];
    for lines in shown {
        assert!(
            page.contains(&format!("```json\n{lines}```")),
            "not in the page:\n{lines}"
        );
    }
}

#[track_caller]
fn check_names(user: &str, username: &str, worker: &str) {
    for format in [ShareLogFormat::Pool, ShareLogFormat::Extended] {
        let text = lines(format, &share(user));
        let line = text.strip_suffix('\n').expect("a whole line");
        let is_harmless = |c: char| !c.is_control() && !"\u{2028}\u{2029}\u{202e}".contains(c);
        assert!(line.chars().all(is_harmless), "{line:?}");
        let object: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(object["username"], username);
        assert_eq!(object["worker"], worker);
    }
}

#[test]
fn hostile_names_are_inert_and_arrive_unchanged() {
    check_names("", "", "");
    check_names("account", "account", "");
    check_names("account.", "account", "");
    check_names(".rig", "", "rig");
    check_names("a.b.c", "a", "b.c");
    check_names("...", "", "..");
    check_names(
        "a\".b\"}\n{\"kind\":\"block\"",
        "a\"",
        "b\"}\n{\"kind\":\"block\"",
    );
    check_names("a\r\n\0\x1b[2J\x7f.\\", "a\r\n\0\x1b[2J\x7f", "\\");
    check_names(
        "🦀.\u{202e}gir\u{2028}\u{2029}\u{85}",
        "🦀",
        "\u{202e}gir\u{2028}\u{2029}\u{85}",
    );
    check_names(&"ü".repeat(5000), &"ü".repeat(5000), "");
}

proptest! {
    #[test]
    fn every_name_makes_one_line_of_json(username in "[^.]*", worker: String) {
        check_names(&format!("{username}.{worker}"), &username, &worker);
    }
}

/// A writer of lines for the pool, and the end of its queue where shares enter.
struct Setting {
    directory: PathBuf,
    path: PathBuf,
    log: ShareLog,
    writer: Writer,
}

impl Setting {
    fn new(name: &str) -> Self {
        let directory = format!("chainweb-share-log-{}-{name}", std::process::id());
        let directory = std::env::temp_dir().join(directory);
        fs::create_dir_all(&directory).expect("a directory");
        let path = directory.join("shares");
        let (log, shares, state) = ShareLog::new(ShareLogFormat::Pool.logged());
        let writer = Writer::new(path.clone(), ShareLogFormat::Pool, shares, state);
        Self {
            directory,
            path,
            log,
            writer,
        }
    }

    /// Sends shares of these names.
    fn send(&self, users: &[&str]) {
        for user in users {
            let share = share(user);
            self.log
                .send(&mut vec![share.record], share.connection, share.peer);
        }
    }

    /// Checks that all waiting shares can be written.
    #[track_caller]
    fn writes(&mut self) {
        while let Ok(share) = self.writer.shares.try_recv() {
            self.writer.add(&share);
        }
        while !self.writer.pending.is_empty() {
            self.writer.write().expect("a file that can be written");
        }
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.directory).ok();
    }
}

/// Returns the names in the lines of a file; a line that is no JSON is shown as it is.
fn names(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("a file");
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    let name = |line: &str| match serde_json::from_str::<Value>(line) {
        Ok(object) => object["username"].as_str().expect("a text").to_owned(),
        Err(_) => line.to_owned(),
    };
    text.lines().map(name).collect()
}

#[test]
fn lines_are_appended_and_a_torn_one_of_an_earlier_run_is_ended() {
    let mut setting = Setting::new("append");
    fs::write(&setting.path, "{\"torn").expect("a file");
    setting.send(&["a", "b"]);
    setting.writes();
    setting.send(&["c"]);
    setting.writes();
    assert_eq!(names(&setting.path), ["{\"torn", "a", "b", "c"]);
}

#[test]
fn a_full_file_is_renamed_over_the_older_one_and_another_inode_takes_its_place() {
    let mut setting = Setting::new("rotate");
    let old = setting.directory.join("shares.1");
    fs::write(&old, "older\n").expect("a file");
    let full = File::create(&setting.path).expect("a file");
    let line = lines(ShareLogFormat::Pool, &share("x")).len() as u64;
    full.set_len(ROTATE - line - 1).expect("a file with a hole");
    let before = full.metadata().expect("a file").ino();
    drop(full);
    // The hole ends within a line, so it gets one byte more; then one line fits.
    setting.send(&["a", "b", "c"]);
    setting.writes();
    let of_old = fs::metadata(&old).expect("a file");
    assert_eq!((of_old.ino(), of_old.len()), (before, ROTATE));
    assert_eq!(names(&setting.path), ["b", "c"]);
    assert_ne!(fs::metadata(&setting.path).expect("a file").ino(), before);
}

#[test]
fn a_file_that_cannot_be_renamed_grows_further() {
    let mut setting = Setting::new("grow");
    fs::create_dir_all(setting.directory.join("shares.1/in")).expect("a directory");
    let full = File::create(&setting.path).expect("a file");
    full.set_len(ROTATE).expect("a file with a hole");
    setting.send(&["a", "b"]);
    setting.writes();
    let line = lines(ShareLogFormat::Pool, &share("a")).len() as u64;
    assert_eq!(
        full.metadata().expect("a file").len(),
        ROTATE + 1 + 2 * line
    );
}

#[test]
fn a_file_renamed_by_another_program_gets_a_successor() {
    let mut setting = Setting::new("rename");
    setting.send(&["a"]);
    setting.writes();
    let moved = setting.directory.join("moved");
    fs::rename(&setting.path, &moved).expect("a file");
    setting.send(&["b"]);
    setting.writes();
    // A removed file too.
    assert_eq!(names(&setting.path), ["b"]);
    fs::remove_file(&setting.path).expect("a file");
    setting.send(&["c"]);
    setting.writes();
    assert_eq!(
        (names(&moved), names(&setting.path)),
        (vec!["a".to_owned()], vec!["c".to_owned()])
    );
}

#[test]
fn a_line_written_in_part_is_completed_or_repeated_in_another_file() {
    let mut setting = Setting::new("part");
    setting.send(&["first"]);
    setting.writes();
    setting.send(&["a", "b"]);
    let in_part = |setting: &mut Setting| {
        while let Ok(share) = setting.writer.shares.try_recv() {
            setting.writer.add(&share);
        }
        // The disk takes all but ten bytes.
        let written = setting.writer.pending.len() - 10;
        let mut file = open_file(&setting.path).expect("a file");
        std::io::Write::write_all(&mut file, &setting.writer.pending[..written]).expect("a disk");
        setting.writer.written = written;
    };
    in_part(&mut setting);
    setting.writes();
    assert_eq!(names(&setting.path), ["first", "a", "b"]);
    setting.send(&["c", "d"]);
    in_part(&mut setting);
    fs::rename(&setting.path, setting.directory.join("moved")).expect("a file");
    setting.writes();
    assert_eq!(names(&setting.path), ["d"]);
}

#[test]
fn only_files_are_opened() {
    let setting = Setting::new("kinds");
    let error = |path: &Path| open_file(path).expect_err("no file").to_string();
    assert_eq!(error(&setting.directory), "is a directory; expected a file");
    let special = "is a device, a pipe or a socket; expected a file";
    assert_eq!(error(Path::new("/dev/full")), special);
    let _socket =
        std::os::unix::net::UnixListener::bind(setting.directory.join("socket")).expect("a socket");
    assert_eq!(error(&setting.directory.join("socket")), special);
    let nowhere = error(&setting.directory.join("no/file"));
    assert!(nowhere.contains("No such file"), "{nowhere}");
}

/// Waits until the file has lines of these names.
async fn until_written(path: &Path, expected: &[&str]) {
    let end = Instant::now() + Duration::from_mins(1);
    let is_written = || {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.ends_with('\n') && names(path) == expected
    };
    while !is_written() {
        assert!(Instant::now() < end, "{:?}", fs::read_to_string(path));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn lines_wait_for_a_disk_that_fails_and_are_written_before_the_end() {
    let setting = Setting::new("fail");
    let opened = super::open(setting.path.clone(), ShareLogFormat::Pool).await;
    let (log, writing) = opened.expect("a file");
    let send = |user: &str| {
        let share = share(user);
        log.send(&mut vec![share.record], share.connection, share.peer);
    };
    send("a");
    until_written(&setting.path, &["a"]).await;
    fs::remove_dir_all(&setting.directory).expect("a directory");
    send("b");
    // Some attempts fail meanwhile, or none.
    tokio::time::sleep(Duration::from_millis(300)).await;
    fs::create_dir(&setting.directory).expect("a directory");
    until_written(&setting.path, &["b"]).await;
    send("c");
    drop(log);
    writing.finish().await;
    assert_eq!(names(&setting.path), ["b", "c"]);
}

#[tokio::test]
async fn the_end_does_not_wait_for_a_disk_that_fails() {
    let setting = Setting::new("end");
    let opened = super::open(setting.path.clone(), ShareLogFormat::Pool).await;
    let (log, writing) = opened.expect("a file");
    fs::remove_dir_all(&setting.directory).expect("a directory");
    let share = share("a");
    log.send(&mut vec![share.record], share.connection, share.peer);
    drop(log);
    writing.finish().await;
    assert!(!setting.directory.exists());
}
