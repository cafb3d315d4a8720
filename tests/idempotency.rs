//! Promise: a command with an `Idempotency-Key` has one effect and one answer, however often it is
//! sent, and whatever crashes when.
//!
//! Needs the feature `faults`, with which `ORDERSHOP_CRASH=POINT@n` has the process die when it
//! comes to a point for the n-th time.

mod support;

use std::collections::BTreeMap;
use std::thread;

use ordershop_actors::crash_points;
use ordershop_actors::shop::topics;
use ordershop_store::embedded::{Embedded, Options};
use ordershop_store::{Action, EventLog, Position};
use serde_json::{Value, json};

use support::fixture::{Fixture, UNKNOWN, assert_problem};
use support::http::Answer;
use support::shop::{Folder, Shop, serve};
use support::wait::eventually;
use support::{ids, list, number};

/// A command, and the points at which it may die beside those of its key.
struct Sent {
    method: &'static str,
    path: String,
    body: Value,
    dies_at: &'static [&'static str],
}

/// The points on the way of a key.
const KEY_POINTS: [&str; 4] =
    ["key/before-taken", "key/after-taken", "key/before-answer", "key/after-answer"];
/// The points on the way of what a service writes itself; the key's own append is the first one.
const WRITTEN: &[&str] = &["journal/before-append@2", "journal/after-append@2"];
/// The points on the way of what an entity writes.
const BY_ENTITY: &[&str] =
    &["entity/before-append", "journal/after-append@2", "entity/before-answer"];
/// The points on the way of what an order takes.
const TAKEN: &[&str] = &[
    "order/before-open",
    "order/after-open",
    "order/after-reservation",
    "order/after-reservations",
    "order/after-decision",
    "order/before-answer",
];
/// The points on the way of what an order takes or gives back.
const GIVEN: &[&str] = &[
    "order/after-open",
    "order/before-decision",
    "order/after-decision",
    "order/before-return",
    "order/after-return",
    "order/after-close",
    "order/before-answer",
];

impl Sent {
    fn to(&self, shop: &Shop, key: &str) -> Answer {
        self.try_to(shop, key)
            .unwrap_or_else(|error| panic!("{}: no answer: {error}", self.shown()))
    }

    fn try_to(&self, shop: &Shop, key: &str) -> std::io::Result<Answer> {
        let body = (!self.body.is_null()).then(|| self.body.to_string());
        let headers = [("Idempotency-Key", key)];
        shop.client().send_bytes(
            self.method,
            &self.path,
            &headers,
            body.as_deref().map(str::as_bytes),
        )
    }

    fn shown(&self) -> String {
        format!("{} {} {}", self.method, self.path, self.body)
    }
}

/// A stopped shop with two of everything but billings, of which there is one.
struct Scene {
    folder: Folder,
    customers: Vec<String>,
    products: Vec<String>,
    bare: String,
    inventory: Vec<String>,
    orders: Vec<String>,
    billing: String,
}

impl Scene {
    fn new() -> Self {
        let folder = Folder::new();
        let shop = Shop::start(&folder);
        let create = |path: &str, body: Value| ids(&shop.post(path, &body));
        let customer = |name: &str| json!({"name": name, "email": format!("{name}@a.example")});
        let customers = create("/customers", json!([customer("ann"), customer("bob")]));
        let product = |name: &str| json!({"name": name, "price": 3});
        let mut products =
            create("/products", json!([product("Tea"), product("Cup"), product("Pot")]));
        let bare = products.remove(2);
        let stock = |product: &String| json!({"product_id": product, "amount": 10});
        let inventory = create("/inventory", products.iter().map(stock).collect());
        let order = json!({"product_ids": products, "customer_id": customers[0]});
        let orders = create("/orders", json!([order, order]));
        let billing = create("/billing", json!({"order_id": orders[0]})).remove(0);
        folder.wait_for_mails(2 + 4 + 1);
        shop.stop();
        Self { folder, customers, products, bare, inventory, orders, billing }
    }

