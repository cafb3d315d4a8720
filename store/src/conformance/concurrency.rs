//! The promise to many writers at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::given::{append_one, command, entity, one, read_all};
use super::{Fixture, PEOPLE};
use crate::{EventLog, Positions, Refusal};

const WRITERS: u128 = 16;
const ENTITIES: u128 = 3;
const APPENDS_PER_WRITER: u128 = 25;

/// What a writer has seen: which of its events were accepted, and which commands were refused.
#[derive(Default)]
struct Written {
    accepted: Vec<Uuid>,
    refused: Vec<Uuid>,
}

/// Sixteen writers append to the same three entities, while a reader follows.
///
/// Versions have no gaps, what was accepted is there once, what was refused is not there, and the
/// reader sees each entry once and in order.
pub async fn writers_at_once_leave_no_gap_and_lose_nothing<F: Fixture>() {
    let fixture = F::new().await;
    let log = Arc::new(fixture.open().await);
    let reader = tokio::spawn(follow(Arc::clone(&log), WRITERS * APPENDS_PER_WRITER));
    let writers: Vec<_> =
        (0..WRITERS).map(|writer| tokio::spawn(keep_writing(Arc::clone(&log), writer))).collect();
    let mut written = Written::default();
    for writer in writers {
        let Written { accepted, refused } = writer.await.expect("the writer ends");
        written.accepted.extend(accepted);
        written.refused.extend(refused);
    }
    let seen = reader.await.expect("the reader ends");
    let entries = read_all(&*log, &[PEOPLE]).await;
    assert_eq!(seen, entries.iter().map(|entry| entry.id).collect::<Vec<_>>());
    assert!(seen.is_sorted_by(|a, b| a < b), "each once, in order");

    let mut versions = HashMap::<Uuid, u64>::new();
    for entry in &entries {
        let version = versions.entry(entry.entity_id).or_default();
        *version += 1;
        assert_eq!(entry.version, *version, "no gap");
    }
    let there: HashSet<_> = entries.iter().map(|entry| entry.command_id).collect();
    assert_eq!(there.len(), entries.len(), "each command once");
    assert_eq!(there, written.accepted.iter().copied().collect(), "all that was accepted");
    assert!(written.refused.iter().all(|command| !there.contains(command)));
    let log = Arc::into_inner(log).expect("nobody else has the log");
    drop(log);
    assert_eq!(read_all(&fixture.open().await, &[PEOPLE]).await, entries);
}

async fn keep_writing<L: EventLog>(log: Arc<L>, writer: u128) -> Written {
    let mut written = Written::default();
    let mut versions = HashMap::<u128, u64>::new();
    for number in 0_u128.. {
        if written.accepted.len() as u128 == APPENDS_PER_WRITER {
            break;
        }
        let place = (writer + number) % ENTITIES;
        let expected = versions.entry(place).or_default();
        let command_number = (writer << 32) | number;
        match append_one(&*log, one(PEOPLE, command_number, entity(place), *expected)).await {
            Ok(_) => {
                *expected += 1;
                written.accepted.push(command(command_number));
            }
            Err(Refusal::Version { actual, .. }) => {
                *expected = actual;
                written.refused.push(command(command_number));
            }
            Err(other) => panic!("refused for another reason: {other}"),
        }
    }
    written
}

async fn follow<L: EventLog>(log: Arc<L>, count: u128) -> Vec<crate::EntryId> {
    let mut after = Positions::start([PEOPLE]);
    let mut seen = Vec::new();
    while (seen.len() as u128) < count {
        log.wait(after.clone()).await.expect("it waits");
        let page = log.read(after.clone(), 7).await.expect("a page");
        for entry in page.entries {
            after.finish(&entry);
            seen.push(entry.id);
        }
    }
    seen
}
