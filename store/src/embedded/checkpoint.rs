//! The checkpoint of the index: a file from which a log opens without decoding all it holds.
//!
//! It is a cache. The log is never believed less: a checkpoint that does not fit it, in whatever
//! way, is left aside and made anew.
//!
//! The file is a chain of frames like those of a segment, each around one *part*. Parts are taken
//! from the index one after the other while the writer goes on, so they show it at moments between
//! two marks, where the making `began` and where it was `complete`. Entries behind the first mark
//! are left out, and whoever loads the file takes in the log from that mark on. That settles what
//! the parts hold of later moments, too: which event of an entity was the last, who holds a key and
//! where a cursor stands depends on the last record that says so, and all of those come again. For
//! that the log must reach the second mark.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::frame::{BatchFrames, Frame};
use super::index::{Index, Spot, Topics};
use super::segment::sync_folder;
use super::shared::Shared;
use crate::codec::{self, Format};
use crate::{Action, CursorName, EntryId, Position, UniqueKey};

/// The format of the parts.
const FORMAT: Format = Format::new(17);
const FILE_NAME: &str = "index.checkpoint";
const NEW_FILE_NAME: &str = "index.checkpoint.new";
/// How many entries of a stream one part holds at most.
const SPOTS_OF_PART: usize = 64 * 1024;
/// From about how many bytes on a part takes in nothing more.
const PART_BYTES: usize = 1024 * 1024;
/// How many offsets of an entity stand in one piece.
const OFFSETS_OF_PIECE: usize = 64 * 1024;
/// About what an entity or key takes in a part, beside its offsets or its text.
const ITEM_BYTES: usize = 48;

/// A place in the log between two batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The offset.
    pub(super) offset: u64,
    /// The number of the batch behind it.
    pub(super) next_batch: u64,
    /// The CRC of the record before it.
    pub(super) chain: u32,
}

/// What an entity has in a part: its id, its last event, and offsets of its entries.
pub(super) type EntityPiece = (u128, u128, Vec<u64>);

#[derive(Debug, Serialize, Deserialize)]
enum Part {
    Head { topics: Vec<String>, began: Mark, last_id: EntryId, entries: u64 },
    Stream { topic: usize, action: Action, spots: Vec<Spot> },
    Entities { topic: usize, entities: Vec<EntityPiece> },
    Keys { topic: usize, keys: Vec<(UniqueKey, u128)> },
    Cursors { topic: usize, cursors: Vec<(CursorName, Position)> },
    Snapshots { topic: usize, snapshots: Vec<(u128, u64)> },
    End { complete: Mark },
}

/// A checkpoint, read.
#[derive(Debug)]
pub(super) struct Checkpoint {
    /// The index of all that stands before the first mark.
    pub(super) index: Index,
    /// From where on the log must be taken in.
    pub(super) began: Mark,
    /// How far the log must reach.
    pub(super) complete: Mark,
}

/// Why there is no checkpoint to begin from.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoCheckpoint {
    /// There is none.
    #[error("there is none")]
    Absent,
    /// It could not be read.
    #[error("it cannot be read: {0}")]
    Io(#[source] io::Error),
    /// It is no checkpoint of this log that this program can read.
    #[error("{0}")]
    Unfit(String),
}

/// Where the checkpoint of the log in that folder lies.
pub(super) fn path_in(folder: &Path) -> PathBuf {
    folder.join(FILE_NAME)
}

