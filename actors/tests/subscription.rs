//! A subscription gets every entry, in order, and goes on behind its cursor after a crash.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ordershop_actors::runtime::{
    EntityOptions, Handler, HandlerError, HandlerFuture, MAX_SET_ASIDE, Reader, Start,
    Subscription, SubscriptionOptions,
};
use ordershop_store::{Entry, EntryId};
use ordershop_supervisors::{Strategy, SupervisorSpec, Tree, cell};
use uuid::Uuid;

use support::{ACCOUNT, AccountCommand, Bank, Ground, PATIENCE, command, run};

/// What a handler saw, and how often it shall still fail or panic.
#[derive(Default)]
struct Record {
    seen: Mutex<Vec<EntryId>>,
    failures_left: AtomicUsize,
    panics_left: AtomicUsize,
}

impl Record {
    fn seen(&self) -> Vec<EntryId> {
        self.seen.lock().unwrap().clone()
    }

    async fn until(&self, count: usize) {
        let there = async {
            while self.seen().len() < count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, there).await.expect("entries are missing");
    }
}

struct Recorder(Arc<Record>);

fn take(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
}

impl Handler for Recorder {
    fn handle(&mut self, entries: Arc<[Arc<Entry>]>) -> HandlerFuture {
        let record = Arc::clone(&self.0);
        Box::pin(async move {
            assert!(!take(&record.panics_left), "a handler panics");
            if take(&record.failures_left) {
                return Err(HandlerError::away("not yet"));
            }
            record.seen.lock().unwrap().extend(entries.iter().map(|entry| entry.id));
            Ok(())
        })
    }
}

async fn listen(ground: &Ground, bank: &Bank, record: &Arc<Record>, start: Start) -> Tree {
    let (reader, reader_spec) = Reader::child(ground.port(), cell("reader"));
    let (name, topics, max_set_aside) = ("recorder".into(), vec![ACCOUNT], MAX_SET_ASIDE);
    let options = SubscriptionOptions { name, topics, start, batch: 8, max_set_aside };
    let record = Arc::clone(record);
    let (_, subscription) = Subscription::child(
        ground.port(),
        reader,
        bank.journal.clone(),
        options,
        cell("recorder"),
        move || Recorder(Arc::clone(&record)),
    );
    let root =
        SupervisorSpec::new("readers", Strategy::RestForOne).child(reader_spec).child(subscription);
    Tree::start(root).await.unwrap()
}

async fn deposit(bank: &Bank, times: usize) -> Vec<EntryId> {
    let mut ids = Vec::new();
    for _ in 0..times {
        let account = Uuid::from_u128(ids.len() as u128 % 3);
        let executed = bank.accounts.execute(account, command(AccountCommand::Deposit(1))).await;
        ids.extend(executed.unwrap().position);
    }
    ids
}

#[test]
fn every_entry_comes_once_and_in_order() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        let mut ids = deposit(&bank, 20).await;
        let record = Arc::new(Record::default());
        let readers = listen(&ground, &bank, &record, Start::Cursor).await;
        ids.extend(deposit(&bank, 20).await);
        record.until(40).await;
        assert_eq!(record.seen(), ids);
        readers.stop().await;
        bank.tree.stop().await;
    });
}

#[test]
fn a_subscription_that_was_stopped_goes_on_behind_its_cursor() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        let record = Arc::new(Record::default());
        let readers = listen(&ground, &bank, &record, Start::Cursor).await;
        let mut ids = deposit(&bank, 10).await;
        record.until(10).await;
        readers.stop().await;
        ids.extend(deposit(&bank, 10).await);
        let readers = listen(&ground, &bank, &record, Start::Cursor).await;
        record.until(20).await;
        assert_eq!(record.seen(), ids, "nothing twice after an orderly stop, nothing missed");
        readers.stop().await;
        bank.tree.stop().await;
    });
}

#[test]
fn a_handler_that_fails_is_asked_again_with_the_same_entries() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        let record = Arc::new(Record::default());
        record.failures_left.store(3, Ordering::SeqCst);
        let readers = listen(&ground, &bank, &record, Start::Cursor).await;
        let ids = deposit(&bank, 10).await;
        record.until(10).await;
        assert_eq!(record.seen(), ids);
        readers.stop().await;
        bank.tree.stop().await;
    });
}

#[test]
fn a_handler_that_crashes_misses_nothing() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        let record = Arc::new(Record::default());
        let readers = listen(&ground, &bank, &record, Start::Cursor).await;
        let mut ids = deposit(&bank, 10).await;
        record.until(10).await;
        record.panics_left.store(1, Ordering::SeqCst);
        ids.extend(deposit(&bank, 10).await);
        let all = async {
            while !ids.iter().all(|id| record.seen().contains(id)) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, all).await.expect("entries are missing");
        readers.stop().await;
        bank.tree.stop().await;
    });
}

#[test]
fn what_is_held_in_memory_begins_at_the_beginning_every_time() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        let ids = deposit(&bank, 10).await;
        for _ in 0..2 {
            let record = Arc::new(Record::default());
            let readers = listen(&ground, &bank, &record, Start::Beginning).await;
            record.until(10).await;
            assert_eq!(record.seen(), ids);
            readers.stop().await;
        }
        bank.tree.stop().await;
    });
}
