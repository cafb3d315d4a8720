//! Blobs: files beside the segments, each replaced as a whole.
//!
//! A file is a chain of frames like those of a segment: first the head, then the parts, at last the
//! head again, so that a file that was cut is noticed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::frame::{BatchFrames, Frame, MAX_PAYLOAD_BYTES};
use super::index::Topics;
use super::segment::sync_folder;
use crate::codec::{self, Format};
use crate::{Blob, BlobParts, Position, Positions};

/// The format of the head.
const FORMAT: Format = Format::new(18);
/// The folder of the blobs, in the log's folder.
const FOLDER: &str = "snapshots";
/// How the name of a file ends that is not yet a blob.
const NEW_EXTENSION: &str = "new";

/// How far a projection had come, by the names of its topics.
#[derive(Debug, Serialize, Deserialize)]
struct Head(Vec<(String, Position)>);

/// The blobs of one log.
#[derive(Debug)]
pub(super) struct Blobs {
    folder: PathBuf,
    /// Held while one is written: two at once would write the same file.
    writing: Mutex<()>,
}

impl Blobs {
    /// The blobs of the log in that folder.
    pub(super) fn of(log: &Path) -> Self {
        Self { folder: log.join(FOLDER), writing: Mutex::new(()) }
    }

    /// Writes a blob, durably, in the place of the one of that name.
    pub(super) fn save(
        &self,
        name: &str,
        positions: &Positions,
        parts: BlobParts,
    ) -> io::Result<()> {
        let path = self.path_of(name)?;
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        fs::create_dir_all(&self.folder)?;
        let new_path = path.with_extension(NEW_EXTENSION);
        let mut file = File::create(&new_path)?;
        let positions = positions.iter().map(|(topic, at)| (topic.name().to_owned(), at));
        let head = codec::encode(FORMAT, &Head(positions.collect()));
        let mut frames = BatchFrames::default();
        let mut chain = 0;
        let head = || std::iter::once(head.clone());
        for (part, number) in head().chain(parts).chain(head()).zip(0..) {
            if part.len() > MAX_PAYLOAD_BYTES {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "a part is too large"));
            }
            frames.push(|bytes| bytes.extend_from_slice(&part));
            chain = frames.seal(number, chain);
            file.write_all(frames.as_bytes())?;
            frames.clear(part.len());
        }
        file.sync_all()?;
        fs::rename(&new_path, &path)?;
        sync_folder(&self.folder)
    }

    /// The blob of that name; `None` where there is none that can be read.
    pub(super) fn load(&self, name: &str, topics: &Topics) -> io::Result<Option<Blob>> {
        let path = self.path_of(name)?;
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let blob = decode(&bytes, topics);
        if blob.is_none() {
            tracing::warn!(path = %path.display(), "a snapshot is damaged or of another format");
        }
        Ok(blob)
    }

    fn path_of(&self, name: &str) -> io::Result<PathBuf> {
        let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        if plain && !name.is_empty() {
            Ok(self.folder.join(name))
        } else {
            let reason = "the name of a snapshot has small letters and dashes only";
            Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
        }
    }
}

fn decode(mut bytes: &[u8], topics: &Topics) -> Option<Blob> {
    let mut parts = Vec::new();
    let mut chain = 0;
    while !bytes.is_empty() {
        let frame = Frame::parse(bytes).ok()?;
        if frame.header.chain != chain || frame.header.batch != parts.len() as u64 {
            return None;
        }
        chain = frame.header.crc;
        parts.push(frame.payload.to_vec());
        bytes = &bytes[frame.header.frame_bytes()..];
    }
    let end = parts.pop()?;
    if parts.first() != Some(&end) {
        return None;
    }
    let head = parts.remove(0);
    let Head(names) = codec::decode(FORMAT, &head).ok()?;
    let known = |(name, at): (String, Position)| Some((topics.topic(topics.number(&name)?), at));
    let positions = names.into_iter().map(known).collect::<Option<Positions>>()?;
    Some(Blob { positions, parts })
}
