//! Checksums over records, each with all before it, so that none can be changed or missed.
use hmac_sha256::Hash;
use siumai_core::journal::Record;

/// SHA-256.
pub(super) type Checksum = [u8; 32];

/// The checksum of a run without records: it stands for how the run is called and marked.
pub(super) fn beginning(run_id: &str, created: i64, metadata: Option<&str>) -> Checksum {
    let mut hash = Hash::new();
    part(&mut hash, run_id.as_bytes());
    part(&mut hash, &created.to_le_bytes());
    part(&mut hash, metadata.unwrap_or_default().as_bytes());
    hash.finalize()
}

/// The checksum of `record`, which comes after the one of checksum `previous`.
pub(super) fn next(previous: &Checksum, kind: &str, record: &Record) -> Checksum {
    let mut hash = Hash::new();
    part(&mut hash, previous);
    part(&mut hash, &record.version().to_le_bytes());
    part(&mut hash, kind.as_bytes());
    part(&mut hash, &[u8::from(record.effect().is_some())]);
    part(&mut hash, record.effect().unwrap_or_default().as_bytes());
    part(&mut hash, record.body().as_bytes());
    hash.finalize()
}

/// With its length, so that no byte can change sides.
fn part(hash: &mut Hash, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}
