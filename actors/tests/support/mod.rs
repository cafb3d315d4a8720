//! What the tests of the runtime share: a domain that is no shop, and a log in a temporary folder.

#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod held;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ordershop_actors::runtime::{
    Entities, EntityOptions, EventSourced, Execute, Journal, JournalHandle, QUARANTINE,
};
use ordershop_store::embedded::{Embedded, Options};
use ordershop_store::{Action, EventLog, Topic};
use ordershop_supervisors::{Strategy, SupervisorSpec, Tree, cell, dynamic};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use uuid::Uuid;

/// The topic of the accounts.
pub(crate) const ACCOUNT: Topic = Topic::new("account");

/// How long a test waits for a state before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// An account: it is opened, gets and gives amounts, and never goes below zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// What is in it.
    pub(crate) balance: u64,
    number: Option<u64>,
}

/// What an account can be asked to do.
#[derive(Clone, Debug)]
pub(crate) enum AccountCommand {
    /// Put in.
    Deposit(u64),
    /// Take out.
    Withdraw(u64),
    /// Take a number that nobody else has.
    Number(u64),
    /// Panic.
    Explode,
}

/// What can happen to an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AccountEvent {
    /// Something was put in.
    Deposited(u64),
    /// Something was taken out.
    Withdrawn(u64),
    /// It has this number.
    Numbered(u64),
}

/// Why an account refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AccountRejection {
    /// There is not so much in it.
    #[error("only {0} is left")]
    Short(u64),
}

impl EventSourced for Account {
    const TOPIC: Topic = ACCOUNT;
    const SNAPSHOT_FORMAT: u16 = 1;
    type Command = AccountCommand;
    type Event = AccountEvent;
    type Rejection = AccountRejection;

    fn decide(&self, command: &AccountCommand) -> Result<Vec<AccountEvent>, AccountRejection> {
        match command {
            AccountCommand::Deposit(amount) => Ok(vec![AccountEvent::Deposited(*amount)]),
            AccountCommand::Withdraw(amount) if *amount > self.balance => {
                Err(AccountRejection::Short(self.balance))
            }
            AccountCommand::Withdraw(amount) => Ok(vec![AccountEvent::Withdrawn(*amount)]),
            AccountCommand::Number(number) if self.number == Some(*number) => Ok(vec![]),
            AccountCommand::Number(number) => Ok(vec![AccountEvent::Numbered(*number)]),
            AccountCommand::Explode => panic!("an account explodes"),
        }
    }

    fn evolve(self, event: &AccountEvent) -> Self {
        match event {
            AccountEvent::Deposited(amount) => Self { balance: self.balance + amount, ..self },
            AccountEvent::Withdrawn(amount) => Self { balance: self.balance - amount, ..self },
            AccountEvent::Numbered(number) => Self { number: Some(*number), ..self },
        }
    }

    fn adopt(self, _: Action, document: &str) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Document {
            balance: u64,
        }
        let Document { balance } = serde_json::from_str(document)?;
        Ok(Self { balance, ..self })
    }

    fn kind(event: &AccountEvent) -> &'static str {
        match event {
            AccountEvent::Deposited(_) => "Deposited",
            AccountEvent::Withdrawn(_) => "Withdrawn",
            AccountEvent::Numbered(_) => "Numbered",
        }
    }

    fn schema(_: &AccountEvent) -> u16 {
        1
    }

    fn action(_: &AccountEvent) -> Action {
        Action::Updated
    }

    fn document(&self) -> String {
        format!("{{\"balance\":{}}}", self.balance)
    }

    fn unique_keys(&self) -> Vec<String> {
        self.number.map(|number| format!("number/{number}")).into_iter().collect()
    }
}

/// A command with a fresh id.
pub(crate) fn command(command: AccountCommand) -> Execute<Account> {
    Execute { command_id: Uuid::now_v7(), command, companions: Vec::new(), only_at: None }
}

/// A log in a temporary folder.
pub(crate) struct Ground {
    /// The log.
    pub(crate) log: Arc<Embedded>,
    folder: TempDir,
}

impl Ground {
    /// A fresh log.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Arc::new(open(folder.path()));
        Self { log, folder }
    }

    /// The log as a port.
    pub(crate) fn port(&self) -> Arc<dyn EventLog> {
        Arc::clone(&self.log) as _
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn open(folder: &Path) -> Embedded {
    Embedded::open(folder, &[ACCOUNT, QUARANTINE], Options::default()).unwrap()
}

/// A journal and accounts under a supervisor.
pub(crate) struct Bank {
    /// The accounts.
    pub(crate) accounts: Entities<Account>,
    /// The journal.
    pub(crate) journal: JournalHandle,
    /// Their tree.
    pub(crate) tree: Tree,
}

impl Bank {
    /// Starts them on that log.
    pub(crate) async fn start(ground: &Ground, options: EntityOptions) -> Self {
        Self::start_on(ground.port(), options).await
    }

    /// Starts them on any log.
    pub(crate) async fn start_on(log: Arc<dyn EventLog>, options: EntityOptions) -> Self {
        let (journal, journal_spec) = Journal::child(Arc::clone(&log), cell("journal"));
        let children = dynamic("accounts");
        let (accounts, accounts_spec) = Entities::child(log, journal.clone(), options, children);
        let root = SupervisorSpec::new("bank", Strategy::RestForOne)
            .child(journal_spec)
            .child(accounts_spec);
        let tree = Tree::start(root).await.unwrap();
        Self { accounts, journal, tree }
    }
}

/// Runs a test in an actor system of its own.
pub(crate) fn run(test: impl Future<Output = ()>) {
    actix_rt::System::new().block_on(async {
        tokio::time::timeout(2 * PATIENCE, test).await.expect("the test hangs");
    });
}
