//! A lesson in embedding: the actor runtime inside a tokio program, with a domain of its own.
//!
//! `cargo run --example embedded_runtime`
//!
//! The program is any tokio program: `#[tokio::main]`, many threads, tasks that run on any of them.
//! Actors are otherwise: each lives on one *arbiter*, a thread with an event loop of its own, and
//! arbiters belong to an actix *system*, which cannot be the program's own multi-threaded runtime.
//! So the system gets a thread for itself. What the program holds are handles: they are `Send`, may
//! be cloned into any task, and their futures are awaited in the program's runtime.
//!
//! The domain is in `bank/mod.rs`: accounts, which the runtime makes durable and supervises.

mod bank;

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use bank::{ACCOUNTS, Account, AccountCommand, SNAPSHOT_EVERY, bank, command};
use ordershop_actors::runtime::{Entities, ExecuteError, replay, replay_whole};
use ordershop_store::EventLog;
use ordershop_store::embedded::{Embedded, Options};
use ordershop_supervisors::{Events, Heard, Lifecycle, StartError, Tree};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use uuid::Uuid;

type Outcome<T> = Result<T, Box<dyn Error>>;

const ALICE: Uuid = Uuid::from_u128(1);
const BOB: Uuid = Uuid::from_u128(2);

/// How many tasks put something into one account at once.
const TASKS: u64 = 120;

/// How often the account is used after its crash.
const LATER: u64 = 9;

/// The actors, as the rest of the program sees them.
struct Actors {
    accounts: Entities<Account>,
    events: Events,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Actors {
    /// Starts an actix system on a thread of its own, and the tree in it.
    async fn start(log: Arc<dyn EventLog>) -> Outcome<Self> {
        let (up, is_up) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("actors".to_owned())
            .spawn(move || actix_rt::System::new().block_on(run(log, up, stopped)))?;
        let (accounts, events) = is_up.await??;
        Ok(Self { accounts, events, stop, thread })
    }

    /// Stops the tree in order, and waits for its thread without blocking one of the program's.
    async fn stop(self) -> Outcome<()> {
        // A tree that has given up by itself no longer listens.
        let _ = self.stop.send(());
        let ended = tokio::task::spawn_blocking(move || self.thread.join()).await?;
        ended.map_err(|_| "the thread of the actors panicked".into())
    }
}

type Up = Result<(Entities<Account>, Events), StartError>;

/// What runs on the thread of the actors.
async fn run(log: Arc<dyn EventLog>, up: oneshot::Sender<Up>, stopped: oneshot::Receiver<()>) {
    let (accounts, spec) = bank(log);
    let tree = match Tree::start(spec).await {
        Ok(tree) => tree,
        Err(error) => return drop(up.send(Err(error))),
    };
    drop(up.send(Ok((accounts, tree.events()))));
    tokio::select! {
        // Also when the program has dropped its end.
        _ = stopped => {}
        reason = tree.failed() => say(&format!("the tree gave up: {reason}")),
    }
    tree.stop().await;
}

/// Opens the log in a folder. That reads it, and blocks; so a thread is used that may be blocked.
async fn open(folder: &Path) -> Outcome<Arc<Embedded>> {
    let folder = folder.to_owned();
    let open = move || Embedded::open(folder, &[ACCOUNTS], Options::default());
    Ok(Arc::new(tokio::task::spawn_blocking(open).await??))
}

async fn lesson(folder: &Path) -> Outcome<()> {
    say("1. Tasks of the program and one account");
    let log = open(folder).await?;
    let mut actors = Actors::start(Arc::clone(&log) as _).await?;
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let accounts = actors.accounts.clone();
        tasks.spawn(
            async move { accounts.execute(ALICE, command(AccountCommand::Deposit(5))).await },
        );
    }
    while let Some(done) = tasks.join_next().await {
        // An answer comes when its event is on the disk.
        done??;
    }
    let alice = actors.accounts.inspect(ALICE).await?;
    say(&format!("   {TASKS} tasks deposit 5 cents each: {} cents, durable", alice.state.cents));
    ensure(alice.state.cents == 5 * TASKS, "every deposit counts")?;

