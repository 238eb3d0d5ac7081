//! The `doctor` command: is everything there that mining on a node needs, and what is to be changed if not.
//!
//! It looks at one node as a mining client would and says on one screen what it found. It hands nothing in and asks
//! a node only a few things, each with a time limit, so that it can be used on one that others mine on.

mod check;
mod examination;
mod mining;
mod pace;
mod protocol;
mod reach;
mod screen;
mod trouble;
mod updates;
mod work;

use std::io::Write;

use clap::Args;
use tokio_util::sync::CancellationToken;

use self::screen::{Interrupted, Screen};
use crate::config::ConfigArgs;
use crate::flags::NodeArgs;

/// Which node to look at.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// The node, and whom to mine for.
    #[command(flatten)]
    pub node: NodeArgs,
    /// Where settings come from, as with mining.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// How the result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Lines for people.
    Plain,
    /// Lines for people, with coloured marks.
    Coloured,
    /// One JSON object.
    Json,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Mining on the node would work.
    Healthy,
    /// It would not, or the examination was interrupted.
    Unwell,
}

/// Examines the node until it is done or `stop` is cancelled.
///
/// # Errors
/// The flags name no node, or the result cannot be written.
pub async fn run(
    args: &DoctorArgs,
    stop: CancellationToken,
    out: &mut dyn Write,
    form: Form,
) -> anyhow::Result<Verdict> {
    let mut node = args.node.config()?;
    let limits = &mut node.limits;
    // A handshake that hangs is to be told apart from an answer that does not come.
    limits.connect = limits.connect.min(limits.info.mul_f64(0.75));
    // A stream has no limit of its own, but here its opening is waited for as work is.
    limits.updates_idle = limits.work;
    let mut screen = Screen::new(out, form, &node)?;
    let interrupted = tokio::select! {
        examined = Box::pin(examination::examine(&node, &mut screen)) => {
            examined?;
            Interrupted::No
        }
        () = stop.cancelled() => Interrupted::Yes,
    };
    Ok(screen.finish(interrupted)?)
}
