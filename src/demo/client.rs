//! The demo's clients: each gives commands at random over HTTP, on entities of its own out of one
//! common stock, and sends each again until it has a final answer.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ordershop_actors::shop::topics;
use ordershop_store::Topic;
use serde_json::{Value, json};
use uuid::Uuid;

use super::ledger::Ledger;
use super::random::Random;

/// How long a client rests between two commands.
const PACE: Duration = Duration::from_millis(15);
/// How long it waits before it sends a command again.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);
/// How long it tries to get a final answer to one command.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long one answer may take.
const ANSWER_TIME: Duration = Duration::from_secs(15);

/// What all clients share.
#[derive(Default)]
pub(super) struct Floor {
    /// No further command begins.
    closed: Mutex<bool>,
    closing: Condvar,
    /// Nothing is waited for any more: the shop is gone.
    abandoned: AtomicBool,
    /// Commands acknowledged so far.
    pub(super) acknowledged: AtomicU64,
    /// Commands refused so far.
    pub(super) refused: AtomicU64,
    /// How often a command was sent again so far.
    pub(super) sent_again: AtomicU64,
}

impl Floor {
    /// Has the clients finish the command at which they are, and go.
    pub(super) fn close(&self) {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.closing.notify_all();
    }

    /// The same, without a final answer.
    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::SeqCst);
        self.close();
    }

    /// Waits a while; shorter if the floor closes. Tells whether it is open.
    fn rest(&self, time: Duration) -> bool {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.closing.wait_timeout_while(closed, time, |closed| !*closed);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// A final answer.
enum Answer {
    Done(Value),
    Refused,
    /// There is none, or one that no client should get; it has been noted.
    None,
}

/// One client.
pub(super) struct Client {
    name: String,
    address: SocketAddr,
    agent: ureq::Agent,
    floor: Arc<Floor>,
    random: Random,
    /// How many commands it has given.
    serial: u64,
    ledger: Ledger,
}

impl Client {
    /// A client of the shop at that address, which does what the seed says.
    pub(super) fn new(address: SocketAddr, floor: &Arc<Floor>, seed: u64, number: u64) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_TIME))
            .proxy(None)
            .build();
        Self {
            name: format!("client{number}"),
            address,
            agent: config.into(),
            floor: Arc::clone(floor),
            random: Random::part(seed, number),
            serial: 0,
            ledger: Ledger::default(),
        }
    }

    /// Puts products into the shop, each with so many pieces; their ids.
    pub(super) fn stock_up(mut self, pieces: &[u64]) -> Result<Vec<Uuid>, String> {
        let product = |number| json!({"name": format!("Product {number}"), "price": 7});
        let products: Vec<Value> = (1..=pieces.len()).map(product).collect();
        let Answer::Done(ids) = self.command("POST", "/products", &Value::from(products)) else {
            return Err(self.ledger.complaints.join(", "));
        };
        let ids: Vec<Uuid> = serde_json::from_value(ids).map_err(|error| error.to_string())?;
        let record = |(id, pieces)| json!({"product_id": id, "amount": pieces});
        let records: Vec<Value> = ids.iter().zip(pieces).map(record).collect();
        match self.command("POST", "/inventory", &Value::from(records)) {
            Answer::Done(_) => Ok(ids),
            Answer::Refused | Answer::None => Err(self.ledger.complaints.join(", ")),
        }
    }

    /// Gives one command after the other until the floor closes; what it knows then.
    pub(super) fn work(mut self, products: &[Uuid]) -> Ledger {
        while self.floor.rest(PACE) {
            match self.random.below(12) {
                0 | 1 => self.create_a_customer(),
                2 => self.rename_a_customer(),
                3 => self.delete(topics::CUSTOMER),
                4..=7 => self.place_an_order(products),
                8 => self.change_an_order(products),
                9 => self.delete(topics::ORDER),
                _ => self.bill_an_order(),
            }
        }
        self.ledger
    }

    fn create_a_customer(&mut self) {
        let (name, serial) = (&self.name, self.serial);
        let email = format!("{name}.{serial}@example.org");
        let customer = json!({"name": format!("{name} customer {serial}"), "email": email});
        self.create(topics::CUSTOMER, customer);
    }

    fn rename_a_customer(&mut self) {
        let Some((id, mut customer)) = self.pick(topics::CUSTOMER) else { return };
        customer["name"] = json!(format!("{} renamed {}", self.name, self.serial));
        self.change(topics::CUSTOMER, id, customer);
    }

    fn place_an_order(&mut self, products: &[Uuid]) {
        let customers: Vec<Uuid> = self.ledger.living(topics::CUSTOMER);
        let Some(&customer) = self.random.pick(&customers) else {
            return self.create_a_customer();
        };
        let order = json!({"product_ids": self.pieces(products), "customer_id": customer});
        if self.create(topics::ORDER, order).is_some() {
            // An order without its customer could not be changed.
            self.ledger.keep(customer);
        }
    }

    fn change_an_order(&mut self, products: &[Uuid]) {
        let Some((id, mut order)) = self.pick(topics::ORDER) else { return };
        order["product_ids"] = json!(self.pieces(products));
        self.change(topics::ORDER, id, order);
    }

    fn bill_an_order(&mut self) {
        let Some((order, _)) = self.pick(topics::ORDER) else { return };
        if self.create(topics::BILLING, json!({"order_id": order})).is_some() {
            self.ledger.keep(order);
        }
    }

    /// Two or three pieces, the same product twice among them now and then.
    fn pieces(&mut self, products: &[Uuid]) -> Vec<Uuid> {
        let count = 2 + self.random.below(2);
        (0..count).filter_map(|_| self.random.pick(products).copied()).collect()
    }

    fn pick(&mut self, topic: Topic) -> Option<(Uuid, Value)> {
        self.random.pick(&self.ledger.free(topic)).cloned()
    }

    fn create(&mut self, topic: Topic, state: Value) -> Option<Uuid> {
        let Answer::Done(ids) = self.command("POST", &format!("/{topic}"), &state) else {
            return None;
        };
        if let Ok([id]) = serde_json::from_value::<[Uuid; 1]>(ids.clone()) {
            self.ledger.created(topic, id, state);
            return Some(id);
        }
        self.ledger.complaints.push(format!("a {topic} was created as {ids}"));
        None
    }

    fn change(&mut self, topic: Topic, id: Uuid, state: Value) {
        if let Answer::Done(_) = self.command("PUT", &format!("/{topic}/{id}"), &state) {
            self.ledger.changed(id, Some(state));
        }
    }

    fn delete(&mut self, topic: Topic) {
        let Some((id, _)) = self.pick(topic) else { return };
        if let Answer::Done(_) = self.command("DELETE", &format!("/{topic}/{id}"), &Value::Null) {
            self.ledger.changed(id, None);
        }
    }

    /// Gives a command, under a key of its own, until there is a final answer: with the key it has
    /// one effect, however often it is sent.
    fn command(&mut self, method: &str, path: &str, body: &Value) -> Answer {
        self.serial += 1;
        let key = format!("{}-{}", self.name, self.serial);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let begun = Instant::now();
        loop {
            let last = match self.send(method, path, &key, &body) {
                Ok((200, answer)) => {
                    self.floor.acknowledged.fetch_add(1, Ordering::Relaxed);
                    return Answer::Done(answer);
                }
                Ok((409, _)) => {
                    self.floor.refused.fetch_add(1, Ordering::Relaxed);
                    self.ledger.refused += 1;
                    return Answer::Refused;
                }
                // A part failed at it, or is down.
                Ok((500 | 503, answer)) => answer.to_string(),
                Ok((status, answer)) => {
                    self.ledger.complaints.push(format!("{method} {path}: {status} {answer}"));
                    return Answer::None;
                }
                // The server itself failed at it.
                Err(error) => error.to_string(),
            };
            if begun.elapsed() > PATIENCE || self.floor.abandoned.load(Ordering::SeqCst) {
                self.ledger.complaints.push(format!("{method} {path}: no final answer: {last}"));
                return Answer::None;
            }
            self.floor.sent_again.fetch_add(1, Ordering::Relaxed);
            // Woken early it only tries early.
            std::thread::park_timeout(BETWEEN_ATTEMPTS);
        }
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        key: &str,
        body: &str,
    ) -> Result<(u16, Value), ureq::Error> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(body)?;
        let mut answer = self.agent.run(request)?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().read_to_string()?;
        Ok((status, serde_json::from_str(&body).unwrap_or(Value::String(body))))
    }
}
