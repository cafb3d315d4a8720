//! Promises about transactions and versions.

use uuid::Uuid;

use super::given::{
    append, append_one, command, commit, entity, event, one, read_all, transaction, write,
};
use super::{Fixture, PEOPLE, THINGS, TOPICS};
use crate::{Action, EventLog, Refusal, Topic};

/// All events of all writes are there, in order.
pub async fn a_transaction_is_accepted_whole<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    let writes = vec![
        write(entity(1), 0, &[Action::Created, Action::Updated, Action::Internal]),
        write(entity(2), 0, &[Action::Created, Action::Deleted]),
    ];
    let committed = commit(&log, transaction(PEOPLE, command(1), writes)).await;
    let entries = read_all(&log, &TOPICS).await;
    let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
    assert_eq!(ids, committed.ids);
    assert_eq!(committed.last(), ids[4]);
    let events: Vec<_> = entries.iter().map(|e| (e.entity_id, e.version, e.action)).collect();
    assert_eq!(events[0], (entity(1), 1, Action::Created));
    assert_eq!(events[2], (entity(1), 3, Action::Internal));
    assert_eq!(events[4], (entity(2), 2, Action::Deleted));
    let ends: Vec<_> = entries.iter().map(|entry| entry.ends_transaction).collect();
    assert_eq!(ends, [false, false, false, false, true]);
}

/// One write that is refused refuses all of its transaction.
pub async fn a_transaction_is_refused_whole<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    let writes =
        vec![write(entity(1), 0, &[Action::Created]), write(entity(2), 1, &[Action::Updated])];
    let outcome = append_one(&log, transaction(PEOPLE, command(1), writes)).await;
    let refusal = Refusal::Version { entity_id: entity(2), expected: 1, actual: 0 };
    assert_eq!(outcome, Err(refusal));
    assert!(read_all(&log, &TOPICS).await.is_empty());
}

/// Each sees what the ones before it left, accepted or refused.
pub async fn transactions_of_a_batch_are_decided_one_after_the_other<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    let outcomes = append(
        &log,
        vec![
            one(PEOPLE, 1, entity(1), 0),
            one(PEOPLE, 2, entity(1), 1),
            one(PEOPLE, 3, entity(1), 1),
            one(THINGS, 4, entity(1), 0),
            one(PEOPLE, 5, entity(1), 2),
        ],
    )
    .await;
    let accepted: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(accepted, [true, true, false, true, true]);
    let refusal = Refusal::Version { entity_id: entity(1), expected: 1, actual: 2 };
    assert_eq!(outcomes[2], Err(refusal));
    assert_eq!(read_all(&log, &TOPICS).await.len(), 4);
}

/// Too low and too high versions are refused, and the refusal names the right one.
pub async fn another_version_than_the_expected_one_is_refused<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    commit(&log, one(PEOPLE, 1, entity(1), 0)).await;
    for expected in [0, 2, u64::MAX - 1, u64::MAX] {
        let outcome = append_one(&log, one(PEOPLE, 2, entity(1), expected)).await;
        let refusal = Refusal::Version { entity_id: entity(1), expected, actual: 1 };
        assert_eq!(outcome, Err(refusal));
    }
    assert_eq!(read_all(&log, &TOPICS).await.len(), 1);
}

/// The version alone does not do: it must have come by the event on which the write was decided.
pub async fn a_write_after_another_event_than_the_expected_one_is_refused<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    commit(&log, one(PEOPLE, 1, entity(1), 0)).await;
    let after = |number: u128, expected: u64, last_event: Uuid| {
        let mut next = one(PEOPLE, number, entity(1), expected);
        next.writes[0].last_event = Some(last_event);
        next
    };
    let durable = event(entity(1), 1, Action::Created).event_id;
    let other = Uuid::from_u128(404);
    let outcome = append_one(&log, after(2, 1, other)).await;
    assert_eq!(outcome, Err(Refusal::Overtaken { entity_id: entity(1), version: 1 }));
    let in_batch = event(entity(1), 2, Action::Updated).event_id;
    let outcomes =
        append(&log, vec![after(3, 1, durable), after(4, 2, other), after(5, 2, in_batch)]).await;
    let accepted: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(accepted, [true, false, true]);
    drop(log);
    let log = fixture.open().await;
    let last = event(entity(1), 3, Action::Updated).event_id;
    assert!(append_one(&log, after(6, 3, other)).await.is_err());
    commit(&log, after(7, 3, last)).await;
}