    /// Every verb of every topic, and the paths beside them.
    fn commands(&self) -> Vec<Sent> {
        let Self { customers, products, bare, inventory, orders, billing, .. } = self;
        let [tea, cup] = [&products[0], &products[1]];
        let order =
            |pieces: &[&String]| json!({"product_ids": pieces, "customer_id": customers[1]});
        let customer = json!({"name": "Eve", "email": "eve@a.example"});
        let product = json!({"name": "Bag", "price": 1});
        let put = |topic: &str, id: &String, body: Value, dies_at| Sent {
            method: "PUT",
            path: format!("/{topic}/{id}"),
            body,
            dies_at,
        };
        let delete = |topic: &str, id: &String, dies_at| Sent {
            method: "DELETE",
            path: format!("/{topic}/{id}"),
            body: Value::Null,
            dies_at,
        };
        let post = |path: &str, body: Value, dies_at| Sent {
            method: "POST",
            path: path.to_owned(),
            body,
            dies_at,
        };
        vec![
            post("/customers", json!([customer, customer]), WRITTEN),
            post("/product", product.clone(), WRITTEN),
            post("/inventory", json!({"product_id": bare, "amount": 5}), WRITTEN),
            post("/orders", json!([order(&[tea, tea, cup]), order(&[cup])]), TAKEN),
            post("/billings", json!({"order_id": orders[1]}), WRITTEN),
            put("customer", &customers[1], customer, BY_ENTITY),
            put("product", tea, product, BY_ENTITY),
            put("inventory", &inventory[0], json!({"product_id": tea, "amount": 7}), BY_ENTITY),
            put("order", &orders[0], order(&[cup, cup, cup]), GIVEN),
            put("billing", billing, json!({"order_id": orders[0]}), BY_ENTITY),
            delete("customer", &customers[1], BY_ENTITY),
            delete("product", bare, BY_ENTITY),
            delete("inventory", &inventory[0], BY_ENTITY),
            delete("order", &orders[1], GIVEN),
            delete("billing", billing, BY_ENTITY),
            post(&format!("/incr/{tea}/3"), Value::Null, BY_ENTITY),
            post(&format!("/decr/{tea}"), Value::Null, BY_ENTITY),
            post("/decr_from_order", order(&[tea, cup]), TAKEN),
            post("/decr_from_order", json!(vec![order(&[tea]); 9]), TAKEN),
            post("/email", json!({"to": "ann@a.example", "msg": "Hello."}), WRITTEN),
        ]
    }
}

/// What there is, without what differs from one run to the next.
fn state(shop: &Shop) -> Value {
    let mut report = shop.get("/report");
    for (_, entities) in report.as_object_mut().expect("an object") {
        for entity in entities.as_array_mut().expect("lists") {
            let entity = entity.as_object_mut().expect("entities");
            entity.remove("id");
            entity.remove("done");
        }
    }
    report
}

/// How many events the stopped shop has in each topic whose events do not tell of failed attempts,
/// the mails among them.
fn events(folder: &Folder) -> BTreeMap<&'static str, usize> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let log = Embedded::open(folder.data(), &topics::ALL, Options::default()).expect("the log");
    runtime.block_on(async {
        let mut counts = BTreeMap::new();
        for topic in
            [topics::CUSTOMER, topics::PRODUCT, topics::ORDER, topics::BILLING, topics::MAIL]
        {
            let start = [(topic, Position::default())].into_iter().collect();
            let page = log.read(start, usize::MAX).await.expect("the log can be read");
            let counted =
                |action| action != Action::Internal || topic.name() == topics::MAIL.name();
            let count = page.entries.iter().filter(|entry| counted(entry.action)).count();
            counts.insert(topic.name(), count);
        }
        counts
    })
}

fn assert_same(again: &Answer, answer: &Answer, what: &str) {
    assert_eq!(again.status, answer.status, "{what}: {}", again.shown());
    assert_eq!(again.body, answer.body, "{what}: {}", again.shown());
    let position = "ordershop-position";
    assert_eq!(again.header(position), answer.header(position), "{what}");
    assert_eq!(again.header("content-type"), answer.header("content-type"), "{what}");
}

