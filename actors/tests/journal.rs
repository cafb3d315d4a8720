//! The journal batches what waits, keeps the order, and says truly what became of an append.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Arc;

use futures_util::future::join_all;
use ordershop_actors::runtime::{AppendError, EntityOptions, Journal, decide};
use ordershop_store::{LogError, Transaction};
use ordershop_supervisors::{Backoff, Intensity, Strategy, SupervisorSpec, Tree, cell};
use uuid::Uuid;

use support::held::Held;
use support::{ACCOUNT, Account, AccountCommand, Bank, Ground, PATIENCE, run};

/// The transaction that puts one into a fresh account.
fn deposit(account: u128) -> Transaction {
    let account = Uuid::from_u128(account);
    let command = AccountCommand::Deposit(1);
    let decision = decide(&Account::default(), 0, None, account, account, &command);
    let decision = decision.unwrap().unwrap();
    Transaction {
        topic: ACCOUNT,
        command_id: account,
        cause: None,
        writes: vec![decision.write],
        claims: decision.claims,
        releases: decision.releases,
    }
}

#[test]
fn what_waits_while_a_write_is_in_flight_is_the_next_batch() {
    run(async {
        let ground = Ground::new();
        let log = Held::new(Arc::clone(&ground.log));
        let bank = Bank::start_on(Arc::clone(&log) as _, EntityOptions::default()).await;
        log.answers.shut();
        let batches = log.answers.came();
        let first = bank.journal.append(deposit(1));
        log.answers.until_came(batches + 1).await;
        let rest: Vec<_> = (2..=100).map(|account| bank.journal.append(deposit(account))).collect();
        log.answers.open();
        first.await.unwrap().unwrap();
        let ids: Vec<_> = join_all(rest)
            .await
            .into_iter()
            .map(|outcome| outcome.unwrap().unwrap().ids[0])
            .collect();
        let further = log.answers.came() - batches - 1;
        assert!(further <= 3, "99 appends that waited went out in {further} batches");
        assert!(ids.is_sorted(), "written in the order in which they were handed over");
        bank.tree.stop().await;
    });
}

#[test]
fn a_journal_that_is_down_refuses_at_once_and_has_written_nothing() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        bank.tree.stop().await;
        let refused = bank.journal.append(deposit(1)).await;
        assert!(matches!(refused, Err(AppendError::Down)), "{refused:?}");
        assert!(!AppendError::Down.leaves_outcome_open());
    });
}

#[test]
fn a_log_that_failed_ends_the_tree() {
    run(async {
        let ground = Ground::new();
        let log = Held::new(Arc::clone(&ground.log));
        let (journal, spec) = Journal::child(Arc::clone(&log) as _, cell("journal"));
        let root = SupervisorSpec::new("root", Strategy::OneForOne)
            .intensity(Intensity { restarts: 2, period: PATIENCE })
            .child(spec);
        let tree = Tree::start(root).await.unwrap();
        log.fail(LogError::Failed("the disk is gone".to_owned()));
        let outcome = journal.append(deposit(1)).await;
        assert!(outcome.is_err_and(|error| error.leaves_outcome_open()));
        // Nothing but opening the log again helps, so restarting the journal must come to an end.
        let reason = tree.failed().await;
        assert!(reason.is_abnormal(), "{reason}");
    });
}

#[test]
fn an_append_that_no_journal_has_taken_when_one_ends_is_lost_at_once() {
    run(async {
        let ground = Ground::new();
        let (journal, spec) = Journal::child(ground.port(), cell("journal"));
        // It does not come back while this waits.
        let far = 10 * PATIENCE;
        let backoff = Backoff { initial: far, max: far, jitter: 0.0 };
        let root = SupervisorSpec::new("root", Strategy::OneForOne).backoff(backoff).child(spec);
        let tree = Tree::start(root).await.unwrap();
        tree.kill("root/journal").await.unwrap();
        // It has not had a turn since, so it is still up, and this is queued behind its end.
        let outcome = tokio::time::timeout(PATIENCE, journal.append(deposit(1))).await;
        assert!(matches!(outcome, Ok(Err(AppendError::Lost))), "{outcome:?}");
        tree.stop().await;
    });
}
