//! Commands that were begun before, with an outcome of which nobody knows: what the log says of them.
//!
//! What a command created bears ids that derive from the command's, so it is found by them. What it
//! changed has an event with the command's id. It is carried out only on a version up to which
//! there is none; and should one come into the log behind that version meanwhile, then the log
//! refuses the second, finds the first, and answers as it did then.

use ordershop_domain::Reject;
use ordershop_store::{Action, EntryId, EventLog, LogError, Topic};
use uuid::Uuid;

use super::managed::{entity_id, topic};
use super::{Accepted, CommandError, EntityCommands, Managed, Verb};
use crate::runtime::{Execute, ExecuteError};

/// How many entries one look at an entity's history takes.
const HISTORY_PAGE: usize = 1024;
/// How many entries one look at a stream takes.
const STREAM_PAGE: usize = 4096;
/// How often a command is bound to a newer version of an entity that others keep changing.
const MAX_BINDINGS: usize = 32;

/// What the log knows of a command.
pub(super) enum History {
    /// It was carried out; this is its answer.
    Holds(Accepted),
    /// It was not, up to this version of its entity.
    Without {
        /// The version.
        version: u64,
    },
}

/// The answer to a command that was carried out before: whoever has read all of these topics has
/// seen its effect.
pub(super) async fn carried_out(
    log: &dyn EventLog,
    ids: Vec<Uuid>,
    topics: Vec<Topic>,
) -> Result<Accepted, LogError> {
    let ends = log.ends(topics).await?;
    let positions = ends.iter().map(|(topic, position)| (topic, position.last())).collect();
    Ok(Accepted { ids, positions })
}

pub(super) fn unavailable(error: &LogError) -> CommandError {
    CommandError::Unavailable(format!("cannot look up what became of it: {error}"))
}

impl<E: Managed> EntityCommands<E> {
    /// What the log knows of a command of this topic.
    pub(super) async fn history(
        &self,
        verb: &Verb<E::Draft>,
        command_id: Uuid,
    ) -> Result<History, CommandError> {
        match verb {
            Verb::Create(drafts) => self.creation(drafts.len(), command_id).await,
            Verb::Replace(id, _) | Verb::Delete(id) => {
                self.entity_history(*id, command_id, 0).await
            }
        }
    }

    /// A batch is there whole or not at all, so its first entity stands for it.
    async fn creation(&self, count: usize, command_id: Uuid) -> Result<History, CommandError> {
        let first = vec![entity_id(command_id, 0)];
        let found = self.log.latest(topic::<E>(), first).await.map_err(|e| unavailable(&e))?;
        if count == 0 || found.into_iter().flatten().next().is_none() {
            return Ok(History::Without { version: 0 });
        }
        let ids = (0..count).map(|index| entity_id(command_id, index)).collect();
        let accepted = carried_out(self.log.as_ref(), ids, vec![topic::<E>()]).await;
        accepted.map(History::Holds).map_err(|error| unavailable(&error))
    }

    /// The answer to a command that changed any entity behind that position: for one that names its
    /// entity by something else than the id, which may by now be that of another one.
    pub(super) async fn changed_since(
        &self,
        mut since: EntryId,
        command_id: Uuid,
    ) -> Result<Option<Accepted>, CommandError> {
        let (log, topic) = (self.log.as_ref(), topic::<E>());
        loop {
            let page = log.read_stream(topic, Action::Updated, since, STREAM_PAGE).await;
            let page = page.map_err(|error| unavailable(&error))?;
            if page.entries.iter().any(|entry| entry.command_id == command_id) {
                let accepted = carried_out(log, Vec::new(), vec![topic]).await;
                return accepted.map(Some).map_err(|error| unavailable(&error));
            }
            since = page.entries.last().map_or(since, |entry| entry.id);
            if !page.more {
                return Ok(None);
            }
        }
    }

    /// What an entity's events behind `version` tell of a command.
    pub(super) async fn entity_history(
        &self,
        id: Uuid,
        command_id: Uuid,
        version: u64,
    ) -> Result<History, CommandError> {
        self.search(id, command_id, version).await.map_err(|error| unavailable(&error))
    }

    async fn search(
        &self,
        id: Uuid,
        command_id: Uuid,
        mut version: u64,
    ) -> Result<History, LogError> {
        loop {
            let page = self.log.read_entity(topic::<E>(), id, version, HISTORY_PAGE).await?;
            if page.entries.iter().any(|entry| entry.command_id == command_id) {
                let topics = vec![topic::<E>()];
                return carried_out(self.log.as_ref(), Vec::new(), topics)
                    .await
                    .map(History::Holds);
            }
            version = page.entries.last().map_or(version, |entry| entry.version);
            if !page.more {
                return Ok(History::Without { version });
            }
        }
    }

    /// Has an entity carry out a command of which its first `version` events do not tell.
    pub(super) async fn execute_once(
        &self,
        id: Uuid,
        command_id: Uuid,
        command: E::Command,
        mut version: u64,
    ) -> Result<Accepted, ExecuteError<E::Rejection>>
    where
        E::Rejection: Reject,
    {
        for _ in 0..MAX_BINDINGS {
            let command = command.clone();
            let only_at = Some(version);
            let execute = Execute { command_id, command, companions: Vec::new(), only_at };
            match self.entities.execute(id, execute).await {
                Err(ExecuteError::Moved) => {}
                Ok(executed) => {
                    return Ok(Accepted::default().at(topic::<E>(), executed.position));
                }
                Err(error) => return Err(error),
            }
            match self.search(id, command_id, version).await {
                Ok(History::Holds(accepted)) => return Ok(accepted),
                Ok(History::Without { version: now }) => version = now,
                Err(error) => return Err(ExecuteError::Unavailable(error.to_string())),
            }
        }
        Err(ExecuteError::Contended)
    }
}
