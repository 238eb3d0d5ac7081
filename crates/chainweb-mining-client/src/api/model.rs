//! What the API answers, as plain data. The doc comments are the descriptions of OpenAPI.
//!
//! Times end in `_unix_ms`: milliseconds since the Unix epoch. Hash rates are in hashes per second,
//! difficulties in hashes. What is not known is `null`.

pub(super) mod earnings;
pub(super) mod event;
pub(super) mod history;
pub(super) mod job;
pub(super) mod node;
pub(super) mod status;
pub(super) mod tick;
pub(super) mod worker;

/// Returns a number with six significant digits, enough for any figure here.
fn rounded(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return number;
    }
    #[expect(clippy::cast_possible_truncation, reason = "exponents are small")]
    let scale = 10_f64.powi(5 - number.abs().log10().floor() as i32);
    let rounded = (number * scale).round() / scale;
    // Out of the range of the scale.
    if rounded.is_finite() { rounded } else { number }
}

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn figures_have_six_digits() {
        for (number, expected) in [
            (0.0, 0.0),
            (123_456_789.0, 123_457_000.0),
            (-0.001_234_567_89, -0.001_234_57),
            (1e-320, 1e-320),
            (1.0, 1.0),
        ] {
            assert_eq!(rounded(number).to_string(), f64::to_string(&expected));
        }
        assert!(rounded(f64::NAN).is_nan());
    }
}
