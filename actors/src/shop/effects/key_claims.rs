//! Claims the unique keys of entities that other programs wrote.
//!
//! An entry of another program claims no key: it is in its stream before any of us has seen it. Until
//! somebody does, its product's orders find no stock, and a second record of it could be opened. So
//! each such entry is followed by an internal event of its entity that claims what the entity's state
//! holds, on the condition that nothing else has happened to it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use ordershop_domain::{Adopt, Appearance, Billing, Inventory};
use ordershop_store::{
    Action, EntityWrite, Entry, EventLog, LogError, NewEvent, Origin, Refusal, Transaction,
    UniqueKey,
};
use uuid::Uuid;

use crate::runtime::{
    Backward, Handler, HandlerError, HandlerFuture, JournalHandle, KEYS_CLAIMED, event_id,
};
use crate::shop::{foreign, states, topics};

/// The version of the event's schema.
const KEYS_CLAIMED_SCHEMA: u16 = 1;
/// How often a claim is decided again because something happened to the entity meanwhile.
const MAX_DECISIONS: usize = 8;

/// The handler of inventory and billing events.
#[derive(Clone)]
pub struct KeyClaims {
    /// Where entities are looked up.
    pub log: Arc<dyn EventLog>,
    /// Through which it claims.
    pub journal: JournalHandle,
}

type Keys = BTreeSet<UniqueKey>;

/// An entity's keys, as they are to change hands, and the entry on which that was decided.
struct Claim {
    last: Arc<Entry>,
    claims: Keys,
    releases: Keys,
}

impl Handler for KeyClaims {
    fn handle(&mut self, entries: Arc<[Arc<Entry>]>) -> HandlerFuture {
        let claims = self.clone();
        Box::pin(async move {
            for entry in entries.iter().filter(|entry| entry.origin == Origin::Foreign) {
                claims.follow(entry).await?;
            }
            Ok(())
        })
    }
}

impl KeyClaims {
    /// Has the keys of an entry's entity follow its state.
    async fn follow(&self, entry: &Entry) -> Result<(), HandlerError> {
        for _ in 0..MAX_DECISIONS {
            let Some(claim) = self.claim(entry).await.map_err(HandlerError::away)? else {
                return Ok(());
            };
            let appended = self.journal.append(transaction(entry, claim)).await;
            match appended.map_err(HandlerError::away)? {
                Ok(_) => return Ok(()),
                Err(refusal) if refusal.changed_entity().is_some() => {}
                Err(refusal @ Refusal::Taken { .. }) => {
                    return Err(HandlerError::unfit(entry, refusal));
                }
                Err(refusal) => return Err(HandlerError::unfit(entry, refusal)),
            }
        }
        Err(HandlerError::away("too much happens to the entity"))
    }

    /// What is to be claimed and given up because of an entry; `None` where all is as it must be.
    async fn claim(&self, entry: &Entry) -> Result<Option<Claim>, LogError> {
        let (log, topic, id) = (&*self.log, entry.topic, entry.entity_id);
        let Some(last) = log.latest(topic, vec![id]).await?.pop().flatten() else {
            return Ok(None);
        };
        let state = states::newest(log, topic, vec![id]).await?.pop().flatten();
        let claims = state.as_deref().map(keys).unwrap_or_default();
        let mut releases = self.keys_before(entry, &last).await?;
        releases.retain(|key| !claims.contains(key));
        let all: Vec<_> = claims.iter().chain(&releases).cloned().collect();
        let holders = log.holders(topic, all.clone()).await?;
        let is_settled = all.iter().zip(holders).all(|(key, holder)| {
            let holds = holder == Some(id);
            holds == claims.contains(key)
        });
        Ok((!is_settled).then_some(Claim { last, claims, releases }))
    }

    /// The keys that the entity held before an entry; none where the entry changed nothing.
    async fn keys_before(&self, entry: &Entry, last: &Arc<Entry>) -> Result<Keys, LogError> {
        let mut history = Backward::from(&*self.log, Arc::clone(last));
        let mut is_behind = false;
        while let Some(earlier) = history.next().await? {
            if is_behind && earlier.action != Action::Internal && foreign::check(&earlier).is_ok() {
                return Ok(keys(&earlier));
            }
            is_behind |= (earlier.action, earlier.id) == (entry.action, entry.id);
            if !is_behind && earlier.id < entry.id {
                break;
            }
        }
        Ok(Keys::new())
    }
}

/// The transaction that makes a claim, because of an entry.
fn transaction(entry: &Entry, Claim { last, claims, releases }: Claim) -> Transaction {
    let entity_id = entry.entity_id;
    let name = format!("keys of {} {}", entry.action.name(), entry.id);
    let command_id = Uuid::new_v5(&entry.event_id, name.as_bytes());
    let number = usize::try_from(last.version).unwrap_or(usize::MAX);
    let event = NewEvent {
        action: Action::Internal,
        event_id: event_id(command_id, entity_id, number),
        kind: Cow::Borrowed(KEYS_CLAIMED),
        schema: KEYS_CLAIMED_SCHEMA,
        document: Arc::from(""),
        data: Arc::from("{}"),
    };
    let of_entity = |keys: Keys| keys.into_iter().map(|key| (key, entity_id)).collect();
    Transaction {
        topic: entry.topic,
        command_id,
        cause: Some(entry.event_id),
        writes: vec![EntityWrite {
            entity_id,
            expected: last.version,
            last_event: Some(last.event_id),
            events: vec![event],
        }],
        claims: of_entity(claims),
        releases: of_entity(releases),
    }
}

/// The unique keys that an entity holds which is as this entry says.
fn keys(entry: &Entry) -> Keys {
    if !states::is_living(entry) {
        return Keys::new();
    }
    match entry.topic {
        topics::INVENTORY => keys_of::<Inventory>(&entry.document),
        topics::BILLING => keys_of::<Billing>(&entry.document),
        _ => Keys::new(),
    }
}

fn keys_of<A: Adopt>(document: &str) -> Keys {
    let Ok(document) = serde_json::from_str(document) else { return Keys::new() };
    let entity = A::default().adopt(Appearance::Created, document);
    entity.unique_keys().into_iter().map(UniqueKey::from).collect()
}
