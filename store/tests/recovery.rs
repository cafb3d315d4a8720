//! However a log's files are damaged, it loses no acknowledged batch in silence.
//!
//! With `ORDERSHOP_PROVE=1` every byte is tried, and not only some of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ordershop_store::embedded::{Embedded, Options};
use ordershop_store::{
    Action, Batch, EntityWrite, EventLog, LogError, NewEvent, Position, Positions, Topic,
    Transaction,
};
use tempfile::TempDir;
use uuid::Uuid;

const TOPICS: [Topic; 2] = [Topic::new("people"), Topic::new("things")];
const SEGMENT_HEADER_BYTES: u64 = 36;
const FRAME_HEADER_BYTES: u64 = 21;
/// How many events each batch of these tests has.
const BATCH: u64 = 3;

/// From byte to byte in proving runs, else in steps that meet every part of a record.
fn step() -> usize {
    if std::env::var_os("ORDERSHOP_PROVE").is_some() { 1 } else { 13 }
}

fn open_with(folder: &Path, options: Options) -> Result<Embedded, LogError> {
    Embedded::open(folder, &TOPICS, options)
}

fn open(folder: &Path) -> Result<Embedded, LogError> {
    open_with(folder, Options::default())
}

/// With segments that hold two batches.
fn tiny() -> Options {
    Options { segment_bytes: 2000, ..Options::default() }
}

/// The batch of that number: three transactions, one of them of another topic.
fn batch(number: u64) -> Batch {
    let transaction = |place: u64| {
        let entity_id = Uuid::from_u128(u128::from(place));
        let event = NewEvent {
            action: Action::Updated,
            event_id: Uuid::from_u128(u128::from(number * BATCH + place)),
            kind: "SomethingHappened".into(),
            schema: 1,
            document: format!(r#"{{"number":{number}}}"#).into(),
            data: "{}".into(),
        };
        Transaction {
            topic: TOPICS[usize::from(place == 1)],
            command_id: event.event_id,
            cause: None,
            writes: vec![EntityWrite {
                entity_id,
                expected: number,
                last_event: None,
                events: vec![event],
            }],
            claims: vec![],
            releases: vec![],
        }
    };
    Batch { transactions: (0..BATCH).map(transaction).collect(), ..Batch::default() }
}

/// Appends batches up to that number.
async fn append(log: &Embedded, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let outcomes = log.append(batch(number)).await.expect("the log takes a batch");
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }
}

/// How many batches there are; each of them whole.
async fn batches(log: &Embedded) -> u64 {
    let page = log.read(Positions::start(TOPICS), 4096).await.expect("the log can be read");
    let entries = page.entries.len() as u64;
    assert_eq!((entries % BATCH, entries), (0, log.opened().entries.max(entries)));
    for (entry, number) in page.entries.iter().zip(0..) {
        assert_eq!(entry.event_id.as_u128(), number, "they are in order");
    }
    entries / BATCH
}

/// A log with that many batches, and the lengths of its files after each of them.
async fn log_with(count: u64, options: Options) -> (TempDir, Vec<u64>) {
    let folder = tempfile::tempdir().expect("a folder is made");
    let log = open_with(folder.path(), options).expect("the log opens");
    let mut ends = vec![total(folder.path())];
    for number in 0..count {
        append(&log, number..number + 1).await;
        ends.push(total(folder.path()));
    }
    (folder, ends)
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).expect("the folder is there");
    let paths = files.map(|file| file.expect("it can be listed").path());
    let mut paths: Vec<_> = paths.filter(|p| p.extension().is_some_and(|e| e == "log")).collect();
    paths.sort_unstable();
    paths
}

fn total(folder: &Path) -> u64 {
    segments(folder).iter().map(|path| fs::metadata(path).expect("it is there").len()).sum()
}

/// The places in a segment file at which its records begin.
fn records_of(bytes: &[u8]) -> Vec<u64> {
    let mut starts = Vec::new();
    let mut at = SEGMENT_HEADER_BYTES;
    while let Some(length) = bytes.get(usize::try_from(at).expect("it is small")..) {
        let Some(length) = length.first_chunk::<4>() else {
            break;
        };
        starts.push(at);
        at += FRAME_HEADER_BYTES + u64::from(u32::from_le_bytes(*length));
    }
    starts
}

