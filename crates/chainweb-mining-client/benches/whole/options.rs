//! The options of the bench, and the settings that they name.

use std::num::NonZeroUsize;

use clap::Parser;

/// Measures the client between a simulated network and emulated devices.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo bench --bench whole --")]
pub(crate) struct Options {
    /// Numbers of devices, 10 to 10,000; each value of a list is a row
    #[arg(long, value_delimiter = ',', default_value = "100")]
    devices: Vec<NonZeroUsize>,
    /// Numbers of chains: 10, 20 or 98
    #[arg(long, value_delimiter = ',', default_value = "20")]
    chains: Vec<u16>,
    /// Numbers of nodes
    #[arg(long, value_delimiter = ',', default_value = "1")]
    nodes: Vec<NonZeroUsize>,
    /// Number of chains for which the client holds work: `--work-slots` of the client
    #[arg(long, default_value = "2")]
    slots: NonZeroUsize,
    /// Number of blocks, and of shares
    #[arg(long, default_value = "200")]
    blocks: NonZeroUsize,
    /// Keep a history on the disk, as the client does by default: a block's header is written
    /// before the submission
    #[arg(long)]
    disk: bool,
    /// Milliseconds between two blocks, up to a quarter more. Below 200, the client keeps a
    /// distance between its requests at times
    #[arg(long, default_value_t = 200)]
    pause: u64,
    /// Print JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
}

/// What one row measures.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Setting {
    pub(crate) devices: usize,
    pub(crate) chains: u16,
    pub(crate) nodes: usize,
    pub(crate) slots: usize,
    /// Number of blocks, and of shares.
    #[serde(rename = "blocks")]
    pub(crate) samples: usize,
    /// Whether the client keeps a history on the disk.
    pub(crate) disk: bool,
    pub(crate) pause_ms: u64,
}

impl Options {
    /// Returns the setting of each row. The first value of each list is that of the rows in which
    /// another list varies.
    pub(crate) fn settings(&self) -> Vec<Setting> {
        let first = Setting {
            devices: self.devices[0].get(),
            chains: self.chains[0],
            nodes: self.nodes[0].get(),
            slots: self.slots.get(),
            samples: self.blocks.get(),
            disk: self.disk,
            pause_ms: self.pause,
        };
        let by_devices = self.devices.iter().skip(1).map(|devices| devices.get());
        let by_chains = self.chains.iter().skip(1);
        let by_nodes = self.nodes.iter().skip(1).map(|nodes| nodes.get());
        [first]
            .into_iter()
            .chain(by_devices.map(|devices| Setting { devices, ..first }))
            .chain(by_chains.map(|&chains| Setting { chains, ..first }))
            .chain(by_nodes.map(|nodes| Setting { nodes, ..first }))
            .collect()
    }
}
