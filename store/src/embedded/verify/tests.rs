//! Logs in which something is wrong, and what the check says of them.

use super::super::scan::FIRST_BATCH;
use super::super::segment::{HEADER_BYTES, Header};
use super::*;
use crate::Action;
use crate::embedded::disk::OsDisk;
use crate::embedded::frame::BatchFrames;
use crate::embedded::record::{KeyRecord, Record, TransactionEnd};
use crate::embedded::segment::Segment;

const CATS: Topic = Topic::new("cats");

fn entry(number: u64) -> EntryRecord<'static> {
    EntryRecord {
        id: EntryId::new(number, 0),
        topic: CATS.name(),
        action: Action::Created,
        event_id: u128::from(number),
        entity_id: u128::from(number),
        version: 1,
        kind: "CatCame",
        schema: 1,
        time_us: 0,
        command_id: 0,
        cause: None,
        document: "{}",
        data: "{}",
        end: Some(TransactionEnd::default()),
    }
}

fn claiming(mut entry: EntryRecord<'_>) -> EntryRecord<'_> {
    let claims = vec![KeyRecord { key: "basket", entity_id: entry.entity_id }];
    entry.end = Some(TransactionEnd { releases: vec![], claims });
    entry
}

/// A log of these entries, each a batch of its own; then the bytes are changed.
fn check(
    entries: Vec<EntryRecord<'_>>,
    change: impl FnOnce(&mut Vec<u8>),
) -> (Checked, Vec<Rule>, usize) {
    let folder = tempfile::tempdir().unwrap();
    let header = Header { base: 0, first_batch: FIRST_BATCH, chain: 0 };
    let segment = Segment::create(folder.path(), header, &OsDisk).unwrap();
    let mut bytes = fs::read(&segment.path).unwrap();
    let mut chain = 0;
    for (number, entry) in entries.into_iter().enumerate() {
        let mut frames = BatchFrames::default();
        frames.push(|bytes| Record::Entry(entry).encode_into(bytes));
        chain = frames.seal(FIRST_BATCH + number as u64, chain);
        bytes.extend_from_slice(frames.as_bytes());
    }
    change(&mut bytes);
    fs::write(&segment.path, &bytes).unwrap();
    let (mut rules, mut shown) = (Vec::new(), 0);
    let checked = verify(folder.path(), &[CATS], |finding| match finding {
        Finding::Violation(violation) => rules.push(violation.rule),
        Finding::Entry(..) => shown += 1,
        Finding::Progress(..) => {}
    });
    assert_eq!(fs::read(&segment.path).unwrap(), bytes, "nothing is changed");
    (checked.unwrap(), rules, shown)
}

fn broken(entries: Vec<EntryRecord<'_>>) -> Vec<Rule> {
    check(entries, |_| ()).1
}

#[test]
fn a_good_log_has_no_violation_and_every_entry_is_shown() {
    let (checked, rules, shown) = check(vec![entry(1), claiming(entry(2))], |_| ());
    assert_eq!((rules, shown), (vec![], 2));
    assert_eq!((checked.entries, checked.entities, checked.batches), (2, 2, 2));
    assert_eq!((checked.keys, checked.torn_bytes, checked.unjudged), (1, 0, 0));
}

#[test]
fn each_broken_rule_is_told_by_its_name() {
    assert_eq!(broken(vec![entry(2), entry(1)]), [Rule::Ids]);
    assert_eq!(broken(vec![EntryRecord { version: 2, ..entry(1) }]), [Rule::Versions]);
    assert_eq!(broken(vec![entry(1), EntryRecord { event_id: 1, ..entry(2) }]), [Rule::EventIds]);
    assert_eq!(broken(vec![EntryRecord { topic: "dogs", ..entry(1) }]), [Rule::TopicsKnown]);
    let twice = vec![claiming(entry(1)), claiming(entry(2))];
    assert_eq!(broken(twice), [Rule::Keys]);
    let dead = EntryRecord { action: Action::Deleted, ..entry(1) };
    assert_eq!(broken(vec![claiming(dead)]), [Rule::Keys]);
}

#[test]
fn a_torn_end_is_no_violation_and_damage_before_it_is() {
    let three = || vec![entry(1), entry(2), entry(3)];
    let (checked, rules, shown) = check(three(), |bytes| bytes.truncate(bytes.len() - 1));
    assert_eq!((rules, shown), (vec![], 2));
    assert!(checked.torn_bytes > 0);

    let bytes = check(vec![entry(1)], |_| ()).0.bytes;
    let frame = usize::try_from(bytes).unwrap() - HEADER_BYTES;
    let flip = |bytes: &mut Vec<u8>| bytes[HEADER_BYTES + frame + frame / 2] ^= 1;
    let (checked, rules, shown) = check(three(), flip);
    assert_eq!((rules, shown), (vec![Rule::Records], 1));
    assert_eq!(checked.unjudged, 1);

    let cut_out = |bytes: &mut Vec<u8>| drop(bytes.drain(HEADER_BYTES..HEADER_BYTES + frame));
    let (_, rules, _) = check(three(), cut_out);
    assert_eq!(rules[..2], [Rule::Chain, Rule::Chain]);
}
