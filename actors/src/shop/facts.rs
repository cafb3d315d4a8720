//! Facts about other entities, looked up in the log at the moment of a command.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::try_join_all;
use ordershop_domain::OrderFacts;
use ordershop_store::{Entry, EventLog, LogError, Topic};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::mail_facts::{self, FactsError};
use super::{CommandError, Invalid, states, topics};

/// A mention of another entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The entity's topic.
    pub topic: Topic,
    /// The entity.
    pub id: Uuid,
    /// The field that mentions it.
    pub field: &'static str,
}

impl Reference {
    /// The reference is to nothing that exists.
    pub fn unknown(&self) -> CommandError {
        CommandError::Invalid(Invalid {
            field: self.field.to_owned(),
            index: None,
            message: format!("there is no {} {}", self.topic, self.id),
        })
    }
}

/// The living entities among those that were looked up.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    entries: BTreeMap<(Topic, Uuid), Arc<Entry>>,
    /// What mails about each order tell, or why that is not known.
    orders: BTreeMap<Uuid, Result<OrderFacts, String>>,
}

impl Facts {
    /// Looks these up, as the log has them now.
    pub async fn look_up(
        log: &dyn EventLog,
        references: impl IntoIterator<Item = Reference>,
    ) -> Result<Self, LogError> {
        let mut wanted: BTreeMap<Topic, BTreeSet<Uuid>> = BTreeMap::new();
        for reference in references {
            wanted.entry(reference.topic).or_default().insert(reference.id);
        }
        // All at once: a log on a server needs a while for each.
        let look_up = async |(topic, ids): (Topic, BTreeSet<Uuid>)| {
            let entries = states::newest(log, topic, ids.into_iter().collect()).await?;
            Ok::<_, LogError>((topic, entries))
        };
        let found = try_join_all(wanted.into_iter().map(look_up)).await?;
        let mut facts = Self::default();
        for (topic, entries) in found {
            for entry in entries.into_iter().flatten().filter(|entry| states::is_living(entry)) {
                if topic == topics::ORDER {
                    let ordered = match mail_facts::of_order(log, &entry).await {
                        Ok(ordered) => Ok(ordered.facts),
                        Err(FactsError::Log(error)) => return Err(error),
                        Err(error) => Err(error.to_string()),
                    };
                    facts.orders.insert(entry.entity_id, ordered);
                }
                facts.entries.insert((topic, entry.entity_id), entry);
            }
        }
        Ok(facts)
    }

    /// What is known of an entity, read as a `T`; an error where it is not there or is no `T`.
    pub fn get<T: DeserializeOwned>(&self, reference: &Reference) -> Result<T, CommandError> {
        let entry = self
            .entries
            .get(&(reference.topic, reference.id))
            .ok_or_else(|| reference.unknown())?;
        serde_json::from_str(&entry.document).map_err(|error| {
            CommandError::Conflict(format!(
                "{} {} is damaged: {error}",
                reference.topic, reference.id
            ))
        })
    }

    /// What mails about an order tell, of the moment of its last change.
    pub fn of_order(&self, reference: &Reference) -> Result<&OrderFacts, CommandError> {
        let ordered = self.orders.get(&reference.id).ok_or_else(|| reference.unknown())?;
        ordered.as_ref().map_err(|reason| {
            CommandError::Conflict(format!(
                "what order {} comes to is not known: {reason}",
                reference.id
            ))
        })
    }

    /// Fails where the entity is not there.
    pub fn require(&self, reference: &Reference) -> Result<(), CommandError> {
        if self.entries.contains_key(&(reference.topic, reference.id)) {
            Ok(())
        } else {
            Err(reference.unknown())
        }
    }
}
