//! Facts about other entities, looked up in the log at the moment of a command.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ordershop_store::{Action, Entry, EventLog, LogError, Topic};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{CommandError, Invalid};

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
pub struct Facts(BTreeMap<(Topic, Uuid), Arc<Entry>>);

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
        let mut facts = BTreeMap::new();
        for (topic, ids) in wanted {
            let entries = log.latest(topic, ids.into_iter().collect()).await?;
            for entry in entries.into_iter().flatten() {
                if matches!(entry.action, Action::Created | Action::Updated) {
                    facts.insert((topic, entry.entity_id), entry);
                }
            }
        }
        Ok(Self(facts))
    }

    /// What is known of an entity, read as a `T`; an error where it is not there or is no `T`.
    pub fn get<T: DeserializeOwned>(&self, reference: &Reference) -> Result<T, CommandError> {
        let entry =
            self.0.get(&(reference.topic, reference.id)).ok_or_else(|| reference.unknown())?;
        serde_json::from_str(&entry.document).map_err(|error| {
            CommandError::Conflict(format!(
                "{} {} is damaged: {error}",
                reference.topic, reference.id
            ))
        })
    }

    /// The domain event of an entity's last entry, read as a `T`, where it can be.
    pub fn last_event<T: DeserializeOwned>(&self, reference: &Reference) -> Option<T> {
        let entry = self.0.get(&(reference.topic, reference.id))?;
        serde_json::from_str(&entry.data).ok()
    }

    /// Fails where the entity is not there.
    pub fn require(&self, reference: &Reference) -> Result<(), CommandError> {
        if self.0.contains_key(&(reference.topic, reference.id)) {
            Ok(())
        } else {
            Err(reference.unknown())
        }
    }
}
