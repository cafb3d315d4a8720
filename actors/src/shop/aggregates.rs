//! How the shop's aggregates are run by the entity runtime.

use ordershop_domain::{Adopt, Aggregate, Appearance, DomainEvent};
use ordershop_store::{Action, Topic};

use crate::runtime::EventSourced;

impl<A: Adopt> EventSourced for A {
    const TOPIC: Topic = Topic::new(<A as Aggregate>::TOPIC);
    const SNAPSHOT_FORMAT: u16 = <A as Aggregate>::SNAPSHOT_FORMAT;
    type Command = A::Command;
    type Event = A::Event;
    type Rejection = A::Rejection;

    fn decide(&self, command: &A::Command) -> Result<Vec<A::Event>, A::Rejection> {
        Aggregate::decide(self, command)
    }

    fn evolve(self, event: &A::Event) -> Self {
        Aggregate::evolve(self, event)
    }

    fn adopt(self, action: Action, document: &str) -> Result<Self, serde_json::Error> {
        let appearance = match action {
            Action::Created => Appearance::Created,
            Action::Updated => Appearance::Updated,
            Action::Deleted => Appearance::Deleted,
            Action::Internal => Appearance::Internal,
        };
        Ok(Adopt::adopt(self, appearance, serde_json::from_str(document)?))
    }

    fn kind(event: &A::Event) -> &'static str {
        event.name()
    }

    fn schema(_: &A::Event) -> u16 {
        A::Event::SCHEMA
    }

    fn action(event: &A::Event) -> Action {
        match event.appearance() {
            Appearance::Created => Action::Created,
            Appearance::Updated => Action::Updated,
            Appearance::Deleted => Action::Deleted,
            Appearance::Internal => Action::Internal,
        }
    }

    fn document(&self) -> String {
        Aggregate::document(self).map_or_else(String::new, |document| {
            serde_json::to_string(&document).expect("documents are structs of text and numbers")
        })
    }

    fn unique_keys(&self) -> Vec<String> {
        Aggregate::unique_keys(self)
    }
}
