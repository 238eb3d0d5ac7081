//! The instruction sets to search with.
//!
//! A [`Kernel`] is a name, for options and logs, the same on every machine. To search takes a [`Searcher`], which only
//! [`Kernel::prove`] makes: it asks the machine for the instructions, and then has the kernel find what is known, so
//! that nothing mines with a kernel that this machine does not have or computes wrongly. A new instruction set is a file
//! in `lanes/`, a row in the table below, and the two lines that name the module.

pub(crate) mod self_test;

use std::fmt;

pub use self_test::KernelFault;

use crate::lanes::Lanes;
#[cfg(target_arch = "aarch64")]
use crate::lanes::neon::Neon;
use crate::lanes::portable::Portable;
#[cfg(target_arch = "x86_64")]
use crate::lanes::{avx2::Avx2, avx512::Avx512, sse2::Sse2, ssse3::Ssse3};
use crate::prepared::Prepared;
use crate::range::Run;

/// The kernels, the widest first: a row is a name, what it is called in options, and the processors that may have it.
macro_rules! kernels {
    ($($(#[$doc:meta])* $kernel:ident, $name:literal, $cfg:meta;)*) => {
        /// A way to search.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Kernel {
            $($(#[$doc])* $kernel,)*
        }

        impl Kernel {
            /// All kernels, those of other machines too, the widest instructions first.
            pub const ALL: &[Self] = &[$(Self::$kernel,)*];

            /// The kernel's name in options and logs.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kernel => $name,)*
                }
            }

            /// The instructions, if this machine has them.
            fn detect(self) -> Option<Instructions> {
                match self {
                    $(
                        #[cfg($cfg)]
                        Self::$kernel => $kernel::detect().map(Instructions::$kernel),
                        #[cfg(not($cfg))]
                        Self::$kernel => None,
                    )*
                }
            }
        }

        /// Proof that this machine has the instructions of a kernel.
        #[derive(Clone, Copy, Debug)]
        enum Instructions {
            $(#[cfg($cfg)] $kernel($kernel),)*
        }

        impl Instructions {
            const fn kernel(&self) -> Kernel {
                match self {
                    $(#[cfg($cfg)] Self::$kernel(_) => Kernel::$kernel,)*
                }
            }

            fn scan(&self, prepared: &Prepared, run: Run) -> Option<u64> {
                match self {
                    $(#[cfg($cfg)] Self::$kernel(lanes) => lanes.scan(prepared, run),)*
                }
            }
        }
    };
}

kernels! {
    /// Sixteen lanes of AVX-512F.
    Avx512, "avx512", target_arch = "x86_64";
    /// Eight lanes of AVX2.
    Avx2, "avx2", target_arch = "x86_64";
    /// Four lanes of SSSE3.
    Ssse3, "ssse3", target_arch = "x86_64";
    /// Four lanes of SSE2.
    Sse2, "sse2", target_arch = "x86_64";
    /// Four lanes of NEON.
    Neon, "neon", target_arch = "aarch64";
    /// Safe code for every machine.
    Portable, "portable", all();
}

impl Kernel {
    /// Whether this machine has the kernel's instructions.
    pub fn is_available(self) -> bool {
        self.detect().is_some()
    }

    /// Makes the kernel ready to search: fails if this machine lacks the instructions or the kernel does not find with
    /// them what is known. It takes some milliseconds.
    pub fn prove(self) -> Result<Searcher, KernelFault> {
        let searcher = Searcher(self.detect().ok_or(KernelFault::Unavailable(self))?);
        self_test::check(self, |prepared, range| prepared.search(&searcher, range))?;
        Ok(searcher)
    }
}

/// A kernel that has shown on this machine that it finds what there is to find.
#[derive(Clone, Copy, Debug)]
pub struct Searcher(Instructions);

impl Searcher {
    /// The kernel.
    pub const fn kernel(&self) -> Kernel {
        self.0.kernel()
    }

    pub(crate) fn scan(&self, prepared: &Prepared, run: Run) -> Option<u64> {
        self.0.scan(prepared, run)
    }
}

/// The name.
impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