fn assert_corrupt(result: Result<Embedded, LogError>, path: &Path, offset: u64, what: &str) {
    match result {
        Err(LogError::Corrupt { path: found, offset: at, reason }) => {
            assert_eq!((&*found, at), (path, offset), "{what}: {reason}");
        }
        Err(other) => panic!("{what}: {other}"),
        Ok(log) => panic!("{what}: it opened, {:?}", log.opened()),
    }
}

#[tokio::test]
async fn a_changed_byte_before_the_last_batch_is_corruption() {
    let (folder, ends) = log_with(5, Options::default()).await;
    let path = segments(folder.path()).remove(0);
    let good = fs::read(&path).unwrap();
    let starts = records_of(&good);
    let last_batch = usize::try_from(ends[4]).unwrap();
    for at in (0..last_batch).step_by(step()) {
        for flipped in [0x01, 0xff] {
            let mut bytes = good.clone();
            bytes[at] ^= flipped;
            fs::write(&path, &bytes).unwrap();
            let begins = starts.iter().rev().find(|&&start| start <= at as u64);
            let what = format!("byte {at}");
            assert_corrupt(open(folder.path()), &path, begins.copied().unwrap_or(0), &what);
            assert_eq!(fs::read(&path).unwrap(), bytes, "a corrupt file is left as it is");
        }
    }
    fs::write(&path, &good).unwrap();
    assert_eq!(batches(&open(folder.path()).unwrap()).await, 5);
}

#[tokio::test]
async fn a_cut_at_any_byte_of_the_last_batch_leaves_the_earlier_ones() {
    let (folder, ends) = log_with(3, Options::default()).await;
    let path = segments(folder.path()).remove(0);
    let good = fs::read(&path).unwrap();
    for length in ends[2]..ends[3] {
        fs::write(&path, &good[..usize::try_from(length).unwrap()]).unwrap();
        let log = open(folder.path()).unwrap();
        assert_eq!(log.opened().torn_bytes_cut, length - ends[2]);
        assert_eq!((batches(&log).await, total(folder.path())), (2, ends[2]));
        if !(length - ends[2]).is_multiple_of(step() as u64) {
            continue;
        }
        append(&log, 2..4).await;
        drop(log);
        let log = open(folder.path()).unwrap();
        assert_eq!((log.opened().torn_bytes_cut, batches(&log).await), (0, 4));
    }
}

#[tokio::test]
async fn a_changed_byte_in_the_last_batch_costs_that_batch_alone() {
    let (folder, ends) = log_with(3, Options::default()).await;
    let path = segments(folder.path()).remove(0);
    let good = fs::read(&path).unwrap();
    for at in (usize::try_from(ends[2]).unwrap()..good.len()).step_by(step()) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x20;
        fs::write(&path, &bytes).unwrap();
        let log = open(folder.path()).unwrap();
        assert_eq!(log.opened().torn_bytes_cut, ends[3] - ends[2], "byte {at}");
        assert_eq!(batches(&log).await, 2);
        append(&log, 2..3).await;
    }
}

#[tokio::test]
async fn a_tail_of_anything_is_cut() {
    let (folder, ends) = log_with(2, Options::default()).await;
    let path = segments(folder.path()).remove(0);
    let good = fs::read(&path).unwrap();
    let noise = |n: u64| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56).to_le_bytes()[0];
    let tails = [vec![0; 1 << 20], vec![0xff; 1 << 20], (0..1 << 20).map(noise).collect()];
    for tail in tails {
        fs::write(&path, [&good[..], &tail[..]].concat()).unwrap();
        let log = open(folder.path()).unwrap();
        assert_eq!(log.opened().torn_bytes_cut, 1 << 20);
        assert_eq!((batches(&log).await, total(folder.path())), (2, ends[2]));
    }
}

#[tokio::test]
async fn batches_that_do_not_follow_each_other_are_corruption() {
    let (folder, ends) = log_with(4, Options::default()).await;
    let path = segments(folder.path()).remove(0);
    let good = fs::read(&path).unwrap();
    let end = |number: usize| usize::try_from(ends[number]).unwrap();
    let missing = [&good[..end(1)], &good[end(2)..]].concat();
    let twice = [&good[..end(2)], &good[end(1)..]].concat();
    let back = [&good[..end(4)], &good[end(0)..end(1)]].concat();
    let (other, other_ends) = log_with(4, Options::default()).await;
    let other = fs::read(&segments(other.path())[0]).unwrap();
    let foreign = [&good[..end(3)], &other[usize::try_from(other_ends[3]).unwrap()..]].concat();
    let cases = [(missing, ends[1]), (twice, ends[2]), (back, ends[4]), (foreign, ends[3])];
    for (bytes, offset) in cases {
        fs::write(&path, bytes).unwrap();
        assert_corrupt(open(folder.path()), &path, offset, "another batch");
    }
}

