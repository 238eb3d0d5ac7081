use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use rustix::process::{Pid, getpid, set_child_subreaper, test_kill_process};
use tokio::time::timeout;

use super::{OUTPUT, Process};
use crate::worker::external::ShellCommand;

/// Much longer than anything here lasts.
const PATIENCE: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_millis(50);

fn start(script: &str) -> Process {
    let command = ShellCommand {
        command: script.to_owned(),
        ..ShellCommand::default()
    };
    Process::start(command.of(0, None), 0).expect("there is a shell")
}

/// Waits for this number of lines and returns them.
async fn lines(process: &mut Process, number: usize) -> Vec<String> {
    let printed = async {
        loop {
            let text = String::from_utf8_lossy(&process.output).into_owned();
            if text.matches('\n').count() >= number {
                return text.lines().map(str::to_owned).collect();
            }
            assert!(process.step().await, "{text}");
        }
    };
    timeout(PATIENCE, printed).await.expect("it prints them")
}

async fn until_ended(process: &mut Process) {
    let ended = async {
        while !process.ended {
            process.step().await;
        }
    };
    timeout(PATIENCE, ended).await.expect("it ends");
}

/// Waits until the process is gone, or a zombie that others are to reap.
async fn until_gone(id: &str) {
    let pid = id.parse().ok().and_then(Pid::from_raw).expect("a number");
    let start_time = Instant::now();
    let state = || std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    while test_kill_process(pid).is_ok() && !state().contains(") Z ") {
        assert!(
            start_time.elapsed() < PATIENCE,
            "{id} still exists: {}",
            state()
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn input_reaches_the_command_and_is_closed() {
    let mut process = start("wc -c");
    // More than the capacity of a pipe.
    process.write(vec![b'x'; 200_000]);
    process.close_input();
    until_ended(&mut process).await;
    process.finish(PATIENCE).await;
    assert_eq!(process.output, b"200000\n");
    assert!(
        process.status.is_some_and(|status| status.success()),
        "{process:?}"
    );
}

#[tokio::test]
async fn newest_queued_message_is_written() {
    let mut process = start("read -r first; read -r second; echo $first; echo $second");
    process.write(b"one\n".to_vec());
    process.write(b"two\n".to_vec());
    process.write(b"three\n".to_vec());
    process.close_input();
    until_ended(&mut process).await;
    process.finish(PATIENCE).await;
    assert_eq!(process.output, b"three\n\n");
}

#[tokio::test]
async fn command_need_not_read_its_input() {
    let mut process = start("exec <&-; echo done");
    process.write(vec![b'x'; 1 << 20]);
    process.close_input();
    until_ended(&mut process).await;
    process.finish(PATIENCE).await;
    assert_eq!(process.output, b"done\n");
    assert!(
        process.status.is_some_and(|status| status.success()),
        "{process:?}"
    );
}

#[tokio::test]
async fn unread_output_is_bounded_and_stderr_is_drained_meanwhile() {
    let mut process = start("yes out & yes err >&2");
    let full = async {
        while process.output.len() < OUTPUT {
            process.step().await;
        }
    };
    timeout(PATIENCE, full).await.expect("it fills");
    // With full output there is no step, while standard error is drained.
    let start_time = Instant::now();
    while !process.stderr_log.tail().contains("err | err") {
        assert!(start_time.elapsed() < PATIENCE);
        assert!(timeout(SHORT, process.step()).await.is_err());
    }
    process.terminate(PATIENCE).await;
    process.finish(PATIENCE).await;
    assert_eq!(process.output.len(), OUTPUT);
    assert!(
        process.stderr_log.tail().contains("err | err") && process.stderr_log.tail().len() < 4096,
        "{process:?}"
    );
}

#[tokio::test]
async fn whole_group_receives_sigterm_and_time_to_end() {
    let mut process = start(
        "trap 'echo parent; exit 3' TERM; (trap 'sleep 0.2; echo child; exit' TERM; echo ready; while :; do sleep 0.01; done) & \
         echo ready; while :; do sleep 0.01; done",
    );
    lines(&mut process, 2).await;
    process.terminate(PATIENCE).await;
    process.finish(PATIENCE).await;
    assert_eq!(process.status.and_then(|status| status.code()), Some(3));
    let output = String::from_utf8_lossy(&process.output);
    let mut printed: Vec<_> = output.lines().collect();
    printed.sort_unstable();
    assert_eq!(printed, ["child", "parent", "ready", "ready"]);
}

#[tokio::test]
async fn command_that_ignores_sigterm_is_killed_with_its_children() {
    let mut process = start(
        "trap '' TERM; (echo $(exec sh -c 'echo $PPID'); while :; do sleep 0.01; done) & echo $$; while :; do sleep 0.01; done",
    );
    let ids = lines(&mut process, 2).await;
    process.terminate(SHORT).await;
    process.finish(PATIENCE).await;
    assert_eq!(process.status.and_then(|status| status.signal()), Some(9));
    for id in &ids {
        until_gone(id).await;
    }
}

#[tokio::test]
async fn children_are_killed_when_the_command_has_ended() {
    let mut process = start("sleep 1000 & echo $!; echo $$");
    let ids = lines(&mut process, 2).await;
    until_ended(&mut process).await;
    process.finish(PATIENCE).await;
    assert!(
        process.status.is_some_and(|status| status.success()),
        "{process:?}"
    );
    for id in &ids {
        until_gone(id).await;
    }
}

#[tokio::test]
async fn dropped_process_is_killed_with_its_children_and_reaped() {
    let mut process = start("sleep 1000 & echo $!; echo $$; wait");
    let ids = lines(&mut process, 2).await;
    drop(process);
    for id in &ids {
        until_gone(id).await;
    }
}

#[tokio::test]
async fn child_without_a_pipe_has_time_to_end() {
    let dir = std::env::temp_dir().join(format!("ending-{}", std::process::id()));
    let done = dir.with_extension("done");
    let child = format!(
        "trap 'sleep 0.1; echo done >{}; exit' TERM; echo ready >&3; exec 3>&-; while :; do sleep 0.01; done",
        done.display()
    );
    // The child holds none of the pipes; the shell ends at once.
    let mut process = start(&format!(
        "exec 3>&1; sh -c \"{child}\" </dev/null >/dev/null 2>&1 & exec 3>&-; sleep 1000"
    ));
    lines(&mut process, 1).await;
    process.terminate(PATIENCE).await;
    let written = std::fs::read_to_string(&done);
    process.finish(PATIENCE).await;
    std::fs::remove_file(&done).ok();
    assert_eq!(written.expect("the child has ended by itself"), "done\n");
}

/// As in a container whose first process is this program: it adopts orphans.
#[tokio::test]
async fn adopted_orphans_are_reaped_with_the_command() {
    set_child_subreaper(Some(getpid())).expect("Linux has it");
    for script in [
        "sleep 1000 & echo $!; echo $$; wait",
        "sleep 1000 & echo $!; echo $$; exit",
    ] {
        let mut process = start(script);
        let ids = lines(&mut process, 2).await;
        process.terminate(PATIENCE).await;
        process.finish(PATIENCE).await;
        for id in ids {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat"));
            assert!(stat.is_err(), "{script}: {stat:?}");
        }
    }
}

#[tokio::test]
async fn daemon_that_holds_a_pipe_does_not_block() {
    let mut process = start("setsid sh -c 'echo $$; exec sleep 1000' & read -r go; exit 5");
    let ids = lines(&mut process, 1).await;
    process.write(b"go\n".to_vec());
    until_ended(&mut process).await;
    process.finish(SHORT).await;
    assert_eq!(process.status.and_then(|status| status.code()), Some(5));
    let pid = ids[0]
        .parse()
        .ok()
        .and_then(Pid::from_raw)
        .expect("a number");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it runs");
}
