//! Promises about commands that are sent again, by someone who got no answer.

use super::given::{
    append, append_one, command, commit, entity, key, one, read_all, transaction, write,
};
use super::{Fixture, PEOPLE, TOPICS};
use crate::{Action, Refusal, Transaction};

/// A transaction with two writes, three events, and a key.
fn several() -> Transaction {
    let writes = vec![
        write(entity(1), 0, &[Action::Created, Action::Updated]),
        write(entity(2), 1, &[Action::Updated]),
    ];
    let mut transaction = transaction(PEOPLE, command(50), writes);
    transaction.claims.push((key("a"), entity(1)));
    transaction
}

/// The second answer is the first one.
pub async fn a_command_sent_twice_is_committed_once<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    let first = commit(&log, one(PEOPLE, 1, entity(1), 0)).await;
    assert_eq!(append_one(&log, one(PEOPLE, 1, entity(1), 0)).await, Ok(first));
    assert_eq!(read_all(&log, &TOPICS).await.len(), 1);
    let other = append_one(&log, one(PEOPLE, 2, entity(1), 0)).await;
    assert!(matches!(other, Err(Refusal::Version { .. })), "another command is refused");
}

/// However many commands came after it.
pub async fn a_command_is_found_behind_later_ones<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    commit(&log, one(PEOPLE, 0, entity(1), 0)).await;
    let first = commit(&log, one(PEOPLE, 1, entity(1), 1)).await;
    for version in 2..600 {
        commit(&log, one(PEOPLE, version.into(), entity(1), version)).await;
    }
    assert_eq!(append_one(&log, one(PEOPLE, 1, entity(1), 1)).await, Ok(first));
    let before = append_one(&log, one(PEOPLE, 0, entity(1), 1)).await;
    assert!(matches!(before, Err(Refusal::Version { .. })), "it stands before what was expected");
    let last = append_one(&log, one(PEOPLE, 599, entity(1), 599)).await.map(|c| c.ids.len());
    assert_eq!(last, Ok(1));
    assert_eq!(read_all(&log, &TOPICS).await.len(), 600);
}

/// All ids of all writes, in order, also after the entities have gone on.
pub async fn a_command_with_several_writes_is_answered_as_before<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    commit(&log, one(PEOPLE, 1, entity(2), 0)).await;
    let first = commit(&log, several()).await;
    assert_eq!(first.ids.len(), 3);
    assert_eq!(append_one(&log, several()).await.as_ref(), Ok(&first));
    commit(&log, one(PEOPLE, 2, entity(1), 2)).await;
    commit(&log, one(PEOPLE, 3, entity(2), 2)).await;
    assert_eq!(append_one(&log, several()).await.as_ref(), Ok(&first));
    assert_eq!(read_all(&log, &TOPICS).await.len(), 6);
}

/// The second of the two is answered as the first.
pub async fn a_command_sent_twice_in_one_batch_is_committed_once<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    let batch = vec![
        one(PEOPLE, 1, entity(2), 0),
        several(),
        one(PEOPLE, 2, entity(1), 2),
        several(),
        one(PEOPLE, 2, entity(1), 2),
    ];
    let outcomes = append(&log, batch).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(outcomes[1], outcomes[3]);
    assert_eq!(outcomes[2], outcomes[4]);
    assert_eq!(read_all(&log, &TOPICS).await.len(), 5);
}

/// Commands are as durable as what they led to.
pub async fn a_command_is_found_after_opening_again<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    commit(&log, one(PEOPLE, 1, entity(2), 0)).await;
    let first = commit(&log, several()).await;
    commit(&log, one(PEOPLE, 2, entity(1), 2)).await;
    drop(log);
    let log = fixture.open().await;
    assert_eq!(append_one(&log, several()).await, Ok(first));
    assert_eq!(read_all(&log, &TOPICS).await.len(), 5);
}

/// A refusal leaves no trace that would take the place of a later decision.
pub async fn a_refused_command_may_be_accepted_later<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    let refused = append_one(&log, several()).await;
    assert_eq!(refused, Err(Refusal::Version { entity_id: entity(2), expected: 1, actual: 0 }));
    commit(&log, one(PEOPLE, 1, entity(2), 0)).await;
    assert_eq!(commit(&log, several()).await.ids.len(), 3);
}
