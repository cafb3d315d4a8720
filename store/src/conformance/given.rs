//! What the promises are tried with: transactions in few words, and answers without ceremony.

use std::borrow::Cow;
use std::sync::Arc;

use uuid::Uuid;

use crate::{
    Action, Batch, Committed, EntityWrite, Entry, EventLog, NewEvent, Outcome, Position, Positions,
    Topic, Transaction, UniqueKey,
};

/// The entity of that number.
pub(super) fn entity(number: u128) -> Uuid {
    Uuid::from_u128((0xe << 64) | number)
}

/// The command of that number.
pub(super) fn command(number: u128) -> Uuid {
    Uuid::from_u128((0xc << 64) | number)
}

/// The key of that name.
pub(super) fn key(name: &str) -> UniqueKey {
    name.into()
}

/// An event; its id and texts derive from the entity and the version that it makes.
pub(super) fn event(entity_id: Uuid, version: u64, action: Action) -> NewEvent {
    let document = match action {
        Action::Internal => Arc::from(""),
        _ => format!(r#"{{"id":"{entity_id}","version":{version}}}"#).into(),
    };
    NewEvent {
        action,
        event_id: Uuid::new_v5(&entity_id, &version.to_le_bytes()),
        kind: Cow::Borrowed("SomethingHappened"),
        schema: 3,
        document,
        data: format!(r#"{{"happened":"{}, the {version}th"}}"#, action.name()).into(),
    }
}

/// The write of an event for each of these actions.
pub(super) fn write(entity_id: Uuid, expected: u64, actions: &[Action]) -> EntityWrite {
    let versions = (1..).map(|count| expected.saturating_add(count));
    let events = actions.iter().zip(versions).map(|(a, version)| event(entity_id, version, *a));
    EntityWrite { entity_id, expected, last_event: None, events: events.collect() }
}

/// A transaction without keys.
pub(super) fn transaction(topic: Topic, command_id: Uuid, writes: Vec<EntityWrite>) -> Transaction {
    let (claims, releases) = (Vec::new(), Vec::new());
    Transaction { topic, command_id, cause: None, writes, claims, releases }
}

/// The transaction that makes one event of one entity; its command's number is given.
pub(super) fn one(topic: Topic, number: u128, entity_id: Uuid, expected: u64) -> Transaction {
    let action = if expected == 0 { Action::Created } else { Action::Updated };
    transaction(topic, command(number), vec![write(entity_id, expected, &[action])])
}

/// Appends these transactions as one batch.
pub(super) async fn append(log: &impl EventLog, transactions: Vec<Transaction>) -> Vec<Outcome> {
    let count = transactions.len();
    let batch = Batch { transactions, ..Batch::default() };
    let outcomes = log.append(batch).await.expect("the log takes a batch");
    assert_eq!(outcomes.len(), count, "one outcome for each transaction");
    outcomes
}

/// Appends this transaction alone.
pub(super) async fn append_one(log: &impl EventLog, transaction: Transaction) -> Outcome {
    append(log, vec![transaction]).await.pop().expect("there is one outcome")
}

/// Appends this transaction, which is accepted.
pub(super) async fn commit(log: &impl EventLog, transaction: Transaction) -> Committed {
    append_one(log, transaction).await.expect("the transaction is accepted")
}

/// All entries of these topics behind `after`, read in pages of `limit`.
pub(super) async fn read_behind(
    log: &impl EventLog,
    mut after: Positions,
    limit: usize,
) -> Vec<Arc<Entry>> {
    let mut entries = Vec::new();
    loop {
        let page = log.read(after.clone(), limit).await.expect("the log can be read");
        assert!(page.entries.len() <= limit, "a page holds no more than was asked for");
        assert!(!page.more || !page.entries.is_empty(), "there is more, so a page holds some");
        page.entries.iter().for_each(|entry| after.finish(entry));
        entries.extend(page.entries);
        if !page.more {
            return entries;
        }
    }
}

/// All entries of these topics.
pub(super) async fn read_all(log: &impl EventLog, topics: &[Topic]) -> Vec<Arc<Entry>> {
    read_behind(log, Positions::start(topics.iter().copied()), 100).await
}

/// A position with these ids, in the order of [`Action::ALL`].
pub(super) fn position(ids: [crate::EntryId; 4]) -> Position {
    let mut position = Position::START;
    for (action, id) in Action::ALL.into_iter().zip(ids) {
        position.advance(action, id);
    }
    position
}
