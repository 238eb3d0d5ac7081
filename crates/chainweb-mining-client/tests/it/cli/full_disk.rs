//! The history on a disk that is full: a small one in memory, in a namespace of mounts.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{ChildStdin, Stdio};

use rusqlite::Connection;
use simnet::Simnet;

use super::history::{directory, found, network};
use super::program::{PROGRAM, Running, in_container};

/// Mounts the disk at its first argument, starts a program, does what the lines of its input say,
/// and copies the files of the disk to its second argument at the end.
const SCRIPT: &str = r#"
disk=$1 copy=$2
shift 2
mount -t tmpfs -o size=16m tmpfs "$disk" || exit
"$@" < /dev/null &
while read -r line; do
    case $line in
        fill) cat /dev/zero > "$disk/filler" 2> /dev/null ;;
        free) rm "$disk/filler" ;;
        stop) kill -TERM $!; wait $! || exit ;;
        kill) kill -KILL $!; wait $! ;;
        start) "$@" < /dev/null & ;;
    esac
done
kill -TERM $!
wait $! || exit
cp "$disk"/history.db* "$copy"
"#;

/// A client whose history is on a small disk.
struct OnSmallDisk {
    network: Simnet,
    client: Running,
    input: ChildStdin,
    lines: Vec<String>,
    copy: PathBuf,
}

impl OnSmallDisk {
    /// Returns `None` where there are no namespaces.
    async fn start(name: &str) -> Option<Self> {
        let (disk, copy) = (directory(name), directory(&format!("{name}-copy")));
        for directory in [&disk, &copy] {
            fs::create_dir_all(directory).unwrap();
        }
        let mut script = in_container("sh")?;
        script.args(["-c", SCRIPT, "sh"]).args([&disk, &copy]);
        script.arg(PROGRAM);
        let network = network().await;
        let flags = "-w cpu -c 1 --cpu-kernel portable --log-format json -l debug --node";
        script
            .args(flags.split(' '))
            .arg(network.address().to_string());
        script.arg("--data-dir").arg(&disk).stdin(Stdio::piped());
        let mut client = Running::spawn(&mut script);
        Some(Self {
            network,
            input: client.stdin(),
            client,
            lines: Vec::new(),
            copy,
        })
    }

    fn order(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// Waits for an event, and returns its line.
    fn wait_for(&mut self, event: &str) -> String {
        let lines = self.client.lines_until(&format!("\"{event}\""));
        self.lines.extend(lines);
        self.lines.last().unwrap().clone()
    }

    /// Waits for the report of the full disk, and for ten blocks after it.
    fn mines_without_space(&mut self) {
        let failed = self.wait_for("history_failed");
        assert!(failed.contains("Free space"), "{failed}");
        for _ in 0..10 {
            self.wait_for("block_accepted");
        }
    }

    /// Frees the disk and ends the client, and checks that each block is kept and that the disk
    /// failed once.
    async fn end(mut self) {
        self.order("free");
        self.wait_for("history_recovered");
        drop(self.input);
        self.lines.extend(self.client.rest());
        let lines = self.lines;
        assert_eq!(self.client.wait().code(), Some(0), "{lines:#?}");
        let failed = lines
            .iter()
            .filter(|line| line.contains("\"history_failed\""));
        assert_eq!(failed.count(), 1, "{lines:#?}");
        let kept = Connection::open(self.copy.join("history.db")).unwrap();
        let mut kept = kept.prepare("SELECT hash FROM block").unwrap();
        let kept = kept.query_map([], |row| row.get(0)).unwrap();
        let kept: Vec<String> = kept.collect::<Result<_, _>>().unwrap();
        let mut lost = found(&lines);
        lost.retain(|hash| !kept.contains(hash));
        assert_eq!(lost, [""; 0]);
        self.network.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_reported_once_and_written_when_it_has_space_again() {
    let Some(mut client) = OnSmallDisk::start("full-disk").await else {
        return;
    };
    client.wait_for("block_found");
    client.order("fill");
    client.mines_without_space();
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_killed_on_a_full_disk_starts_there_again() {
    let Some(mut client) = OnSmallDisk::start("full-kill").await else {
        return;
    };
    client.wait_for("block_accepted");
    client.order("kill");
    // The totals of the earlier run lack its blocks, and the disk has no room to add them.
    client.order("fill");
    client.order("start");
    client.wait_for("history_failed");
    client.wait_for("block_accepted");
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_starts_on_a_full_disk_mines_and_writes_when_it_has_space() {
    let Some(mut client) = OnSmallDisk::start("full-start").await else {
        return;
    };
    client.wait_for("block_found");
    client.order("stop");
    client.wait_for("stopped");
    // The end of the client has removed the log of SQLite, and the index of the log: neither fits
    // on the disk again.
    client.order("fill");
    client.order("start");
    client.mines_without_space();
    client.end().await;
}
