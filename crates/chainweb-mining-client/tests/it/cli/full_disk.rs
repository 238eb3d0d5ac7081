//! The history on a disk that is full: a small one in memory, in a namespace of mounts.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use rusqlite::Connection;

use super::history::{directory, found, network};
use super::program::{PROGRAM, Running, in_container};

/// Mounts the disk at its first argument, runs a program, fills the disk and frees it again as the
/// lines of its input say, and copies its files to its second argument at the end.
const SCRIPT: &str = r#"
disk=$1 copy=$2
shift 2
mount -t tmpfs -o size=16m tmpfs "$disk" || exit
"$@" < /dev/null &
while read -r line; do
    case $line in
        fill) cat /dev/zero > "$disk/filler" 2> /dev/null ;;
        free) rm "$disk/filler" ;;
    esac
done
kill -TERM $!
wait $! || exit
cp "$disk"/history.db* "$copy"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_reported_once_and_written_when_it_has_space_again() {
    let (disk, copy) = (directory("full-disk"), directory("full-disk-copy"));
    for directory in [&disk, &copy] {
        fs::create_dir_all(directory).unwrap();
    }
    let Some(mut script) = in_container("sh") else {
        return;
    };
    script.args(["-c", SCRIPT, "sh"]).args([&disk, &copy]);
    script.arg(PROGRAM);
    let network = network().await;
    let flags = "-w cpu -c 1 --cpu-kernel portable --log-format json -l debug --node";
    script
        .args(flags.split(' '))
        .arg(network.address().to_string());
    script.arg("--data-dir").arg(&disk).stdin(Stdio::piped());
    let mut client = Running::spawn(&mut script);
    let mut input = client.stdin();
    let mut lines = client.lines_until("\"block_found\"");
    input.write_all(b"fill\n").unwrap();
    lines.extend(client.lines_until("\"history_failed\""));
    assert!(lines.last().unwrap().contains("Free space"), "{lines:#?}");
    for _ in 0..10 {
        lines.extend(client.lines_until("\"block_accepted\""));
    }
    input.write_all(b"free\n").unwrap();
    lines.extend(client.lines_until("\"history_recovered\""));
    drop(input);
    lines.extend(client.rest());
    assert_eq!(client.wait().code(), Some(0), "{lines:#?}");
    let failed = lines
        .iter()
        .filter(|line| line.contains("\"history_failed\""));
    assert_eq!(failed.count(), 1, "{lines:#?}");
    let kept = Connection::open(copy.join("history.db")).unwrap();
    let kept = kept.query_row("SELECT count(*) FROM block", [], |row| row.get(0));
    let kept: u32 = kept.unwrap();
    assert_eq!(kept as usize, found(&lines).len());
    network.shutdown().await;
}
