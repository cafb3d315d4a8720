//! A checkpoint makes opening faster, and never changes what is found.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ordershop_store::embedded::{CheckpointVerdict, Embedded, Options, Rescanned};
use ordershop_store::{
    Action, Batch, EntitySnapshot, EntityWrite, EntryId, EventLog, LogError, NewEvent, Position,
    Positions, Topic, Transaction,
};
use tempfile::TempDir;
use uuid::Uuid;

const TOPICS: [Topic; 2] = [Topic::new("people"), Topic::new("things")];
const CHECKPOINT: &str = "index.checkpoint";
/// How many entities of each topic there are.
const ENTITIES: u64 = 7;

fn options() -> Options {
    Options { segment_bytes: 3000, ..Options::default() }
}

fn open(folder: &Path) -> Embedded {
    Embedded::open(folder, &TOPICS, options()).expect("the log opens")
}

fn rescan(folder: &Path) -> Result<Rescanned, LogError> {
    Embedded::rescan(folder, &TOPICS, |done, total| assert!(done <= total))
}

/// The batch of that number: an event, a key that goes from entity to entity, and a cursor.
fn batch(number: u64) -> Batch {
    let topic = TOPICS[usize::from(number % 2 == 1)];
    let turn = number / 2;
    let entity = |turn: u64| Uuid::from_u128(u128::from(turn % ENTITIES) << 3 | 1);
    let event = NewEvent {
        action: if turn < ENTITIES { Action::Created } else { Action::Updated },
        event_id: Uuid::from_u128(u128::from(number) + 1),
        kind: "SomethingHappened".into(),
        schema: 1,
        document: format!(r#"{{"number":{number}}}"#).into(),
        data: "{}".into(),
    };
    let entity_id = entity(turn);
    let write =
        EntityWrite { entity_id, expected: turn / ENTITIES, last_event: None, events: vec![event] };
    let transaction = Transaction {
        topic,
        command_id: Uuid::from_u128(u128::from(number)),
        cause: None,
        writes: vec![write],
        claims: vec![
            ("baton".into(), entity_id),
            (format!("key/{}", number % 50).into(), topic_id()),
        ],
        releases: turn
            .checked_sub(1)
            .map(|turn| ("baton".into(), entity(turn)))
            .into_iter()
            .collect(),
    };
    let mut position = Position::START;
    position.advance(Action::Created, EntryId::new(number, 0));
    let snapshot = EntitySnapshot {
        version: number,
        last_event: Uuid::nil(),
        first_position: EntryId::ZERO,
        format: 1,
        bytes: Arc::new([7; 3]),
    };
    Batch {
        transactions: vec![transaction],
        cursors: vec![("reader".into(), topic, position)],
        snapshots: vec![(topic, entity(turn / 2), snapshot)],
    }
}

fn topic_id() -> Uuid {
    Uuid::from_u128(0x70)
}

async fn append(log: &Embedded, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let outcomes = log.append(batch(number)).await.expect("the log takes a batch");
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }
}

async fn log_with(count: u64) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder is made");
    append(&open(folder.path()), 0..count).await;
    folder
}

/// That the log holds these batches, and goes on with the next.
async fn assert_holds(log: &Embedded, count: u64) {
    let page = log.read(Positions::start(TOPICS), 4000).await.expect("the log can be read");
    let numbers: Vec<_> = page.entries.iter().map(|entry| entry.command_id.as_u128()).collect();
    assert_eq!(numbers, (0..u128::from(count)).collect::<Vec<_>>());
    for number in count.saturating_sub(2)..count {
        let Batch { transactions, cursors, mut snapshots } = batch(number);
        let holders = log.holders(transactions[0].topic, vec!["baton".into()]).await;
        assert_eq!(holders.expect("they are known"), [Some(transactions[0].claims[0].1)]);
        let (topic, entity_id, snapshot) = snapshots.remove(0);
        assert_eq!(log.snapshot(topic, entity_id).await.expect("it is known"), Some(snapshot));
        let (name, topic, position) = cursors[0].clone();
        assert_eq!(log.cursor(name, topic).await.expect("it is known"), Some(position));
    }
    append(log, count..count + 1).await;
}

fn checkpoint_in(folder: &Path) -> PathBuf {
    folder.join(CHECKPOINT)
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).expect("the folder is there");
    let paths = files.map(|file| file.expect("it can be listed").path());
    let mut paths: Vec<_> = paths.filter(|p| p.extension().is_some_and(|e| e == "log")).collect();
    paths.sort_unstable();
    paths
}

fn bytes_of(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<_> = files.map(|file| file.expect("it can be listed").path()).collect();
    files.sort_unstable();
    files.into_iter().map(|path| (path.clone(), fs::read(path).expect("it can be read"))).collect()
}

/// A copy of the checkpoint, then of the log, which may grow in between.
fn copy_of(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().expect("a folder is made");
    if let Ok(bytes) = fs::read(checkpoint_in(folder)) {
        fs::write(checkpoint_in(copy.path()), bytes).expect("it is written");
    }
    for path in segments(folder) {
        let name = path.file_name().expect("it has a name");
        fs::copy(&path, copy.path().join(name)).expect("it is copied");
    }
    copy
}

#[tokio::test]
async fn after_closing_nothing_needs_decoding() {
    let folder = log_with(60).await;
    let log = open(folder.path());
    assert!(log.opened().segments > 3);
    assert_eq!(log.opened().checkpointed_bytes, log.opened().bytes);
    assert_holds(&log, 60).await;
    drop(log);
    assert_eq!(rescan(folder.path()).unwrap().checkpoint, CheckpointVerdict::Agrees);
}

