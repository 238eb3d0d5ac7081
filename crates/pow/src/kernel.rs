//! The instruction sets to search with.
//!
//! A [`Kernel`] is a name for options and logs, the same on every machine. Searching takes a
//! [`Searcher`], which only [`Kernel::prove`] makes, after detecting the instructions and running
//! the self-test. To add an instruction set, add a file in `lanes/`, its `mod` line and a row in
//! the table below.

#![expect(
    unsafe_code,
    reason = "a scan is compiled for instructions whose presence a value of `Instructions` proves"
)]

pub(crate) mod self_test;

use std::fmt;

use chainweb::Nonce;
pub use self_test::KernelFault;

use crate::bound::VectorInstructions;
use crate::lanes::Lanes;
#[cfg(target_arch = "x86_64")]
use crate::lanes::avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use crate::lanes::avx512::Avx512;
#[cfg(target_arch = "aarch64")]
use crate::lanes::neon::Neon;
use crate::lanes::portable::Portable;
#[cfg(target_arch = "x86_64")]
use crate::lanes::sse2::Sse2;
#[cfg(target_arch = "x86_64")]
use crate::lanes::ssse3::Ssse3;
use crate::prepared::Prepared;
use crate::range::{NonceRange, Run};
use crate::scan::scan;

/// Declares the kernels, the widest first: name in code, name in options, the target feature
/// detected by the lanes, and the processors with such a kernel.
macro_rules! kernels {
    ($($(#[$doc:meta])* $kernel:ident, $name:literal, $($feature:literal,)? $cfg:meta;)*) => {
        /// A way to search.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Kernel {
            $($(#[$doc])* $kernel,)*
        }

        impl Kernel {
            /// All kernels, those of other processors included, the widest first.
            pub const ALL: &[Self] = &[$(Self::$kernel,)*];

            /// Returns the kernel's name in options and logs.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kernel => $name,)*
                }
            }

            /// Returns the instructions, if this machine has them.
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

        /// The lanes of a kernel, the proof of its instructions.
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

            const fn vector_instructions(&self) -> Option<VectorInstructions> {
                match self {
                    $(#[cfg($cfg)] Self::$kernel(_) => <$kernel as Lanes>::INSTRUCTIONS,)*
                }
            }

            /// Runs [`scan`], compiled for these instructions.
            fn scan(&self, prepared: &Prepared, run: Run) -> Option<u64> {
                match *self {
                    $(
                        #[cfg($cfg)]
                        Self::$kernel(lanes) => {
                            $(#[target_feature(enable = $feature)])?
                            unsafe fn compiled(
                                lanes: $kernel,
                                prepared: &Prepared,
                                run: Run,
                            ) -> Option<u64> {
                                scan(lanes, prepared, run)
                            }
                            // SAFETY: `lanes` proves that this machine has the feature.
                            unsafe { compiled(lanes, prepared, run) }
                        }
                    )*
                }
            }
        }
    };
}

kernels! {
    /// Sixteen lanes of AVX-512F.
    Avx512, "avx512", "avx512f", target_arch = "x86_64";
    /// Eight lanes of AVX2.
    Avx2, "avx2", "avx2", target_arch = "x86_64";
    /// Four lanes of SSSE3.
    Ssse3, "ssse3", "ssse3", target_arch = "x86_64";
    /// Four lanes of SSE2.
    Sse2, "sse2", "sse2", target_arch = "x86_64";
    /// Four lanes of NEON.
    Neon, "neon", "neon", target_arch = "aarch64";
    /// Safe code for every machine.
    Portable, "portable", all();
}

impl Kernel {
    /// Whether this machine has the kernel's instructions.
    pub fn is_available(self) -> bool {
        self.detect().is_some()
    }

    /// Returns a searcher after a self-test of some milliseconds.
    ///
    /// # Errors
    /// If this machine lacks the instructions, or the kernel fails the self-test.
    pub fn prove(self) -> Result<Searcher, KernelFault> {
        let searcher = Searcher(self.detect().ok_or(KernelFault::Unavailable(self))?);
        self_test::check(self, |prepared, range| prepared.search(&searcher, range))?;
        Ok(searcher)
    }
}

/// A kernel that has passed its self-test on this machine.
#[derive(Clone, Copy, Debug)]
pub struct Searcher(Instructions);

impl Searcher {
    /// Returns the kernel.
    pub const fn kernel(&self) -> Kernel {
        self.0.kernel()
    }

    /// Returns the fewest processor cycles for one hash of a header as on all public networks: its
    /// vector instructions over the ports that start them. `None` if the compiler chooses the
    /// instructions or the ports of this processor are not known.
    pub fn fewest_cycles(&self) -> Option<f64> {
        self.0.vector_instructions()?.fewest_cycles()
    }
}

impl Prepared {
    /// Returns the first nonce of `range`, in its order, with which the header meets the target, or
    /// `None` if there is none.
    ///
    /// Allocates nothing; the time is proportional to the range.
    pub fn search(&self, searcher: &Searcher, range: NonceRange) -> Option<Nonce> {
        range
            .runs()
            .find_map(|run| searcher.0.scan(self, run))
            .map(Nonce::new)
    }
}

/// Writes the name.
impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
