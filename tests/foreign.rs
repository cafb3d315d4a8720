//! Promise: what other programs add to the streams on Redis is part of the shop: shown, mailed, cached, and
//! changed like anything else; and what they add amiss is told, and stops nothing.

mod support;

use std::process::Command;

use ordershop_store::conformance::RedisServer;
use serde_json::{Value, json};

use support::mails::{count_by_purpose, of_purpose};
use support::shop::{Folder, Shop, ordershop, run};
use support::wait::eventually;
use support::{ids, list, number, text};

/// A shop on a Redis server, and another program that writes there.
struct Shared {
    server: RedisServer,
    folder: Folder,
    events: u32,
}

impl Shared {
    fn new() -> Self {
        Self { server: RedisServer::start(), folder: Folder::new(), events: 0 }
    }

    fn start(&self) -> Shop {
        let mut command = ordershop();
        command.args(["serve", "--http", "127.0.0.1:0", "--store", &self.server.url()]);
        command.arg("--mail").arg(format!("file:{}", self.folder.mail().display()));
        Shop::start_as(command)
    }

    /// Adds an entry with this id; returns its event.
    fn add_at(&mut self, id: &str, stream: &str, entity: &str) -> String {
        self.events += 1;
        let event = format!("00000000-0000-4000-8000-{:012}", self.events);
        let (topic, action) = stream.split_once('_').expect("a topic and an action");
        let stream = format!("events:{{{topic}}}_{action}");
        self.server.call(&["XADD", &stream, id, "event_id", &event, "entity", entity]);
        event
    }

    /// Adds an entry with an id from the server's clock, as other programs make them.
    fn add(&mut self, stream: &str, entity: &Value) -> String {
        let time = self.server.call(&["TIME"]).list();
        let [seconds, micros] = time.try_into().expect("seconds and microseconds");
        let micros: u64 = micros.text().parse().expect("a number");
        let id = format!("{}-{micros}", seconds.text());
        self.add_at(&id, stream, &entity.to_string())
    }

    /// What the cache holds of an entity.
    fn cached(&self, key: &str) -> Vec<String> {
        let fields = self.server.call(&["HGETALL", key]).list();
        fields.into_iter().map(ordershop_store::conformance::resp_client::Answer::text).collect()
    }
}

fn id(number: u32) -> String {
    format!("00000000-0000-4000-9000-{number:012}")
}

fn customer(number: u32, name: &str) -> Value {
    json!({"id": id(number), "name": name, "email": "ada@example.org"})
}

/// Waits until a query gives this.
#[track_caller]
fn wait_for(shop: &Shop, path: &str, expected: &Value) {
    eventually(path, || {
        let found = shop.get(path);
        if found == *expected { Ok(()) } else { Err(found.to_string()) }
    });
}

/// Waits until every subscriber has done its work.
fn wait_until_settled(shop: &Shop) {
    eventually("subscribers without work", || {
        let answer = shop.send("GET", "/ops/subscribers", None);
        let lines = String::from_utf8(answer.body).expect("text");
        let is_behind = |line: &&str| {
            let line: Value = serde_json::from_str(line).expect("a line of JSON");
            line["behind"] != json!(0)
        };
        lines.lines().find(is_behind).map_or(Ok(()), |line| Err(line.to_owned()))
    });
}

