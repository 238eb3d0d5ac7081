//! What the server sends unasked: the share target and the job.

use chainweb::{Target, WorkHeader};

use crate::JobId;

/// Appends the line that sets the share target of all jobs sent from then on.
pub fn write_set_target(target: Target, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"method":"mining.set_target","params":[""#);
    out.extend_from_slice(target.to_be_hex().as_bytes());
    out.extend_from_slice(b"\"],\"id\":null}\n");
}

/// The line that hands out a job. It always tells the miner to drop older jobs: a device that is told to keep them
/// goes on to use the old job's id with the new header.
pub fn notify(job: JobId, header: &WorkHeader) -> Vec<u8> {
    let bytes = header.as_bytes();
    let mut out = Vec::with_capacity(2 * bytes.len() + 80);
    out.extend_from_slice(br#"{"method":"mining.notify","params":[""#);
    out.extend_from_slice(job.to_string().as_bytes());
    out.extend_from_slice(b"\",\"");
    let start = out.len();
    out.resize(start + 2 * bytes.len(), 0);
    const_hex::encode_to_slice(bytes, &mut out[start..])
        .expect("there is room for two digits a byte");
    out.extend_from_slice(b"\",true],\"id\":null}\n");
    out
}
