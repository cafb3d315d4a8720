//! What a subscriber cannot handle is set aside with the later entries of its entity, all else flows
//! on, and an operator has it tried again or gives it up.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ordershop_actors::runtime::{
    EntityOptions, Handler, HandlerError, HandlerFuture, MAX_SET_ASIDE, Reader, Resolve,
    ResolveError, Resolved, Start, SubscriberHandle, Subscription, SubscriptionOptions,
    quarantined,
};
use ordershop_store::{Batch, Entry, EntryId, EventLog};
use ordershop_supervisors::{Intensity, Strategy, SupervisorSpec, Tree, cell};
use uuid::Uuid;

use support::{ACCOUNT, AccountCommand, Bank, Ground, PATIENCE, command, run};

/// How a handler fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    /// It names the culprit.
    Unfit,
    /// It names an entry that is none of those that it was given.
    UnfitElsewhere,
    Panic,
    PanicAtOnce,
}

#[derive(Default)]
struct Facts {
    /// What was handled, in order.
    seen: Vec<(Uuid, EntryId)>,
    /// What cannot be handled.
    bad: Vec<(EntryId, How)>,
    /// While it is, everything is refused.
    is_away: bool,
    /// How often the handler was asked, and made.
    asked: usize,
    made: usize,
}

#[derive(Clone, Default)]
struct Record(Arc<Mutex<Facts>>);

impl Record {
    fn set(&self, change: impl FnOnce(&mut Facts)) {
        change(&mut self.0.lock().unwrap());
    }

    fn get<T>(&self, what: impl FnOnce(&Facts) -> T) -> T {
        what(&self.0.lock().unwrap())
    }

    /// What was handled of an account, each once, in the order of the first times.
    fn of(&self, account: Uuid) -> Vec<EntryId> {
        let mut ids = Vec::new();
        for (of, id) in self.get(|facts| facts.seen.clone()) {
            if of == account && !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }
}

struct Recorder(Record);

impl Handler for Recorder {
    fn handle(&mut self, entries: Arc<[Arc<Entry>]>) -> HandlerFuture {
        let record = self.0.clone();
        record.set(|facts| facts.asked += 1);
        let how = |entry: &Entry| {
            record.get(|f| f.bad.iter().find(|(id, _)| *id == entry.id).map(|(_, how)| *how))
        };
        let bad = entries.iter().find_map(|entry| Some((Arc::clone(entry), how(entry)?)));
        assert!(bad.as_ref().is_none_or(|(_, how)| *how != How::PanicAtOnce), "it is bad");
        Box::pin(async move {
            if record.get(|facts| facts.is_away) {
                return Err(HandlerError::away("the server is away"));
            }
            match bad {
                Some((entry, How::Unfit)) => return Err(HandlerError::unfit(&entry, "it is bad")),
                Some((entry, How::UnfitElsewhere)) => {
                    let (topic, id, source) = (entry.topic, EntryId::MAX, "it is bad".into());
                    return Err(HandlerError::Unfit { topic, id, source });
                }
                Some(_) => {
                    tokio::task::yield_now().await;
                    panic!("it is bad");
                }
                None => {}
            }
            record.set(|f| f.seen.extend(entries.iter().map(|e| (e.entity_id, e.id))));
            Ok(())
        })
    }
}

const NAME: &str = "recorder";
const A: Uuid = Uuid::from_u128(1);
const B: Uuid = Uuid::from_u128(2);
const C: Uuid = Uuid::from_u128(3);

struct Readers {
    tree: Tree,
    subscriber: SubscriberHandle,
}

async fn listen(ground: &Ground, bank: &Bank, record: &Record) -> Readers {
    listen_as(ground, bank, record, Start::Cursor, MAX_SET_ASIDE).await
}

async fn listen_as(
    ground: &Ground,
    bank: &Bank,
    record: &Record,
    start: Start,
    max_set_aside: usize,
) -> Readers {
    let (reader, reader_spec) = Reader::child(ground.port(), cell("reader"));
    let (name, topics) = (NAME.into(), vec![ACCOUNT]);
    let options = SubscriptionOptions { name, topics, start, batch: 8, max_set_aside };
    let record = record.clone();
    let (subscriber, subscription) = Subscription::child(
        ground.port(),
        reader,
        bank.journal.clone(),
        options,
        cell(NAME),
        move || {
            record.set(|facts| facts.made += 1);
            Recorder(record.clone())
        },
    );
    // No restart at all: whatever is bad must not cost one.
    let root = SupervisorSpec::new("readers", Strategy::RestForOne)
        .intensity(Intensity { restarts: 0, period: Duration::from_secs(10) })
        .child(reader_spec)
        .child(subscription);
    Readers { tree: Tree::start(root).await.unwrap(), subscriber }
}

async fn deposit(bank: &Bank, account: Uuid) -> EntryId {
    let executed = bank.accounts.execute(account, command(AccountCommand::Deposit(1))).await;
    executed.unwrap().position.unwrap()
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let there = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, there).await.unwrap_or_else(|_| panic!("not yet: {what}"));
}

