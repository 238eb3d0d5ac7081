//! What hashing threads ask of the operating system: a processor, a priority, and their time.

use std::time::Duration;

use cpu_time::ThreadTime;

pub(crate) use self::affinity::bind_thread;
pub use self::affinity::{MOST_PROCESSORS, processors};
pub use self::priority::HAS_PRIORITY;
pub(crate) use self::priority::lower;

/// Returns the processor time of the calling thread.
pub fn thread_cpu_time() -> Duration {
    ThreadTime::try_now().map_or(Duration::ZERO, |time| time.as_duration())
}

#[cfg(target_os = "linux")]
mod affinity {
    use std::io;

    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    /// The numbers of processors are below this.
    pub const MOST_PROCESSORS: usize = CpuSet::MAX_CPU;

    /// Returns the processors to which this program may bind threads, in ascending order.
    ///
    /// # Errors
    /// Returns the error of the system. Only Linux has such processors.
    pub fn processors() -> io::Result<Vec<usize>> {
        let set = sched_getaffinity(None)?;
        Ok((0..MOST_PROCESSORS).filter(|&at| set.is_set(at)).collect())
    }

    pub(crate) fn bind_thread(processor: usize) -> io::Result<()> {
        let mut set = CpuSet::new();
        set.set(processor);
        Ok(sched_setaffinity(None, &set)?)
    }
}

#[cfg(not(target_os = "linux"))]
mod affinity {
    use std::io;

    /// The numbers of processors are below this.
    pub const MOST_PROCESSORS: usize = 1024;

    /// Returns the processors to which this program may bind threads, in ascending order.
    ///
    /// # Errors
    /// Returns the error of the system. Only Linux has such processors.
    pub fn processors() -> io::Result<Vec<usize>> {
        Err(unsupported())
    }

    pub(crate) fn bind_thread(_processor: usize) -> io::Result<()> {
        Err(unsupported())
    }

    fn unsupported() -> io::Error {
        io::Error::new(
            io::ErrorKind::Unsupported,
            "only on Linux are threads bound to processors: leave the flag out",
        )
    }
}

#[cfg(unix)]
mod priority {
    use std::io;

    use rustix::process::{getpriority_process, setpriority_process};

    /// Whether hashing can have a lower priority than other programs.
    pub const HAS_PRIORITY: bool = true;

    /// Lowers the priority of the calling thread, on other systems than Linux of the process.
    pub(crate) fn lower(niceness: i32) -> io::Result<()> {
        let is_nice = getpriority_process(None).is_ok_and(|present| present >= niceness);
        if !is_nice {
            setpriority_process(None, niceness)?;
        }
        Ok(())
    }
}

#[cfg(not(unix))]
mod priority {
    use std::io;

    /// Whether hashing can have a lower priority than other programs.
    pub const HAS_PRIORITY: bool = false;

    pub(crate) fn lower(_niceness: i32) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
