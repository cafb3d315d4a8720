//! A shop with one of everything, asked for what it must refuse.

use std::time::Duration;

use serde_json::{Value, json};

use super::http::Answer;
use super::ids;
use super::shop::{Folder, Shop};
use super::wait::{eventually, pause};

/// An id that no entity has.
pub(crate) const UNKNOWN: &str = "00000000-0000-7000-8000-000000000000";

/// The five topics, as they stand in paths.
pub(crate) const TOPICS: [&str; 5] = ["customer", "product", "inventory", "order", "billing"];

/// A shop with one of everything, and a product that has no inventory.
pub(crate) struct Fixture {
    pub(crate) shop: Shop,
    pub(crate) customer: String,
    pub(crate) product: String,
    pub(crate) bare_product: String,
    pub(crate) inventory: String,
    pub(crate) order: String,
    pub(crate) billing: String,
    folder: Folder,
}

impl Fixture {
    /// Starts it on a folder of its own.
    pub(crate) fn new() -> Self {
        Self::on(Folder::new())
    }

    /// Starts it on an empty folder.
    pub(crate) fn on(folder: Folder) -> Self {
        let shop = Shop::start(&folder);
        let create = |path: &str, body: Value| ids(&shop.post(path, &body)).remove(0);
        let customer = create("/customer", json!({"name": "Ada", "email": "ada@example.org"}));
        let product = create("/product", json!({"name": "Lamp", "price": 30}));
        let bare_product = create("/product", json!({"name": "Desk", "price": 200}));
        let inventory = create("/inventory", json!({"product_id": product, "amount": 5}));
        let order =
            create("/order", json!({"product_ids": [product, product], "customer_id": customer}));
        let billing = create("/billing", json!({"order_id": order}));
        // A stop saves all cursors, and a start reads what stands behind them, which the next stop
        // saves; from then on the log grows by nothing but commands.
        shop.stop();
        Shop::start(&folder).stop();
        let shop = Shop::start(&folder);
        Self { shop, customer, product, bare_product, inventory, order, billing, folder }
    }

    /// The path of the one entity of a topic.
    pub(crate) fn path(&self, topic: &str) -> String {
        let id = match topic {
            "customer" => &self.customer,
            "product" => &self.product,
            "inventory" => &self.inventory,
            "order" => &self.order,
            "billing" => &self.billing,
            other => panic!("no topic {other}"),
        };
        format!("/{topic}/{id}")
    }

    /// A body that would be accepted for this topic, were there no other rule.
    pub(crate) fn good(&self, topic: &str) -> Value {
        match topic {
            "customer" => json!({"name": "Grace", "email": "grace@example.org"}),
            "product" => json!({"name": "Chair", "price": 50}),
            "inventory" => json!({"product_id": self.product, "amount": 3}),
            "order" => json!({"product_ids": [self.product], "customer_id": self.customer}),
            "billing" => json!({"order_id": self.order}),
            other => panic!("no topic {other}"),
        }
    }

    /// How long the log is, once nothing is written to it any more.
    pub(crate) fn quiet_log_bytes(&self) -> u64 {
        let mut before = self.log_bytes();
        eventually("a log to which nothing is written", || {
            pause(Duration::from_millis(300));
            let now = self.log_bytes();
            let grown = now - std::mem::replace(&mut before, now);
            if grown == 0 { Ok(now) } else { Err(format!("it grew by {grown} bytes")) }
        })
    }

    /// How long the log is.
    pub(crate) fn log_bytes(&self) -> u64 {
        let files = std::fs::read_dir(self.folder.data()).expect("the log's folder");
        files
            .map(|file| file.expect("an entry of a folder"))
            .filter(|file| file.path().extension().is_some_and(|extension| extension == "log"))
            .map(|file| file.metadata().expect("a file's length").len())
            .sum()
    }

    /// A request that must be refused with this status, by a problem that holds these words, and
    /// without a trace.
    pub(crate) fn refuses(
        &self,
        status: u16,
        method: &str,
        path: &str,
        body: &Value,
        words: &[&str],
    ) {
        let what = format!("{method} {path} {body}");
        self.refuses_as(&what, status, words, || {
            self.shop.send(method, path, (!body.is_null()).then_some(body))
        });
    }

    /// The same for a request that is not sent as JSON.
    pub(crate) fn refuses_as(
        &self,
        what: &str,
        status: u16,
        words: &[&str],
        send: impl Fn() -> Answer,
    ) {
        let before = self.shop.get("/report");
        let answer = send();
        let problem = assert_problem(&answer, status, what);
        let detail = problem["detail"].as_str().unwrap_or_default();
        for word in words {
            assert!(detail.contains(word), "{what}: no `{word}` in {problem}");
        }
        assert_eq!(self.shop.get("/report"), before, "{what} wrote something");
    }
}

/// An answer by RFC 9457 with all that the contract promises of it.
pub(crate) fn assert_problem(answer: &Answer, status: u16, what: &str) -> Value {
    assert_eq!(answer.status, status, "{what}: {}", answer.shown());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}");
    let problem = answer.json();
    assert_eq!(problem["status"], status, "{what}: {problem}");
    for member in ["type", "title", "detail"] {
        let text = problem[member].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "{what}: no {member} in {problem}");
    }
    problem
}
