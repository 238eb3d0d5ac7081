//! The flags of the on-demand worker.

use anyhow::Context;
use clap::Args;
use listen::Interface;

use super::stratum::{interface, port};
use crate::timing::Timing;
use crate::worker::Worker;
use crate::worker::on_demand::OnDemand;

/// How blocks are asked for.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "On demand")]
pub struct OnDemandArgs {
    /// The port on which blocks can be asked for.
    #[arg(long, value_name = "PORT", default_value = "1917", value_parser = port)]
    pub on_demand_port: u16,
    /// Where to listen for that; the forms are those of --stratum-interface.
    #[arg(long, value_name = "INTERFACE", default_value = "*", value_parser = interface)]
    pub on_demand_interface: Interface,
}

impl OnDemandArgs {
    /// The on-demand worker, which listens.
    pub(crate) async fn worker(&self, timing: Timing) -> anyhow::Result<Worker> {
        let bound = OnDemand::bind(&self.on_demand_interface, self.on_demand_port, timing).await;
        let on_demand = bound.with_context(|| {
            format!(
                "the on-demand server cannot use --on-demand-interface {} with --on-demand-port {}; choose others or \
                 free it",
                self.on_demand_interface, self.on_demand_port
            )
        })?;
        Ok(Worker::OnDemand(on_demand))
    }
}