    say("\n2. A refusal is an answer, and no failure");
    let refused = actors.accounts.execute(ALICE, command(AccountCommand::Withdraw(601))).await;
    match refused {
        Err(ExecuteError::Rejected(rejection)) => say(&format!("   withdraw 601: {rejection}")),
        other => return Err(format!("it should be refused: {other:?}").into()),
    }

    say("\n3. A bug costs one command, and no other account");
    let lost = actors.accounts.execute(ALICE, command(AccountCommand::Share(0))).await;
    match lost {
        Err(ExecuteError::Unknown(reason)) => say(&format!("   share among 0: {reason}")),
        other => return Err(format!("it should be lost: {other:?}").into()),
    }
    actors.accounts.execute(BOB, command(AccountCommand::Deposit(7))).await?;
    say("   meanwhile Bob deposits 7");
    // Alice's next incarnation is made from the log; who asks meanwhile waits for it.
    let alice = actors.accounts.inspect(ALICE).await?;
    say(&format!("   Alice is back with {} cents", alice.state.cents));
    ensure(alice.state.cents == 5 * TASKS, "nothing is lost")?;
    say("   what the tree told of it:");
    tell_of_the_crash(&mut actors.events).await;
    for _ in 0..LATER {
        actors.accounts.execute(ALICE, command(AccountCommand::Deposit(5))).await?;
    }
    say(&format!("   and she deposits 5 cents, {LATER} times"));

    say("\n4. Stopped, and opened again");
    actors.stop().await?;
    log.close();
    let log = open(folder).await?;
    let fast = replay::<Account>(log.as_ref(), ALICE).await?;
    let whole = replay_whole::<Account>(log.as_ref(), ALICE).await?;
    say(&format!(
        "   Alice has {} events; a snapshot every {SNAPSHOT_EVERY} or so spares most of them:",
        fast.version
    ));
    say(&format!(
        "   loaded from the one at {}, and {} events behind it",
        fast.snapshot_version,
        fast.version - fast.snapshot_version
    ));
    ensure(fast.snapshot_version > 0, "there is a snapshot")?;
    ensure(fast.state == whole.state, "with it or without, the state is the same")?;
    let actors = Actors::start(Arc::clone(&log) as _).await?;
    actors.accounts.execute(ALICE, command(AccountCommand::Share(7))).await?;
    let left = actors.accounts.inspect(ALICE).await?.state.cents;
    say(&format!("   share among 7: {left} cents are left"));
    ensure(left == 5 * (TASKS + LATER) % 7, "she goes on where she was")?;
    actors.stop().await?;
    log.close();
    Ok(())
}

/// Prints the events up to the next incarnation.
async fn tell_of_the_crash(events: &mut Events) {
    let mut crashed = false;
    while let Some(Heard::Event(event)) = events.next().await {
        crashed |= matches!(event.what, Lifecycle::Exited { .. });
        if crashed && event.path.ends_with("/1") {
            match event.what {
                Lifecycle::Restarting { .. } => {
                    say("     bank/accounts/1 begins anew after a pause");
                }
                _ => say(&format!("     {event}")),
            }
            if matches!(event.what, Lifecycle::Started { .. }) {
                return;
            }
        }
    }
}

fn ensure(is_so: bool, promise: &str) -> Outcome<()> {
    if is_so { Ok(()) } else { Err(format!("broken: {promise}").into()) }
}

fn say(text: &str) {
    // Where stdout is gone, nobody reads.
    drop(writeln!(std::io::stdout(), "{text}"));
}

#[tokio::main]
async fn main() -> ExitCode {
    // The crash is on cue: what the panic says is among the events, and needs no backtrace.
    std::panic::set_hook(Box::new(|_| {}));
    let learnt = match tempfile::tempdir() {
        Ok(folder) => lesson(folder.path()).await,
        Err(error) => Err(error.into()),
    };
    match learnt {
        Ok(()) => {
            say("\nEverything went as the lesson says.");
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&format!("\nThe lesson ended early: {error}"));
            ExitCode::FAILURE
        }
    }
}