/// Versions count an entity's events, from 1, over all its streams.
pub async fn versions_have_no_gaps<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    let actions = [Action::Created, Action::Internal, Action::Updated, Action::Deleted];
    for (expected, action) in (0..20).zip(actions.into_iter().cycle()) {
        let writes = vec![write(entity(1), expected, &[action])];
        commit(&log, transaction(PEOPLE, command(expected.into()), writes)).await;
        commit(&log, one(PEOPLE, 1000 + u128::from(expected), entity(2), expected)).await;
    }
    let page = log.read_entity(PEOPLE, entity(1), 0, 100).await.expect("it can be read");
    let versions: Vec<_> = page.entries.iter().map(|entry| entry.version).collect();
    assert_eq!(versions, (1..=20).collect::<Vec<_>>());
}

/// Every field comes back as it was given, also those with all kinds of characters.
pub async fn an_entry_holds_what_was_given<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    let mut given = transaction(THINGS, command(1), vec![write(entity(1), 0, &[Action::Created])]);
    given.cause = Some(Uuid::from_u128(77));
    let event = &mut given.writes[0].events[0];
    event.document = "{\"name\":\"Zoë \\u0000 \u{1f980}\n\"}".into();
    event.data = "".into();
    let event = event.clone();
    let committed = commit(&log, given).await;
    let entries = read_all(&log, &[THINGS]).await;
    let entry = &entries[0];
    assert_eq!((entry.id, entry.topic, entry.action), (committed.ids[0], THINGS, event.action));
    assert_eq!((entry.event_id, entry.entity_id), (event.event_id, entity(1)));
    assert_eq!((&entry.kind, entry.schema), (&event.kind, event.schema));
    assert_eq!((&entry.document, &entry.data), (&event.document, &event.data));
    assert_eq!((entry.version, entry.command_id), (1, command(1)));
    assert_eq!(entry.cause, Some(Uuid::from_u128(77)));
    assert!(entry.time_us >= 0);
}

/// What no log could accept is refused, and harms nothing around it.
pub async fn ill_formed_transactions_are_refused<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    let empty_write = write(entity(1), 0, &[]);
    let created = || write(entity(1), 0, &[Action::Created]);
    let mut huge = event(entity(1), 1, Action::Created);
    huge.data = "x".repeat(1024 * 1024).into();
    let mut huge_write = created();
    huge_write.events = vec![huge; 1024];
    let bad = vec![
        transaction(PEOPLE, command(1), vec![]),
        transaction(PEOPLE, command(2), vec![empty_write]),
        transaction(PEOPLE, command(3), vec![created(), created()]),
        transaction(PEOPLE, command(4), vec![huge_write]),
        transaction(Topic::new("nobody knows it"), command(5), vec![created()]),
    ];
    for bad in bad {
        let good = one(THINGS, 9, bad.command_id, 0);
        let outcomes = append(&log, vec![bad, good]).await;
        assert!(matches!(outcomes[0], Err(Refusal::Malformed(_))), "{:?}", outcomes[0]);
        assert!(outcomes[1].is_ok());
    }
    assert!(read_all(&log, &[PEOPLE]).await.is_empty());
}

/// Nothing is asked, and nothing answered.
pub async fn an_empty_batch_has_no_outcomes<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    assert_eq!(append(&log, vec![]).await, []);
}
