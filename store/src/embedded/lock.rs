//! The lock that keeps a second process away from a log.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::error::io_error;
use crate::LogError;

/// The name of the lock file in the log's folder; it holds the process id of its last owner.
const FILE_NAME: &str = "LOCK";

/// A locked log; it is free again when this is dropped, or when the process ends in any way.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Locks the log in that folder, or says that another has it.
    pub(super) fn acquire(folder: &Path) -> Result<Self, LogError> {
        let path = folder.join(FILE_NAME);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io_error("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LogError::Locked(folder.to_owned())),
            Err(TryLockError::Error(error)) => return Err(io_error("lock", &path)(error)),
        }
        // For whoever wonders which process it is; the lock does not depend on it.
        file.set_len(0).map_err(io_error("write", &path))?;
        writeln!(file, "{}", std::process::id()).map_err(io_error("write", &path))?;
        Ok(Self { file })
    }

    /// Keeps the log from being opened while it is looked at, and changes nothing; where it was
    /// never locked there is nothing to keep.
    pub(super) fn look(folder: &Path) -> Result<Option<Self>, LogError> {
        let path = folder.join(FILE_NAME);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("open", &path)(error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Err(LogError::Locked(folder.to_owned())),
            Err(TryLockError::Error(error)) => Err(io_error("lock", &path)(error)),
        }
    }
}

impl Drop for Lock {
    /// Unlocks at once: closing the file would not, while a process that is just being started still
    /// has a copy of it.
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "the lock of an event log ends only with the process");
        }
    }
}
