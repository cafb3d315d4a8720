//! Promise: wherever an order command was when the process died, the next start finds an order that
//! is whole or not there, stock that adds up, and the mails of just the orders that there are.
//!
//! Needs the feature `faults`, with which `ORDERSHOP_CRASH=POINT@n` has the process die when it
//! comes to a point for the n-th time.

mod support;

use std::collections::BTreeSet;

use ordershop_actors::crash_points;
use serde_json::{Value, json};

use support::scenario::pieces_in_orders;
use support::shop::{Folder, Shop, serve};
use support::size::size;
use support::{ids, list, number};

/// What is put in stock of each product.
const STOCK: u64 = 10;

/// What is sent to the shop that is to die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// An order of both products.
    Place,
    /// Less of one product and more of the other.
    Change,
    /// The deletion of the order that is there.
    Delete,
    /// An order that takes of one product, and more of the other than there is.
    Short,
}

/// At which points each command is let die, and how often it comes there.
const CASES: [(Sent, &[(&str, u32)]); 4] = [
    (
        Sent::Place,
        &[
            ("order/before-open", 1),
            ("order/after-open", 1),
            ("order/after-reservation", 2),
            ("order/after-reservations", 1),
            ("order/before-decision", 1),
            ("order/after-decision", 1),
            ("order/before-answer", 1),
            ("journal/before-append", 5),
            ("journal/after-append", 5),
            ("entity/before-append", 2),
            ("entity/before-answer", 2),
            ("msg/after-accept", 2),
            ("sender/before-mail", 1),
            ("sender/after-mail", 2),
            ("sender/after-mails", 1),
            ("subscription/after-handling", 4),
            ("subscription/before-cursor", 3),
        ],
    ),
    (
        Sent::Change,
        &[
            ("order/before-open", 1),
            ("order/after-open", 1),
            ("order/after-reservation", 1),
            ("order/after-reservations", 1),
            ("order/before-decision", 1),
            ("order/after-decision", 1),
            ("order/before-return", 1),
            ("order/after-return", 1),
            ("order/before-close", 1),
            ("order/after-close", 1),
            ("order/before-answer", 1),
            ("journal/before-append", 5),
            ("journal/after-append", 5),
            ("entity/before-append", 3),
            ("entity/before-answer", 3),
        ],
    ),
    (
        Sent::Delete,
        &[
            ("order/before-open", 1),
            ("order/after-open", 1),
            ("order/before-decision", 1),
            ("order/after-decision", 1),
            ("order/before-return", 2),
            ("order/after-return", 2),
            ("order/before-close", 1),
            ("order/after-close", 1),
            ("order/before-answer", 1),
            ("journal/before-append", 4),
            ("entity/before-append", 3),
            ("entity/before-answer", 3),
        ],
    ),
    (
        Sent::Short,
        &[
            ("order/before-open", 1),
            ("order/after-open", 1),
            ("order/after-reservation", 2),
            ("order/after-reservations", 1),
            ("order/before-decision", 1),
            ("order/after-decision", 1),
            ("order/before-release", 2),
            ("order/after-release", 2),
            ("order/before-close", 1),
            ("order/after-close", 1),
            ("order/before-answer", 1),
            ("journal/after-append", 4),
        ],
    ),
];

/// The point at which the start dies that finishes what a dead shop left behind.
const AT_THE_NEXT_START: &str = "keeper/after-resume";

/// A stopped shop with two products in stock, and an order of two pieces of each.
struct Scene {
    folder: Folder,
    customer: String,
    products: Vec<String>,
    order: String,
}

impl Scene {
    fn new() -> Self {
        Self::on(Folder::new())
    }

    fn on(folder: Folder) -> Self {
        let shop = Shop::start(&folder);
        let customer = json!({"name": "Ann", "email": "ann@a.example"});
        let customer = ids(&shop.post("/customer", &customer)).remove(0);
        let product = |name: &str| json!({"name": name, "price": 3});
        let products = ids(&shop.post("/products", &json!([product("Tea"), product("Cup")])));
        let stock = |product: &String| json!({"product_id": product, "amount": STOCK});
        shop.post("/inventory", &products.iter().map(stock).collect());
        let mut scene = Self { folder, customer, products, order: String::new() };
        scene.order = ids(&shop.post("/order", &scene.content([2, 2]))).remove(0);
        scene.folder.wait_for_mails(3);
        shop.stop();
        scene
    }

