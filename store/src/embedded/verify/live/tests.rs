//! Logs in use that are checked while they grow, are damaged in place, or know what is not so.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use tempfile::TempDir;

use super::super::{Checked, Verification, Violation};
use super::*;
use crate::embedded::index::Indexed;
use crate::embedded::{Embedded, Options};
use crate::{Batch, EntityWrite, EventLog, NewEvent, Positions, Topic, Transaction, UniqueKey};

const CATS: Topic = Topic::new("cats");

/// A log of small segments, of which little is kept in memory.
fn open(folder: &TempDir) -> Embedded {
    let options = Options { segment_bytes: 2000, tail_entries: 2, ..Options::default() };
    Embedded::open(folder.path(), &[CATS], options).unwrap()
}

fn cat(number: u64) -> Uuid {
    Uuid::from_u128(u128::from(number))
}

/// The cat of that number comes, and takes the basket from the one before it.
async fn come(log: &Embedded, number: u64) {
    let event = NewEvent {
        action: Action::Created,
        event_id: Uuid::from_u128(1 << 64 | u128::from(number)),
        kind: "CatCame".into(),
        schema: 1,
        document: "{}".into(),
        data: "{}".into(),
    };
    let key = UniqueKey::from("basket");
    let write =
        EntityWrite { entity_id: cat(number), expected: 0, last_event: None, events: vec![event] };
    let transaction = Transaction {
        topic: CATS,
        command_id: cat(number),
        cause: None,
        writes: vec![write],
        claims: vec![(UniqueKey::clone(&key), cat(number))],
        releases: vec![(key, cat(number.wrapping_sub(1)))],
    };
    let batch = Batch { transactions: vec![transaction], ..Batch::default() };
    log.append(batch).await.unwrap().pop().unwrap().unwrap();
}

fn finish(mut check: Verification) -> (Checked, Vec<Violation>) {
    let mut violations = Vec::new();
    let mut tell = |finding: Finding<'_>| {
        if let Finding::Violation(violation) = finding {
            violations.push(violation);
        }
    };
    while check.step(&mut tell).unwrap() {}
    (check.checked(), violations)
}

async fn of_cats(folder: &TempDir, cats: u64) -> Embedded {
    let log = open(folder);
    for number in 0..cats {
        come(&log, number).await;
    }
    log
}

#[tokio::test]
async fn a_log_that_grows_meanwhile_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let log = of_cats(&folder, 50).await;
    let (checked, violations) = finish(log.verification());
    assert_eq!((checked.entries, checked.indexed, checked.keys), (50, 50, 1));
    assert!(checked.segments > 3, "{checked:?}");
    assert_eq!(violations, []);

    // The basket goes on from cat to cat, and segment follows on segment.
    let mut check = log.verification();
    let mut tell = |finding: Finding<'_>| assert!(!matches!(finding, Finding::Violation(_)));
    for number in 50.. {
        come(&log, number).await;
        if !check.step(&mut tell).unwrap() {
            break;
        }
    }
    assert!(check.checked().entries > 50, "the moves of the basket were looked into");
}

#[tokio::test]
async fn damage_beneath_a_log_is_told_with_its_place_and_the_log_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let log = of_cats(&folder, 50).await;
    let first = log.read(Positions::start([CATS]), 1).await.unwrap().entries[0].id;
    let files: Vec<_> = log.shared.segments.between(0, u64::MAX);
    let file = File::options().write(true).read(true).open(&files[0].path).unwrap();
    let mut byte = [0];
    let at = HEADER_LENGTH + 60;
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    let (checked, violations) = finish(log.verification());
    let [Violation { rule: Rule::Records, place, .. }] = violations.as_slice() else {
        panic!("{violations:?}");
    };
    assert_eq!((&*place.file, place.byte), (&*files[0].path, HEADER_LENGTH));
    assert_eq!(place.entry, Some(first), "the index still knows which it was");
    assert_eq!(checked.unjudged, 49);
    come(&log, 50).await;

    file.write_all_at(&byte, at).unwrap();
    assert_eq!(finish(log.verification()).1, []);
    file.set_len(at).unwrap();
    assert_eq!(finish(log.verification()).1[0].rule, Rule::Records, "a file was cut");
    fs::remove_file(&files[0].path).unwrap();
    assert_eq!(finish(log.verification()).1[0].rule, Rule::Segments, "a file is gone");
}

#[tokio::test]
async fn an_index_that_differs_from_the_entries_is_told() {
    let broken = async |change: &dyn Fn(&Embedded)| {
        let folder = tempfile::tempdir().unwrap();
        let log = of_cats(&folder, 5).await;
        change(&log);
        let rules = finish(log.verification()).1.into_iter().map(|violation| violation.rule);
        rules.collect::<Vec<_>>()
    };
    let keys = |log: &Embedded, change: &dyn Fn(&mut super::super::super::keys::Keys)| {
        change(&mut log.shared.view_mut().index.topic_mut(0).keys);
    };
    let with_one_more = broken(&|log| {
        let offset = log.shared.view().end.offset - 1;
        let entry = Indexed {
            id: EntryId::new(1 << 40, 0),
            action: Action::Created,
            entity_id: cat(77),
            version: 1,
            offset,
            event_id: cat(77),
        };
        log.shared.view_mut().index.insert(0, entry).unwrap();
    });
    assert_eq!(with_one_more.await, [Rule::Index]);
    assert_eq!(
        broken(&|log| keys(log, &|keys| keys.claim("mat".into(), cat(1)))).await,
        [Rule::Index]
    );
    assert_eq!(
        broken(&|log| keys(log, &|keys| keys.release("basket", cat(4)))).await,
        [Rule::Index]
    );
    let forgetful = broken(&|log| {
        log.shared.view_mut().index.topic_mut(0).entities = entities::Entities::default();
    });
    assert_eq!(forgetful.await, [Rule::Index; 6], "each entry, and how many they are");
}
