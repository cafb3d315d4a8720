//! The way to the entities of one type.

use std::marker::PhantomData;
use std::sync::Arc;

use ordershop_store::EventLog;
use ordershop_supervisors::{AskError, Birth, ChildSpec, DynamicBuilder, DynamicHandle};
use uuid::Uuid;

use super::message::InspectOf;
use super::{Entity, EntityOptions, EntityState, Execute, ExecuteError, Executed};
use crate::runtime::{EventSourced, JournalHandle};

/// The way to the entities of one type.
pub struct Entities<A: EventSourced>(DynamicHandle<Uuid, Entity<A>>);

impl<A: EventSourced> Clone for Entities<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: EventSourced> Entities<A> {
    /// All entities of that type, as a child for a supervisor, and the handle to them.
    pub fn child(
        log: Arc<dyn EventLog>,
        journal: JournalHandle,
        options: EntityOptions,
        children: DynamicBuilder<Uuid, Entity<A>>,
    ) -> (Self, ChildSpec) {
        let (handle, spec) = children.factory(move |id: Uuid, _: Birth<Entity<A>>| {
            Entity::load(id, Arc::clone(&log), journal.clone(), options)
        });
        (Self(handle), spec)
    }

    /// Has an entity carry out a command; waits until it is durable.
    pub async fn execute(
        &self,
        entity_id: Uuid,
        execute: Execute<A>,
    ) -> Result<Executed, ExecuteError<A::Rejection>> {
        match self.0.ask(&entity_id, execute).await {
            Ok(result) => result,
            Err(AskError::Lost(reason)) => Err(ExecuteError::Unknown(reason.to_string())),
            Err(undelivered) => Err(ExecuteError::Unavailable(undelivered.to_string())),
        }
    }

    /// How many entities are in use.
    pub fn in_use(&self) -> usize {
        self.0.len()
    }

    /// The durable state of an entity.
    pub async fn inspect(
        &self,
        entity_id: Uuid,
    ) -> Result<EntityState<A>, ExecuteError<A::Rejection>> {
        self.0
            .ask(&entity_id, InspectOf(PhantomData))
            .await
            .map_err(|error| ExecuteError::Unavailable(error.to_string()))
    }
}
