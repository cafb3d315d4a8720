//! Segment files: their names and headers, and finding the one that holds an offset.
//!
//! A segment's *base* is the number of bytes in all segments before it, so that base plus the place
//! in the file is an *offset* that names a record for good. The file is named by the base, and
//! begins with a header:
//!
//! ```text
//! bytes  0..8   EVENTLOG
//!        8..12  format number
//!       12..20  base
//!       20..28  number of the first batch
//!       28..32  chain: the CRC of the last record before
//!       32..36  CRC32C over bytes 0..32
//! ```

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::disk::Disk;
use super::error::{corrupt, io_error, unknown};
use crate::LogError;

/// How many bytes stand before the first record.
pub(super) const HEADER_BYTES: usize = 36;
/// The same, as a length of a file.
pub(super) const HEADER_LENGTH: u64 = HEADER_BYTES as u64;

const MAGIC: &[u8; 8] = b"EVENTLOG";
const FORMAT: u32 = 1;
/// How the names of segments end; no other file in the folder may bear a name that does.
pub(super) const EXTENSION: &str = "log";
/// How the name of a segment ends that is not yet one.
const NEW_EXTENSION: &str = "new";

/// What a segment's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// How many bytes stand in the segments before.
    pub(super) base: u64,
    /// The number of its first batch.
    pub(super) first_batch: u64,
    /// The CRC of the last record before it.
    pub(super) chain: u32,
}

impl Header {
    fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.base.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.first_batch.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.chain.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..32]);
        bytes[32..36].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header at the start of the bytes of the file at `path`.
    pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Self, LogError> {
        let Some((header, _)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err(corrupt(path, 0, "the file ends within its header"));
        };
        let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| header[at + i]));
        let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| header[at + i]));
        if crc32c::crc32c(&header[..32]) != u32_at(32) {
            return Err(corrupt(path, 0, "the checksum of the file's header does not match"));
        }
        if header[..8] != *MAGIC {
            return Err(corrupt(path, 0, "the file is no segment of an event log"));
        }
        let format = u32_at(8);
        if format != FORMAT {
            let reason = format!("its format is {format}, this program knows {FORMAT}");
            return Err(unknown(path, reason));
        }
        Ok(Self { base: u64_at(12), first_batch: u64_at(20), chain: u32_at(28) })
    }
}

/// An open segment file.
#[derive(Debug)]
pub(super) struct Segment {
    /// How many bytes stand in the segments before.
    pub(super) base: u64,
    /// Where it lies.
    pub(super) path: PathBuf,
    /// The file, for positioned reads and writes.
    pub(super) file: File,
}

impl Segment {
    /// Makes the segment with that header, so that it is in the folder whole or not at all.
    ///
    /// The file is written under another name, made durable, and renamed; then the folder is made
    /// durable, too. A crash in between leaves a file of the other name, which the next open removes.
    pub(super) fn create(folder: &Path, header: Header, disk: &dyn Disk) -> io::Result<Self> {
        let path = path_of(folder, header.base);
        let new_path = path.with_extension(NEW_EXTENSION);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&new_path)?;
        disk.write_all_at(&file, &header.to_bytes(), 0)?;
        disk.sync(&file)?;
        fs::rename(&new_path, &path)?;
        // From here on the segment is there, so that no error may say that nothing has changed.
        sync_folder(folder).map_err(io::Error::other)?;
        Ok(Self { base: header.base, path, file })
    }

    /// Opens the segment with that base.
    pub(super) fn open(folder: &Path, base: u64) -> Result<Self, LogError> {
        let path = path_of(folder, base);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(io_error("open", &path))?;
        Ok(Self { base, path, file })
    }

    /// Opens the segment with that base, for reading alone.
    pub(super) fn open_to_read(folder: &Path, base: u64) -> Result<Self, LogError> {
        let path = path_of(folder, base);
        let file = File::open(&path).map_err(io_error("open", &path))?;
        Ok(Self { base, path, file })
    }

    /// How many bytes the file has now.
    pub(super) fn length(&self) -> Result<u64, LogError> {
        Ok(self.file.metadata().map_err(io_error("look at", &self.path))?.len())
    }
}

