//! The domain of two examples: bank accounts, as an aggregate that the actor runtime can run.

use std::sync::Arc;

use ordershop_actors::runtime::{Entities, EntityOptions, EventSourced, Execute, Journal};
use ordershop_store::{Action, EventLog, Topic};
use ordershop_supervisors::{Strategy, SupervisorSpec, cell, dynamic};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The topic of the accounts. A log is opened with all topics that it holds.
pub(crate) const ACCOUNTS: Topic = Topic::new("account");

/// After so many events the next snapshot of an account is saved.
pub(crate) const SNAPSHOT_EVERY: u64 = 50;

/// An account; the state is what its events amount to, and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// What is in it, in cents.
    pub(crate) cents: u64,
}

/// What an account can be asked to do, in cents.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AccountCommand {
    /// Put in.
    Deposit(u64),
    /// Take out.
    Withdraw(u64),
    /// Pay all that can be shared evenly to so many people.
    Share(u64),
}

/// What can happen to an account, in cents.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum AccountEvent {
    /// Put in.
    Deposited(u64),
    /// Taken out.
    Withdrawn(u64),
}

/// Why an account refuses.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum AccountRejection {
    /// There is not so much in it.
    #[error("there are only {0} cents in it")]
    Short(u64),
}

impl EventSourced for Account {
    const TOPIC: Topic = ACCOUNTS;
    const SNAPSHOT_FORMAT: u16 = 1;
    type Command = AccountCommand;
    type Event = AccountEvent;
    type Rejection = AccountRejection;

    /// Every rule stands here: pure, without clock, chance or waiting.
    fn decide(&self, command: &AccountCommand) -> Result<Vec<AccountEvent>, AccountRejection> {
        match *command {
            AccountCommand::Deposit(cents) => Ok(vec![AccountEvent::Deposited(cents)]),
            AccountCommand::Withdraw(cents) if cents > self.cents => {
                Err(AccountRejection::Short(self.cents))
            }
            AccountCommand::Withdraw(cents) => Ok(vec![AccountEvent::Withdrawn(cents)]),
            // The bug on which the lessons build: nobody thought of sharing among none.
            AccountCommand::Share(people) => {
                Ok(vec![AccountEvent::Withdrawn(self.cents / people * people)])
            }
        }
    }

    /// No rule stands here: what happened, happened.
    fn evolve(self, event: &AccountEvent) -> Self {
        match event {
            AccountEvent::Deposited(cents) => Self { cents: self.cents + cents },
            AccountEvent::Withdrawn(cents) => Self { cents: self.cents - cents },
        }
    }

    /// Takes in what another program has written to the log, of which only the document is known.
    fn adopt(self, _: Action, document: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(document)
    }

    fn kind(event: &AccountEvent) -> &'static str {
        match event {
            AccountEvent::Deposited(_) => "Deposited",
            AccountEvent::Withdrawn(_) => "Withdrawn",
        }
    }

    fn schema(_: &AccountEvent) -> u16 {
        1
    }

    fn action(_: &AccountEvent) -> Action {
        Action::Updated
    }

    fn document(&self) -> String {
        format!("{{\"cents\":{}}}", self.cents)
    }

    fn unique_keys(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The bank as part of a tree: the journal, through which all is appended, and the accounts, which
/// start on demand and build on it. To be called on an arbiter.
pub(crate) fn bank(log: Arc<dyn EventLog>) -> (Entities<Account>, SupervisorSpec) {
    let (journal, journal_spec) = Journal::child(Arc::clone(&log), cell("journal"));
    let options = EntityOptions { snapshot_every: SNAPSHOT_EVERY, ..EntityOptions::default() };
    let children = dynamic("accounts").label(|id: &Uuid| id.as_u128().to_string());
    let (accounts, accounts_spec) = Entities::child(log, journal, options, children);
    let spec =
        SupervisorSpec::new("bank", Strategy::RestForOne).child(journal_spec).child(accounts_spec);
    (accounts, spec)
}

/// A command under a fresh id. Whoever sends it again after an unknown outcome keeps the id: then it
/// is carried out once.
pub(crate) fn command(command: AccountCommand) -> Execute<Account> {
    Execute { command_id: Uuid::now_v7(), command, companions: Vec::new(), only_at: None }
}
