//! What a type must offer to be run as an event-sourced entity.

use std::error::Error;
use std::fmt::Debug;

use ordershop_store::{Action, Topic};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An aggregate that the runtime can run: pure decisions, pure evolution, and how both appear in
/// the log.
///
/// `decide` and `evolve` are synchronous and total, and know neither clock nor randomness; time,
/// ids and looked-up facts arrive inside the command. A command that was already carried out
/// answers with no events.
pub trait EventSourced:
    Clone + Debug + Default + Serialize + DeserializeOwned + Send + 'static
{
    /// The topic in which its events stand.
    const TOPIC: Topic;
    /// The version of the state's serialized form; a snapshot of another one is ignored. The form is
    /// one without field names, so whatever changes a field of the state needs another number.
    const SNAPSHOT_FORMAT: u16;
    /// What it can be asked to do.
    type Command: Clone + Debug + Send + 'static;
    /// What can happen to it.
    type Event: Clone + Debug + Serialize + DeserializeOwned + Send + 'static;
    /// Why it refuses a command, for good.
    type Rejection: Error + Clone + Send + Sync + 'static;

    /// The events to which the command leads in this state.
    fn decide(&self, command: &Self::Command) -> Result<Vec<Self::Event>, Self::Rejection>;
    /// The state after the event.
    #[must_use]
    fn evolve(self, event: &Self::Event) -> Self;
    /// The state after an entry of another program, which tells only the entity's public state; an
    /// error where its text is not that of such an entity. Where no other program writes to the topic,
    /// there is nothing to adopt.
    fn adopt(self, action: Action, document: &str) -> Result<Self, serde_json::Error> {
        let _ = (action, document);
        Ok(self)
    }
    /// The name of the event's kind.
    fn kind(event: &Self::Event) -> &'static str;
    /// The version of the event's schema.
    fn schema(event: &Self::Event) -> u16;
    /// As what the event appears to others.
    fn action(event: &Self::Event) -> Action;
    /// The whole public state as JSON text; empty where there never was one.
    fn document(&self) -> String;
    /// The unique keys that an entity in this state holds.
    fn unique_keys(&self) -> Vec<String>;
}
