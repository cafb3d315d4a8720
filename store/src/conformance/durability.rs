//! Promises about what is there after opening again, and about cursors.

use super::given::{commit, entity, key, one, position, read_all};
use super::{Fixture, PEOPLE, THINGS, TOPICS};
use crate::{Batch, CursorName, EntryId, EventLog, Position, Topic};

async fn set(log: &impl EventLog, name: &str, topic: Topic, position: Position) {
    let batch = Batch { cursors: vec![(name.into(), topic, position)], ..Batch::default() };
    log.append(batch).await.expect("the cursor is set");
}

async fn get(log: &impl EventLog, name: &str, topic: Topic) -> Option<Position> {
    let name: CursorName = name.into();
    log.cursor(name, topic).await.expect("the cursor is known")
}

fn somewhere(seconds: u64) -> Position {
    position([1, 2, 3, 4].map(|micros| EntryId::new(seconds, micros)))
}

/// Entries, versions, keys, ends and cursors; and the log goes on from there.
pub async fn everything_is_there_after_opening_again<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    for version in 0..30 {
        commit(&log, one(PEOPLE, version.into(), entity(1), version)).await;
        let mut claiming = one(THINGS, version.into(), entity(version.into()), 0);
        claiming.claims.push((key(&version.to_string()), entity(version.into())));
        let cursors = vec![("c".into(), PEOPLE, somewhere(version))];
        let batch = Batch { transactions: vec![claiming], cursors, ..Batch::default() };
        log.append(batch).await.expect("a batch")[0].as_ref().expect("it is accepted");
    }
    let entries = read_all(&log, &TOPICS).await;
    let ends = log.ends(TOPICS.to_vec()).await.expect("they are known");
    drop(log);
    for round in 0_u64..2 {
        let log = fixture.open().await;
        assert_eq!(read_all(&log, &TOPICS).await[..60], entries);
        let latest = log.latest(THINGS, vec![entity(7)]).await.expect("they are known");
        assert_eq!(latest[0].as_ref().map(|entry| entry.version), Some(1));
        let holders = log.holders(THINGS, vec![key("29"), key("30")]).await;
        assert_eq!(holders.expect("they are known"), [Some(entity(29)), None]);
        assert_eq!(get(&log, "c", PEOPLE).await, Some(somewhere(29)));
        if round == 0 {
            assert_eq!(log.ends(TOPICS.to_vec()).await.expect("they are known"), ends);
        }
        let next = commit(&log, one(PEOPLE, 100 + u128::from(round), entity(1), 30 + round)).await;
        assert!(ends.of(PEOPLE).last() < next.last());
    }
}

/// A cursor is where it was set last, be that before or behind.
pub async fn the_last_set_cursor_counts<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    assert_eq!(get(&log, "a", PEOPLE).await, None);
    set(&log, "a", PEOPLE, somewhere(7)).await;
    set(&log, "a", PEOPLE, somewhere(5)).await;
    assert_eq!(get(&log, "a", PEOPLE).await, Some(somewhere(5)));
    let cursors = [3, 4].map(|seconds| ("a".into(), PEOPLE, somewhere(seconds))).to_vec();
    log.append(Batch { cursors, ..Batch::default() }).await.expect("they are set");
    assert_eq!(get(&log, "a", PEOPLE).await, Some(somewhere(4)));
    drop(log);
    let log = fixture.open().await;
    assert_eq!(get(&log, "a", PEOPLE).await, Some(somewhere(4)));
}

/// A name has a cursor in each topic.
pub async fn cursors_of_topics_are_apart<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    set(&log, "a", PEOPLE, somewhere(1)).await;
    set(&log, "a", THINGS, somewhere(2)).await;
    set(&log, "b", THINGS, somewhere(3)).await;
    assert_eq!(get(&log, "a", PEOPLE).await, Some(somewhere(1)));
    assert_eq!(get(&log, "a", THINGS).await, Some(somewhere(2)));
    assert_eq!(get(&log, "b", PEOPLE).await, None);
}
