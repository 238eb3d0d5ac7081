//! The choice of the instruction set to search with.
//!
//! A [`Kernel`] is a name; whether the machine has its instructions is asked once, when one is chosen. It is a value
//! and not a type, so that it can be an option of a program and so that callers need not be generic.

pub(crate) mod self_test;

use std::fmt;

pub use self_test::KernelFault;

use crate::lanes::Portable;
use crate::prepared::Prepared;
use crate::range::Run;
use crate::scan::scan;

/// A way to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kernel {
    /// Safe code for every machine.
    Portable,
}

impl Kernel {
    /// All kernels, the fastest first.
    pub const ALL: &[Self] = &[Self::Portable];

    /// The fastest kernel that this machine can run.
    pub fn best() -> Self {
        let available = Self::ALL.iter().find(|kernel| kernel.is_available());
        *available.expect("the portable kernel is always available")
    }

    /// Whether this machine can run the kernel.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
        }
    }

    /// The kernel's name in options and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
        }
    }

    /// Searches a run.
    pub(crate) fn scan(self, prepared: &Prepared, run: Run) -> Option<u64> {
        match self {
            Self::Portable => scan(Portable, prepared, run),
        }
    }
}

/// The name.
impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
