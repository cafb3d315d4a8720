//! Commands with an `Idempotency-Key`: every verb of every topic, and a shop to send them to.

use serde_json::{Value, json};

use super::http::Answer;
use super::ids;
use super::shop::{Folder, Shop};

/// A command, and the points at which it may die beside those of its key.
pub(crate) struct Sent {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Value,
    pub(crate) dies_at: &'static [&'static str],
}

/// The points on the way of a key.
pub(crate) const KEY_POINTS: [&str; 4] =
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
    pub(crate) fn to(&self, shop: &Shop, key: &str) -> Answer {
        self.try_to(shop, key)
            .unwrap_or_else(|error| panic!("{}: no answer: {error}", self.shown()))
    }

    pub(crate) fn try_to(&self, shop: &Shop, key: &str) -> std::io::Result<Answer> {
        let body = (!self.body.is_null()).then(|| self.body.to_string());
        let headers = [("Idempotency-Key", key)];
        shop.client().send_bytes(
            self.method,
            &self.path,
            &headers,
            body.as_deref().map(str::as_bytes),
        )
    }

    pub(crate) fn shown(&self) -> String {
        format!("{} {} {}", self.method, self.path, self.body)
    }
}

/// A stopped shop with two of everything but billings, of which there is one.
pub(crate) struct Scene {
    pub(crate) folder: Folder,
    pub(crate) customers: Vec<String>,
    pub(crate) products: Vec<String>,
    pub(crate) bare: String,
    pub(crate) inventory: Vec<String>,
    pub(crate) orders: Vec<String>,
    pub(crate) billing: String,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::on(Folder::new())
    }

    pub(crate) fn on(folder: Folder) -> Self {
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
    pub(crate) fn commands(&self) -> Vec<Sent> {
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
pub(crate) fn state(shop: &Shop) -> Value {
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

pub(crate) fn assert_same(again: &Answer, answer: &Answer, what: &str) {
    assert_eq!(again.status, answer.status, "{what}: {}", again.shown());
    assert_eq!(again.body, answer.body, "{what}: {}", again.shown());
    let position = "ordershop-position";
    assert_eq!(again.header(position), answer.header(position), "{what}");
    assert_eq!(again.header("content-type"), answer.header("content-type"), "{what}");
}
