//! The `doctor` command: checks everything needed to mine on a node, and says what to change.
//!
//! It examines each node as a mining client would, and compares several. It submits nothing and
//! sends only a few requests, each with a time limit, so it can be used on a node in service.

mod check;
mod examination;
mod forks;
mod mining;
mod pace;
mod protocol;
mod reach;
mod sameness;
mod screen;
mod together;
mod trouble;
mod updates;
mod work;

use std::io::Write;

use ::node::Config;
use clap::Args;
use tokio_util::sync::CancellationToken;

use self::check::State;
use self::screen::{Interrupted, Screen};
use crate::config::ConfigArgs;
use crate::flags::NodeArgs;

/// The nodes to examine.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print one JSON object for each node, and one that compares several nodes.
    #[arg(long)]
    pub json: bool,
    /// The nodes and the account to mine for.
    #[command(flatten)]
    pub node: NodeArgs,
    /// The sources of settings, as for mining.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Lines for people.
    Plain,
    /// Lines for people, with coloured marks.
    Coloured,
    /// One JSON object.
    Json,
}

/// The result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Mining on the node would work.
    Healthy,
    /// Mining would not work, or the examination was interrupted.
    Unwell,
}

/// Examines the nodes in turn until all is checked or `stop` is cancelled.
///
/// # Errors
///
/// Returns an error if the flags contradict each other, or if the output cannot be written.
pub async fn run(
    args: &DoctorArgs,
    stop: CancellationToken,
    out: &mut dyn Write,
    form: Form,
) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict::Healthy;
    let issuers = args.node.node.len();
    let nodes = args.node.configs()?;
    for (at, node) in nodes.iter().cloned().enumerate() {
        if at > 0 && form != Form::Json {
            writeln!(out)?;
        }
        if examine(node, at >= issuers, &stop, out, form).await? == Verdict::Unwell {
            verdict = Verdict::Unwell;
        }
    }
    if nodes.len() > 1 && !stop.is_cancelled() {
        let compared = Box::pin(together::compare(&nodes, issuers, out, form));
        if let Some(State::Fail) | None = stop.run_until_cancelled(compared).await.transpose()? {
            verdict = Verdict::Unwell;
        }
    }
    Ok(verdict)
}

async fn examine(
    mut node: Config,
    is_submit_only: bool,
    stop: &CancellationToken,
    out: &mut dyn Write,
    form: Form,
) -> anyhow::Result<Verdict> {
    let limits = &mut node.limits;
    // Shorter, so that a handshake that hangs can be distinguished from a missing answer.
    limits.connect = limits.connect.min(limits.info.mul_f64(0.75));
    // The opening of a stream is limited as a request for work is.
    limits.updates_open = limits.work;
    let mut screen = Screen::new(out, form, &node, is_submit_only)?;
    let interrupted = tokio::select! {
        examined = Box::pin(examination::examine(&node, &mut screen)) => {
            examined?;
            Interrupted::No
        }
        () = stop.cancelled() => Interrupted::Yes,
    };
    Ok(screen.finish(interrupted)?)
}
