//! When a device has used up the nonces of its header.

use std::time::Duration;

use crate::nonce1::Nonce1Size;

/// The shortest time between headers of a session's own. A device so fast searches some nonces
/// twice.
const MIN_REFRESH: Duration = Duration::from_millis(50);

/// The part of a header's nonces after which a device gets another header.
const USED_PART: f64 = 0.75;

/// The most bytes of the nonce that devices search: the Antminer KA3 searches 6 even if more are
/// free.
const MAX_NONCE2_BYTES: u8 = 6;

/// Returns how long after its job a device of `rate` hashes per second needs another header, if
/// that is before `usual`.
pub(super) fn refresh_after(size: Nonce1Size, rate: f64, usual: Duration) -> Option<Duration> {
    let bytes = size.nonce2_bytes().min(MAX_NONCE2_BYTES);
    let nonces = USED_PART * (1_u64 << (8 * bytes)) as f64;
    let seconds = nonces / rate;
    let is_first = seconds < usual.as_secs_f64();
    let period = is_first.then(|| Duration::from_secs_f64(seconds).max(MIN_REFRESH));
    period.filter(|period| *period < usual)
}
