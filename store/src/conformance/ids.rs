//! Promises about the ids of entries.

use super::given::{command, commit, entity, read_all, transaction, write};
use super::{Fixture, PEOPLE};
use crate::{Action, EntryId, EventLog};

/// Appends one event of each action, and returns the ids.
async fn append_some(log: &impl EventLog, round: u64) -> Vec<EntryId> {
    let mut ids = Vec::new();
    for (action, number) in Action::ALL.into_iter().zip(0_u64..) {
        let place = u128::from(number);
        let writes = vec![write(entity(place), round * 2, &[action; 2])];
        let command_id = command(u128::from(round) * 10 + place);
        ids.extend(commit(log, transaction(PEOPLE, command_id, writes)).await.ids);
    }
    ids
}

fn assert_rising(ids: &[EntryId]) {
    let falling = ids.windows(2).find(|pair| pair[0] >= pair[1]);
    assert_eq!(falling, None, "ids rise strictly");
}

/// Whatever the stream, a later entry has a higher id; microseconds carry into the seconds.
pub async fn ids_rise_over_all_streams_of_a_topic<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    let mut ids = Vec::new();
    for round in 0..25 {
        ids.extend(append_some(&log, round).await);
    }
    assert_rising(&ids);
    assert!(ids.iter().all(|id| id.micros() < 1_000_000));
    let read: Vec<_> = read_all(&log, &[PEOPLE]).await.iter().map(|entry| entry.id).collect();
    assert_eq!(read, ids);
}

/// A clock that stands still just before the next second does not stop ids from rising.
pub async fn ids_rise_while_the_clock_stands_still<F: Fixture>() {
    let fixture = F::new().await;
    let can_stop = fixture.stop_clock(1_700_000_000_999_998);
    let log = fixture.open().await;
    let ids = append_some(&log, 0).await;
    assert_rising(&ids);
    if can_stop {
        assert_eq!(ids[0], EntryId::new(1_700_000_000, 999_998));
        assert_eq!(ids[2], EntryId::new(1_700_000_001, 0));
    }
}

/// A clock that goes back, also while the log is closed, does not stop ids from rising.
pub async fn ids_rise_when_the_clock_goes_back<F: Fixture>() {
    let fixture = F::new().await;
    let mut ids = Vec::new();
    for (round, at_us) in (0..).zip([1_700_000_000_000_000, 1_600_000_000_000_000, -5, i64::MIN]) {
        fixture.stop_clock(at_us);
        let log = fixture.open().await;
        ids.extend(append_some(&log, round * 2).await);
        fixture.stop_clock(at_us.saturating_sub(1_000_000));
        ids.extend(append_some(&log, round * 2 + 1).await);
    }
    assert_rising(&ids);
}
