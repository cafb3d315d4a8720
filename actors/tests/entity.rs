//! The event-sourced entity keeps its promises, whoever else writes and whatever crashes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use futures_util::future::join_all;
use ordershop_actors::runtime::{EntityOptions, Execute, ExecuteError, decide, replay};
use ordershop_store::{EventLog, Transaction};
use uuid::Uuid;

use support::{
    ACCOUNT, Account, AccountCommand, AccountRejection, Bank, Ground, PATIENCE, command, run,
};

const ALICE: Uuid = Uuid::from_u128(1);
const BOB: Uuid = Uuid::from_u128(2);

/// Another process writes to an account, on what the log holds.
async fn elsewhere(log: &dyn EventLog, account: Uuid, what: AccountCommand) {
    let now = replay::<Account>(log, account).await.unwrap();
    let command_id = Uuid::now_v7();
    let decision = decide(&now.state, now.version, now.last_event, account, command_id, &what)
        .unwrap()
        .unwrap();
    let transaction = Transaction {
        topic: ACCOUNT,
        command_id,
        cause: None,
        writes: vec![decision.write],
        claims: decision.claims,
        releases: decision.releases,
    };
    let batch = ordershop_store::Batch { transactions: vec![transaction], ..Default::default() };
    log.append(batch).await.unwrap().remove(0).unwrap();
}

#[test]
fn commands_are_carried_out_in_order_though_many_are_in_flight() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        let deposits = (0..500).map(|_| {
            let accounts = bank.accounts.clone();
            async move { accounts.execute(ALICE, command(AccountCommand::Deposit(1))).await }
        });
        let withdrawals = (0..500).map(|_| {
            let accounts = bank.accounts.clone();
            async move { accounts.execute(ALICE, command(AccountCommand::Withdraw(1))).await }
        });
        let (deposited, withdrawn) =
            futures_util::future::join(join_all(deposits), join_all(withdrawals)).await;
        assert!(deposited.iter().all(Result::is_ok));
        let taken = withdrawn.iter().filter(|result| result.is_ok()).count() as u64;
        let left = replay::<Account>(ground.log.as_ref(), ALICE).await.unwrap();
        assert_eq!(left.state.balance, 500 - taken);
        assert_eq!(left.version, 500 + taken);
        bank.tree.stop().await;
    });
}

#[test]
fn an_entity_whose_state_is_behind_the_log_decides_again() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        bank.accounts.execute(ALICE, command(AccountCommand::Deposit(5))).await.unwrap();
        elsewhere(ground.log.as_ref(), ALICE, AccountCommand::Withdraw(5)).await;
        // Accepting this would bring the account below zero.
        let refused = bank.accounts.execute(ALICE, command(AccountCommand::Withdraw(1))).await;
        let short = ExecuteError::Rejected(AccountRejection::Short(0));
        assert_eq!(format!("{refused:?}"), format!("{:?}", Err::<(), _>(short)));
        bank.tree.stop().await;
    });
}

#[test]
fn a_refusal_is_never_passed_on_a_state_that_is_behind_the_log() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        bank.accounts.execute(ALICE, command(AccountCommand::Deposit(1))).await.unwrap();
        elsewhere(ground.log.as_ref(), ALICE, AccountCommand::Deposit(9)).await;
        bank.accounts.execute(ALICE, command(AccountCommand::Withdraw(10))).await.unwrap();
        elsewhere(ground.log.as_ref(), ALICE, AccountCommand::Deposit(3)).await;
        assert_eq!(bank.accounts.inspect(ALICE).await.unwrap().state.balance, 3);
        bank.tree.stop().await;
    });
}

#[test]
fn a_chain_of_appends_breaks_at_its_first_refusal() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        for _ in 0..50 {
            bank.accounts.execute(ALICE, command(AccountCommand::Deposit(3))).await.unwrap();
            // One event of another writer brings the account to the version that the second
            // command of the chain expects; the first is refused, so the second must be, too.
            elsewhere(ground.log.as_ref(), ALICE, AccountCommand::Withdraw(2)).await;
            let chain =
                [1, 2].map(|amount| {
                    let accounts = bank.accounts.clone();
                    async move {
                        accounts.execute(ALICE, command(AccountCommand::Withdraw(amount))).await
                    }
                });
            let results = join_all(chain).await;
            assert!(results[0].is_ok(), "{results:?}");
            let short = ExecuteError::Rejected(AccountRejection::Short(0));
            assert_eq!(format!("{:?}", results[1]), format!("{:?}", Err::<(), _>(short)));
        }
        bank.tree.stop().await;
    });
}

