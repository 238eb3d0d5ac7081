//! The fewest processor cycles in which a kernel could compute a hash.
//!
//! A kernel hashes a vector of nonces by a number of vector instructions, counted from the one
//! source of the rounds. The processor starts as many of them a cycle as it has ports for them.

use rounds::{INPUTS, Operation, record};

/// What a kernel makes of the operations of the rounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VectorInstructions {
    /// The lanes of a vector.
    pub(crate) lanes: u8,
    /// The number of instructions for rotations by 16, 12, 8 and 7 bits.
    pub(crate) rotations: [u32; 4],
}

impl VectorInstructions {
    /// Returns the fewest cycles for one hash of a header as on all public networks, or `None` if
    /// the ports of this processor are not known.
    pub(crate) fn fewest_cycles(self) -> Option<f64> {
        let ports = ports(self.lanes)?;
        Some(f64::from(self.count()) / f64::from(ports) / f64::from(self.lanes))
    }

    /// Returns the number of instructions between two vectors of nonces, for headers as on all
    /// public networks.
    fn count(self) -> u32 {
        // Only word 5 of the message differs between the nonces of a run.
        let mut differs = [false; INPUTS].to_vec();
        differs[16 + 5] = true;
        // Two compare the result, and one of those below is not needed: the first sum with word 5
        // is of three values, and the other two can be added before.
        let mut count = 2 - 1;
        for operation in record(|recorder, v, m| rounds::top_word(recorder, v, m)) {
            let differ = operation.operands().iter().any(|&operand| differs[operand]);
            differs.push(differ);
            count += match operation {
                _ if !differ => 0,
                Operation::Add(..) | Operation::Xor(..) => 1,
                Operation::Rotate(16, _) => self.rotations[0],
                Operation::Rotate(12, _) => self.rotations[1],
                Operation::Rotate(8, _) => self.rotations[2],
                Operation::Rotate(..) => self.rotations[3],
            };
        }
        count
    }
}

/// Returns the number of vector instructions of any kind used here that this processor starts in a
/// cycle.
///
/// Three on Intel's cores from Skylake to Emerald Rapids: ports 0, 1 and 5, of which 0 and 1 act as
/// one for vectors of 512 bits (Intel 64 and IA-32 Architectures Optimization Reference Manual,
/// chapter 2). Four on AMD's Zen 3: pipes 0 to 3, of which two shift and shuffle (Software
/// Optimization Guide for the AMD Family 19h Processors, section 2.11). By instruction on
/// [uops.info](https://uops.info).
#[cfg(target_arch = "x86_64")]
fn ports(lanes: u8) -> Option<u8> {
    use std::arch::x86_64::__cpuid;

    let vendor = __cpuid(0);
    let vendor = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes);
    let signature = __cpuid(1).eax;
    let family = (signature >> 8 & 0xf) + (signature >> 20 & 0xff);
    let model = (signature >> 12) & 0xf0 | (signature >> 4) & 0xf;
    match (vendor, family, model) {
        (
            INTEL,
            6,
            // Skylake and its successors of the same core.
            0x4e | 0x5e | 0x55 | 0x8e | 0x9e | 0xa5 | 0xa6
            // Ice Lake, Tiger Lake and Rocket Lake.
            | 0x6a | 0x6c | 0x7d | 0x7e | 0x8c | 0x8d | 0xa7
            // Sapphire Rapids and Emerald Rapids.
            | 0x8f | 0xcf,
        ) => Some(if lanes == 16 { 2 } else { 3 }),
        // Zen 3: servers, desktops, laptops.
        (AMD, 0x19, 0x00..=0x0f | 0x20..=0x2f | 0x40..=0x5f) => Some(4),
        _ => None,
    }
}

#[cfg(target_arch = "x86_64")]
const INTEL: [[u8; 4]; 3] = [*b"Genu", *b"ineI", *b"ntel"];
#[cfg(target_arch = "x86_64")]
const AMD: [[u8; 4]; 3] = [*b"Auth", *b"enti", *b"cAMD"];

#[cfg(not(target_arch = "x86_64"))]
fn ports(_lanes: u8) -> Option<u8> {
    None
}

#[cfg(test)]
mod tests {
    use super::VectorInstructions;

    /// The numbers are those of an independent count: 367 additions, 295 exclusive ors, 147
    /// rotations by 16 and 8, 145 by 12 and 7, and 2 instructions to compare.
    #[test]
    fn instructions_depend_on_those_of_a_rotation() {
        #[track_caller]
        fn check(rotations: [u32; 4], expected: u32) {
            let instructions = VectorInstructions {
                lanes: 1,
                rotations,
            };
            assert_eq!(instructions.count(), expected);
        }
        check([0; 4], 664);
        check([1; 4], 956);
        check([1, 3, 1, 3], 1246);
    }
}