#[test]
fn every_command_sent_twice_has_one_effect_and_one_answer() {
    let scene = Scene::new();
    for sent in scene.commands() {
        let folder = scene.folder.copy();
        let shop = Shop::start(&folder);
        let answer = sent.to(&shop, "key");
        assert_eq!(answer.status, 200, "{}: {}", sent.shown(), answer.shown());
        let after = shop.get("/report");
        assert_same(&sent.to(&shop, "key"), &answer, &sent.shown());
        assert_same(&sent.to(&shop, "\"key\""), &answer, "the draft's form of the same key");
        assert_eq!(shop.get("/report"), after, "{}", sent.shown());
        shop.stop();

        let shop = Shop::start(&folder);
        assert_same(&sent.to(&shop, "key"), &answer, "after a start");
        assert_eq!(shop.get("/report"), after, "{}", sent.shown());
        shop.stop();
    }
}

#[test]
fn a_command_that_dies_anywhere_has_one_effect_when_it_is_sent_again() {
    let scene = Scene::new();
    for sent in scene.commands() {
        let reference = scene.folder.copy();
        let shop = Shop::start(&reference);
        let expected_answer = sent.to(&shop, "key");
        let expected = state(&shop);
        settle_mails(&reference, shop);
        let expected_events = events(&reference);

        for point in KEY_POINTS.iter().chain(sent.dies_at) {
            if expected_answer.body == b"false" && point.contains("order/") {
                // Nothing of it is refused before all of it is asked for.
                continue;
            }
            let what = format!("{} dies at {point}", sent.shown());
            println!("{what}");
            let folder = scene.folder.copy();
            let mut command = serve(&folder);
            command.env("ORDERSHOP_CRASH", point);
            let shop = Shop::start_as(command);
            let lost = sent.try_to(&shop, "key");
            assert!(lost.is_err(), "{what}: an answer came");
            shop.wait_for_abort();

            let shop = Shop::start(&folder);
            let answer = sent.to(&shop, "key");
            assert_eq!(answer.status, expected_answer.status, "{what}: {}", answer.shown());
            if let Some(created) = answer.json().as_array() {
                let report = shop.get("/report");
                let all = report.to_string();
                assert!(created.iter().all(|id| all.contains(&id.to_string())), "{what}");
            } else {
                assert_eq!(answer.body, expected_answer.body, "{what}");
            }
            assert_eq!(state(&shop), expected, "{what}");
            assert_same(&sent.to(&shop, "key"), &answer, &what);
            assert_eq!(state(&shop), expected, "{what}");
            settle_mails(&folder, shop);
            assert_eq!(events(&folder), expected_events, "{what}");
            assert_eq!(folder.mails().len(), reference.mails().len(), "{what}");
        }
    }
}

#[test]
fn what_was_done_to_a_record_is_not_done_again_to_its_successor() {
    let scene = Scene::new();
    let (tea, record) = (&scene.products[0], &scene.inventory[0]);
    let path = format!("/incr/{tea}/3");
    let sent = Sent { method: "POST", path, body: Value::Null, dies_at: &[] };
    let mut command = serve(&scene.folder);
    command.env("ORDERSHOP_CRASH", "key/before-answer");
    let shop = Shop::start_as(command);
    assert!(sent.try_to(&shop, "key").is_err());
    shop.wait_for_abort();

    let shop = Shop::start(&scene.folder);
    assert_eq!(shop.get(&format!("/inventory/{record}"))["amount"], 8 + 3);
    shop.delete(&format!("/inventory/{record}"));
    shop.post("/inventory", &json!({"product_id": tea, "amount": 1}));
    let before = shop.get("/inventory");
    assert_eq!(sent.to(&shop, "key").json(), json!(true));
    assert_eq!(shop.get("/inventory"), before);
    shop.stop();
}

/// Stops the shop when each accepted mail has left.
fn settle_mails(folder: &Folder, shop: Shop) {
    // Behind this customer's welcome nothing of before is still to come.
    let mark = json!({"name": "The last", "email": "last@a.example"});
    shop.post("/customer", &mark);
    let order = json!({"order_id": UNKNOWN});
    assert_eq!(shop.send("POST", "/billing", Some(&order)).status, 422);
    eventually("the last mail", || {
        let found = folder.mails().iter().any(|mail| mail.to == "last@a.example");
        found.then_some(()).ok_or_else(|| "it is not there".to_owned())
    });
    shop.stop();
}