#[tokio::test]
async fn a_log_of_many_segments_opens_and_is_read_as_one() {
    let (folder, ends) = log_with(20, tiny()).await;
    let files = segments(folder.path());
    assert!(files.len() > 5, "{files:?}");
    let log = open_with(folder.path(), tiny()).unwrap();
    assert_eq!((log.opened().segments, log.opened().bytes), (files.len(), ends[20]));
    assert_eq!(batches(&log).await, 20);
    append(&log, 20..30).await;
    drop(log);
    // The length of segments may change from one opening to the next.
    let log = open(folder.path()).unwrap();
    assert_eq!(batches(&log).await, 30);
}

#[tokio::test]
async fn any_damage_to_an_earlier_segment_is_corruption() {
    let (folder, _) = log_with(20, tiny()).await;
    let files = segments(folder.path());
    let path = &files[2];
    let good = fs::read(path).unwrap();
    let starts = records_of(&good);
    for at in (0..good.len()).step_by(step()) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x04;
        fs::write(path, &bytes).unwrap();
        let begins = starts.iter().rev().find(|&&start| start <= at as u64);
        assert_corrupt(open(folder.path()), path, begins.copied().unwrap_or(0), "a byte");
    }
    for length in (0..good.len()).step_by(step()) {
        fs::write(path, &good[..length]).unwrap();
        match open(folder.path()) {
            Err(LogError::Corrupt { path: found, .. }) => assert_eq!(&found, path),
            other => panic!("cut to {length}: {other:?}"),
        }
    }
    fs::write(path, [&good[..], &[0]].concat()).unwrap();
    assert_corrupt(open(folder.path()), path, good.len() as u64, "a byte too many");
}

#[tokio::test]
async fn a_missing_segment_is_corruption() {
    let (folder, _) = log_with(20, tiny()).await;
    let files = segments(folder.path());
    for missing in 0..files.len() - 1 {
        let bytes = fs::read(&files[missing]).unwrap();
        fs::remove_file(&files[missing]).unwrap();
        let (path, offset) = match missing.checked_sub(1) {
            Some(before) => (&files[before], fs::metadata(&files[before]).unwrap().len()),
            None => (&files[1], 0),
        };
        assert_corrupt(open(folder.path()), path, offset, "a missing segment");
        fs::write(&files[missing], bytes).unwrap();
    }
    assert_eq!(batches(&open(folder.path()).unwrap()).await, 20);
}

#[tokio::test]
async fn segments_that_changed_places_are_corruption() {
    let (folder, _) = log_with(20, tiny()).await;
    let files = segments(folder.path());
    let [second, third] = [1, 2].map(|number: usize| fs::read(&files[number]).unwrap());
    fs::write(&files[1], third).unwrap();
    fs::write(&files[2], second).unwrap();
    assert_corrupt(open(folder.path()), &files[1], 0, "another segment");
}

/// A crash while a segment was begun can leave its file under the other name, or, on a disk that
/// does not keep its order, a last segment with a part of its header.
#[tokio::test]
async fn leftovers_of_a_segment_that_was_begun_are_removed() {
    let (folder, ends) = log_with(4, Options::default()).await;
    let leftover = |extension: &str| folder.path().join(format!("{:020}.{extension}", ends[4]));
    let header = fs::read(&segments(folder.path())[0]).unwrap()[..36].to_vec();
    for length in 0..=36 {
        for extension in ["new", "log"] {
            fs::write(leftover(extension), &header[..length]).unwrap();
            if extension == "log" && length == 36 {
                // A whole header, but that of another segment.
                assert_corrupt(open(folder.path()), &leftover("log"), 0, "another's header");
                fs::remove_file(leftover("log")).unwrap();
                continue;
            }
            let log = open(folder.path()).unwrap();
            assert!(!leftover(extension).exists());
            assert_eq!(batches(&log).await, 4);
        }
    }
    let log = open_with(folder.path(), tiny()).unwrap();
    append(&log, 4..8).await;
    drop(log);
    assert_eq!(batches(&open(folder.path()).unwrap()).await, 8);
}

