//! Tests of the embedded log that need its insides: disks that fail, and the order of its steps.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use uuid::Uuid;

use super::disk::{Disk, OsDisk};
use super::{Embedded, Options};
use crate::{
    Action, Batch, EntityWrite, EventLog, LogError, NewEvent, Outcome, Positions, Topic,
    Transaction,
};

const TOPIC: Topic = Topic::new("things");

/// What goes wrong, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Only so many bytes are written, then there is no room.
    NoRoom(usize),
    /// Only so many bytes are written, then the disk breaks.
    Broken(usize),
    /// As `NoRoom`, and what was written can't be cut off either.
    NoRoomNoCut(usize),
    /// A file can't be cut.
    NoCut,
    /// Nothing becomes durable.
    NoSync,
}

/// A disk that has the fault that was put in.
#[derive(Debug, Default)]
struct Faulty(Mutex<Option<Fault>>);

impl Faulty {
    fn put(&self, fault: Fault) {
        *self.0.lock().unwrap() = Some(fault);
    }

    fn take_if(&self, has: impl FnOnce(Fault) -> bool) -> Option<Fault> {
        self.0.lock().unwrap().take_if(|fault| has(*fault))
    }
}

impl Disk for Faulty {
    fn write_all_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        match self.take_if(|fault| fault != Fault::NoSync) {
            Some(fault @ (Fault::NoRoom(written) | Fault::NoRoomNoCut(written))) => {
                file.write_all_at(&bytes[..written.min(bytes.len())], at)?;
                if matches!(fault, Fault::NoRoomNoCut(_)) {
                    self.put(Fault::NoCut);
                }
                Err(io::ErrorKind::StorageFull.into())
            }
            Some(Fault::Broken(written)) => {
                file.write_all_at(&bytes[..written.min(bytes.len())], at)?;
                Err(io::Error::other("the disk is broken"))
            }
            _ => OsDisk.write_all_at(file, bytes, at),
        }
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        match self.take_if(|fault| fault == Fault::NoSync) {
            Some(_) => Err(io::Error::other("the disk is broken")),
            None => OsDisk.sync(file),
        }
    }

    fn set_len(&self, file: &File, bytes: u64) -> io::Result<()> {
        match self.take_if(|fault| fault == Fault::NoCut) {
            Some(_) => Err(io::Error::other("the disk is broken")),
            None => OsDisk.set_len(file, bytes),
        }
    }
}

struct Case {
    folder: TempDir,
    disk: Arc<Faulty>,
}

impl Case {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), disk: Arc::default() }
    }

    fn open(&self) -> Embedded {
        let options = Options { segment_bytes: 1500, tail_entries: 2, ..Options::default() };
        let disk = Arc::clone(&self.disk);
        Embedded::open_on(disk, self.folder.path(), &[TOPIC], options).unwrap()
    }
}

/// An event of an entity of its own for each number.
fn batch(numbers: std::ops::Range<u128>) -> Batch {
    let transaction = |number| {
        let event = NewEvent {
            action: Action::Created,
            event_id: Uuid::from_u128(number),
            kind: "ThingMade".into(),
            schema: 1,
            document: "{}".into(),
            data: "x".repeat(100).into(),
        };
        let entity_id = Uuid::from_u128(number);
        Transaction {
            topic: TOPIC,
            command_id: entity_id,
            cause: None,
            writes: vec![EntityWrite {
                entity_id,
                expected: 0,
                last_event: None,
                events: vec![event],
            }],
            claims: vec![],
            releases: vec![],
        }
    };
    Batch { transactions: numbers.map(transaction).collect(), ..Batch::default() }
}

async fn append(log: &Embedded, numbers: std::ops::Range<u128>) -> Result<Vec<Outcome>, LogError> {
    log.append(batch(numbers)).await
}

async fn numbers(log: &Embedded) -> Vec<u128> {
    let page = log.read(Positions::start([TOPIC]), 1000).await.unwrap();
    assert!(!page.more);
    page.entries.iter().map(|entry| entry.entity_id.as_u128()).collect()
}

#[tokio::test]
async fn without_room_nothing_is_written_and_the_log_goes_on() {
    for written in [0, 1, 20, 21, 300, 500, usize::MAX] {
        let case = Case::new();
        let log = case.open();
        append(&log, 0..2).await.unwrap();
        case.disk.put(Fault::NoRoom(written));
        let full = append(&log, 2..4).await.unwrap_err();
        assert!(matches!(full, LogError::Full(_)) && !full.leaves_outcome_open(), "{full}");
        assert_eq!(numbers(&log).await, [0, 1]);
        assert!(append(&log, 3..5).await.unwrap().iter().all(Result::is_ok));
        drop(log);
        let log = case.open();
        assert_eq!((log.opened().torn_bytes_cut, numbers(&log).await), (0, vec![0, 1, 3, 4]));
    }
}

