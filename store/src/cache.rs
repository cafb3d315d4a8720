//! The port to the entity cache: the newest public state of each entity, beside the log, for
//! programs that read no streams.

use std::collections::HashSet;

use uuid::Uuid;

use crate::{BoxFuture, LogError, Topic};

/// An entity as the cache has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedEntity {
    /// The entity.
    pub id: Uuid,
    /// Its fields in their order; none where it is gone, or never was.
    pub fields: Option<Vec<(String, CachedField)>>,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CachedField {
    /// A text, or a number as text.
    Text(String),
    /// A list, which is kept apart from the entity.
    List(Vec<String>),
}

/// A cache of entities. Other programs may write to it, too.
pub trait EntityCache: Send + Sync + 'static {
    /// Writes these entities whole, each in one step, in the place of what is there; `lists` are the
    /// fields of the topic that are lists.
    ///
    /// After an error some may be written; writing them again does no harm.
    fn write<'a>(
        &'a self,
        topic: Topic,
        lists: &'a [&'a str],
        entities: &'a [CachedEntity],
    ) -> BoxFuture<'a, Result<(), LogError>>;

    /// The ids of all entities of that topic of which the cache has anything.
    fn ids<'a>(
        &'a self,
        topic: Topic,
        lists: &'a [&'a str],
    ) -> BoxFuture<'a, Result<HashSet<Uuid>, LogError>>;

    /// Removes what stands in the topic's places and can be of no entity, such as a name that is no
    /// id or a key of another type; returns how many such things there were.
    fn remove_strangers<'a>(
        &'a self,
        topic: Topic,
        lists: &'a [&'a str],
    ) -> BoxFuture<'a, Result<usize, LogError>>;
}
