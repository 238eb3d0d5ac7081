//! One run: a network, the client and its devices, and alternately a block and a share.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;
use simnet::{Endpoint, Moment};

use crate::bare;
use crate::client::Client;
use crate::devices::{Devices, Event};
use crate::figures::{BARE_ALL, BARE_ONE, BLOCK, Figure, SHARE, Times};
use crate::network::Network;
use crate::options::Setting;

/// The time after which a device without new work is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// The time after the logins until the first sample.
const WARM_UP: Duration = Duration::from_millis(500);

/// The figures of one setting.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    #[serde(flatten)]
    pub(crate) setting: Setting,
    pub(crate) figures: Vec<Figure>,
    pub(crate) failures: Vec<String>,
}

struct Run {
    network: Network,
    devices: Devices,
    times: Times,
}

/// What devices got after a block or a share, if they hashed on its chain before.
struct Arrivals {
    /// When the first device got new work, which no device had at the begin.
    first: Instant,
    /// When the last device got new work.
    last: Instant,
    /// When the last device got any other work.
    end_of_old: Instant,
    /// When a share was answered.
    answered: Option<Instant>,
}

/// Measures one setting.
pub(crate) fn run(setting: Setting) -> anyhow::Result<Row> {
    let network = Network::start(&setting)?;
    let client = Client::start(&setting, &network)?;
    let devices = Devices::connect(client.address, setting.devices)?;
    let mut rng = StdRng::seed_from_u64(1);
    let mut run = Run {
        network,
        devices,
        times: Times::default(),
    };
    run.rest(WARM_UP)?;
    run.network.forget();
    let pause = Duration::from_millis(setting.pause_ms);
    let mut failures = Vec::new();
    for number in 0..setting.samples {
        for measure in [Run::block, Run::share] {
            let device = run.devices.on_lowest(rng.random_range(0..setting.devices));
            if let Err(error) = device.and_then(|device| measure(&mut run, device)) {
                failures.push(format!("sample {number}: {error:#}"));
            }
            // Timers of the client must not keep pace with the samples.
            run.rest(pause.mul_f64(rng.random_range(1.0..1.25)))?;
            run.network.forget();
        }
    }
    let accepted = run.network.accepted();
    if accepted != setting.samples as u64 {
        failures.push(format!(
            "{accepted} shares are blocks of the cut, not {}",
            setting.samples
        ));
    }
    let Run {
        devices, mut times, ..
    } = run;
    let bytes = devices.notify_bytes();
    // The client must not take time from the reference.
    drop((client, devices));
    let at_once = setting.devices.div_ceil(setting.slots);
    for (figure, devices) in [(BARE_ALL, at_once), (BARE_ONE, 1)] {
        for time in bare::exchanges(devices, bytes, setting.samples)? {
            times.add(figure, [time]);
        }
    }
    Ok(Row {
        setting,
        figures: times.figures(),
        failures,
    })
}

impl Run {
    /// Measures a block of another miner on the chain of a device's job.
    fn block(&mut self, device: usize) -> anyhow::Result<()> {
        let chain = self.devices.job(device).header()?.chain();
        let arrivals = self.arrivals(device, |run| {
            let start = Instant::now();
            run.network.mine(chain)?;
            Ok((start, None))
        });
        let (start, arrivals) = arrivals?;
        self.network.look();
        let mut updates = self.network.observed(Endpoint::Event, Moment::Arrived);
        let update = updates.find(|seen| seen.chain == Some(chain));
        let update = update.context("no update")?.at;
        // The first node serves; others are asked for a standby job.
        let of_work = |moment| {
            let seen = self.network.observed(Endpoint::Work, moment);
            seen.filter(|seen| seen.node == 0)
        };
        let answer = of_work(Moment::Handled).rfind(|seen| seen.at <= arrivals.first);
        let answer = answer.context("new work without an answer")?.at;
        // The node may hold a request from before the block.
        let request = of_work(Moment::Arrived).rfind(|seen| seen.at <= answer);
        let request = request.context("no request for work")?.at.max(update);
        self.times.add(
            BLOCK,
            [
                arrivals.last - start,
                update - start,
                request - update,
                answer - request,
                arrivals.first - answer,
                arrivals.last - arrivals.first,
                arrivals.end_of_old - start,
            ],
        );
        Ok(())
    }

    /// Measures a share of a device, which is a block.
    fn share(&mut self, device: usize) -> anyhow::Result<()> {
        let (start, arrivals) =
            self.arrivals(device, |run| Ok((run.devices.share(device)?, Some(device))))?;
        self.until_handled(start)?;
        let mut submissions = self.network.observed(Endpoint::Solved, Moment::Arrived);
        let submission = submissions.next().context("no submission")?.at;
        let mut blocks = self.network.observed(Endpoint::Solved, Moment::Handled);
        let block = blocks.next().context("no answer to the submission")?.at;
        let answered = arrivals.answered.context("no answer to the share")?;
        self.times.add(
            SHARE,
            [
                block - start,
                submission - start,
                block - submission,
                answered - start,
            ],
        );
        Ok(())
    }

    /// Begins a sample, and waits until all devices with the same work as `device` have new work
    /// and the device that `begin` returns has the answer to its share. Returns the begin.
    fn arrivals(
        &mut self,
        device: usize,
        begin: impl FnOnce(&mut Self) -> anyhow::Result<(Instant, Option<usize>)>,
    ) -> anyhow::Result<(Instant, Arrivals)> {
        let works = self.devices.works();
        let old = works[device];
        let is_on_old = |work: &u64| *work == old;
        let mut on_old: Vec<bool> = works.iter().map(is_on_old).collect();
        let held: HashSet<u64> = works.into_iter().collect();
        let mut without_new = on_old.clone();
        let mut left = without_new.iter().filter(|without| **without).count();
        let (start, sharing) = begin(self)?;
        let mut arrivals = Arrivals {
            first: start,
            last: start,
            end_of_old: start,
            answered: None,
        };
        let mut refused = false;
        while left > 0 || (sharing.is_some() && arrivals.answered.is_none()) {
            let until = start + PATIENCE;
            ensure!(Instant::now() < until, "{left} devices have no new job");
            self.devices.poll(until, |number, at, event| match event {
                Event::Job(work) => {
                    if work != old && std::mem::take(&mut on_old[number]) {
                        arrivals.end_of_old = at;
                    }
                    if !held.contains(&work) && std::mem::take(&mut without_new[number]) {
                        left -= 1;
                        arrivals.last = at;
                        if arrivals.first == start {
                            arrivals.first = at;
                        }
                    }
                }
                Event::Answer(accepted) => {
                    arrivals.answered = Some(at);
                    refused |= !accepted;
                }
            })?;
        }
        ensure!(!refused, "the share is refused");
        Ok((start, arrivals))
    }

    /// Waits until a node has handled a solution.
    fn until_handled(&mut self, start: Instant) -> anyhow::Result<()> {
        loop {
            self.network.look();
            if self
                .network
                .observed(Endpoint::Solved, Moment::Handled)
                .next()
                .is_some()
            {
                return Ok(());
            }
            ensure!(start.elapsed() < PATIENCE, "no submission");
            self.rest(Duration::from_millis(1))?;
        }
    }

    /// Reads lines for a time.
    fn rest(&mut self, time: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.devices.poll(until, |_, _, _| {})?;
        }
        Ok(())
    }
}