/// What is set aside, as the log holds it.
async fn aside(ground: &Ground) -> Vec<(Uuid, EntryId)> {
    let list = quarantined(&*ground.port(), NAME).await.unwrap();
    assert!(list.iter().all(|quarantined| quarantined.since_us > 0));
    list.into_iter()
        .map(|quarantined| (quarantined.entry.entity_id, quarantined.entry.id))
        .collect()
}

async fn until_aside(ground: &Ground, readers: &Readers, expected: &[(Uuid, EntryId)]) {
    until("set aside", || readers.subscriber.standing().set_aside >= expected.len()).await;
    assert_eq!(aside(ground).await, expected);
}

#[test]
fn what_is_unfit_waits_with_the_later_ones_of_its_entity_and_the_others_flow_on() {
    for how in [How::Unfit, How::UnfitElsewhere, How::Panic, How::PanicAtOnce] {
        run(async {
            let ground = Ground::new();
            let bank = Bank::start(&ground, EntityOptions::default()).await;
            let record = Record::default();
            let a = [deposit(&bank, A).await, deposit(&bank, A).await, deposit(&bank, A).await];
            let b = deposit(&bank, B).await;
            record.set(|facts| facts.bad.push((a[1], how)));
            let readers = listen(&ground, &bank, &record).await;
            until_aside(&ground, &readers, &[(A, a[1]), (A, a[2])]).await;
            assert_eq!(record.of(A), a[..1], "{how:?}");
            assert_eq!(record.of(B), [b]);

            // What comes later of that account waits, too; of another one it does not.
            let (a3, b2) = (deposit(&bank, A).await, deposit(&bank, B).await);
            until_aside(&ground, &readers, &[(A, a[1]), (A, a[2]), (A, a3)]).await;
            until("the other account", || record.of(B) == [b, b2]).await;
            assert_eq!(record.of(A), a[..1]);
            let reason = quarantined(&*ground.port(), NAME).await.unwrap()[0].entry.reason.clone();
            assert!(reason.ends_with("it is bad"), "{reason}");
            let panics = matches!(how, How::Panic | How::PanicAtOnce);
            assert_eq!(reason.starts_with("the handler panicked: "), panics, "{reason}");
            assert_eq!(record.get(|facts| facts.made) > 1, panics, "a broken handler is replaced");

            readers.tree.stop().await;
            bank.tree.stop().await;
        });
    }
}

#[test]
fn every_entry_may_be_bad() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        let record = Record::default();
        let mut expected = BTreeSet::new();
        for number in 0..40_u32 {
            let account = Uuid::from_u128(100 + u128::from(number));
            let id = deposit(&bank, account).await;
            let how = if number % 2 == 0 { How::Unfit } else { How::Panic };
            record.set(|facts| facts.bad.push((id, how)));
            expected.insert((account, id));
        }
        let readers = listen(&ground, &bank, &record).await;
        until("set aside", || readers.subscriber.standing().set_aside == 40).await;
        assert_eq!(aside(&ground).await.into_iter().collect::<BTreeSet<_>>(), expected);
        let b = deposit(&bank, B).await;
        until("a good one", || record.of(B) == [b]).await;
        readers.tree.stop().await;
        bank.tree.stop().await;
    });
}