#[tokio::test]
async fn without_room_for_another_segment_the_log_goes_on() {
    let case = Case::new();
    let log = case.open();
    append(&log, 0..4).await.unwrap();
    case.disk.put(Fault::NoRoom(17));
    let full = append(&log, 4..8).await.unwrap_err();
    assert!(matches!(full, LogError::Full(_)), "{full}");
    append(&log, 8..9).await.unwrap();
    append(&log, 4..8).await.unwrap();
    drop(log);
    let log = case.open();
    assert_eq!(numbers(&log).await, [0, 1, 2, 3, 8, 4, 5, 6, 7]);
    assert_eq!(log.opened().segments, 2);
}

#[tokio::test]
async fn a_broken_disk_ends_writing_and_not_reading() {
    let faults = [
        Fault::Broken(0),
        Fault::Broken(100),
        Fault::Broken(usize::MAX),
        Fault::NoRoomNoCut(100),
        Fault::NoSync,
    ];
    for fault in faults {
        let case = Case::new();
        let log = case.open();
        append(&log, 0..3).await.unwrap();
        case.disk.put(fault);
        for _ in 0..2 {
            let failed = append(&log, 3..5).await.unwrap_err();
            assert!(matches!(failed, LogError::Failed(_)) && failed.leaves_outcome_open());
        }
        assert_eq!(numbers(&log).await, [0, 1, 2]);
        drop(log);
        // Whether what was not acknowledged is there is open, but not that it is there whole.
        let log = case.open();
        let found = numbers(&log).await;
        assert!(found == [0, 1, 2] || found == [0, 1, 2, 3, 4], "{fault:?}: {found:?}");
        assert!(append(&log, 3..5).await.unwrap().iter().all(Result::is_ok));
        assert_eq!(numbers(&log).await, [0, 1, 2, 3, 4]);
    }
}

#[tokio::test]
async fn appends_that_wait_when_the_log_is_closed_are_written() {
    let case = Case::new();
    let log = Arc::new(case.open());
    let waiting: Vec<_> = (0..200)
        .map(|number| {
            let log = Arc::clone(&log);
            tokio::spawn(async move { append(&log, number..number + 1).await })
        })
        .collect();
    append(&log, 500..501).await.unwrap();
    log.close();
    assert!(matches!(append(&log, 501..502).await, Err(LogError::Closed)));
    assert!(matches!(log.wait(Positions::start([])).await, Err(LogError::Closed)));
    let mut acknowledged = vec![500];
    for (number, append) in (0..).zip(waiting) {
        match append.await.unwrap() {
            Ok(_) => acknowledged.push(number),
            Err(error) => assert!(matches!(error, LogError::Closed), "{error}"),
        }
    }
    let mut found = numbers(&log).await;
    found.sort_unstable();
    acknowledged.sort_unstable();
    assert_eq!(found, acknowledged);
    // The folder is free, although the closed log can still be read.
    assert_eq!(numbers(&case.open()).await.len(), found.len());
}

#[tokio::test]
async fn a_byte_that_changes_under_an_open_log_is_noticed_by_reads() {
    let case = Case::new();
    let log = case.open();
    append(&log, 0..4).await.unwrap();
    let path = case.folder.path().join("00000000000000000000.log");
    flip(&path, 36 + 60);
    let error = log.read(Positions::start([TOPIC]), 10).await.unwrap_err();
    match error {
        LogError::Corrupt { path: found, offset, .. } => assert_eq!((found, offset), (path, 36)),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_was_asked_for_before_is_answered_without_its_file() {
    let case = Case::new();
    let log = case.open();
    append(&log, 0..4).await.unwrap();
    let first = || log.latest(TOPIC, vec![Uuid::from_u128(0)]);
    let cold = first().await.unwrap();
    assert_eq!(cold[0].as_ref().unwrap().event_id, Uuid::from_u128(0));
    flip(&case.folder.path().join("00000000000000000000.log"), 36 + 60);
    assert_eq!(first().await.unwrap(), cold);
    append(&log, 4..5).await.unwrap();
    assert_eq!(first().await.unwrap(), cold, "it is still the last of its entity");
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}
