//! The commands of one topic: creates, replaces and deletes its entities.
//!
//! Creating needs no actor of each new entity: the whole batch is decided here and appended as one
//! transaction, so that it is all or nothing. What exists is changed by its own entity actor.

use std::collections::HashMap;
use std::sync::Arc;

use ordershop_domain::Adopt;
use ordershop_store::{EventLog, Refusal, Transaction};
use uuid::Uuid;

use super::resume::History;
use super::service::CommandHandler;
use super::{Accepted, CommandError, Facts, Reference, Serve, Verb};
use crate::runtime::{Entities, EventSourced, Execute, ExecuteError, JournalHandle, decide};

/// An aggregate whose entities clients create, replace and delete.
pub trait Managed: Adopt {
    /// What a client sends of one.
    type Draft: Clone + Send + 'static;
    /// What else its commands need to know.
    type Context: Clone + Send + 'static;

    /// The other entities that the draft mentions.
    fn references(draft: &Self::Draft) -> Vec<Reference>;
    /// Entities that those mention in turn, and of which facts are needed.
    fn further_references(_: &Self::Draft, _: &Facts) -> Vec<Reference> {
        Vec::new()
    }
    /// The command that creates it.
    fn create(
        id: Uuid,
        draft: &Self::Draft,
        facts: &Facts,
        time_us: i64,
    ) -> Result<Self::Command, CommandError>;
    /// The command that replaces its fields.
    fn replace(
        draft: &Self::Draft,
        facts: &Facts,
        time_us: i64,
    ) -> Result<Self::Command, CommandError>;
    /// The command that deletes it.
    fn delete(context: &Self::Context) -> Self::Command;
    /// What it means that another entity holds this unique key.
    fn taken(key: &str) -> String {
        format!("{key} is taken")
    }
}

/// The commands of one topic, and what they work with.
pub struct EntityCommands<E: Managed> {
    /// Where references are looked up.
    pub log: Arc<dyn EventLog>,
    /// Through which it appends.
    pub journal: JournalHandle,
    /// The entities.
    pub entities: Entities<E>,
    /// What else its commands need to know.
    pub context: E::Context,
}

impl<E: Managed> Clone for EntityCommands<E> {
    fn clone(&self) -> Self {
        Self {
            log: Arc::clone(&self.log),
            journal: self.journal.clone(),
            entities: self.entities.clone(),
            context: self.context.clone(),
        }
    }
}

impl<E: Managed> CommandHandler<Serve<E::Draft>> for EntityCommands<E> {
    async fn handle(self, command: Serve<E::Draft>) -> Result<Accepted, CommandError> {
        let Serve { command_id, verb, time_us, resumed } = command;
        let mut prior = None;
        if resumed {
            match self.history(&verb, command_id).await? {
                History::Holds(accepted) => return Ok(accepted),
                History::Without { version } => prior = Some(version),
            }
        }
        match verb {
            Verb::Create(drafts) => self.create(command_id, &drafts, time_us).await,
            Verb::Replace(id, draft) => {
                let facts = self.facts(std::slice::from_ref(&draft)).await?;
                let command = E::replace(&draft, &facts, time_us)?;
                self.change(id, command_id, command, prior).await
            }
            Verb::Delete(id) => {
                let command = E::delete(&self.context);
                self.change(id, command_id, command, prior).await
            }
        }
    }
}

impl<E: Managed> EntityCommands<E> {
    async fn facts(&self, drafts: &[E::Draft]) -> Result<Facts, CommandError> {
        let unavailable = |error: ordershop_store::LogError| {
            CommandError::Unavailable(format!("cannot look up what it refers to: {error}"))
        };
        let mut references: Vec<_> = drafts.iter().flat_map(E::references).collect();
        if references.is_empty() {
            return Ok(Facts::default());
        }
        let facts =
            Facts::look_up(self.log.as_ref(), references.clone()).await.map_err(unavailable)?;
        let further: Vec<_> =
            drafts.iter().flat_map(|draft| E::further_references(draft, &facts)).collect();
        if further.is_empty() {
            return Ok(facts);
        }
        references.extend(further);
        Facts::look_up(self.log.as_ref(), references).await.map_err(unavailable)
    }

    /// Has an entity carry out a command; one that may have been carried out before only behind
    /// the `prior` events, which do not tell of it.
    pub(super) async fn execute(
        &self,
        id: Uuid,
        command_id: Uuid,
        command: E::Command,
        prior: Option<u64>,
    ) -> Result<Accepted, ExecuteError<E::Rejection>> {
        if let Some(prior) = prior {
            return self.execute_once(id, command_id, command, prior).await;
        }
        let execute = Execute { command_id, command, companions: Vec::new(), only_at: None };
        let executed = self.entities.execute(id, execute).await?;
        Ok(Accepted::default().at(topic::<E>(), executed.position))
    }

    async fn change(
        &self,
        id: Uuid,
        command_id: Uuid,
        command: E::Command,
        prior: Option<u64>,
    ) -> Result<Accepted, CommandError> {
        self.execute(id, command_id, command, prior)
            .await
            .map_err(|error| CommandError::execution(topic::<E>(), id, error, E::taken))
    }

    async fn create(
        &self,
        command_id: Uuid,
        drafts: &[E::Draft],
        time_us: i64,
    ) -> Result<Accepted, CommandError> {
        if drafts.is_empty() {
            return Ok(Accepted::default());
        }
        let batch = drafts.len() > 1;
        let facts = self.facts(drafts).await?;
        let mut ids = Vec::with_capacity(drafts.len());
        let mut transaction = Transaction {
            topic: topic::<E>(),
            command_id,
            cause: None,
            writes: Vec::with_capacity(drafts.len()),
            claims: Vec::new(),
            releases: Vec::new(),
        };
        let mut claimed_by = HashMap::new();
        for (index, draft) in drafts.iter().enumerate() {
            let id = entity_id(command_id, index);
            let decided = E::create(id, draft, &facts, time_us).and_then(|command| {
                decide(&E::default(), 0, None, id, command_id, &command)
                    .map_err(|rejection| CommandError::rejected(topic::<E>(), id, &rejection))
            });
            let of_element = |error: CommandError| {
                if batch { error.of_element(index) } else { error }
            };
            let decision = decided
                .map_err(of_element)?
                .ok_or_else(|| CommandError::Conflict("creating it led to nothing".to_owned()))?;
            for (key, _) in &decision.claims {
                if claimed_by.insert(Arc::clone(key), index).is_some() {
                    return Err(of_element(CommandError::Conflict(E::taken(key))));
                }
            }
            ids.push(id);
            transaction.writes.push(decision.write);
            transaction.claims.extend(decision.claims);
        }
        match self.journal.append(transaction).await? {
            Ok(committed) => {
                let position = Some(committed.last());
                Ok(Accepted { ids, positions: Vec::new() }.at(topic::<E>(), position))
            }
            Err(Refusal::Taken { key, .. }) => {
                let error = CommandError::Conflict(E::taken(&key));
                Err(match claimed_by.get(&key) {
                    Some(index) if batch => error.of_element(*index),
                    _ => error,
                })
            }
            Err(refusal) => Err(refusal.into()),
        }
    }
}

pub(super) const fn topic<E: Managed>() -> ordershop_store::Topic {
    <E as EventSourced>::TOPIC
}

/// The id of the entity that a command creates as its element number `index`.
pub(super) fn entity_id(command_id: Uuid, index: usize) -> Uuid {
    Uuid::new_v5(&command_id, &(index as u64).to_be_bytes())
}
