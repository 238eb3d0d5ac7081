use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use rustix::process::{Pid, getpid, set_child_subreaper, test_kill_process};
use tokio::time::timeout;

use super::{OUTPUT, Process, Step};
use crate::worker::external::ShellCommand;

/// Far beyond what anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_millis(50);

fn start(script: &str) -> Process {
    let command = ShellCommand {
        command: script.to_owned(),
        ..ShellCommand::default()
    };
    Process::start(command.with(None), 0).expect("there is a shell")
}

/// Waits until it has printed a number of lines, and gives them.
async fn lines(process: &mut Process, number: usize) -> Vec<String> {
    let printed = async {
        loop {
            let text = String::from_utf8_lossy(process.output()).into_owned();
            if text.matches('\n').count() >= number {
                return text.lines().map(str::to_owned).collect();
            }
            assert_ne!(process.step().await, Step::Over, "{text}");
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

/// Waits until there is no process of this number, or only what is left for others to reap.
async fn until_gone(id: &str) {
    let pid = id.parse().ok().and_then(Pid::from_raw).expect("a number");
    let begun = Instant::now();
    let state = || std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    while test_kill_process(pid).is_ok() && !state().contains(") Z ") {
        assert!(
            begun.elapsed() < PATIENCE,
            "{id} is there still: {}",
            state()
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn input_reaches_the_command_and_is_closed_behind_it() {
    let mut process = start("wc -c");
    // More than a pipe holds.
    process.write(vec![b'x'; 200_000]);
    process.close_input();
    until_ended(&mut process).await;
    let ending = process.finish(PATIENCE).await;
    assert_eq!(ending.output, b"200000\n");
    assert!(
        ending.status.is_some_and(|status| status.success()),
        "{ending:?}"
    );
}

#[tokio::test]
async fn of_pieces_that_wait_to_be_written_the_newest_is() {
    let mut process = start("read -r first; read -r second; echo $first; echo $second");
    process.write(b"one\n".to_vec());
    process.write(b"two\n".to_vec());
    process.write(b"three\n".to_vec());
    process.close_input();
    until_ended(&mut process).await;
    let ending = process.finish(PATIENCE).await;
    assert_eq!(ending.output, b"three\n\n");
}

#[tokio::test]
async fn a_command_that_does_not_read_is_none_the_worse_for_it() {
    let mut process = start("exec <&-; echo done");
    process.write(vec![b'x'; 1 << 20]);
    process.close_input();
    until_ended(&mut process).await;
    let ending = process.finish(PATIENCE).await;
    assert_eq!(ending.output, b"done\n");
    assert!(
        ending.status.is_some_and(|status| status.success()),
        "{ending:?}"
    );
}

#[tokio::test]
async fn output_that_nobody_takes_is_bounded_and_errors_are_drained_meanwhile() {
    let mut process = start("yes out & yes err >&2");
    let full = async {
        while process.output().len() < OUTPUT {
            process.step().await;
        }
    };
    timeout(PATIENCE, full).await.expect("it fills");
    // Nothing more is read of the output, so that there is no step any more, and the errors do not end.
    let begun = Instant::now();
    while !process.errors.tail().contains("err | err") {
        assert!(begun.elapsed() < PATIENCE);
        assert!(timeout(SHORT, process.step()).await.is_err());
    }
    process.terminate(PATIENCE).await;
    let ending = process.finish(PATIENCE).await;
    assert_eq!(ending.output.len(), OUTPUT);
    assert!(
        ending.errors.contains("err | err") && ending.errors.len() < 4096,
        "{ending:?}"
    );
}

#[tokio::test]
async fn the_whole_group_is_asked_to_end_and_may_take_its_time_for_it() {
    let mut process = start(
        "trap 'echo parent; exit 3' TERM; (trap 'sleep 0.2; echo child; exit' TERM; echo ready; while :; do sleep 0.01; done) & \
         echo ready; while :; do sleep 0.01; done",
    );
    lines(&mut process, 2).await;
    process.terminate(PATIENCE).await;
    let ending = process.finish(PATIENCE).await;
    assert_eq!(ending.status.and_then(|status| status.code()), Some(3));
    let output = String::from_utf8(ending.output).expect("text");
    let mut said: Vec<_> = output.lines().collect();
    said.sort_unstable();
    assert_eq!(said, ["child", "parent", "ready", "ready"]);
}

#[tokio::test]
async fn who_does_not_end_when_asked_to_is_killed_with_all_its_children() {
    let mut process = start(
        "trap '' TERM; (echo $(exec sh -c 'echo $PPID'); while :; do sleep 0.01; done) & echo $$; while :; do sleep 0.01; done",
    );
    let ids = lines(&mut process, 2).await;
    process.terminate(SHORT).await;
    let ending = process.finish(PATIENCE).await;
    assert_eq!(ending.status.and_then(|status| status.signal()), Some(9));
    for id in &ids {
        until_gone(id).await;
    }
}

#[tokio::test]
async fn what_a_command_leaves_running_is_killed_when_it_has_ended() {
    let mut process = start("sleep 1000 & echo $!; echo $$");
    let ids = lines(&mut process, 2).await;
    until_ended(&mut process).await;
    let ending = process.finish(PATIENCE).await;
    assert!(
        ending.status.is_some_and(|status| status.success()),
        "{ending:?}"
    );
    for id in &ids {
        until_gone(id).await;
    }
}

#[tokio::test]
async fn what_is_dropped_is_killed_with_all_its_children_and_reaped() {
    let mut process = start("sleep 1000 & echo $!; echo $$; wait");
    let ids = lines(&mut process, 2).await;
    drop(process);
    for id in &ids {
        until_gone(id).await;
    }
}

#[tokio::test]
async fn a_child_without_a_pipe_gets_its_time_to_end() {
    let dir = std::env::temp_dir().join(format!("ending-{}", std::process::id()));
    let done = dir.with_extension("done");
    let child = format!(
        "trap 'sleep 0.1; echo done >{}; exit' TERM; echo ready >&3; exec 3>&-; while :; do sleep 0.01; done",
        done.display()
    );
    // The child holds none of the pipes, and the shell ends at once.
    let mut process = start(&format!(
        "exec 3>&1; sh -c \"{child}\" </dev/null >/dev/null 2>&1 & exec 3>&-; sleep 1000"
    ));
    lines(&mut process, 1).await;
    process.terminate(PATIENCE).await;
    let said = std::fs::read_to_string(&done);
    process.finish(PATIENCE).await;
    std::fs::remove_file(&done).ok();
    assert_eq!(said.expect("the child has ended by itself"), "done\n");
}

/// As in a container whose first process is this one: what has lost its parent becomes its child.
#[tokio::test]
async fn orphans_are_reaped_with_the_command_where_they_become_children() {
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
async fn a_pipe_that_has_left_the_group_holds_nothing_up() {
    let mut process = start("setsid sh -c 'echo $$; exec sleep 1000' & read -r go; exit 5");
    let ids = lines(&mut process, 1).await;
    process.write(b"go\n".to_vec());
    until_ended(&mut process).await;
    let ending = process.finish(SHORT).await;
    assert_eq!(ending.status.and_then(|status| status.code()), Some(5));
    let pid = ids[0]
        .parse()
        .ok()
        .and_then(Pid::from_raw)
        .expect("a number");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it runs");
}
