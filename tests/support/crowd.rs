//! Clients that give commands at random, each on entities of its own out of one common stock, and
//! note in their ledgers how each command went.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::{Value, json};

use super::http::{Answer, Client};
use super::ledger::{Ledger, Outcome, Topic};
use super::random::Random;
use super::shop::Shop;
use super::{ids, text};

/// What all clients of a round share.
pub(crate) struct Round {
    pub(crate) address: SocketAddr,
    /// How many commands have been acknowledged.
    pub(crate) acknowledged: AtomicUsize,
    /// How long the slowest answer took.
    pub(crate) slowest_ms: AtomicU64,
    /// Set before the shop is killed: a connection lost earlier is the shop's fault.
    pub(crate) killed: AtomicBool,
}

impl Round {
    /// A round against this shop.
    pub(crate) fn new(shop: &Shop) -> Self {
        Self {
            address: shop.address(),
            acknowledged: AtomicUsize::new(0),
            slowest_ms: AtomicU64::new(0),
            killed: AtomicBool::new(false),
        }
    }
}

/// One client.
pub(crate) struct Worker {
    name: String,
    random: Random,
    /// The products that all buy.
    products: Vec<String>,
    serial: usize,
    /// The customer for whom it orders now.
    buyer: Option<String>,
    /// All for whom it ever ordered: they stay, for an order without its customer cannot change.
    buyers: BTreeSet<String>,
    shelf: Shelf,
    pub(crate) ledger: Ledger,
}

/// An inventory record of this client alone, whose amount it sets.
struct Shelf {
    id: String,
    product: String,
    /// The amounts that it may show, the last one known first.
    possible: Vec<u64>,
}

impl Worker {
    /// A client with a shelf of its own in this shop.
    pub(crate) fn new(shop: &Shop, index: usize, products: &[String]) -> Self {
        let name = format!("worker{index}");
        let product = ids(&shop.post("/product", &json!({"name": name, "price": 1}))).remove(0);
        let record = json!({"product_id": product, "amount": 1});
        let id = ids(&shop.post("/inventory", &record)).remove(0);
        Self {
            name,
            random: Random::new(u64::try_from(index).expect("a small number")),
            products: products.to_vec(),
            serial: 0,
            buyer: None,
            buyers: BTreeSet::new(),
            shelf: Shelf { id, product, possible: vec![1] },
            ledger: Ledger::default(),
        }
    }

    /// Gives one command after the other until the shop is gone.
    pub(crate) fn work(&mut self, round: &Round) {
        let mut client = Client::new(round.address);
        while !round.killed.load(Ordering::SeqCst) {
            match self.random.below(16) {
                _ if self.buyer.is_none() => self.find_a_buyer(round, &mut client),
                0 | 1 => self.create_customers(round, &mut client),
                2 | 3 => self.change_a_customer(round, &mut client),
                4 => self.delete_a_customer(round, &mut client),
                5..=9 => self.place_orders(round, &mut client),
                10 | 11 => self.change_an_order(round, &mut client),
                12 | 13 => self.delete_an_order(round, &mut client),
                14 => self.bill_an_order(round, &mut client),
                _ => self.fill_the_shelf(round, &mut client),
            }
        }
    }

    /// Settles the shelf's amount; see [`Ledger::settle`] for the rest.
    pub(crate) fn settle_shelf(&mut self, report: &Value) {
        let records = report["inventory"].as_array().expect("a list");
        let record = records.iter().find(|record| record["id"] == *self.shelf.id);
        let record = record.unwrap_or_else(|| panic!("{}'s shelf is gone", self.name));
        let amount = record["amount"].as_u64().expect("an amount");
        let possible = &self.shelf.possible;
        assert!(possible.contains(&amount), "{record} has none of the amounts {possible:?}");
        self.shelf.possible = vec![amount];
    }

    fn find_a_buyer(&mut self, round: &Round, client: &mut Client) {
        let customer = self.new_customer();
        let (outcome, answer) = command(round, client, "POST", "/customer", Some(&customer));
        let created = created_ids(outcome, answer);
        self.ledger.created(Topic::Customer, vec![customer], outcome, &created);
        self.buyer = created.into_iter().next();
        self.buyers.extend(self.buyer.clone());
    }

    fn create_customers(&mut self, round: &Round, client: &mut Client) {
        let customers: Vec<Value> =
            (0..=self.random.below(3)).map(|_| self.new_customer()).collect();
        let body = Value::from(customers.clone());
        let (outcome, answer) = command(round, client, "POST", "/customers", Some(&body));
        let created = created_ids(outcome, answer);
        self.ledger.created(Topic::Customer, customers, outcome, &created);
    }

    fn change_a_customer(&mut self, round: &Round, client: &mut Client) {
        let Some((id, mut customer)) = self.pick_a_customer() else {
            return;
        };
        self.serial += 1;
        customer["name"] = json!(format!("{} renamed {}", self.name, self.serial));
        let path = format!("/customer/{id}");
        let (outcome, _) = command(round, client, "PUT", &path, Some(&customer));
        self.ledger.changed(&id, customer, outcome);
    }

