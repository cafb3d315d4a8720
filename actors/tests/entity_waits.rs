//! What an entity does while the log has not yet answered.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Arc;

use ordershop_actors::runtime::{Entities, EntityOptions, ExecuteError, Executed};
use tokio::task::JoinHandle;
use uuid::Uuid;

use support::held::Held;
use support::{Account, AccountCommand, AccountRejection, Bank, Ground, command, run};

const ALICE: Uuid = Uuid::from_u128(1);
const BOB: Uuid = Uuid::from_u128(2);

type Answer = Result<Executed, ExecuteError<AccountRejection>>;

/// Sends a command, and goes on when the entity has taken it.
async fn send(accounts: &Entities<Account>, to: Uuid, what: AccountCommand) -> JoinHandle<Answer> {
    let accounts = accounts.clone();
    let sent = actix_rt::spawn(async move { accounts.execute(to, command(what)).await });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    sent
}

async fn bank_with_a_held_log(ground: &Ground) -> (Bank, Arc<Held>) {
    let log = Held::new(Arc::clone(&ground.log));
    let bank = Bank::start_on(Arc::clone(&log) as _, EntityOptions::default()).await;
    bank.accounts.execute(ALICE, command(AccountCommand::Number(7))).await.unwrap();
    bank.accounts.execute(BOB, command(AccountCommand::Deposit(5))).await.unwrap();
    (bank, log)
}

#[test]
fn a_command_that_comes_while_the_entity_loads_again_is_carried_out() {
    run(async {
        let ground = Ground::new();
        let (bank, log) = bank_with_a_held_log(&ground).await;
        log.loads.shut();
        let loads = log.loads.came();
        let taken = send(&bank.accounts, BOB, AccountCommand::Number(7)).await;
        log.loads.until_came(loads + 1).await;
        let during = send(&bank.accounts, BOB, AccountCommand::Deposit(1)).await;
        log.loads.open();
        assert!(matches!(taken.await.unwrap(), Err(ExecuteError::Taken { holder: ALICE, .. })));
        during.await.unwrap().unwrap();
        bank.accounts.execute(BOB, command(AccountCommand::Withdraw(6))).await.unwrap();
        bank.tree.stop().await;
    });
}

#[test]
fn nothing_is_answered_on_a_state_that_never_came_to_be() {
    run(async {
        let ground = Ground::new();
        let (bank, log) = bank_with_a_held_log(&ground).await;
        log.answers.shut();
        let answers = log.answers.came();
        // Bob asks for Alice's number, asks once more, and puts something in.
        let first = send(&bank.accounts, BOB, AccountCommand::Number(7)).await;
        let again = send(&bank.accounts, BOB, AccountCommand::Number(7)).await;
        let deposit = send(&bank.accounts, BOB, AccountCommand::Deposit(1)).await;
        log.answers.let_one_go();
        // The first is refused, the last is still in flight, and a further command comes.
        log.answers.until_came(answers + 2).await;
        let later = send(&bank.accounts, BOB, AccountCommand::Deposit(1)).await;
        log.answers.open();
        for taken in [first, again] {
            let answer = taken.await.unwrap();
            assert!(matches!(answer, Err(ExecuteError::Taken { holder: ALICE, .. })), "{answer:?}");
        }
        deposit.await.unwrap().unwrap();
        later.await.unwrap().unwrap();
        bank.accounts.execute(BOB, command(AccountCommand::Withdraw(7))).await.unwrap();
        bank.tree.stop().await;
    });
}

#[test]
fn no_answer_leaves_before_the_append_is_durable() {
    run(async {
        let ground = Ground::new();
        let (bank, log) = bank_with_a_held_log(&ground).await;
        log.answers.shut();
        let deposit = send(&bank.accounts, BOB, AccountCommand::Deposit(1)).await;
        // It could be answered from memory, but is decided on what is not yet durable.
        let short = send(&bank.accounts, BOB, AccountCommand::Withdraw(100)).await;
        assert!(!deposit.is_finished() && !short.is_finished());
        log.answers.open();
        deposit.await.unwrap().unwrap();
        let refused = short.await.unwrap();
        assert!(
            matches!(refused, Err(ExecuteError::Rejected(AccountRejection::Short(6)))),
            "{refused:?}"
        );
        bank.tree.stop().await;
    });
}