#[test]
fn what_is_set_aside_waits_across_a_restart() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        let record = Record::default();
        let a = deposit(&bank, A).await;
        record.set(|facts| facts.bad.push((a, How::Unfit)));
        let readers = listen(&ground, &bank, &record).await;
        until_aside(&ground, &readers, &[(A, a)]).await;
        readers.tree.stop().await;

        record.set(|facts| facts.bad.clear());
        let readers = listen(&ground, &bank, &record).await;
        assert_eq!(readers.subscriber.standing().set_aside, 1);
        let (a2, b) = (deposit(&bank, A).await, deposit(&bank, B).await);
        until_aside(&ground, &readers, &[(A, a), (A, a2)]).await;
        until("the other account", || record.of(B) == [b]).await;
        assert_eq!(record.of(A), []);

        let resolved = readers.subscriber.resolve(ACCOUNT, A, Resolve::Retry(None)).await;
        assert_eq!(resolved.unwrap(), Resolved { released: 2, left: 0 });
        assert_eq!(record.of(A), [a, a2]);
        readers.tree.stop().await;
        bank.tree.stop().await;
    });
}

#[test]
fn what_is_set_aside_before_a_crash_and_comes_again_is_known() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        let record = Record::default();
        let a = [deposit(&bank, A).await, deposit(&bank, A).await];
        let b = deposit(&bank, B).await;
        record.set(|facts| facts.bad.push((a[0], How::Unfit)));
        let readers = listen(&ground, &bank, &record).await;
        until_aside(&ground, &readers, &[(A, a[0]), (A, a[1])]).await;
        let skip = Resolve::SkipFirst(Some(a[0]));
        let skipped = readers.subscriber.resolve(ACCOUNT, A, skip).await.unwrap();
        assert_eq!(skipped, Resolved { released: 1, left: 1 });
        readers.tree.stop().await;

        // As if it had died before its cursor was saved: all of it comes again.
        let cursors = vec![(NAME.into(), ACCOUNT, ordershop_store::Position::START)];
        ground.log.append(Batch { cursors, ..Batch::default() }).await.unwrap();
        let asked = record.get(|facts| facts.asked);
        let readers = listen(&ground, &bank, &record).await;
        until("it came again", || record.get(|facts| facts.asked) > asked).await;
        let b2 = deposit(&bank, B).await;
        until("the other account", || record.of(B) == [b, b2]).await;
        assert_eq!(aside(&ground).await, [(A, a[1])], "neither twice, nor what was skipped");
        assert_eq!(record.of(A), []);
        readers.tree.stop().await;
        bank.tree.stop().await;
    });
}

#[test]
fn a_retry_goes_in_order_and_stops_at_the_first_that_fails_again() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        let record = Record::default();
        let mut a = Vec::new();
        for _ in 0..5 {
            a.push(deposit(&bank, A).await);
        }
        let other = deposit(&bank, C).await;
        record.set(|facts| facts.bad = vec![(a[0], How::Unfit), (other, How::Unfit)]);
        let readers = listen(&ground, &bank, &record).await;
        until("set aside", || readers.subscriber.standing().set_aside == 6).await;
        let resolve = |resolve| readers.subscriber.resolve(ACCOUNT, A, resolve);

        let again = resolve(Resolve::Retry(None)).await.unwrap_err();
        assert!(again.to_string().ends_with("it is bad"), "{again}");
        assert_eq!(record.of(A), []);

        record.set(|facts| facts.bad = vec![(a[2], How::Panic), (other, How::Unfit)]);
        let one = resolve(Resolve::Retry(Some(a[0]))).await.unwrap();
        assert_eq!(one, Resolved { released: 1, left: 4 });
        let failed = resolve(Resolve::Retry(None)).await.unwrap_err();
        let ResolveError::FailedAgain { id, reason, done } = failed else { panic!("{failed}") };
        assert_eq!((id, done.released), (a[2], 1));
        assert!(reason.contains("the handler panicked"), "{reason}");
        assert_eq!(record.of(A), a[..2]);

        record.set(|facts| facts.is_away = true);
        let away = resolve(Resolve::Retry(None)).await.unwrap_err();
        assert!(matches!(away, ResolveError::Unavailable { .. }), "{away}");
        record.set(|facts| facts.is_away = false);

        // Whoever skips twice by mistake gives nothing up that was not meant.
        assert!(resolve(Resolve::SkipFirst(Some(a[3]))).await.is_err());
        resolve(Resolve::SkipFirst(Some(a[2]))).await.unwrap();
        assert!(resolve(Resolve::SkipFirst(Some(a[2]))).await.is_err());
        let rest = resolve(Resolve::Retry(None)).await.unwrap();
        assert_eq!(rest, Resolved { released: 2, left: 0 });
        assert_eq!(record.of(A), [a[0], a[1], a[3], a[4]]);
        let nothing = resolve(Resolve::Retry(None)).await.unwrap_err();
        assert!(matches!(nothing, ResolveError::NothingThere { .. }), "{nothing}");
        assert_eq!(aside(&ground).await, [(C, other)]);
        let all = readers.subscriber.resolve(ACCOUNT, C, Resolve::SkipAll).await.unwrap();
        assert_eq!(all, Resolved { released: 1, left: 0 });

        // The account is as any other again.
        let next = deposit(&bank, A).await;
        until("the next one", || record.of(A).last() == Some(&next)).await;
        readers.tree.stop().await;
        bank.tree.stop().await;
    });
}

