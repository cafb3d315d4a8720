//! What every aggregate is: a pure decision, and a pure fold of what was decided.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// An entity's state, with the rules by which commands become events.
///
/// The state is what [`Aggregate::evolve`] makes of all events so far, beginning with the default.
/// Both functions are pure and total: they read no clock, make no ids, and never panic. Time, new
/// ids and facts about other entities arrive inside the command.
pub trait Aggregate:
    Clone + Default + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The topic in which the events stand.
    const TOPIC: &'static str;
    /// The version of the state's serialized form. Whoever changes a field of a state takes the next
    /// number: snapshots of others are ignored.
    const SNAPSHOT_FORMAT: u16 = 1;
    /// What it can be asked to do.
    type Command: Clone + Debug + Send + 'static;
    /// What can happen to it.
    type Event: DomainEvent;
    /// Why it may refuse.
    type Rejection: Reject;
    /// The public entity, with its fields in the order in which everybody sees them.
    type Document: Serialize + DeserializeOwned;

    /// Decides what a command leads to; a command that was done before leads to no events.
    fn decide(&self, command: &Self::Command) -> Result<Vec<Self::Event>, Self::Rejection>;

    /// The state after one more event; an event that makes no sense here changes nothing.
    #[must_use]
    fn evolve(self, event: &Self::Event) -> Self;

    /// The whole public state: after a deletion the last one, `None` if there never was one.
    fn document(&self) -> Option<Self::Document>;

    /// Whether the entity exists now: created, and not deleted.
    fn is_living(&self) -> bool;

    /// The keys that no other entity of the topic may hold at the same time; none after deletion.
    fn unique_keys(&self) -> Vec<String>;
}

/// An aggregate whose entries other programs may write too, with nothing but the public entity.
///
/// Such an entry tells no domain event, only what the entity is from now on. It is history like
/// any other, so adopting it is total, and no rule is asked.
pub trait Adopt: Aggregate {
    /// The state after an entry of another program.
    #[must_use]
    fn adopt(self, appearance: Appearance, document: Self::Document) -> Self;
}

/// Something that has happened to an entity, as the log holds it for ever.
///
/// The JSON form must stay readable: a field may be added with a default, none renamed or removed.
pub trait DomainEvent:
    Serialize + DeserializeOwned + Clone + Debug + PartialEq + Send + Sync + 'static
{
    /// The version of the JSON form.
    const SCHEMA: u16 = 1;

    /// The name, in the past tense, such as `StockReserved`.
    fn name(&self) -> &'static str;

    /// What the outside sees of it.
    fn appearance(&self) -> Appearance;
}

/// The public action under which an event appears to other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Appearance {
    /// The entity came into being.
    Created,
    /// The entity changed.
    Updated,
    /// The entity is gone.
    Deleted,
    /// Nothing: the topic's own bookkeeping.
    Internal,
}

/// Why a command was refused: the caller's fault, final, and without any effect.
pub trait Reject: std::error::Error + Clone + PartialEq + Send + Sync + 'static {
    /// The kind of fault.
    fn kind(&self) -> RejectionKind;
}

/// The kinds of rejections, as far as a caller may treat them alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RejectionKind {
    /// There is no such entity.
    NotFound,
    /// The command contradicts the entity's state.
    Conflict,
    /// The command itself holds something that cannot be.
    Invalid {
        /// The field of the public entity that holds it.
        field: &'static str,
    },
}
