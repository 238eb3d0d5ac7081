//! A clock that counts in cycles of the processor: a chain of multiplications.

/// The cycles of a 32-bit multiplication from its start to its result, if they are known: three on
/// Intel since Nehalem and on AMD since Zen ([uops.info](https://uops.info), `IMUL_R32_R32`).
pub const MULTIPLICATION_CYCLES: Option<u32> = if cfg!(target_arch = "x86_64") {
    Some(3)
} else {
    None
};

/// Multiplies `count` times, each time the product before: a clock which counts in cycles.
#[inline(never)]
pub fn multiply_in_a_chain(count: u32) -> u32 {
    let mut product = std::hint::black_box(3_u32);
    for _ in 0..count {
        product = product.wrapping_mul(product);
    }
    product
}
