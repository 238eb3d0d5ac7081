//! What was measured, for people and as JSON.

use std::fmt;

use pow::Kernel;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::spread::Spread;
use crate::units::HashRate;

/// The result of a bench.
#[derive(Clone, Debug)]
pub struct BenchReport {
    /// Pairs of samples of each kernel.
    pub pairs: usize,
    /// The length of a sample in seconds.
    pub sample_seconds: f64,
    /// Hashes per second of processor time of the `blake2` crate over whole headers.
    pub reference: Spread,
    /// The kernels that this machine has, the fastest instructions first.
    pub kernels: Vec<KernelReport>,
    /// The kernels that this machine does not have.
    pub unavailable: Vec<Kernel>,
    /// The kernel by which threads were measured.
    pub threads_kernel: Kernel,
    /// Numbers of threads, ascending.
    pub threads: Vec<ThreadsReport>,
}

/// One kernel on one thread.
#[derive(Clone, Copy, Debug)]
pub struct KernelReport {
    /// The kernel.
    pub kernel: Kernel,
    /// Hashes per second of processor time.
    pub rate: Spread,
    /// Times the reference beside it.
    pub ratio: Spread,
}

/// A number of threads together.
#[derive(Clone, Copy, Debug)]
pub struct ThreadsReport {
    /// How many.
    pub threads: usize,
    /// Hashes per second by the clock on the wall.
    pub rate: Spread,
    /// Times one thread beside it.
    pub ratio: Spread,
}

impl Serialize for BenchReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("BenchReport", 7)?;
        object.serialize_field("pairs", &self.pairs)?;
        object.serialize_field("sample_seconds", &self.sample_seconds)?;
        object.serialize_field("blake2_mh_per_cpu_second", &self.reference.times(1e-6))?;
        object.serialize_field("kernels", &self.kernels)?;
        let unavailable: Vec<&str> = self
            .unavailable
            .iter()
            .map(|kernel| kernel.name())
            .collect();
        object.serialize_field("unavailable_kernels", &unavailable)?;
        object.serialize_field("threads_kernel", self.threads_kernel.name())?;
        object.serialize_field("threads", &self.threads)?;
        object.end()
    }
}

impl Serialize for KernelReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("KernelReport", 5)?;
        object.serialize_field("kernel", self.kernel.name())?;
        object.serialize_field("mh_per_cpu_second", &(self.rate.median / 1e6))?;
        object.serialize_field(
            "mh_per_cpu_second_quartiles",
            &quartiles(self.rate.times(1e-6)),
        )?;
        object.serialize_field("ratio_to_blake2", &self.ratio.median)?;
        object.serialize_field("ratio_to_blake2_quartiles", &quartiles(self.ratio))?;
        object.end()
    }
}

impl Serialize for ThreadsReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("ThreadsReport", 5)?;
        object.serialize_field("threads", &self.threads)?;
        object.serialize_field("mh_per_second", &(self.rate.median / 1e6))?;
        object.serialize_field("mh_per_second_quartiles", &quartiles(self.rate.times(1e-6)))?;
        object.serialize_field("ratio_to_one", &self.ratio.median)?;
        object.serialize_field("ratio_to_one_quartiles", &quartiles(self.ratio))?;
        object.end()
    }
}

fn quartiles(spread: Spread) -> [f64; 2] {
    [spread.lower_quartile, spread.upper_quartile]
}

/// Two tables for people.
impl fmt::Display for BenchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "one thread, by processor time; medians and quartiles of {} pairs",
            self.pairs
        )?;
        writeln!(
            f,
            "{:<14} {:>12} {:>23}",
            "kernel", "rate", "times the blake2 crate"
        )?;
        for KernelReport {
            kernel,
            rate,
            ratio,
        } in &self.kernels
        {
            let rate = HashRate(rate.median).to_string();
            writeln!(f, "{kernel:<14} {rate:>12} {}", Ratio(ratio))?;
        }
        let reference = HashRate(self.reference.median).to_string();
        writeln!(f, "{:<14} {reference:>12} {:>8.2}", "blake2 crate", 1.0)?;
        for kernel in &self.unavailable {
            writeln!(f, "{kernel:<14} {:>12}", "not on this machine")?;
        }
        writeln!(f)?;
        writeln!(
            f,
            "{} on several threads, by the clock on the wall",
            self.threads_kernel
        )?;
        write!(
            f,
            "{:<14} {:>12} {:>23}",
            "threads", "rate", "times one thread"
        )?;
        for ThreadsReport {
            threads,
            rate,
            ratio,
        } in &self.threads
        {
            let rate = HashRate(rate.median).to_string();
            write!(f, "\n{threads:<14} {rate:>12} {}", Ratio(ratio))?;
        }
        Ok(())
    }
}

/// The median of a ratio with its quartiles.
struct Ratio<'a>(&'a Spread);

impl fmt::Display for Ratio<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spread {
            median,
            lower_quartile,
            upper_quartile,
        } = self.0;
        write!(
            f,
            "{median:>8.2} ({lower_quartile:.2} to {upper_quartile:.2})"
        )
    }
}