#[tokio::test]
async fn what_stands_behind_the_checkpoint_is_taken_in() {
    for count in 0..30 {
        let folder = log_with(count).await;
        let old = fs::read(checkpoint_in(folder.path())).unwrap();
        let log = open(folder.path());
        let covered = log.opened().checkpointed_bytes;
        append(&log, count..40).await;
        drop(log);
        fs::write(checkpoint_in(folder.path()), old).unwrap();
        assert_eq!(rescan(folder.path()).unwrap().checkpoint, CheckpointVerdict::Agrees);
        let log = open(folder.path());
        assert_eq!((log.opened().checkpointed_bytes, log.opened().entries), (covered, 40));
        assert_holds(&log, 40).await;
    }
}

#[tokio::test]
async fn a_damaged_checkpoint_is_ignored_and_made_anew() {
    let folder = log_with(20).await;
    let good = fs::read(checkpoint_in(folder.path())).unwrap();
    let flipped = (0..good.len()).step_by(41).map(|at| {
        let mut bytes = good.clone();
        bytes[at] ^= 0x08;
        bytes
    });
    let cut = (0..good.len()).step_by(97).map(|length| good[..length].to_vec());
    for bytes in flipped.chain(cut).chain([[&good[..], &[0]].concat()]) {
        let copy = copy_of(folder.path());
        fs::write(checkpoint_in(copy.path()), bytes).unwrap();
        assert_eq!(rescan(copy.path()).unwrap().checkpoint, CheckpointVerdict::Unfit);
        let log = open(copy.path());
        assert_eq!(log.opened().checkpointed_bytes, 0);
        assert_holds(&log, 20).await;
        drop(log);
        assert!(open(copy.path()).opened().checkpointed_bytes > 0);
    }
}

#[tokio::test]
async fn a_checkpoint_ahead_of_the_log_or_of_another_one_is_ignored() {
    let (shorter, longer) = (log_with(20).await, log_with(25).await);
    for (this, other) in [(&shorter, &longer), (&longer, &shorter)] {
        let copy = copy_of(this.path());
        fs::copy(checkpoint_in(other.path()), checkpoint_in(copy.path())).unwrap();
        assert_eq!(open(copy.path()).opened().checkpointed_bytes, 0);
    }
    let copy = copy_of(longer.path());
    let last = segments(copy.path()).pop().unwrap();
    fs::remove_file(last).unwrap();
    let log = open(copy.path());
    assert_eq!(log.opened().checkpointed_bytes, 0);
    assert_holds(&log, log.opened().entries).await;
}

#[tokio::test]
async fn a_checkpoint_of_other_topics_is_ignored() {
    let folder = log_with(20).await;
    let more = [TOPICS[0], TOPICS[1], Topic::new("places")];
    let log = Embedded::open(folder.path(), &more, options()).unwrap();
    assert_eq!(log.opened().checkpointed_bytes, 0);
    assert_holds(&log, 20).await;
    drop(log);
    assert_eq!(open(folder.path()).opened().checkpointed_bytes, 0);
}

/// The parts of a checkpoint are of different moments, if the log grows meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_of_a_growing_log_give_the_index_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { checkpoint_bytes: 1, ..Options::default() };
    let log = Arc::new(Embedded::open(folder.path(), &TOPICS, options).unwrap());
    let writer = tokio::spawn({
        let log = Arc::clone(&log);
        async move { append(&log, 0..1500).await }
    });
    let mut agreed = 0;
    while !writer.is_finished() {
        let copy = copy_of(folder.path());
        match rescan(copy.path()).unwrap().checkpoint {
            CheckpointVerdict::Agrees => agreed += 1,
            CheckpointVerdict::Absent => {}
            CheckpointVerdict::Unfit => panic!("a checkpoint does not fit its log"),
        }
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    assert!(agreed > 2, "only {agreed} checkpoints were seen");
}

#[tokio::test]
async fn verifying_changes_nothing_and_finds_what_opening_finds() {
    let folder = log_with(30).await;
    let before = bytes_of(folder.path());
    let verified = rescan(folder.path()).unwrap();
    let files = segments(folder.path());
    assert_eq!((verified.entries, verified.segments, verified.torn_bytes), (30, files.len(), 0));

    let last = files.last().unwrap();
    let bytes = fs::read(last).unwrap();
    fs::write(last, [&bytes[..], b"torn"].concat()).unwrap();
    let torn = rescan(folder.path()).unwrap();
    assert_eq!((torn.bytes, torn.torn_bytes), (verified.bytes, 4));
    fs::write(last, &bytes).unwrap();
    assert_eq!(bytes_of(folder.path()), before);

    let mut damaged = fs::read(&files[0]).unwrap();
    damaged[100] ^= 1;
    fs::write(&files[0], &damaged).unwrap();
    let found = rescan(folder.path()).unwrap_err().to_string();
    let refused = Embedded::open(folder.path(), &TOPICS, options()).unwrap_err();
    assert_eq!((found, fs::read(&files[0]).unwrap()), (refused.to_string(), damaged));
}

#[tokio::test]
async fn an_open_log_is_not_verified() {
    let folder = log_with(3).await;
    let log = open(folder.path());
    assert!(matches!(rescan(folder.path()), Err(LogError::Locked(_))));
    drop(log);
    rescan(folder.path()).unwrap();
}
