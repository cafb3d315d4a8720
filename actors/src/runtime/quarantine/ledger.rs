//! A subscriber's hold on its quarantine: its state, and how that changes durably.

use std::sync::Arc;

use ordershop_store::{EventLog, Refusal, Transaction};
use uuid::Uuid;

use super::{Quarantine, QuarantineCommand, QuarantineRejection, quarantine_id};
use crate::runtime::{
    AppendError, EventSourced, JournalHandle, ReplayError, Replayed, decide, replay, snapshot,
};

/// How often a command is decided again after a conflict with another writer.
const MAX_DECISIONS: u32 = 8;
/// After how many events since the last one another snapshot is saved.
const SNAPSHOT_EVERY: u64 = 1_000;

/// Why a quarantine did not change; a command that is sent again does nothing twice.
#[derive(Debug, thiserror::Error)]
pub(in crate::runtime) enum LedgerError {
    /// It refuses.
    #[error(transparent)]
    Rejected(#[from] QuarantineRejection),
    /// The log did not give it.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// It was not appended, or nobody knows.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log refuses the append.
    #[error("the log refuses it: {0}")]
    Refused(Refusal),
}

/// The quarantine of one subscriber, as its last command left it.
#[derive(Clone)]
pub(in crate::runtime) struct Ledger {
    log: Arc<dyn EventLog>,
    journal: JournalHandle,
    id: Uuid,
    quarantine: Replayed<Quarantine>,
}

impl Ledger {
    /// Loads the quarantine of that subscriber.
    pub(in crate::runtime) async fn load(
        log: Arc<dyn EventLog>,
        journal: JournalHandle,
        subscriber: &str,
    ) -> Result<Self, ReplayError> {
        let id = quarantine_id(subscriber);
        let quarantine = replay(log.as_ref(), id).await?;
        Ok(Self { log, journal, id, quarantine })
    }

    /// What is set aside.
    pub(in crate::runtime) fn state(&self) -> &Quarantine {
        &self.quarantine.state
    }

    /// Carries a command out; the ledger after it, when that is durable.
    pub(in crate::runtime) async fn execute(
        mut self,
        command: QuarantineCommand,
    ) -> Result<Self, LedgerError> {
        let mut decisions = 1;
        loop {
            let Replayed { state, version, last_event, .. } = &self.quarantine;
            // The same command sent again after a lost answer finds itself in the log; another one
            // must not.
            let name = serde_json::to_vec(&(version, &command))
                .expect("commands are enums of text and numbers, which JSON can always hold");
            let command_id = Uuid::new_v5(&self.id, &name);
            let decided = decide(state, *version, *last_event, self.id, command_id, &command)?;
            let Some(decision) = decided else { return Ok(self) };
            let (version, last_event) = (decision.version(), decision.last_event());
            let append = self.journal.append(Transaction {
                topic: Quarantine::TOPIC,
                command_id,
                cause: None,
                writes: vec![decision.write],
                claims: decision.claims,
                releases: decision.releases,
            });
            match append.await? {
                Ok(committed) => {
                    let first = self.quarantine.first_position.or(committed.ids.first().copied());
                    self.quarantine.first_position = first;
                    self.quarantine.state = decision.state;
                    self.quarantine.version = version;
                    self.quarantine.last_event = last_event;
                    self.save_snapshot();
                    return Ok(self);
                }
                Err(refusal) if decisions == MAX_DECISIONS => {
                    return Err(LedgerError::Refused(refusal));
                }
                // Another writer, or an append of its own of which it never heard.
                Err(_) => self.quarantine = replay(self.log.as_ref(), self.id).await?,
            }
            decisions += 1;
        }
    }

    fn save_snapshot(&mut self) {
        let Replayed { version, snapshot_version, .. } = self.quarantine;
        if version < snapshot_version + SNAPSHOT_EVERY {
            return;
        }
        if let Some(taken) = snapshot::take(&self.quarantine) {
            self.journal.save_snapshot(Quarantine::TOPIC, self.id, taken);
        }
        self.quarantine.snapshot_version = version;
    }
}
