//! Promises about reading and waiting.

use std::sync::Arc;
use std::time::Duration;

use super::given::{
    command, commit, entity, one, position, read_all, read_behind, transaction, write,
};
use super::{Fixture, PEOPLE, THINGS, TOPICS};
use crate::{Action, Entry, EntryId, EventLog, Position, Positions, Topic};

/// Longer than any wait that ends; a bound for the test, not a pause.
const PATIENCE: Duration = Duration::from_secs(30);

/// Fills both topics with entries of all actions, 48 in each.
async fn fill(log: &impl EventLog) {
    for version in 0..6 {
        for number in 0..4 {
            for (topic, salt) in [(PEOPLE, 0), (THINGS, 1_u32)] {
                let action = |n: u32| Action::ALL[(n + salt) as usize % 4];
                let actions = [action(number), action(number + 1)];
                let writes = vec![write(entity(number.into()), version * 2, &actions)];
                let command_id = command(u128::from(version * 100 + u64::from(number * 2 + salt)));
                commit(log, transaction(topic, command_id, writes)).await;
            }
        }
    }
}

fn assert_in_order(entries: &[Arc<Entry>]) {
    assert!(entries.is_sorted_by(|a, b| (a.id, a.topic) < (b.id, b.topic)), "merged by id");
}

/// A stream holds the entries of its topic and action, all of them, in order.
pub async fn a_stream_holds_its_action_alone<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    fill(&log).await;
    let all = read_all(&log, &[THINGS]).await;
    for action in Action::ALL {
        let expected: Vec<_> = all.iter().filter(|e| e.action == action).cloned().collect();
        let page = log.read_stream(THINGS, action, EntryId::ZERO, 100).await.expect("a page");
        assert_eq!((&page.entries, page.more), (&expected, false));
        let after = expected[4].id;
        let page = log.read_stream(THINGS, action, after, 3).await.expect("a page");
        assert_eq!((&page.entries[..], page.more), (&expected[5..8], true));
        let page = log.read_stream(THINGS, action, EntryId::MAX, 3).await.expect("a page");
        assert_eq!((page.entries.len(), page.more), (0, false));
    }
}

/// What is read of several topics is what is read of each, merged by id.
pub async fn topics_are_merged_by_id<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    fill(&log).await;
    let mut apart = read_all(&log, &[PEOPLE]).await;
    assert_in_order(&apart);
    apart.extend(read_all(&log, &[THINGS]).await);
    apart.sort_by_key(|entry| (entry.id, entry.topic));
    let merged = read_all(&log, &TOPICS).await;
    assert_in_order(&merged);
    assert_eq!((merged.len(), &merged), (96, &apart));
}

/// A position skips in each stream what is finished there, and nothing else.
pub async fn each_stream_has_a_position_of_its_own<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    fill(&log).await;
    let all = read_all(&log, &[PEOPLE]).await;
    let after = position([all[40].id, EntryId::ZERO, EntryId::MAX, all[10].id]);
    let after_things = Position::START;
    let expected: Vec<_> =
        all.iter().filter(|entry| after.is_before(entry.action, entry.id)).cloned().collect();
    assert!(!expected.is_empty() && expected.len() < all.len());
    let both: Positions = [(PEOPLE, after), (THINGS, after_things)].into_iter().collect();
    let read = read_behind(&log, both, 7).await;
    let (people, things): (Vec<_>, Vec<_>) = read.into_iter().partition(|e| e.topic == PEOPLE);
    assert_eq!((&people, things.len()), (&expected, 48));
}

/// Pages of any size give together what one page gives.
pub async fn pages_follow_each_other_without_gaps<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    fill(&log).await;
    let all = read_all(&log, &TOPICS).await;
    for limit in [1, 2, 5, 31, 95, 96, 97] {
        assert_eq!(read_behind(&log, Positions::start(TOPICS), limit).await, all);
        let page = log.read(Positions::start(TOPICS), limit).await.expect("a page");
        let count = page.entries.len();
        assert!((1..=limit).contains(&count), "an adapter may give less, but not nothing");
        assert_eq!((&page.entries[..], page.more), (&all[..count], count < 96));
    }
}

/// No entry is returned, but it is told whether there are any.
pub async fn a_limit_of_nothing_gets_nothing<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    let page = log.read(Positions::start(TOPICS), 0).await.expect("a page");
    assert_eq!((page.entries.len(), page.more), (0, false));
    commit(&log, one(PEOPLE, 1, entity(1), 0)).await;
    let page = log.read(Positions::start(TOPICS), 0).await.expect("a page");
    assert_eq!((page.entries.len(), page.more), (0, true));
    let page = log.read(Positions::default(), 10).await.expect("a page");
    assert_eq!((page.entries.len(), page.more), (0, false));
}

