//! What was ever written can still be read, and what is written today is what was written then.
//!
//! `UPDATE_FIXTURES=1` makes the files that are missing; it never changes one that is there.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ordershop_store::embedded::record::{
    CursorRecord, EntryRecord, KeyRecord, SNAPSHOT_FORMAT, SnapshotRecord, TransactionEnd,
};
use ordershop_store::embedded::record::{FORMAT, Record};
use ordershop_store::embedded::{Clock, Embedded, Opened, Options};
use ordershop_store::{
    Action, Batch, EntityWrite, EntryId, EventLog, NewEvent, Position, Positions, Topic,
    Transaction,
};
use uuid::Uuid;

const TOPICS: [Topic; 2] = [Topic::new("customer"), Topic::new("order")];
const NOW_US: i64 = 1_700_000_000_999_999;
const SEGMENT: &str = "segment-1.bin";
const FIRST_SEGMENT: &str = "00000000000000000000.log";

fn path_of(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The bytes of a fixture; where it is missing and is to be made, `bytes` become it.
fn fixture(name: &str, bytes: &[u8]) -> Vec<u8> {
    let path = path_of(name);
    if std::env::var_os("UPDATE_FIXTURES").is_some() && !path.exists() {
        fs::write(&path, bytes).expect("the fixture is written");
    }
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn position() -> Position {
    let mut position = Position::START;
    position.advance(Action::Created, EntryId::new(1_700_000_000, 1));
    position.advance(Action::Internal, EntryId::new(1_700_000_001, 999_999));
    position
}

/// One value for each kind and each shape that a record can have, in the formats that
/// are written today.
fn records() -> Vec<(&'static str, Record<'static>)> {
    let entry = EntryRecord {
        id: EntryId::new(1_700_000_000, 42),
        topic: "order",
        action: Action::Updated,
        event_id: 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210,
        entity_id: 0x0223_4567_89ab_cdef_fedc_ba98_7654_3210,
        version: 3,
        kind: "OrderShipped",
        schema: 4,
        time_us: 1_700_000_000_000_041,
        command_id: 0x0523_4567_89ab_cdef_fedc_ba98_7654_3210,
        cause: Some(0x0623_4567_89ab_cdef_fedc_ba98_7654_3210),
        document: r#"{"id":"…"}"#,
        data: r#"{"carrier":"🚲"}"#,
        end: Some(TransactionEnd {
            releases: vec![KeyRecord {
                key: "order/old",
                entity_id: 0x0223_4567_89ab_cdef_fedc_ba98_7654_3210,
            }],
            claims: vec![
                KeyRecord {
                    key: "order/new",
                    entity_id: 0x0223_4567_89ab_cdef_fedc_ba98_7654_3210,
                },
                KeyRecord { key: "", entity_id: 0x0723_4567_89ab_cdef_fedc_ba98_7654_3210 },
            ],
        }),
    };
    let inner = EntryRecord {
        action: Action::Internal,
        time_us: -1,
        cause: None,
        document: "",
        end: None,
        ..entry.clone()
    };
    let cursor = CursorRecord { name: "mails", topic: "order", position: position() };
    let snapshot = SnapshotRecord {
        topic: "order",
        entity_id: 0x0223_4567_89ab_cdef_fedc_ba98_7654_3210,
        version: 1001,
        last_event: 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210,
        first_position: EntryId::new(1_700_000_000, 42),
        format: 5,
        bytes: b"a state",
    };
    vec![
        ("entry-1.bin", Record::Entry(entry)),
        ("entry-inner-1.bin", Record::Entry(inner)),
        ("cursor-1.bin", Record::Cursor(cursor)),
        ("snapshot-2.bin", Record::Snapshot(snapshot)),
    ]
}

#[test]
fn every_stored_record_decodes_to_what_it_was() {
    for (name, expected) in records() {
        let mut bytes = Vec::new();
        expected.encode_into(&mut bytes);
        let bytes = fixture(name, &bytes);
        assert_eq!(Record::decode(&bytes).unwrap(), expected, "{name}");
    }
}

#[test]
fn records_are_written_as_they_were_in_formats_1_and_2() {
    let formats = (FORMAT.number(), SNAPSHOT_FORMAT.number());
    assert_eq!(formats, (1, 2), "a new format needs fixtures of its own");
    for (name, record) in records() {
        let mut bytes = Vec::new();
        record.encode_into(&mut bytes);
        assert_eq!(bytes, fixture(name, &bytes), "{name}");
    }
}

/// A clock that shows the same time for ever, so that a log is the same to the byte.
#[derive(Debug)]
struct Stopped;

impl Clock for Stopped {
    fn now_us(&self) -> i64 {
        NOW_US
    }
}

fn open(folder: &Path) -> Embedded {
    let options = Options { clock: Arc::new(Stopped), ..Options::default() };
    Embedded::open(folder, &TOPICS, options).expect("the log opens")
}

/// Two batches, with all kinds of records.
fn batches() -> [Batch; 2] {
    let event = |number: u128, action| NewEvent {
        action,
        event_id: Uuid::from_u128(number),
        kind: Cow::Borrowed("OrderPlaced"),
        schema: 1,
        document: r#"{"id":"1"}"#.into(),
        data: "{}".into(),
    };
    let entity_id = Uuid::from_u128(1);
    let write = |expected, events| EntityWrite { entity_id, expected, last_event: None, events };
    let transaction = |writes, command: u128| Transaction {
        topic: TOPICS[1],
        command_id: Uuid::from_u128(command),
        cause: None,
        writes,
        claims: vec![("order/1".into(), entity_id)],
        releases: vec![],
    };
    let first = vec![event(10, Action::Created), event(11, Action::Internal)];
    [
        Batch { transactions: vec![transaction(vec![write(0, first)], 20)], ..Batch::default() },
        Batch {
            transactions: vec![transaction(vec![write(2, vec![event(12, Action::Deleted)])], 21)],
            cursors: vec![("mails".into(), TOPICS[0], position())],
            ..Batch::default()
        },
    ]
}

/// The bytes of the segment that a log with these batches has.
async fn written_segment() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder is made");
    let log = open(folder.path());
    for batch in batches() {
        assert!(log.append(batch).await.expect("the log takes a batch").iter().all(Result::is_ok));
    }
    drop(log);
    fs::read(folder.path().join(FIRST_SEGMENT)).expect("the segment is there")
}

#[tokio::test]
async fn a_segment_is_written_as_it_was_in_format_1() {
    let bytes = written_segment().await;
    assert_eq!(bytes, fixture(SEGMENT, &bytes));
}

#[tokio::test]
async fn a_stored_segment_opens_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fixture(SEGMENT, &written_segment().await);
    fs::write(folder.path().join(FIRST_SEGMENT), &bytes).unwrap();
    let log = open(folder.path());
    let opened = Opened {
        entries: 3,
        segments: 1,
        bytes: bytes.len() as u64,
        checkpointed_bytes: 0,
        torn_bytes_cut: 0,
    };
    assert_eq!(log.opened(), opened);
    let page = log.read(Positions::start(TOPICS), 10).await.unwrap();
    let ids: Vec<_> = page.entries.iter().map(|entry| (entry.id, entry.action)).collect();
    let expected = [
        (EntryId::new(1_700_000_000, 999_999), Action::Created),
        (EntryId::new(1_700_000_001, 0), Action::Internal),
        (EntryId::new(1_700_000_001, 1), Action::Deleted),
    ];
    assert_eq!(ids, expected);
    assert_eq!(&*page.entries[2].document, r#"{"id":"1"}"#);
    assert_eq!(log.cursor("mails".into(), TOPICS[0]).await.unwrap(), Some(position()));
    let holders = log.holders(TOPICS[1], vec!["order/1".into()]).await.unwrap();
    assert_eq!(holders, [Some(Uuid::from_u128(1))]);
    let again = log.append(batches()[0].clone()).await.unwrap();
    assert_eq!(again[0].as_ref().unwrap().ids, [ids[0].0, ids[1].0]);
}