    /// The same stopped shop, on a folder of its own.
    fn copy(&self) -> Self {
        let folder = self.folder.copy();
        let Self { customer, products, order, .. } = self;
        let (customer, products) = (customer.clone(), products.clone());
        Self { folder, customer, products, order: order.clone() }
    }

    /// An order of so many pieces of both products.
    fn content(&self, [tea, cup]: [usize; 2]) -> Value {
        let mut product_ids = vec![&self.products[0]; tea];
        product_ids.extend(vec![&self.products[1]; cup]);
        json!({"product_ids": product_ids, "customer_id": self.customer})
    }

    fn request(&self, sent: Sent) -> (&'static str, String, Option<Value>) {
        let path = format!("/order/{}", self.order);
        match sent {
            Sent::Place => ("POST", "/orders".to_owned(), Some(self.content([1, 3]))),
            Sent::Change => ("PUT", path, Some(self.content([1, 4]))),
            Sent::Delete => ("DELETE", path, None),
            Sent::Short => ("POST", "/orders".to_owned(), Some(self.content([1, 9]))),
        }
    }

    /// Sends a command to a shop that dies at this point; true where an answer came before, which
    /// must be the one that the command gets without a crash.
    fn die(&self, sent: Sent, point: &str) -> bool {
        let mut command = serve(&self.folder);
        command.env("ORDERSHOP_CRASH", point);
        let shop = Shop::start_as(command);
        let (method, path, body) = self.request(sent);
        let answer = shop.client().send(method, &path, body.as_ref());
        if let Ok(answer) = &answer {
            let expected = if sent == Sent::Short { 409 } else { 200 };
            assert_eq!(answer.status, expected, "{}", answer.shown());
        }
        shop.wait_for_abort();
        answer.is_ok()
    }

    /// How many pieces of both products each order holds, when all is as it must be.
    fn orders(&self, shop: &Shop) -> Vec<[usize; 2]> {
        let report = shop.get("/report");
        for (product, record) in self.products.iter().zip(list(&report["inventory"])) {
            let sold = pieces_in_orders(&report, product);
            assert_eq!(number(&record["amount"]) + sold, STOCK, "of {product}: {report}");
        }
        for (list_name, topic) in
            [("customers", "customer"), ("products", "product"), ("orders", "order")]
        {
            assert_eq!(shop.get(&format!("/{list_name}")), report[list_name]);
            for entity in list(&report[list_name]) {
                let id = entity["id"].as_str().unwrap_or_default();
                assert_eq!(shop.get(&format!("/{topic}/{id}")), *entity);
            }
        }
        let orders = list(&report["orders"]).iter().map(|order| {
            [0, 1].map(|index| {
                let pieces = list(&order["product_ids"]);
                pieces.iter().filter(|piece| **piece == *self.products[index]).count()
            })
        });
        orders.collect()
    }

    /// Starts the shop again: all must be as if the command had been carried out, or as if it had
    /// not been; and the same command sent afresh does what it does.
    fn recover(&self, sent: Sent, answered: bool) {
        let shop = Shop::start(&self.folder);
        let (before, after): (&[[usize; 2]], &[[usize; 2]]) = match sent {
            Sent::Place => (&[[2, 2]], &[[2, 2], [1, 3]]),
            Sent::Change => (&[[2, 2]], &[[1, 4]]),
            Sent::Delete => (&[[2, 2]], &[]),
            Sent::Short => (&[[2, 2]], &[[2, 2]]),
        };
        let found = self.orders(&shop);
        let done = found == after;
        assert!(done || (found == before && !answered), "{found:?}, answered: {answered}");

        let (method, path, body) = self.request(sent);
        let again = shop.send(method, &path, body.as_ref());
        let (status, orders) = match sent {
            Sent::Place if done => (200, vec![[2, 2], [1, 3], [1, 3]]),
            Sent::Delete if done => (404, vec![]),
            Sent::Short => (409, vec![[2, 2]]),
            Sent::Place | Sent::Change | Sent::Delete => (200, after.to_vec()),
        };
        assert_eq!(again.status, status, "{}", again.shown());
        // A refused order, too, has written: what it reserved and gave back.
        let tells_positions = again.header("ordershop-position").is_some();
        assert_eq!(tells_positions, status != 404, "{}", again.shown());
        assert_eq!(self.orders(&shop), orders);

        // Two for each order that ever was, beside the welcome.
        let placed = match sent {
            Sent::Place => orders.len(),
            Sent::Change | Sent::Delete | Sent::Short => 1,
        };
        self.folder.wait_for_mails(1 + 2 * placed);
        shop.stop();
        assert_eq!(self.folder.mails().len(), 1 + 2 * placed);
    }
}