#[tokio::test]
async fn a_crash_right_after_a_segment_was_begun_costs_nothing() {
    let (folder, _) = log_with(7, tiny()).await;
    let files = segments(folder.path());
    let last = files.last().unwrap();
    let bytes = fs::read(last).unwrap();
    for length in (36..bytes.len()).step_by(step()) {
        fs::write(last, &bytes[..length]).unwrap();
        let log = open_with(folder.path(), tiny()).unwrap();
        assert_eq!(log.opened().torn_bytes_cut, length as u64 - SEGMENT_HEADER_BYTES);
        assert_eq!(batches(&log).await, 6);
        append(&log, 6..8).await;
        drop(log);
        for file in segments(folder.path()).iter().filter(|file| !files.contains(file)) {
            fs::remove_file(file).unwrap();
        }
    }
}

#[tokio::test]
async fn other_files_are_left_alone_and_false_segments_refused() {
    let (folder, _) = log_with(2, Options::default()).await;
    for name in ["notes.txt", "checkpoint", "core.new", ".log"] {
        fs::write(folder.path().join(name), "anything").unwrap();
    }
    fs::create_dir(folder.path().join("lost+found")).unwrap();
    assert_eq!(batches(&open(folder.path()).unwrap()).await, 2);
    assert!(folder.path().join("core.new").exists());
    for name in ["1.log", "+0000000000000000001.log", "0000000000000000000a.log"] {
        let path = folder.path().join(name);
        fs::write(&path, "").unwrap();
        match open(folder.path()) {
            Err(LogError::Unknown { path: found, .. }) => assert_eq!(found, path),
            other => panic!("{other:?}"),
        }
        fs::remove_file(&path).unwrap();
    }
    let file = folder.path().join("notes.txt");
    assert!(matches!(open(&file), Err(LogError::Io { .. })), "a file is no folder");
}

#[tokio::test]
async fn a_topic_that_the_program_does_not_know_is_refused() {
    let (folder, _) = log_with(2, Options::default()).await;
    match Embedded::open(folder.path(), &TOPICS[..1], Options::default()) {
        Err(LogError::Unknown { reason, .. }) => assert!(reason.contains("`things`"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(batches(&open(folder.path()).unwrap()).await, 2);
    let log = open(folder.path()).unwrap();
    let nobody = Topic::new("nobody");
    assert!(matches!(log.ends(vec![nobody]).await, Err(LogError::Unknown { .. })));
    let cursors = vec![("c".into(), nobody, Position::START)];
    let set = log.append(Batch { cursors, ..Batch::default() }).await;
    assert!(matches!(set, Err(LogError::Unknown { .. })));
}

#[tokio::test]
async fn a_log_is_opened_once_at_a_time() {
    let (folder, _) = log_with(1, Options::default()).await;
    let log = open(folder.path()).unwrap();
    match open(folder.path()) {
        Err(LogError::Locked(path)) => assert_eq!(path, folder.path()),
        other => panic!("{other:?}"),
    }
    let lock = fs::read_to_string(folder.path().join("LOCK")).unwrap();
    assert_eq!(lock, format!("{}\n", std::process::id()));
    assert!(!opens_in_another_process(folder.path()));
    log.close();
    assert!(opens_in_another_process(folder.path()));
    assert_eq!(batches(&open(folder.path()).unwrap()).await, 1);
}

/// The folder that the other process is to open.
const FOLDER_OF_CHILD: &str = "ORDERSHOP_TEST_FOLDER";

fn opens_in_another_process(folder: &Path) -> bool {
    let status = Command::new(std::env::current_exe().expect("this program has a path"))
        .args(["--exact", "the_other_process"])
        .env(FOLDER_OF_CHILD, folder)
        .output()
        .expect("it starts")
        .status;
    status.success()
}

/// Opens the log that it is told to; without one there is nothing to do.
#[test]
fn the_other_process() {
    if let Some(folder) = std::env::var_os(FOLDER_OF_CHILD) {
        open(Path::new(&folder)).unwrap();
    }
}
