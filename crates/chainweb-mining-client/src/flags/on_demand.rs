//! The flags of the on-demand worker.

use anyhow::Context;
use clap::Args;
use listen::Interface;
use miner::timing::Timing;
use miner::worker::Worker;
use miner::worker::on_demand::OnDemand;

use super::asic::{interface, port};
use crate::on_demand::Server;

/// The flags of the on-demand worker.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "On demand")]
pub struct OnDemandArgs {
    /// Port of the HTTP API of --worker on-demand; 0 for any free port.
    #[arg(long, value_name = "PORT", default_value = "1917", value_parser = port)]
    pub on_demand_port: u16,
    /// Address to listen on for --worker on-demand, as in --stratum-interface.
    #[arg(long, value_name = "INTERFACE", default_value = "*", value_parser = interface)]
    pub on_demand_interface: Interface,
    /// A name of this machine by which browsers may reach --worker on-demand; repeatable.
    #[arg(long = "on-demand-allowed-host", value_name = "HOST")]
    pub allowed_hosts: Vec<String>,
}

impl OnDemandArgs {
    /// Returns the on-demand worker and its listening server.
    ///
    /// # Errors
    ///
    /// Returns an error if the server cannot listen.
    pub(crate) async fn worker(&self, timing: &Timing) -> anyhow::Result<(Worker, Server)> {
        let (worker, requests) = OnDemand::new(*timing);
        let (interface, port) = (&self.on_demand_interface, self.on_demand_port);
        let server = Server::bind(interface, port, requests)
            .await
            .with_context(|| {
                format!(
                    "the on-demand server cannot listen on --on-demand-interface {interface}, \
                 --on-demand-port {port}: choose others or free the port"
                )
            })?;
        let server = server.allow_hosts(&self.allowed_hosts);
        Ok((Worker::OnDemand(worker), server))
    }
}
