//! What a client knows of its entities: all that was acknowledged, and nothing else.

use std::collections::BTreeMap;

use ordershop_actors::shop::topics;
use ordershop_store::Topic;
use serde_json::Value;
use uuid::Uuid;

/// An entity, as its client left it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Known {
    /// Its topic.
    pub(super) topic: Topic,
    /// Its fields; none once it is deleted.
    pub(super) state: Option<Value>,
    /// How many commands on it were acknowledged, its creation included; each is one event.
    pub(super) events: u64,
    /// It has been billed, or ordered for: it stays as it is.
    pub(super) is_kept: bool,
}

/// All entities of a client, and what has been said to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ledger {
    /// Its entities.
    pub(super) entities: BTreeMap<Uuid, Known>,
    /// Commands that were answered with their effect.
    pub(super) acknowledged: u64,
    /// Commands that were refused for good, such as orders of what is sold out.
    pub(super) refused: u64,
    /// Commands that never got a final answer, and answers that no client should get.
    pub(super) complaints: Vec<String>,
}

impl Ledger {
    /// Notes that an entity was created.
    pub(super) fn created(&mut self, topic: Topic, id: Uuid, state: Value) {
        self.acknowledged += 1;
        let known = Known { topic, state: Some(state), events: 1, is_kept: false };
        if self.entities.insert(id, known).is_some() {
            self.complaints.push(format!("{topic} {id} was created twice"));
        }
    }

    /// Notes that an entity has changed, or is deleted.
    pub(super) fn changed(&mut self, id: Uuid, state: Option<Value>) {
        self.acknowledged += 1;
        if let Some(known) = self.entities.get_mut(&id) {
            known.state = state;
            known.events += 1;
        }
    }

    /// Marks an entity as one that stays as it is.
    pub(super) fn keep(&mut self, id: Uuid) {
        if let Some(known) = self.entities.get_mut(&id) {
            known.is_kept = true;
        }
    }

    /// The living entities of a topic that may be changed and deleted.
    pub(super) fn free(&self, topic: Topic) -> Vec<(Uuid, Value)> {
        let free = self.entities.iter().filter(|(_, known)| known.topic == topic && !known.is_kept);
        free.filter_map(|(id, known)| Some((*id, known.state.clone()?))).collect()
    }

    /// The living entities of a topic.
    pub(super) fn living(&self, topic: Topic) -> Vec<Uuid> {
        let of_topic = self.entities.iter().filter(|(_, known)| known.topic == topic);
        of_topic.filter(|(_, known)| known.state.is_some()).map(|(id, _)| *id).collect()
    }

    /// How many mails all this leads to.
    pub(super) fn mails(&self) -> u64 {
        let mails = self.entities.values().map(|known| match known.topic {
            // A welcome and, in the end, a good-bye.
            topics::CUSTOMER => 1 + u64::from(known.state.is_none()),
            // Thanks, and the sum to pay.
            topics::ORDER => 2,
            // The sum was received.
            topics::BILLING => 1,
            _ => 0,
        });
        mails.sum()
    }

    /// All that both know.
    pub(super) fn merge(&mut self, other: Self) {
        self.entities.extend(other.entities);
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.complaints.extend(other.complaints);
    }
}