#[test]
fn every_crash_point_of_a_key_is_gone_through() {
    let of_keys: Vec<_> =
        crash_points::ALL.into_iter().filter(|point| point.starts_with("key/")).collect();
    assert_eq!(of_keys, KEY_POINTS);
}

#[test]
fn a_key_belongs_to_one_request() {
    let fixture = Fixture::new();
    let send = |method: &str, path: &str, body: Value| {
        let body = (!body.is_null()).then(|| body.to_string());
        let headers = [("Idempotency-Key", "mine")];
        let mut client = fixture.shop.client();
        let body = body.as_deref().map(str::as_bytes);
        client.send_bytes(method, path, &headers, body).expect("an answer")
    };
    let path = fixture.path("customer");
    assert_eq!(send("PUT", &path, fixture.good("customer")).status, 200);
    let before = fixture.shop.get("/report");
    let other = json!({"name": "Other", "email": "other@example.org"});
    for (method, path, body) in [
        ("PUT", path.as_str(), other.clone()),
        ("DELETE", path.as_str(), Value::Null),
        ("POST", "/customer", fixture.good("customer")),
        ("POST", "/products", fixture.good("product")),
    ] {
        let answer = send(method, path, body);
        let problem = assert_problem(&answer, 422, path);
        assert_eq!(problem["type"], "/problems/idempotency-key-reused");
    }
    assert_eq!(fixture.shop.get("/report"), before);
    assert_eq!(send("PUT", &path, fixture.good("customer")).status, 200);
}

#[test]
fn keys_that_are_none_are_refused() {
    let fixture = Fixture::new();
    let long = "k".repeat(256);
    let longest = "k".repeat(255);
    for headers in [
        vec![("Idempotency-Key", "")],
        vec![("Idempotency-Key", "\"\"")],
        vec![("Idempotency-Key", long.as_str())],
        vec![("Idempotency-Key", "a"), ("Idempotency-Key", "a")],
        vec![("Idempotency-Key", "\u{fc}")],
    ] {
        for (method, path, body) in [
            ("POST", "/customer".to_owned(), fixture.good("customer").to_string()),
            ("PUT", fixture.path("order"), fixture.good("order").to_string()),
            ("DELETE", fixture.path("billing"), String::new()),
            ("POST", format!("/incr/{}", fixture.product), String::new()),
        ] {
            fixture.refuses_as(&format!("{headers:?}"), 400, &["Idempotency-Key"], || {
                let mut client = fixture.shop.client();
                client
                    .send_bytes(method, &path, &headers, Some(body.as_bytes()))
                    .expect("an answer")
            });
        }
    }
    let body = fixture.good("customer").to_string();
    let headers = [("Idempotency-Key", longest.as_str())];
    let answer =
        fixture.shop.client().send_bytes("POST", "/customer", &headers, Some(body.as_bytes()));
    assert_eq!(answer.expect("an answer").status, 200);
}

#[test]
fn a_refusal_stays_one_also_when_it_would_be_accepted_now() {
    let fixture = Fixture::new();
    let shop = &fixture.shop;
    let sent =
        |method, path: &str, body| Sent { method, path: path.to_owned(), body, dies_at: &[] };
    let nine = json!({"product_ids": vec![&fixture.product; 9], "customer_id": fixture.customer});
    let short = sent("POST", "/order", nine);
    let billed = sent("POST", "/billing", fixture.good("billing"));
    let refused = short.to(shop, "short");
    assert_problem(&refused, 409, "short");
    let twice = billed.to(shop, "billed");
    assert_problem(&twice, 409, "billed");
    let missing = sent("DELETE", &format!("/order/{UNKNOWN}"), Value::Null);
    let not_found = missing.to(shop, "none");
    assert_problem(&not_found, 404, "none");
    let unknown = sent("POST", "/billing", json!({"order_id": UNKNOWN}));
    let invalid = unknown.to(shop, "unknown");
    assert_problem(&invalid, 422, "unknown");

    shop.post(&format!("/incr/{}/20", fixture.product), &Value::Null);
    shop.delete(&fixture.path("billing"));
    let before = shop.get("/report");
    assert_same(&short.to(shop, "short"), &refused, "short");
    assert_same(&billed.to(shop, "billed"), &twice, "billed");
    assert_same(&missing.to(shop, "none"), &not_found, "none");
    assert_same(&unknown.to(shop, "unknown"), &invalid, "unknown");
    assert_eq!(shop.get("/report"), before);
    assert_eq!(short.to(shop, "another key").status, 200);
}

