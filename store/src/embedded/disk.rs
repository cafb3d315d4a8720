//! How the log's files are written, so that tests can let a write fail.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The three calls that change a segment file.
pub(super) trait Disk: fmt::Debug + Send + Sync + 'static {
    /// Writes all of `bytes` at that place of the file.
    fn write_all_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()>;
    /// Returns when what was written is durable.
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Cuts the file to that length.
    fn set_len(&self, file: &File, bytes: u64) -> io::Result<()>;
}

/// The disk of the machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct OsDisk;

impl Disk for OsDisk {
    fn write_all_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        file.write_all_at(bytes, at)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn set_len(&self, file: &File, bytes: u64) -> io::Result<()> {
        file.set_len(bytes)
    }
}

/// Whether the error says that there is no room, rather than that the disk is broken.
pub(super) fn says_no_room(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
