//! The bare thing beside a durable command: append to a file, then fdatasync.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::shell::Failed;

/// How many records of `bytes` a file takes in a second, `batch` of them for each fdatasync.
pub(super) fn appends_per_second(
    folder: &Path,
    bytes: u64,
    batch: usize,
    duration: Duration,
) -> Result<f64, Failed> {
    let bytes = usize::try_from(bytes).map_err(|error| Failed::because(error.to_string()))?;
    let path = folder.join("bare-append");
    let mut file = File::create(&path)?;
    let record = vec![b'x'; bytes * batch];
    let started = Instant::now();
    let mut records = 0.0;
    while started.elapsed() < duration {
        file.write_all(&record)?;
        file.sync_data()?;
        records += u32::try_from(batch).map_or(f64::INFINITY, f64::from);
    }
    let seconds = started.elapsed().as_secs_f64();
    fs::remove_file(&path)?;
    Ok(records / seconds)
}