#[test]
fn a_command_that_comes_twice_has_one_effect() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        let number = command(AccountCommand::Number(7));
        let first = bank.accounts.execute(ALICE, number.clone()).await.unwrap();
        assert!(!first.repeated);
        let second = bank.accounts.execute(ALICE, number).await.unwrap();
        assert!(second.repeated);
        assert_eq!(second.position, first.position, "whoever sees that has seen it");
        bank.tree.stop().await;
    });
}

#[test]
fn a_unique_key_has_one_holder_and_its_loser_goes_on() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        bank.accounts.execute(ALICE, command(AccountCommand::Number(7))).await.unwrap();
        let commands = [AccountCommand::Number(7), AccountCommand::Deposit(2)].map(|what| {
            let accounts = bank.accounts.clone();
            async move { accounts.execute(BOB, command(what)).await }
        });
        let results = join_all(commands).await;
        assert!(matches!(&results[0], Err(ExecuteError::Taken { holder: ALICE, .. })));
        assert!(results[1].is_ok(), "{results:?}");
        bank.accounts.execute(ALICE, command(AccountCommand::Number(8))).await.unwrap();
        bank.accounts.execute(BOB, command(AccountCommand::Number(7))).await.unwrap();
        bank.tree.stop().await;
    });
}

#[test]
fn a_crash_costs_one_command_and_no_other_entity() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        bank.accounts.execute(ALICE, command(AccountCommand::Deposit(5))).await.unwrap();
        let lost = bank.accounts.execute(ALICE, command(AccountCommand::Explode)).await;
        assert!(matches!(lost, Err(ExecuteError::Unknown(_))), "{lost:?}");
        bank.accounts.execute(BOB, command(AccountCommand::Deposit(1))).await.unwrap();
        bank.accounts.execute(ALICE, command(AccountCommand::Withdraw(5))).await.unwrap();
        bank.tree.stop().await;
    });
}

#[test]
fn an_idle_entity_goes_away_and_comes_back_as_it_was() {
    run(async {
        let ground = Ground::new();
        let idle_timeout = Duration::from_millis(20);
        let options = EntityOptions { idle_timeout, ..EntityOptions::default() };
        let bank = Bank::start(&ground, options).await;
        bank.accounts.execute(ALICE, command(AccountCommand::Deposit(5))).await.unwrap();
        let gone = async {
            while bank.accounts.in_use() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, gone).await.expect("it never went away");
        assert_eq!(bank.accounts.inspect(ALICE).await.unwrap().state.balance, 5);
        bank.tree.stop().await;
    });
}

#[test]
fn a_command_that_is_bound_to_a_version_is_decided_on_no_other() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        let bound =
            |version| Execute { only_at: Some(version), ..command(AccountCommand::Deposit(1)) };
        bank.accounts.execute(ALICE, command(AccountCommand::Deposit(5))).await.unwrap();
        for other in [0, 2] {
            let moved = bank.accounts.execute(ALICE, bound(other)).await.unwrap_err();
            assert!(matches!(moved, ExecuteError::Moved), "{moved:?}");
        }
        bank.accounts.execute(ALICE, bound(1)).await.unwrap();

        // The entity's own state is behind the log: it loads again before it says so.
        elsewhere(ground.log.as_ref(), ALICE, AccountCommand::Deposit(1)).await;
        let moved = bank.accounts.execute(ALICE, bound(2)).await.unwrap_err();
        assert!(matches!(moved, ExecuteError::Moved), "{moved:?}");
        bank.accounts.execute(ALICE, bound(3)).await.unwrap();
        let state = replay::<Account>(ground.log.as_ref(), ALICE).await.unwrap();
        assert_eq!((state.version, state.state.balance), (4, 8));
        bank.tree.stop().await;
    });
}

#[test]
fn a_bound_command_whose_first_append_came_after_all_is_answered_as_it_was_then() {
    run(async {
        let ground = Ground::new();
        let bank = Bank::start(&ground, EntityOptions::default()).await;
        bank.accounts.execute(ALICE, command(AccountCommand::Deposit(5))).await.unwrap();
        let twice = Execute { only_at: Some(1), ..command(AccountCommand::Deposit(1)) };
        // The first one's append, of which nobody knew: the entity's state does not have it.
        let now = replay::<Account>(ground.log.as_ref(), ALICE).await.unwrap();
        let (id, what) = (twice.command_id, &twice.command);
        let decision = decide(&now.state, now.version, now.last_event, ALICE, id, what);
        let transaction = Transaction {
            topic: ACCOUNT,
            command_id: id,
            cause: None,
            writes: vec![decision.unwrap().unwrap().write],
            claims: Vec::new(),
            releases: Vec::new(),
        };
        bank.journal.append(transaction).await.unwrap().unwrap();
        bank.accounts.execute(ALICE, twice).await.unwrap();
        let state = replay::<Account>(ground.log.as_ref(), ALICE).await.unwrap();
        assert_eq!((state.version, state.state.balance), (2, 6));
        bank.tree.stop().await;
    });
}