/// Writes a checkpoint of what is visible; returns the mark up to which it is complete.
pub(super) fn save(shared: &Shared) -> io::Result<Mark> {
    let new_path = shared.folder.join(NEW_FILE_NAME);
    let mut file = PartFile {
        file: File::create(&new_path)?,
        frames: BatchFrames::default(),
        chain: 0,
        number: 0,
    };
    let began = {
        let view = shared.view();
        let head = Part::Head {
            topics: shared.topics.names().map(str::to_owned).collect(),
            began: view.end,
            last_id: view.index.last_id(),
            entries: view.index.entries(),
        };
        let began = view.end;
        drop(view);
        file.write(&head)?;
        began
    };
    for topic in 0..shared.topics.len() {
        save_streams(shared, topic, began, &mut file)?;
        save_entities(shared, topic, began, &mut file)?;
        save_keys(shared, topic, &mut file)?;
        let cursors = shared.view().index.topic(topic).cursors();
        file.write(&Part::Cursors { topic, cursors })?;
        let snapshots = shared.view().index.topic(topic).snapshots();
        for part in snapshots.chunks(SPOTS_OF_PART) {
            file.write(&Part::Snapshots { topic, snapshots: part.to_vec() })?;
        }
    }
    let complete = shared.view().end;
    file.write(&Part::End { complete })?;
    file.file.sync_all()?;
    fs::rename(&new_path, path_in(&shared.folder))?;
    sync_folder(&shared.folder)?;
    Ok(complete)
}

fn save_streams(shared: &Shared, topic: usize, began: Mark, file: &mut PartFile) -> io::Result<()> {
    for action in Action::ALL {
        let mut from = 0;
        loop {
            let spots = {
                let view = shared.view();
                let stream = view.index.topic(topic).stream(action);
                let end = stream.partition_point(|spot| spot.offset < began.offset);
                stream[from..end.min(from + SPOTS_OF_PART)].to_vec()
            };
            if spots.is_empty() {
                break;
            }
            from += spots.len();
            file.write(&Part::Stream { topic, action, spots })?;
        }
    }
    Ok(())
}

fn save_entities(
    shared: &Shared,
    topic: usize,
    began: Mark,
    file: &mut PartFile,
) -> io::Result<()> {
    for shard in 0..super::entities::SHARDS {
        let known = shared.view().index.topic(topic).entities.shard(shard, began.offset);
        let mut entities = Vec::new();
        let mut bytes = 0;
        for (id, last_event, offsets) in known {
            for piece in offsets.chunks(OFFSETS_OF_PIECE) {
                bytes += ITEM_BYTES + size_of_val(piece);
                entities.push((id, last_event, piece.to_vec()));
                if bytes >= PART_BYTES {
                    let entities = std::mem::take(&mut entities);
                    file.write(&Part::Entities { topic, entities })?;
                    bytes = 0;
                }
            }
        }
        if !entities.is_empty() {
            file.write(&Part::Entities { topic, entities })?;
        }
    }
    Ok(())
}

fn save_keys(shared: &Shared, topic: usize, file: &mut PartFile) -> io::Result<()> {
    for shard in 0..super::keys::SHARDS {
        let held = shared.view().index.topic(topic).keys.shard(shard);
        let mut keys = Vec::new();
        let mut bytes = 0;
        for (key, entity_id) in held {
            bytes += ITEM_BYTES + key.len();
            if bytes >= PART_BYTES && !keys.is_empty() {
                let keys = std::mem::take(&mut keys);
                file.write(&Part::Keys { topic, keys })?;
                bytes = ITEM_BYTES + key.len();
            }
            keys.push((key, entity_id.as_u128()));
        }
        if !keys.is_empty() {
            file.write(&Part::Keys { topic, keys })?;
        }
    }
    Ok(())
}

/// The file in the making.
struct PartFile {
    file: File,
    frames: BatchFrames,
    chain: u32,
    number: u64,
}

impl PartFile {
    fn write(&mut self, part: &Part) -> io::Result<()> {
        self.frames.push(|bytes| codec::encode_into(bytes, FORMAT, part));
        self.chain = self.frames.seal(self.number, self.chain);
        self.number += 1;
        self.file.write_all(self.frames.as_bytes())?;
        self.frames.clear(2 * PART_BYTES);
        Ok(())
    }
}