    fn delete_a_customer(&mut self, round: &Round, client: &mut Client) {
        let Some((id, _)) = self.pick_a_customer() else {
            return;
        };
        let (outcome, _) = command(round, client, "DELETE", &format!("/customer/{id}"), None);
        self.ledger.changed(&id, Value::Null, outcome);
    }

    fn place_orders(&mut self, round: &Round, client: &mut Client) {
        let Some(buyer) = self.buyer.clone() else {
            return;
        };
        let orders: Vec<Value> = (0..=self.random.below(3))
            .map(|_| json!({"product_ids": self.pieces(), "customer_id": buyer}))
            .collect();
        let body = Value::from(orders.clone());
        let (outcome, answer) = command(round, client, "POST", "/orders", Some(&body));
        let created = created_ids(outcome, answer);
        self.ledger.created(Topic::Order, orders, outcome, &created);
        if outcome == Outcome::Unknown {
            // So that a buyer has at most one creation of unknown outcome.
            self.buyer = None;
        }
    }

    fn change_an_order(&mut self, round: &Round, client: &mut Client) {
        let Some((id, mut order)) = self.pick_an_order() else {
            return;
        };
        order["product_ids"] = json!(self.pieces());
        let (outcome, _) = command(round, client, "PUT", &format!("/order/{id}"), Some(&order));
        self.ledger.changed(&id, order, outcome);
    }

    fn delete_an_order(&mut self, round: &Round, client: &mut Client) {
        let Some((id, _)) = self.pick_an_order() else {
            return;
        };
        let (outcome, _) = command(round, client, "DELETE", &format!("/order/{id}"), None);
        self.ledger.changed(&id, Value::Null, outcome);
    }

    fn bill_an_order(&mut self, round: &Round, client: &mut Client) {
        let Some((id, _)) = self.pick_an_order() else {
            return;
        };
        let billing = json!({"order_id": id});
        let (outcome, answer) = command(round, client, "POST", "/billings", Some(&billing));
        let created = created_ids(outcome, answer);
        self.ledger.created(Topic::Billing, vec![billing], outcome, &created);
    }

    fn fill_the_shelf(&mut self, round: &Round, client: &mut Client) {
        let amount = u64::try_from(self.random.below(1000)).expect("a small number");
        let body = json!({"product_id": self.shelf.product, "amount": amount});
        let path = format!("/inventory/{}", self.shelf.id);
        match command(round, client, "PUT", &path, Some(&body)).0 {
            Outcome::Acknowledged => self.shelf.possible = vec![amount],
            Outcome::Unknown => self.shelf.possible.push(amount),
            Outcome::Refused => {}
        }
    }

    fn new_customer(&mut self) -> Value {
        self.serial += 1;
        let name = format!("{} customer {}", self.name, self.serial);
        json!({"name": name, "email": format!("{}.{}@example.org", self.name, self.serial)})
    }

    /// Two or three pieces, the same product twice among them now and then.
    fn pieces(&mut self) -> Vec<String> {
        (0..2 + self.random.below(2)).map(|_| self.random.pick(&self.products).clone()).collect()
    }

    /// Any customer for whom nothing was ordered.
    fn pick_a_customer(&mut self) -> Option<(String, Value)> {
        let mut customers = self.ledger.settled(Topic::Customer);
        customers.retain(|(id, _)| !self.buyers.contains(*id));
        choose(&mut self.random, &customers)
    }

    /// Any order that has never been billed.
    fn pick_an_order(&mut self) -> Option<(String, Value)> {
        let mut orders = self.ledger.settled(Topic::Order);
        orders.retain(|(id, _)| !self.ledger.may_be_billed(id));
        choose(&mut self.random, &orders)
    }
}

fn choose(random: &mut Random, from: &[(&String, &Value)]) -> Option<(String, Value)> {
    if from.is_empty() {
        return None;
    }
    let (id, state) = random.pick(from);
    Some(((*id).clone(), (*state).clone()))
}

fn created_ids(outcome: Outcome, answer: Option<Answer>) -> Vec<String> {
    match answer {
        Some(answer) if outcome == Outcome::Acknowledged => ids(&answer.json()),
        _ => Vec::new(),
    }
}

/// Gives one command and judges its answer.
fn command(
    round: &Round,
    client: &mut Client,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> (Outcome, Option<Answer>) {
    let begun = Instant::now();
    let answer = match client.send(method, path, body) {
        Ok(answer) => {
            let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            round.slowest_ms.fetch_max(took, Ordering::SeqCst);
            answer
        }
        Err(error) => {
            let killed = round.killed.load(Ordering::SeqCst);
            assert!(killed, "{method} {path} lost its connection to a living shop: {error}");
            let sent = client.sent_at.is_some();
            return (if sent { Outcome::Unknown } else { Outcome::Refused }, None);
        }
    };
    let outcome = match answer.status {
        200 => {
            round.acknowledged.fetch_add(1, Ordering::SeqCst);
            Outcome::Acknowledged
        }
        409 if path.starts_with("/order") => Outcome::Refused,
        500 | 503 if text(&answer.json()["type"]).contains("outcome-unknown") => Outcome::Unknown,
        503 => {
            assert!(answer.header("retry-after").is_some(), "{}", answer.shown());
            Outcome::Refused
        }
        _ => panic!("{method} {path}: {}", answer.shown()),
    };
    (outcome, Some(answer))
}