fn quarantined(shop: &Shop) -> Vec<Value> {
    let mut command: Command = ordershop();
    command.args(["quarantine", "--json", "--url", &format!("http://{}", shop.address())]);
    let ended = run(command);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    ended.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_customer_added_by_hand_is_shown_mailed_cached_and_changed() {
    let mut shared = Shared::new();
    let shop = shared.start();
    let ada = customer(1, "Ada");
    let event = shared.add("customer_created", &ada);

    let path = format!("/customer/{}", id(1));
    wait_for(&shop, &path, &ada);
    assert_eq!(shop.get("/customers"), json!([ada]));
    let mails = shared.folder.wait_for_mails(1);
    assert_eq!((mails[0].to.as_str(), mails[0].purpose.as_str()), ("ada@example.org", "welcome"));
    assert_eq!(mails[0].event_id, event);
    assert!(mails[0].body.starts_with("Dear Ada,"), "{}", mails[0].body);
    let key = format!("customer_entity:{}", id(1));
    let expected = ["email", "ada@example.org", "id", &id(1), "name", "Ada"].map(str::to_owned);
    eventually("the cached customer", || {
        let cached = shared.cached(&key);
        if cached == expected { Ok(()) } else { Err(format!("{cached:?}")) }
    });

    // Nobody else changes it meanwhile, so there is nothing to be in conflict with.
    shop.put(&path, &json!({"name": "Countess", "email": "c@example.org"}));
    assert_eq!(shop.get(&path)["name"], "Countess");
    shared.add("customer_updated", &customer(1, "Augusta"));
    wait_for(&shop, &path, &customer(1, "Augusta"));
    eventually("the changed customer in the cache", || {
        let cached = shared.cached(&key);
        if cached.contains(&"Augusta".to_owned()) { Ok(()) } else { Err(format!("{cached:?}")) }
    });
    shop.delete(&path);
    eventually("the cache without the customer", || {
        let cached = shared.cached(&key);
        if cached.is_empty() { Ok(()) } else { Err(format!("{cached:?}")) }
    });
    assert_eq!(shared.server.call(&["EXISTS", "customer_ids"]).integer(), 0);
    let mails = shared.folder.wait_for_mails(2);
    assert!(of_purpose(&mails, "good-bye")[0].body.starts_with("Dear Augusta,"));
    shop.stop();
}

#[test]
fn orders_stock_and_billings_of_others_and_ours_go_together() {
    let mut shared = Shared::new();
    let shop = shared.start();
    let product = json!({"id": id(2), "name": "Engine", "price": 7});
    shared.add("customer_created", &customer(1, "Ada"));
    shared.add("product_created", &product);
    let stock = |amount: u64| json!({"id": id(3), "product_id": id(2), "amount": amount});
    shared.add("inventory_created", &stock(5));
    wait_for(&shop, &format!("/inventory/{}", id(3)), &stock(5));
    wait_until_settled(&shop);

    // Their record holds the key of its product, so orders find the stock, and no second one opens.
    let second = json!({"product_id": id(2), "amount": 9});
    assert_eq!(shop.send("POST", "/inventory", Some(&second)).status, 409);
    let draft = json!({"customer_id": id(1), "product_ids": [id(2), id(2)]});
    let ours = ids(&shop.post("/order", &draft)).remove(0);
    assert_eq!(shop.get(&format!("/inventory/{}", id(3))), stock(3));

    // The prices of an order are those of its moment.
    let theirs = json!({"id": id(4), "product_ids": [id(2)], "customer_id": id(1)});
    shared.add("order_created", &theirs);
    wait_for(&shop, &format!("/order/{}", id(4)), &theirs);
    shop.put(&format!("/product/{}", id(2)), &json!({"name": "Motor", "price": 100}));
    let billed = ids(&shop.post("/billing", &json!({"order_id": id(4)}))).remove(0);
    shared.add("billing_created", &json!({"id": id(5), "order_id": ours, "done": 1.5}));
    wait_for(&shop, "/orders/unbilled", &json!([]));
    wait_until_settled(&shop);
    for order in [ours.as_str(), &id(4)] {
        let again = json!({"order_id": order});
        assert_eq!(shop.send("POST", "/billing", Some(&again)).status, 409);
    }
    let mails = shared.folder.wait_for_mails(7);
    let bodies = |purpose| of_purpose(&mails, purpose).into_iter().map(|mail| mail.body.clone());
    for (purpose, order, sum) in [
        ("to-pay", &ours, 14),
        ("to-pay", &id(4), 7),
        ("received", &ours, 14),
        ("received", &id(4), 7),
    ] {
        let told = bodies(purpose).find(|body| body.contains(order.as_str())).expect("a mail");
        assert!(told.contains(&format!(" {sum} euros")), "{told}");
    }
    assert_eq!(bodies("thanks").filter(|body| body.contains("1 x Engine")).count(), 1);

    // Theirs are changed and deleted by us, and the keys follow.
    shop.put(
        &format!("/order/{}", id(4)),
        &json!({"customer_id": id(1), "product_ids": [id(2), id(2)]}),
    );
    assert_eq!(shop.get(&format!("/inventory/{}", id(3))), stock(2));
    shop.delete(&format!("/order/{}", id(4)));
    assert_eq!(shop.get(&format!("/inventory/{}", id(3))), stock(4));
    shop.delete(&format!("/billing/{}", id(5)));
    shop.delete(&format!("/billing/{billed}"));
    ids(&shop.post("/billing", &json!({"order_id": ours})));
    shared.add("inventory_deleted", &stock(4));
    wait_for(&shop, "/inventory", &json!([]));
    wait_until_settled(&shop);
    ids(&shop.post("/inventory", &second));
    assert_eq!(quarantined(&shop), [] as [Value; 0]);
    shop.stop();
}

#[test]
fn two_records_of_one_product_are_told() {
    let mut shared = Shared::new();
    let shop = shared.start();
    let product = ids(&shop.post("/product", &json!({"name": "Engine", "price": 7}))).remove(0);
    let ours = json!({"product_id": product, "amount": 1});
    let ours = ids(&shop.post("/inventory", &ours)).remove(0);
    shared.add("inventory_created", &json!({"id": id(3), "product_id": product, "amount": 9}));
    let aside = eventually("the conflict", || {
        let aside = quarantined(&shop);
        if aside.is_empty() { Err("nothing is set aside".to_owned()) } else { Ok(aside) }
    });
    assert_eq!((text(&aside[0]["subscriber"]), text(&aside[0]["entity_id"])), ("keys", &*id(3)));
    assert!(text(&aside[0]["reason"]).contains(&format!("is held by {ours}")), "{aside:?}");
    assert_eq!(list(&shop.get("/inventory")).len(), 2);

    // When ours is gone, the retry gives theirs the key.
    shop.delete(&format!("/inventory/{ours}"));
    let mut retry = ordershop();
    retry.args(["quarantine", "retry", "keys", "inventory", &id(3)]);
    retry.args(["--url", &format!("http://{}", shop.address())]);
    let ended = run(retry);
    assert_eq!((ended.stdout.as_str(), &*ended.stderr), ("1 handled, 0 still set aside\n", ""));
    shop.post(&format!("/decr/{product}/4"), &json!(null));
    assert_eq!(number(&shop.get(&format!("/inventory/{}", id(3)))["amount"]), 5);
    shop.stop();
}

#[test]
fn a_late_entry_changes_no_state_and_loses_no_mail() {
    let mut shared = Shared::new();
    let shop = shared.start();
    let ada = customer(1, "Ada");
    shared.add("customer_created", &ada);
    wait_for(&shop, "/customers", &json!([ada]));
    shared.add_at("1000-1", "customer_deleted", &customer(1, "Late").to_string());
    let mails = shared.folder.wait_for_mails(2);
    assert!(of_purpose(&mails, "good-bye")[0].body.starts_with("Dear Late,"));
    assert_eq!(shop.get("/customers"), json!([ada]));
    shop.put(&format!("/customer/{}", id(1)), &json!({"name": "B", "email": "b@example.org"}));

    // Of an entity that is gone nobody remembers but the log.
    let product = |number| json!({"id": id(number), "name": "Engine", "price": 7});
    shared.add("product_deleted", &product(2));
    wait_until_settled(&shop);
    shared.add_at("2000-1", "product_created", &product(2).to_string());
    shared.add_at("2000-2", "product_created", &product(3).to_string());
    wait_for(&shop, "/products", &json!([product(3)]));
    shared.add_at("2000-3", "product_updated", &product(2).to_string());
    shared.add_at("2000-4", "product_updated", &product(4).to_string());
    wait_for(&shop, "/products", &json!([product(3), product(4)]));
    wait_until_settled(&shop);
    let cached = |number| shared.cached(&format!("product_entity:{}", id(number)));
    assert!(cached(2).is_empty() && !cached(3).is_empty() && !cached(4).is_empty());
    let lists = ["/customers", "/products"].map(|path| shop.get(path));
    shop.stop();
    let shop = shared.start();
    assert_eq!(["/customers", "/products"].map(|path| shop.get(path)), lists);
    shop.stop();
}

#[test]
fn what_is_added_amiss_is_told_and_stops_nothing() {
    let mut shared = Shared::new();
    let shop = shared.start();
    shared.add("customer_created", &customer(1, "Ada"));
    shared.add_at("*", "customer_created", r#"{"id":"#);
    shared.add_at("*", "customer_created", &json!({"id": id(9), "colour": "red"}).to_string());
    shared.server.call(&["XADD", "events:{customer}_created", "*", "nonsense", "indeed"]);
    let order = json!({"id": id(8), "product_ids": [id(7)], "customer_id": id(1)});
    shared.add("order_created", &order);
    // Those ids were far ahead of the clock; ours go on above them.
    let draft = json!({"name": "Bob", "email": "bob@example.org"});
    let bob = ids(&shop.post("/customer", &draft)).remove(0);
    let mails = shared.folder.wait_for_mails(2);
    assert_eq!(count_by_purpose(&mails).get("welcome"), Some(&2));
    let names = |shop: &Shop| {
        let customers = shop.get("/customers");
        list(&customers)
            .iter()
            .map(|customer| text(&customer["name"]).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&shop), ["Ada", "Bob"]);
    wait_for(&shop, "/orders", &json!([order]));
    wait_until_settled(&shop);

    // Two could not be read, one is no customer, and nobody knows what was ordered.
    let aside = quarantined(&shop);
    let count = |subscriber: &str, topic: &str| {
        let is = |row: &&Value| row["subscriber"] == subscriber && row["topic"] == topic;
        aside.iter().filter(is).count()
    };
    assert_eq!((count("crm", "customer"), count("crm", "order")), (3, 1), "{aside:?}");
    assert_eq!((count("billing", "order"), aside.len()), (1, 5), "{aside:?}");
    let unknown = aside.iter().find(|row| row["topic"] == "order").expect("it is set aside");
    assert!(text(&unknown["reason"]).contains(&format!("product {}", id(7))), "{unknown}");
    assert_eq!(shared.server.call(&["SMEMBERS", "customer_ids"]).list().len(), 2);

    shop.put(&format!("/customer/{bob}"), &json!({"name": "Rob", "email": "bob@example.org"}));
    let stderr = shop.stop().stderr;
    assert_eq!(stderr.matches("is passed over").count(), 3, "told once each: {stderr}");
    let shop = shared.start();
    assert_eq!(names(&shop), ["Ada", "Rob"]);
    shop.stop();
}
