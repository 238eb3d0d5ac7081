//! Devices: Stratum sessions that hash nothing.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use chainweb::WorkHeader;
use serde_json::Value;
use stratum_load::synthetic::work_key;

use crate::lines::Lines;

const SUBSCRIBE: u64 = 1;
const AUTHORIZE: u64 = 2;

/// All devices log in within this time.
const LOGINS: Duration = Duration::from_mins(1);

/// Devices connect in groups of this size, so that the queue of the socket does not overflow.
const GROUP: usize = 64;

/// A job of a device.
#[derive(Clone, Debug, Default)]
pub(crate) struct Job {
    id: String,
    /// The work, whatever its creation time.
    pub(crate) work: u64,
    header_hex: String,
}

impl Job {
    /// Returns the header of the work.
    pub(crate) fn header(&self) -> anyhow::Result<WorkHeader> {
        let header = const_hex::decode(&self.header_hex).ok().context("no hex")?;
        Ok(WorkHeader::decode(&header)?)
    }
}

#[derive(Clone, Debug, Default)]
struct Device {
    /// Number of bytes of the nonce that the device chooses.
    nonce2_bytes: usize,
    job: Option<Job>,
    shares: u64,
}

/// What a line from the client is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// A job of this work.
    Job(u64),
    /// The answer to a share, and whether it is accepted.
    Answer(bool),
}

pub(crate) struct Devices {
    lines: Lines,
    devices: Vec<Device>,
}

impl Devices {
    /// Connects devices, and waits until each has a job.
    pub(crate) fn connect(address: SocketAddr, count: usize) -> anyhow::Result<Self> {
        let mut devices = Self {
            lines: Lines::new()?,
            devices: vec![Device::default(); count],
        };
        let until = Instant::now() + LOGINS;
        while devices.devices.iter().any(|device| !device.is_ready()) {
            ensure!(Instant::now() < until, "some devices are without a job");
            for number in (devices.lines.len()..count).take(GROUP) {
                devices.lines.add(TcpStream::connect(address)?)?;
                let login = format!(
                    r#"{{"id":{SUBSCRIBE},"method":"mining.subscribe","params":["whole"]}}
{{"id":{AUTHORIZE},"method":"mining.authorize","params":["a.{number}",""]}}
"#
                );
                devices.lines.write(number, login.as_bytes())?;
            }
            devices.poll(Instant::now() + Duration::from_millis(5), |_, _, _| {})?;
        }
        Ok(devices)
    }

    pub(crate) fn len(&self) -> usize {
        self.devices.len()
    }

    /// Returns the present job of a device.
    pub(crate) fn job(&self, number: usize) -> &Job {
        let job = self.devices[number].job.as_ref();
        job.expect("a connected device has a job")
    }

    /// Returns the works of all devices.
    pub(crate) fn works(&self) -> Vec<u64> {
        (0..self.len())
            .map(|number| self.job(number).work)
            .collect()
    }

    /// Returns the next device from `first` on, in a circle, whose work has the lowest height.
    ///
    /// Blocks on the lowest chains keep others free. If the chain of the other work stayed behind,
    /// it would be the only one that can be extended, and there would be no new work.
    pub(crate) fn on_lowest(&self, first: usize) -> anyhow::Result<usize> {
        let works = self.works();
        let mut heights = BTreeMap::new();
        for (number, work) in works.iter().enumerate() {
            if let Entry::Vacant(vacant) = heights.entry(*work) {
                vacant.insert(self.job(number).header()?.height());
            }
        }
        let lowest = heights.values().min().copied();
        let numbers = (first..works.len()).chain(0..first);
        let mut on_lowest =
            numbers.filter(|number| heights.get(&works[*number]) == lowest.as_ref());
        on_lowest.next().context("there is a device")
    }

    /// Returns the length of a `mining.notify` line.
    pub(crate) fn notify_bytes(&self) -> usize {
        self.job(0).header_hex.len() + 60
    }

    /// Waits for lines until `until`, and passes those that arrive first to `on_event`, with the
    /// number of the device.
    pub(crate) fn poll(
        &mut self,
        until: Instant,
        mut on_event: impl FnMut(usize, Instant, Event),
    ) -> anyhow::Result<()> {
        let devices = &mut self.devices;
        self.lines.poll(until, |number, at, line| {
            if let Some(event) = devices[number].read(line) {
                on_event(number, at, event);
            }
        })
    }

    /// Writes a share of the device's job, with a nonce of its own. Returns the time before.
    pub(crate) fn share(&mut self, number: usize) -> anyhow::Result<Instant> {
        let device = &mut self.devices[number];
        device.shares += 1;
        let (id, digits) = (AUTHORIZE + device.shares, 2 * device.nonce2_bytes);
        let job = device
            .job
            .as_ref()
            .context("a connected device has a job")?;
        let line = format!(
            r#"{{"id":{id},"method":"mining.submit","params":["a.{number}","{}","{:0digits$x}"]}}"#,
            job.id, device.shares
        ) + "\n";
        let start = Instant::now();
        self.lines.write(number, line.as_bytes())?;
        Ok(start)
    }
}

impl Device {
    fn is_ready(&self) -> bool {
        self.job.is_some() && self.nonce2_bytes > 0
    }

    fn read(&mut self, line: &[u8]) -> Option<Event> {
        let text = str::from_utf8(line).ok()?;
        if text.contains("\"mining.notify\"") {
            // … "params" : [ "id" , "header" , …
            let mut quoted = text.split('"').skip_while(|part| *part != "params").skip(2);
            let (id, header_hex) = (quoted.next()?, quoted.nth(1)?);
            let job = self.job.get_or_insert_default();
            id.clone_into(&mut job.id);
            header_hex.clone_into(&mut job.header_hex);
            job.work = work_key(header_hex.as_bytes());
            return Some(Event::Job(job.work));
        }
        let answer: Value = serde_json::from_str(text).ok()?;
        match answer["id"].as_u64()? {
            SUBSCRIBE => {
                self.nonce2_bytes = usize::try_from(answer["result"][2].as_u64()?).ok()?;
                None
            }
            AUTHORIZE => None,
            _ => Some(Event::Answer(answer["result"] == true)),
        }
    }
}
