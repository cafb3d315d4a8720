//! Promises about the snapshots of entities.

use super::given::{commit, entity, one};
use super::{Fixture, PEOPLE, THINGS};
use crate::{Batch, EntitySnapshot, EntryId, EventLog, Topic};

fn snapshot(version: u64) -> EntitySnapshot {
    EntitySnapshot {
        version,
        last_event: entity(version.into()),
        first_position: EntryId::new(version, 7),
        format: 3,
        bytes: vec![u8::MAX; usize::try_from(version * 100).expect("it is small")].into(),
    }
}

async fn save(log: &impl EventLog, topic: Topic, number: u128, versions: &[u64]) {
    let snapshots = versions.iter().map(|v| (topic, entity(number), snapshot(*v))).collect();
    let batch = Batch { snapshots, ..Batch::default() };
    log.append(batch).await.expect("it is saved");
}

async fn get(log: &impl EventLog, topic: Topic, number: u128) -> Option<EntitySnapshot> {
    log.snapshot(topic, entity(number)).await.expect("it is known")
}

/// An entity's snapshot is the one saved last, of whatever version, also after opening again.
pub async fn the_last_saved_snapshot_counts<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    assert_eq!(get(&log, PEOPLE, 1).await, None);
    save(&log, PEOPLE, 1, &[7]).await;
    assert_eq!(get(&log, PEOPLE, 1).await, Some(snapshot(7)));
    save(&log, PEOPLE, 1, &[9, 5]).await;
    assert_eq!(get(&log, PEOPLE, 1).await, Some(snapshot(5)));
    for version in 0..20 {
        commit(&log, one(PEOPLE, version.into(), entity(1), version)).await;
    }
    assert_eq!(get(&log, PEOPLE, 1).await, Some(snapshot(5)));
    drop(log);
    let log = fixture.open().await;
    assert_eq!(get(&log, PEOPLE, 1).await, Some(snapshot(5)));
    save(&log, PEOPLE, 1, &[0]).await;
    drop(log);
    let log = fixture.open().await;
    assert_eq!(get(&log, PEOPLE, 1).await, Some(snapshot(0)));
}

/// Each entity of each topic has a snapshot of its own, and a snapshot is no event.
pub async fn snapshots_of_entities_are_apart<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    save(&log, PEOPLE, 1, &[1]).await;
    save(&log, THINGS, 1, &[2]).await;
    save(&log, THINGS, 2, &[3]).await;
    assert_eq!(get(&log, PEOPLE, 1).await, Some(snapshot(1)));
    assert_eq!(get(&log, THINGS, 1).await, Some(snapshot(2)));
    assert_eq!(get(&log, THINGS, 2).await, Some(snapshot(3)));
    assert_eq!(get(&log, PEOPLE, 2).await, None);
    let latest = log.latest(PEOPLE, vec![entity(1)]).await.expect("it is known");
    assert_eq!(latest, [None]);
    commit(&log, one(PEOPLE, 0, entity(1), 0)).await;
}
