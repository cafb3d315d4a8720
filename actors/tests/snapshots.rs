//! An entity loads from its snapshot and the events after it, to the state that all its events give;
//! a snapshot that is of no use is as good as none.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use ordershop_actors::runtime::{EntityOptions, Replayed, replay, replay_whole};
use ordershop_store::{Batch, EntitySnapshot, EventLog};
use uuid::Uuid;

use support::{ACCOUNT, Account, AccountCommand, Bank, Ground, PATIENCE, command, run};

const ALICE: Uuid = Uuid::from_u128(0xa);
const EVERY: u64 = 10;

fn options() -> EntityOptions {
    EntityOptions { snapshot_every: EVERY, ..EntityOptions::default() }
}

async fn saved(ground: &Ground) -> Option<EntitySnapshot> {
    ground.log.snapshot(ACCOUNT, ALICE).await.unwrap()
}

/// Waits for a snapshot of at least that version.
async fn until_saved(ground: &Ground, version: u64) -> EntitySnapshot {
    let there = async {
        loop {
            match saved(ground).await {
                Some(snapshot) if snapshot.version >= version => return snapshot,
                _ => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, there).await.expect("no snapshot is saved")
}

/// Loads the account in both ways, which give the same; returns it as loaded with its snapshot.
async fn load(ground: &Ground) -> Replayed<Account> {
    let loaded = replay::<Account>(ground.log.as_ref(), ALICE).await.unwrap();
    let whole = replay_whole::<Account>(ground.log.as_ref(), ALICE).await.unwrap();
    assert_eq!(loaded.state, whole.state);
    assert_eq!((loaded.version, loaded.last_event), (whole.version, whole.last_event));
    assert_eq!(loaded.first_position, whole.first_position);
    assert_eq!(loaded.last_position, whole.last_position);
    loaded
}

async fn deposit(bank: &Bank, amounts: std::ops::Range<u64>) {
    for amount in amounts {
        bank.accounts.execute(ALICE, command(AccountCommand::Deposit(amount))).await.unwrap();
    }
}

#[test]
fn live_state_is_snapshot_and_rest_is_full_replay() {
    run(async {
        let ground = Ground::new();
        let mut bank = Bank::start(&ground, options()).await;
        // From one to many events at a time, and loaded anew in between.
        for round in 1..=12 {
            deposit(&bank, 0..round * 2).await;
            let live = bank.accounts.inspect(ALICE).await.unwrap();
            let loaded = load(&ground).await;
            assert_eq!((live.state, live.version), (loaded.state, loaded.version));
            assert_eq!(live.last_event, loaded.last_event);
            if round % 3 == 0 {
                bank.tree.stop().await;
                bank = Bank::start(&ground, options()).await;
            }
        }
        let snapshot = until_saved(&ground, 12 * 13 - EVERY).await;
        assert_eq!(load(&ground).await.snapshot_version, snapshot.version);
        bank.tree.stop().await;
    });
}

#[test]
fn a_hot_entity_is_saved_while_appends_are_in_flight() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, options()).await;
        let deposits =
            (0..200).map(|_| {
                let accounts = bank.accounts.clone();
                async move {
                    accounts.execute(ALICE, command(AccountCommand::Deposit(1))).await.unwrap()
                }
            });
        futures_util::future::join_all(deposits).await;
        until_saved(&ground, EVERY).await;
        assert_eq!(load(&ground).await.state.balance, 200);
        bank.tree.stop().await;
    });
}

#[test]
fn an_entity_that_was_never_saved_is_saved_when_it_loads() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        deposit(&bank, 0..25).await;
        bank.tree.stop().await;
        assert_eq!(saved(&ground).await, None);
        let bank = Bank::start(&ground, options()).await;
        bank.accounts.inspect(ALICE).await.unwrap();
        assert_eq!(until_saved(&ground, 25).await.version, 25);
        assert_eq!(load(&ground).await.snapshot_version, 25);
        bank.tree.stop().await;
    });
}

#[test]
fn a_snapshot_that_is_of_no_use_is_ignored() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, options()).await;
        deposit(&bank, 1..16).await;
        let good = until_saved(&ground, EVERY).await;
        let changed = |change: fn(&mut EntitySnapshot)| {
            let mut snapshot = good.clone();
            change(&mut snapshot);
            snapshot
        };
        let bad = [
            changed(|snapshot| snapshot.version = 0),
            changed(|snapshot| snapshot.version = 9),
            changed(|snapshot| snapshot.version = 1000),
            changed(|snapshot| snapshot.last_event = Uuid::nil()),
            changed(|snapshot| snapshot.format = 2),
            changed(|snapshot| snapshot.bytes = Arc::new([])),
            changed(|snapshot| snapshot.bytes = snapshot.bytes[1..].into()),
            changed(|snapshot| snapshot.bytes = snapshot.bytes.iter().map(|byte| !byte).collect()),
            // Bytes that are a state, but not that of this event.
            changed(|snapshot| {
                let mut bytes = snapshot.bytes.to_vec();
                bytes[1] ^= 1;
                snapshot.bytes = bytes.into();
            }),
        ];
        for snapshot in bad {
            let batch =
                Batch { snapshots: vec![(ACCOUNT, ALICE, snapshot.clone())], ..Batch::default() };
            ground.log.append(batch).await.unwrap();
            assert_eq!(load(&ground).await.snapshot_version, 0, "{snapshot:?}");
        }
        let batch = Batch { snapshots: vec![(ACCOUNT, ALICE, good)], ..Batch::default() };
        ground.log.append(batch).await.unwrap();
        assert_eq!(load(&ground).await.snapshot_version, EVERY);
        bank.tree.stop().await;
    });
}