#[test]
fn what_is_away_is_waited_for_and_nothing_is_set_aside() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        let record = Record::default();
        record.set(|facts| facts.is_away = true);
        let readers = listen(&ground, &bank, &record).await;
        let ids = [deposit(&bank, A).await, deposit(&bank, A).await];
        // More often than an unfit entry is tried.
        until("it is asked again", || record.get(|facts| facts.asked) > 6).await;
        let standing = readers.subscriber.standing();
        assert_eq!(standing.held_up.as_deref(), Some("the server is away"));
        assert_eq!(standing.set_aside, 0);
        record.set(|facts| facts.is_away = false);
        until("it is back", || record.of(A) == ids).await;
        until("it gets on", || readers.subscriber.standing().held_up.is_none()).await;
        assert_eq!(aside(&ground).await, []);
        readers.tree.stop().await;
        bank.tree.stop().await;
    });
}

#[test]
fn past_its_bound_it_stops_and_drops_nothing_until_there_is_room() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        let record = Record::default();
        let a = [deposit(&bank, A).await, deposit(&bank, A).await];
        record.set(|facts| facts.bad.push((a[0], How::Unfit)));
        let readers = listen_as(&ground, &bank, &record, Start::Cursor, 2).await;
        until_aside(&ground, &readers, &[(A, a[0]), (A, a[1])]).await;
        let a3 = deposit(&bank, A).await;
        until("it stops", || readers.subscriber.standing().held_up.is_some()).await;
        let b = deposit(&bank, B).await;
        assert_eq!(aside(&ground).await, [(A, a[0]), (A, a[1])]);
        assert_eq!(record.of(B), []);

        record.set(|facts| facts.bad.clear());
        let retried = readers.subscriber.resolve(ACCOUNT, A, Resolve::Retry(None)).await;
        assert_eq!(retried.unwrap(), Resolved { released: 2, left: 0 });
        until("it gets on", || record.of(B) == [b]).await;
        assert_eq!(record.of(A), [a[0], a[1], a3], "nothing is dropped, nothing out of order");
        readers.tree.stop().await;
        bank.tree.stop().await;
    });
}

#[test]
fn what_is_held_in_memory_passes_a_bad_entry_over() {
    for how in [How::Unfit, How::UnfitElsewhere, How::Panic, How::PanicAtOnce] {
        run(async {
            let ground = Ground::new();
            let bank = Bank::start(&ground, EntityOptions::default()).await;
            let record = Record::default();
            let mut ids = Vec::new();
            for _ in 0..20 {
                ids.push(deposit(&bank, A).await);
            }
            record.set(|facts| facts.bad = vec![(ids[3], how), (ids[12], how)]);
            let readers = listen_as(&ground, &bank, &record, Start::Beginning, MAX_SET_ASIDE).await;
            let last = deposit(&bank, A).await;
            until("the last one", || record.of(A).contains(&last)).await;
            ids.push(last);
            ids.remove(12);
            ids.remove(3);
            assert_eq!(record.of(A), ids, "{how:?}");
            assert_eq!(aside(&ground).await, []);
            assert_eq!(readers.subscriber.standing().set_aside, 2);
            readers.tree.stop().await;
            bank.tree.stop().await;
        });
    }
}
