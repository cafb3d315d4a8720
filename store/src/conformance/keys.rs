//! Promises about unique keys.

use uuid::Uuid;

use super::given::{append, append_one, commit, entity, key, one};
use super::{Fixture, PEOPLE, THINGS};
use crate::{EventLog, Refusal, Topic, Transaction};

fn claiming(mut transaction: Transaction, name: &str) -> Transaction {
    let entity_id = transaction.writes[0].entity_id;
    transaction.claims.push((key(name), entity_id));
    transaction
}

fn releasing(mut transaction: Transaction, name: &str) -> Transaction {
    let entity_id = transaction.writes[0].entity_id;
    transaction.releases.push((key(name), entity_id));
    transaction
}

async fn holder(log: &impl EventLog, topic: Topic, name: &str) -> Option<Uuid> {
    let holders = log.holders(topic, vec![key("nobody's"), key(name)]).await;
    let holders = holders.expect("the holders are known");
    assert_eq!((holders.len(), holders[0]), (2, None));
    holders[1]
}

/// A key that another entity holds is refused; its own holder may claim it again.
pub async fn a_key_has_one_holder<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    assert_eq!(holder(&log, PEOPLE, "a").await, None);
    commit(&log, claiming(one(PEOPLE, 1, entity(1), 0), "a")).await;
    assert_eq!(holder(&log, PEOPLE, "a").await, Some(entity(1)));
    let outcome = append_one(&log, claiming(one(PEOPLE, 2, entity(2), 0), "a")).await;
    assert_eq!(outcome, Err(Refusal::Taken { key: key("a"), holder: entity(1) }));
    commit(&log, claiming(one(PEOPLE, 3, entity(1), 1), "a")).await;
    commit(&log, claiming(one(PEOPLE, 4, entity(2), 0), "b")).await;
    assert_eq!(holder(&log, PEOPLE, "a").await, Some(entity(1)));
}

/// Whoever comes after a release gets the key.
pub async fn a_released_key_is_free_again<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    commit(&log, claiming(one(PEOPLE, 1, entity(1), 0), "a")).await;
    commit(&log, releasing(one(PEOPLE, 2, entity(1), 1), "a")).await;
    assert_eq!(holder(&log, PEOPLE, "a").await, None);
    commit(&log, claiming(one(PEOPLE, 3, entity(2), 0), "a")).await;
    assert_eq!(holder(&log, PEOPLE, "a").await, Some(entity(2)));
    drop(log);
    let log = fixture.open().await;
    assert_eq!(holder(&log, PEOPLE, "a").await, Some(entity(2)));
}

/// The release of a key that the entity does not hold is accepted, and does nothing.
pub async fn only_its_holder_releases_a_key<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    commit(&log, claiming(one(PEOPLE, 1, entity(1), 0), "a")).await;
    commit(&log, releasing(releasing(one(PEOPLE, 2, entity(2), 0), "a"), "b")).await;
    assert_eq!(holder(&log, PEOPLE, "a").await, Some(entity(1)));
    drop(log);
    let log = fixture.open().await;
    assert_eq!(holder(&log, PEOPLE, "a").await, Some(entity(1)));
}

/// Transactions of a batch see the keys as the ones before them left them.
pub async fn keys_change_hands_within_a_batch<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    let mut handed_over = one(PEOPLE, 5, entity(3), 0);
    handed_over.releases.push((key("a"), entity(2)));
    handed_over.claims.push((key("a"), entity(3)));
    let outcomes = append(
        &log,
        vec![
            claiming(one(PEOPLE, 1, entity(1), 0), "a"),
            claiming(one(PEOPLE, 2, entity(2), 0), "a"),
            releasing(one(PEOPLE, 3, entity(1), 1), "a"),
            claiming(one(PEOPLE, 4, entity(2), 0), "a"),
            handed_over,
        ],
    )
    .await;
    let accepted: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(accepted, [true, false, true, true, true]);
    assert_eq!(outcomes[1], Err(Refusal::Taken { key: key("a"), holder: entity(1) }));
    assert_eq!(holder(&log, PEOPLE, "a").await, Some(entity(3)));
    drop(log);
    let log = fixture.open().await;
    assert_eq!(holder(&log, PEOPLE, "a").await, Some(entity(3)));
}

/// Neither claims nor releases of a refused transaction count.
pub async fn a_refused_transaction_leaves_keys_alone<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    commit(&log, claiming(one(PEOPLE, 1, entity(1), 0), "a")).await;
    let late = releasing(claiming(one(PEOPLE, 2, entity(1), 7), "b"), "a");
    let two = releasing(one(PEOPLE, 3, entity(1), 1), "a");
    let mut two = claiming(claiming(two, "c"), "b");
    two.claims.push((key("c"), entity(2)));
    let outcomes = append(&log, vec![late, two]).await;
    assert!(matches!(outcomes[0], Err(Refusal::Version { .. })));
    assert_eq!(outcomes[1], Err(Refusal::Taken { key: key("c"), holder: entity(1) }));
    assert_eq!(holder(&log, PEOPLE, "a").await, Some(entity(1)));
    assert_eq!(holder(&log, PEOPLE, "b").await, None);
    assert_eq!(holder(&log, PEOPLE, "c").await, None);
}

/// The same key in two topics is two keys.
pub async fn keys_of_topics_are_apart<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    commit(&log, claiming(one(PEOPLE, 1, entity(1), 0), "a")).await;
    commit(&log, claiming(one(THINGS, 2, entity(2), 0), "a")).await;
    assert_eq!(holder(&log, PEOPLE, "a").await, Some(entity(1)));
    assert_eq!(holder(&log, THINGS, "a").await, Some(entity(2)));
}
