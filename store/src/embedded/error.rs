//! Short ways to make the errors of the embedded log.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::LogError;

/// Turns an error of the operating system into one that names what was done, and to which file.
pub(super) fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LogError {
    move |source| LogError::Io { doing, path: path.to_owned(), source: Arc::new(source) }
}

/// A bad record at that byte of that file.
pub(super) fn corrupt(path: &Path, offset: u64, reason: impl Into<String>) -> LogError {
    LogError::Corrupt { path: path.to_owned(), offset, reason: reason.into() }
}

/// Something that only a later program, or one with other topics, can read.
pub(super) fn unknown(path: &Path, reason: impl Into<String>) -> LogError {
    LogError::Unknown { path: path.to_owned(), reason: reason.into() }
}