/// Makes durable which files the folder holds.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// What lies in a log's folder.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// The bases of the segments, in order.
    pub(super) bases: Vec<u64>,
    /// Segments that were being made.
    pub(super) leftovers: Vec<PathBuf>,
}

/// The segments in the folder.
pub(super) fn list(folder: &Path) -> Result<Listed, LogError> {
    let mut listed = Listed::default();
    for file in fs::read_dir(folder).map_err(io_error("list", folder))? {
        let path = file.map_err(io_error("list", folder))?.path();
        let Some(extension) = path.extension() else {
            continue;
        };
        let base = base_of(&path);
        match base {
            Some(base) if extension == EXTENSION => listed.bases.push(base),
            Some(_) if extension == NEW_EXTENSION => listed.leftovers.push(path),
            None if extension == EXTENSION => {
                return Err(unknown(&path, "its name ends like a segment's, but is none"));
            }
            _ => {}
        }
    }
    listed.bases.sort_unstable();
    Ok(listed)
}

/// How many bytes the segment with that base has, if it was begun but its header is not whole.
pub(super) fn unfinished(folder: &Path, base: u64) -> Result<Option<u64>, LogError> {
    let segment = Segment::open_to_read(folder, base)?;
    let bytes = segment.length()?;
    if bytes > HEADER_LENGTH {
        return Ok(None);
    }
    let header = fs::read(&segment.path).map_err(io_error("read", &segment.path))?;
    match Header::parse(&header, &segment.path) {
        Ok(_) => Ok(None),
        Err(LogError::Corrupt { .. }) => Ok(Some(bytes)),
        Err(error) => Err(error),
    }
}

/// Where the segment with that base lies.
pub(super) fn path_of(folder: &Path, base: u64) -> PathBuf {
    folder.join(format!("{base:020}.{EXTENSION}"))
}

/// The base that a segment's name tells.
pub(super) fn base_of(path: &Path) -> Option<u64> {
    let digits = path.file_stem()?.to_str()?;
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// All segments of a log, for readers.
#[derive(Debug)]
pub(super) struct Segments(RwLock<Vec<Arc<Segment>>>);

impl Segments {
    /// These segments, in order.
    pub(super) fn new(segments: Vec<Arc<Segment>>) -> Self {
        Self(RwLock::new(segments))
    }

    /// Adds the one behind all others.
    pub(super) fn push(&self, segment: Arc<Segment>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(segment);
    }

    /// The segments that hold the bytes between these offsets, in order.
    pub(super) fn between(&self, from: u64, to: u64) -> Vec<Arc<Segment>> {
        let segments = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let first = segments.partition_point(|segment| segment.base <= from).saturating_sub(1);
        segments[first..].iter().filter(|segment| segment.base < to).cloned().collect()
    }

    /// The segment in which that offset lies.
    pub(super) fn holding(&self, offset: u64) -> Option<Arc<Segment>> {
        let segments = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let behind = segments.partition_point(|segment| segment.base <= offset);
        segments.get(behind.checked_sub(1)?).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_and_every_flipped_bit_is_noticed() {
        let header = Header { base: 1 << 40, first_batch: 7, chain: 0xdead_beef };
        let bytes = header.to_bytes();
        let path = Path::new("segment");
        assert_eq!(Header::parse(&bytes, path).unwrap(), header);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::parse(&flipped, path).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_later_format_is_unknown_rather_than_corrupt() {
        let mut bytes = Header { base: 0, first_batch: 1, chain: 0 }.to_bytes();
        bytes[8] = 2;
        let crc = crc32c::crc32c(&bytes[..32]);
        bytes[32..].copy_from_slice(&crc.to_le_bytes());
        let parsed = Header::parse(&bytes, Path::new("segment"));
        assert!(matches!(parsed, Err(LogError::Unknown { .. })));
    }
}