/// An entity's entries are read by their versions, and those of no other with them.
pub async fn an_entity_is_read_by_its_versions<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    fill(&log).await;
    let all = read_all(&log, &[PEOPLE]).await;
    let expected: Vec<_> = all.into_iter().filter(|e| e.entity_id == entity(2)).collect();
    for (after, limit) in [(0, 100), (0, 12), (0, 5), (3, 4), (11, 10), (12, 10), (u64::MAX, 10)] {
        let page = log.read_entity(PEOPLE, entity(2), after, limit).await.expect("a page");
        let behind: Vec<_> = expected.iter().filter(|e| e.version > after).cloned().collect();
        let taken = behind.len().min(limit);
        assert_eq!(page.entries, behind[..taken]);
        assert_eq!(page.more, taken < behind.len());
    }
    let nobody = log.read_entity(PEOPLE, entity(99), 0, 10).await.expect("a page");
    assert_eq!((nobody.entries.len(), nobody.more), (0, false));
}

/// The last entries are given in the order asked for, also twice, and none for who has none.
pub async fn the_latest_entry_of_each_entity<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    fill(&log).await;
    let asked = vec![entity(3), entity(99), entity(0), entity(3)];
    let latest = log.latest(THINGS, asked.clone()).await.expect("they are known");
    let found: Vec<_> =
        latest.iter().map(|e| e.as_ref().map(|e| (e.topic, e.entity_id, e.version))).collect();
    let last = |number| Some((THINGS, entity(number), 12));
    assert_eq!(found, [last(3), None, last(0), last(3)]);
}

/// The end of each stream is the id of its last entry, or zero.
pub async fn ends_are_the_last_ids<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    let none = log.ends(TOPICS.to_vec()).await.expect("they are known");
    assert_eq!(none, Positions::start(TOPICS));
    commit(&log, one(PEOPLE, 1, entity(1), 0)).await;
    let committed = commit(&log, one(PEOPLE, 2, entity(1), 1)).await;
    let ends = log.ends(TOPICS.to_vec()).await.expect("they are known");
    assert_eq!(ends.of(PEOPLE).of(Action::Updated), committed.last());
    assert!(ends.of(PEOPLE).of(Action::Created) < committed.last());
    assert_eq!(ends.of(PEOPLE).of(Action::Deleted), EntryId::ZERO);
    assert_eq!(ends.of(THINGS), Position::START);
    assert!(read_behind(&log, ends, 10).await.is_empty());
}

/// Whoever waits is woken by an append to a topic that it waits for.
pub async fn waiting_ends_with_an_append<F: Fixture>() {
    let fixture = F::new().await;
    let log = Arc::new(fixture.open().await);
    commit(&*log, one(PEOPLE, 1, entity(1), 0)).await;
    let end = log.ends(TOPICS.to_vec()).await.expect("they are known");
    let waiting = tokio::spawn({
        let (log, end) = (Arc::clone(&log), end.clone());
        async move {
            loop {
                log.wait(end.clone()).await.expect("it waits");
                let page = log.read(end.clone(), 10).await.expect("a page");
                if let Some(entry) = page.entries.first() {
                    return (entry.topic, entry.id);
                }
            }
        }
    });
    tokio::task::yield_now().await;
    let committed = commit(&*log, one(THINGS, 2, entity(1), 0)).await;
    let woken = tokio::time::timeout(PATIENCE, waiting).await.expect("it is woken");
    assert_eq!(woken.expect("it ends"), (THINGS, committed.last()));
}

/// An entry behind the position, in whichever stream, ends the wait.
pub async fn waiting_for_what_is_there_ends_at_once<F: Fixture>() {
    let fixture = F::new().await;
    let log = fixture.open().await;
    for (action, number) in Action::ALL.into_iter().zip(1..) {
        let end = log.ends(vec![THINGS]).await.expect("they are known");
        let writes = vec![write(entity(number), 0, &[action])];
        commit(&log, transaction(THINGS, command(number), writes)).await;
        let waited = tokio::time::timeout(PATIENCE, log.wait(end)).await;
        waited.expect("it ends").expect("it waits");
    }
    let topics: Vec<Topic> = TOPICS.to_vec();
    let waited = tokio::time::timeout(PATIENCE, log.wait(Positions::start(topics))).await;
    waited.expect("it ends").expect("it waits");
}
