//! What one client knows of its entities: what was acknowledged, what was refused, and what has an
//! unknown outcome until the shop is asked.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{list, text};

/// The topics in which clients create entities, as the report names them.
const LISTS: [(Topic, &str); 3] =
    [(Topic::Customer, "customers"), (Topic::Order, "orders"), (Topic::Billing, "billings")];

/// A kind of entity that clients create.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    Customer,
    Order,
    Billing,
}

/// How a command went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answered with 200: its effect is there for ever.
    Acknowledged,
    /// Answered with an error: it has no effect, now or later.
    Refused,
    /// No answer, or one that says so.
    Unknown,
}

/// An entity and the states that it may be in; `null` is the deleted one.
#[derive(Debug)]
struct Tracked {
    topic: Topic,
    possible: Vec<Value>,
}

/// A creation of unknown outcome: all of it happened, or nothing.
#[derive(Debug)]
struct Creation {
    topic: Topic,
    bodies: Vec<Value>,
}

/// The entities of one client.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entities: BTreeMap<String, Tracked>,
    in_doubt: Vec<Creation>,
    /// How many mails each address must get of each purpose in the end.
    pub(crate) mails: BTreeMap<(String, &'static str), usize>,
    emails: BTreeMap<String, String>,
}

impl Ledger {
    /// Notes how a creation went; the ids are those of the answer.
    pub(crate) fn created(
        &mut self,
        topic: Topic,
        bodies: Vec<Value>,
        outcome: Outcome,
        ids: &[String],
    ) {
        match outcome {
            Outcome::Refused => {}
            Outcome::Unknown => self.in_doubt.push(Creation { topic, bodies }),
            Outcome::Acknowledged => {
                assert_eq!(ids.len(), bodies.len(), "an id for each: {bodies:?}");
                for (body, id) in bodies.into_iter().zip(ids) {
                    self.exists(topic, id, &body);
                }
            }
        }
    }

    /// Notes how a change went; a deletion is a change to `null`.
    pub(crate) fn changed(&mut self, id: &str, to: Value, outcome: Outcome) {
        let tracked = self.entities.get_mut(id).expect("a client changes what it knows");
        match outcome {
            Outcome::Refused => {}
            Outcome::Unknown => tracked.possible.push(to),
            Outcome::Acknowledged => {
                let (topic, deleted) = (tracked.topic, to.is_null());
                tracked.possible = vec![to];
                if deleted && topic == Topic::Customer {
                    self.good_bye(id);
                }
            }
        }
    }

    /// The living entities of a topic whose state is known.
    pub(crate) fn settled(&self, topic: Topic) -> Vec<(&String, &Value)> {
        self.entities
            .iter()
            .filter(|(_, tracked)| tracked.topic == topic && tracked.possible.len() == 1)
            .map(|(id, tracked)| (id, &tracked.possible[0]))
            .filter(|(_, state)| !state.is_null())
            .collect()
    }

    /// Whether an order has a billing, or one of unknown outcome.
    pub(crate) fn may_be_billed(&self, order: &str) -> bool {
        let billed = |topic, body: &Value| topic == Topic::Billing && body["order_id"] == *order;
        self.entities.values().any(|tracked| billed(tracked.topic, &tracked.possible[0]))
            || self.in_doubt.iter().any(|creation| billed(creation.topic, &creation.bodies[0]))
    }

    /// Holds the report against what is known, takes the known ids out of `unexplained`, and
    /// settles what was in doubt.
    pub(crate) fn settle(&mut self, report: &Value, unexplained: &mut BTreeSet<String>) {
        self.settle_known(report, unexplained);
        for creation in std::mem::take(&mut self.in_doubt) {
            self.settle_creation(&creation, report, unexplained);
        }
    }