#[test]
fn what_cannot_be_read_or_has_no_outcome_leaves_its_key_usable() {
    let fixture = Fixture::new();
    let (shop, path) = (&fixture.shop, fixture.path("customer"));
    let sent = |body| Sent { method: "PUT", path: path.clone(), body, dies_at: &[] };
    assert_eq!(sent(json!({"name": 5})).to(shop, "key").status, 422);

    let good = sent(fixture.good("customer"));
    shop.put(&format!("/faults{path}"), &json!(null));
    assert_eq!(good.to(shop, "key").status, 500);
    assert_eq!(shop.get(&path)["name"], "Ada");
    let answer = good.to(shop, "key");
    assert_eq!(answer.status, 200, "{}", answer.shown());
    assert_eq!(shop.get(&path)["name"], "Grace");

    let order = fixture.path("order");
    let change =
        Sent { method: "PUT", path: order.clone(), body: fixture.good("order"), dies_at: &[] };
    shop.put(&format!("/faults{order}"), &json!(null));
    assert_eq!(change.to(shop, "order").status, 500);
    assert_eq!(change.to(shop, "order").status, 200);
    assert_eq!(list(&shop.get(&order)["product_ids"]).len(), 1);
    let inventory = shop.get(&fixture.path("inventory"));
    assert_eq!(number(&inventory["amount"]), 4);
}

#[test]
fn many_at_once_with_one_key_have_one_effect_and_the_same_answer() {
    let scene = Scene::new();
    for sent in scene.commands() {
        let folder = scene.folder.copy();
        let shop = Shop::start(&folder);
        let expected = {
            let reference = scene.folder.copy();
            let shop = Shop::start(&reference);
            sent.to(&shop, "key");
            state(&shop)
        };
        let answers: Vec<Answer> = thread::scope(|scope| {
            let sending: Vec<_> =
                (0..8).map(|_| scope.spawn(|| sent.to(&shop, "the one"))).collect();
            sending.into_iter().map(|one| one.join().expect("no panic")).collect()
        });
        for answer in &answers {
            assert_eq!(answer.status, 200, "{}", answer.shown());
            assert_same(answer, &answers[0], &sent.shown());
        }
        assert_eq!(state(&shop), expected, "{}", sent.shown());
        shop.stop();
    }
}

#[test]
fn a_key_is_forgotten_when_its_time_is_over() {
    let folder = Folder::new();
    let mut command = serve(&folder);
    // Five seconds.
    command.args(["--idempotency-hours", "0.0014"]);
    let shop = Shop::start_as(command);
    let body = json!({"name": "Ann", "email": "ann@a.example"});
    let sent = Sent { method: "POST", path: "/customer".to_owned(), body, dies_at: &[] };
    let first = sent.to(&shop, "key");
    assert_same(&sent.to(&shop, "key"), &first, "known");
    let other = Sent { body: json!({"name": "Bob", "email": "bob@a.example"}), ..sent };
    let second = eventually("the end of the key's time", || {
        let answer = other.to(&shop, "key");
        if answer.status == 422 { Err(answer.shown()) } else { Ok(answer) }
    });
    assert_eq!(second.status, 200, "{}", second.shown());
    assert_ne!(second.body, first.body, "forgotten");
    assert_same(&other.to(&shop, "key"), &second, "the new one is known");
    assert_eq!(list(&shop.get("/customers")).len(), 2);
    shop.stop();
}