/// Where the checkpoint began, from its first part alone.
pub(super) fn began(folder: &Path) -> Result<Mark, NoCheckpoint> {
    let mut start = Vec::new();
    File::open(path_in(folder))
        .and_then(|file| file.take(PART_BYTES as u64).read_to_end(&mut start))
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => NoCheckpoint::Absent,
            _ => NoCheckpoint::Io(error),
        })?;
    match (Parts { bytes: &start, chain: 0, number: 0 }).next()? {
        Some(Part::Head { began, .. }) => Ok(began),
        _ => Err(NoCheckpoint::Unfit("it does not begin as one".to_owned())),
    }
}

/// Reads the checkpoint of a log with these topics. Whether it fits the log, the log must tell.
pub(super) fn load(folder: &Path, topics: &Topics) -> Result<Checkpoint, NoCheckpoint> {
    let bytes = fs::read(path_in(folder)).map_err(NoCheckpoint::Io)?;
    let unfit = |reason: &str| NoCheckpoint::Unfit(reason.to_owned());
    let mut parts = Parts { bytes: &bytes, chain: 0, number: 0 };
    let Some(Part::Head { topics: names, began, last_id, entries }) = parts.next()? else {
        return Err(unfit("it does not begin as one"));
    };
    if !topics.names().eq(names.iter().map(String::as_str)) {
        return Err(unfit("it is of other topics"));
    }
    let mut index = Index::restored(topics.len(), last_id, entries);
    while let Some(part) = parts.next()? {
        let topic = match &part {
            Part::Head { .. } => return Err(unfit("it begins twice")),
            Part::End { complete } if parts.bytes.is_empty() => {
                return Ok(Checkpoint { index, began, complete: *complete });
            }
            Part::End { .. } => return Err(unfit("it goes on behind its end")),
            Part::Stream { topic, .. }
            | Part::Entities { topic, .. }
            | Part::Keys { topic, .. }
            | Part::Cursors { topic, .. }
            | Part::Snapshots { topic, .. } => *topic,
        };
        if topic >= topics.len() {
            return Err(unfit("it holds a topic that it does not name"));
        }
        let of_topic = index.topic_mut(topic);
        match part {
            Part::Stream { action, spots, .. } => of_topic.restore_stream(action, spots),
            Part::Entities { entities, .. } => of_topic.entities.restore(entities),
            Part::Keys { keys, .. } => {
                for (key, entity_id) in keys {
                    of_topic.keys.claim(key, Uuid::from_u128(entity_id));
                }
            }
            Part::Cursors { cursors, .. } => {
                for (name, position) in cursors {
                    of_topic.set_cursor(name, position);
                }
            }
            Part::Snapshots { snapshots, .. } => {
                let snapshots = snapshots.into_iter();
                let by_entity = snapshots.map(|(id, offset)| (Uuid::from_u128(id), offset));
                of_topic.snapshots.extend(by_entity);
            }
            Part::Head { .. } | Part::End { .. } => {}
        }
    }
    Err(unfit("it has no end"))
}

/// The parts of a checkpoint, one after the other.
struct Parts<'a> {
    bytes: &'a [u8],
    chain: u32,
    number: u64,
}

impl Parts<'_> {
    fn next(&mut self) -> Result<Option<Part>, NoCheckpoint> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let frame = Frame::parse(self.bytes).map_err(|e| NoCheckpoint::Unfit(e.to_string()))?;
        if (frame.header.chain, frame.header.batch) != (self.chain, self.number) {
            return Err(NoCheckpoint::Unfit("its parts do not follow each other".to_owned()));
        }
        let part = codec::decode(FORMAT, frame.payload);
        self.chain = frame.header.crc;
        self.number += 1;
        self.bytes = &self.bytes[frame.header.frame_bytes()..];
        part.map(Some).map_err(|e| NoCheckpoint::Unfit(e.to_string()))
    }
}