/// Lets this command die at each of its points, or at each `step`th.
#[allow(clippy::print_stdout, reason = "a test that fails shows at which")]
fn dies_everywhere(scene: &Scene, sent: Sent, step: usize) {
    let (_, points) = CASES.into_iter().find(|(of, _)| *of == sent).expect("each has its points");
    let all = points.iter().flat_map(|(point, times)| (1..=*times).map(move |n| (point, n)));
    for (point, n) in all.skip(step / 2).step_by(step) {
        let scene = scene.copy();
        let point = format!("{point}@{n}");
        println!("{sent:?} dies at {point}");
        let answered = scene.die(sent, &point);
        scene.recover(sent, answered);
    }
}

#[test]
fn an_order_that_dies_anywhere_is_whole_or_not_there() {
    dies_everywhere(&Scene::new(), Sent::Place, 1);
}

#[test]
fn a_change_that_dies_anywhere_is_whole_or_not_there() {
    dies_everywhere(&Scene::new(), Sent::Change, 1);
}

#[test]
fn a_deletion_that_dies_anywhere_is_whole_or_not_there() {
    dies_everywhere(&Scene::new(), Sent::Delete, 1);
}

#[test]
fn a_refusal_that_dies_anywhere_takes_nothing() {
    dies_everywhere(&Scene::new(), Sent::Short, 1);
}

/// On every day a few of the points; all of them on the embedded log.
#[test]
fn on_redis_what_dies_anywhere_is_whole_or_not_there() {
    let scene = Scene::on(Folder::on_redis());
    for sent in [Sent::Place, Sent::Change, Sent::Delete, Sent::Short] {
        dies_everywhere(&scene, sent, size(9, 1));
    }
}

#[test]
fn a_start_that_dies_while_it_finishes_what_was_left_behind_can_be_repeated() {
    let scene = Scene::new();
    for (sent, point) in [
        (Sent::Place, "order/after-reservation@2"),
        (Sent::Change, "order/after-decision"),
        (Sent::Short, "order/before-release"),
    ] {
        for second in [AT_THE_NEXT_START, "journal/after-append", "entity/before-answer"] {
            println!("{sent:?} dies at {point}, and the next start at {second}");
            let scene = scene.copy();
            let answered = scene.die(sent, point);
            let mut command = serve(&scene.folder);
            command.env("ORDERSHOP_CRASH", second);
            // It may die before it serves, or after.
            match Shop::try_start_as(command) {
                Ok(shop) => shop.wait_for_abort(),
                Err(ended) => assert!(ended.status.code().is_none(), "{}", ended.stderr),
            }
            scene.recover(sent, answered);
        }
    }
}

#[test]
fn every_crash_point_is_gone_through() {
    let points = CASES.iter().flat_map(|(_, points)| points.iter().map(|(point, _)| *point));
    let tested: BTreeSet<&str> = points.chain([AT_THE_NEXT_START]).collect();
    // Those of idempotency keys and of what is set aside have tests of their own.
    let has_its_own = |point: &&str| point.starts_with("key/") || point.starts_with("quarantine/");
    let all = crash_points::ALL.into_iter().filter(|point| !has_its_own(point));
    assert_eq!(tested, all.collect());
}
