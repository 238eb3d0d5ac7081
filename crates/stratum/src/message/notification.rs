//! Notifications: the share target and the job.

use chainweb::{Target, WorkHeader};

use crate::job_id::JobId;

/// Appends `mining.set_target`: the share target of all jobs sent after it, as 64 hex digits, most
/// significant digit first.
pub(crate) fn write_set_target(target: Target, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"method":"mining.set_target","params":[""#);
    out.extend_from_slice(target.to_be_hex().as_bytes());
    out.extend_from_slice(b"\"],\"id\":null}\n");
}

/// Returns `mining.notify`: the job id, the work header in hex (two digits per byte, in the order
/// of the header) and the clean flag.
///
/// The flag is always `true`: otherwise the Antminer KA3 submits shares of the new header under the
/// id of the job before.
pub(crate) fn notify(job: JobId, header: &WorkHeader) -> Vec<u8> {
    let bytes = header.as_bytes();
    let mut out = Vec::with_capacity(2 * bytes.len() + 80);
    out.extend_from_slice(br#"{"method":"mining.notify","params":[""#);
    out.extend_from_slice(job.to_string().as_bytes());
    out.extend_from_slice(b"\",\"");
    let start = out.len();
    out.resize(start + 2 * bytes.len(), 0);
    const_hex::encode_to_slice(bytes, &mut out[start..]).expect("two digits a byte fit");
    out.extend_from_slice(b"\",true],\"id\":null}\n");
    out
}