    fn settle_known(&mut self, report: &Value, unexplained: &mut BTreeSet<String>) {
        let mut gone = Vec::new();
        for (id, tracked) in &mut self.entities {
            unexplained.remove(id);
            let found = find(report, tracked.topic, id);
            let expected = tracked.possible.iter().any(|state| same(tracked.topic, state, &found));
            assert!(expected, "{id} is {found}, not one of {:?}", tracked.possible);
            if tracked.possible.len() > 1 && found.is_null() && tracked.topic == Topic::Customer {
                gone.push(id.clone());
            }
            tracked.possible = vec![found];
        }
        for id in gone {
            self.good_bye(&id);
        }
    }

    fn settle_creation(
        &mut self,
        creation: &Creation,
        report: &Value,
        unexplained: &mut BTreeSet<String>,
    ) {
        // Each body of a doubtful creation tells by itself whose it is: a name is used once, a
        // buyer has at most one doubtful creation, an order at most one billing.
        let belongs = |entity: &&Value| {
            let key = match creation.topic {
                Topic::Customer => "name",
                Topic::Order => "customer_id",
                Topic::Billing => "order_id",
            };
            unexplained.contains(text(&entity["id"]))
                && creation.bodies.iter().any(|body| body[key] == entity[key])
        };
        let found: Vec<&Value> =
            list(&report[list_name(creation.topic)]).iter().filter(belongs).collect();
        if found.is_empty() {
            return;
        }
        assert_eq!(found.len(), creation.bodies.len(), "half of {creation:?} is there: {found:?}");
        let mut explained = Vec::new();
        for (body, entity) in creation.bodies.iter().zip(found) {
            let id = text(&entity["id"]).to_owned();
            assert!(same(creation.topic, &with_id(body, &id), entity), "{body} became {entity}");
            explained.push((id, body.clone()));
        }
        for (id, body) in explained {
            unexplained.remove(&id);
            self.exists(creation.topic, &id, &body);
        }
    }

    fn exists(&mut self, topic: Topic, id: &str, body: &Value) {
        match topic {
            Topic::Customer => {
                let email = text(&body["email"]).to_owned();
                self.emails.insert(id.to_owned(), email.clone());
                self.expect_mail(email, "welcome");
            }
            Topic::Order => {
                let buyer = self.emails[text(&body["customer_id"])].clone();
                self.expect_mail(buyer.clone(), "thanks");
                self.expect_mail(buyer, "to-pay");
            }
            Topic::Billing => {
                let order = &self.entities[text(&body["order_id"])].possible[0];
                let buyer = self.emails[text(&order["customer_id"])].clone();
                self.expect_mail(buyer, "received");
            }
        }
        let before = self
            .entities
            .insert(id.to_owned(), Tracked { topic, possible: vec![with_id(body, id)] });
        assert!(before.is_none(), "{id} was given twice");
    }

    fn good_bye(&mut self, customer: &str) {
        let email = self.emails[customer].clone();
        self.expect_mail(email, "good-bye");
    }

    fn expect_mail(&mut self, address: String, purpose: &'static str) {
        *self.mails.entry((address, purpose)).or_default() += 1;
    }
}

/// The ids of all customers, orders and billings of a report.
pub(crate) fn all_ids(report: &Value) -> BTreeSet<String> {
    LISTS
        .iter()
        .flat_map(|(_, name)| list(&report[*name]))
        .map(|entity| text(&entity["id"]).to_owned())
        .collect()
}

fn list_name(topic: Topic) -> &'static str {
    let found = LISTS.iter().find(|(listed, _)| *listed == topic);
    found.expect("each topic has its list").1
}

/// An entity of a report, or `null`.
fn find(report: &Value, topic: Topic, id: &str) -> Value {
    let found = list(&report[list_name(topic)]).iter().find(|entity| entity["id"] == *id);
    found.cloned().unwrap_or_default()
}

/// Whether an entity is in an expected state; when a billing was done is the service's to say.
fn same(topic: Topic, expected: &Value, found: &Value) -> bool {
    if topic == Topic::Billing && !expected.is_null() && !found.is_null() {
        expected["id"] == found["id"] && expected["order_id"] == found["order_id"]
    } else {
        expected == found
    }
}

fn with_id(body: &Value, id: &str) -> Value {
    let mut entity = body.clone();
    entity["id"] = json!(id);
    entity
}
