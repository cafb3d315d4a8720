//! Whatever an order command was at when the shop died: the next start finishes it or undoes it.
//!
//! Each test writes into the log of a stopped shop what a driver had written before it died.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use ordershop_actors::runtime::{EventSourced, decide, replay};
use ordershop_actors::shop::topics;
use ordershop_domain::{
    Decision, Intent, IntentCommand, Inventory, InventoryCommand, Line, RejectReason, Ticket,
};
use ordershop_store::embedded::{Embedded, Options};
use ordershop_store::{Batch, EventLog, Transaction};
use serde_json::{Value, json};
use uuid::Uuid;

use support::shop::{Folder, Shop};
use support::{ids, list, number};

/// What is in stock of each product at first.
const STOCK: u64 = 100;
/// The intent that is left behind.
const INTENT: Uuid = Uuid::from_u128(0x1ef7_be41);

/// A stopped shop with two products in stock, and one order of two pieces of the first.
struct Scene {
    folder: Folder,
    products: Vec<String>,
    inventories: Vec<String>,
    order: String,
}

impl Scene {
    fn new() -> Self {
        let folder = Folder::new();
        let shop = Shop::start(&folder);
        let customer =
            ids(&shop.post("/customer", &json!({"name": "Ann", "email": "ann@a.example"})));
        let product = |name: &str| json!({"name": name, "price": 3});
        let products = ids(&shop.post("/products", &json!([product("Tea"), product("Cup")])));
        let stock = |product: &String| json!({"product_id": product, "amount": STOCK});
        let stock: Vec<Value> = products.iter().map(stock).collect();
        let inventories = ids(&shop.post("/inventory", &json!(stock)));
        let order = json!({"product_ids": [products[0], products[0]], "customer_id": customer[0]});
        let order = ids(&shop.post("/order", &order)).remove(0);
        shop.stop();
        Self { folder, products, inventories, order }
    }

    fn line(&self, index: usize, pieces: u64) -> Line {
        Line {
            product_id: self.products[index].parse().unwrap(),
            inventory_id: self.inventories[index].parse().unwrap(),
            pieces,
        }
    }

    /// Opens the log of the stopped shop: to write what a driver wrote before it died, or to look.
    fn with_log<T>(&self, work: impl AsyncFnOnce(&Embedded) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let log = Embedded::open(self.folder.data(), &topics::ALL, Options::default()).unwrap();
        runtime.block_on(work(&log))
    }

    /// Starts the shop again, and returns the stock of both products.
    fn stock_after_the_start(&self) -> [u64; 2] {
        let shop = Shop::start(&self.folder);
        let inventory = shop.get("/inventory");
        let stock: Vec<_> = list(&inventory).iter().map(|one| number(&one["amount"])).collect();
        let orders = shop.get("/orders");
        assert_eq!(list(&orders).len(), 1, "no order was half placed: {orders}");
        assert_eq!(orders[0]["id"], self.order);
        shop.stop();
        stock.try_into().unwrap()
    }

    /// The intent as the log has it.
    fn intent(&self) -> Intent {
        self.with_log(async |log| replay::<Intent>(log, INTENT).await.unwrap().state)
    }

    fn last_event_of_the_intent(&self) -> Value {
        let last =
            self.with_log(async |log| log.latest(topics::ORDER, vec![INTENT]).await.unwrap());
        serde_json::from_str(&last[0].as_ref().unwrap().data).unwrap()
    }
}

/// Appends what a command leads to; returns the position of its first event.
async fn write<A: EventSourced>(log: &Embedded, id: Uuid, command: A::Command) -> Ticket {
    let now = replay::<A>(log, id).await.unwrap();
    let command_id = Uuid::now_v7();
    let decision = decide(&now.state, now.version, now.last_event, id, command_id, &command);
    let decision = decision.unwrap().unwrap();
    let transaction = Transaction {
        topic: A::TOPIC,
        command_id,
        cause: None,
        writes: vec![decision.write],
        claims: decision.claims,
        releases: decision.releases,
    };
    let batch = Batch { transactions: vec![transaction], ..Batch::default() };
    let committed = log.append(batch).await.unwrap().remove(0).unwrap();
    Ticket(committed.ids[0].seconds(), committed.ids[0].micros())
}

async fn open(log: &Embedded, take: Vec<Line>, give: Vec<Line>) -> Ticket {
    write::<Intent>(log, INTENT, IntentCommand::Open { id: INTENT, take, give }).await
}

async fn reserve(log: &Embedded, ticket: Ticket, line: Line) {
    let Line { inventory_id, pieces, .. } = line;
    let floor = Ticket::default();
    let command = InventoryCommand::Reserve { intent: INTENT, ticket, floor, pieces };
    write::<Inventory>(log, inventory_id, command).await;
}

#[test]
fn a_record_of_which_orders_were_placed_can_be_deleted_after_a_start() {
    let scene = Scene::new();
    let shop = Shop::start(&scene.folder);
    assert_eq!(shop.delete(&format!("/inventory/{}", scene.inventories[0])), json!(true));
    shop.stop();
}

#[test]
fn an_intent_that_touched_nothing_is_rejected() {
    let scene = Scene::new();
    scene.with_log(async |log| {
        open(log, vec![scene.line(0, 5), scene.line(1, 7)], vec![]).await;
    });
    assert_eq!(scene.stock_after_the_start(), [98, 100]);
    assert_eq!(scene.intent().decision(), Some(Decision::Rejected(RejectReason::Abandoned)));
    assert!(scene.intent().is_finished());
}

#[test]
fn what_an_undecided_intent_reserved_goes_back() {
    let scene = Scene::new();
    scene.with_log(async |log| {
        let ticket = open(log, vec![scene.line(0, 5), scene.line(1, 7)], vec![]).await;
        reserve(log, ticket, scene.line(0, 5)).await;
    });
    assert_eq!(scene.stock_after_the_start(), [98, 100]);
    assert!(scene.intent().is_finished());
    assert_eq!(scene.stock_after_the_start(), [98, 100], "and only once");
}

#[test]
fn an_intent_that_had_all_it_needed_is_rejected_too_since_its_client_got_no_answer() {
    let scene = Scene::new();
    scene.with_log(async |log| {
        let ticket = open(log, vec![scene.line(0, 5), scene.line(1, 7)], vec![]).await;
        reserve(log, ticket, scene.line(0, 5)).await;
        reserve(log, ticket, scene.line(1, 7)).await;
    });
    assert_eq!(scene.stock_after_the_start(), [98, 100]);
    assert_eq!(scene.intent().decision(), Some(Decision::Rejected(RejectReason::Abandoned)));
}

#[test]
fn what_a_rejected_intent_had_not_yet_released_goes_back() {
    let scene = Scene::new();
    scene.with_log(async |log| {
        let ticket = open(log, vec![scene.line(0, 5), scene.line(1, 7)], vec![]).await;
        reserve(log, ticket, scene.line(0, 5)).await;
        reserve(log, ticket, scene.line(1, 7)).await;
        let reason = RejectReason::Failed;
        write::<Intent>(log, INTENT, IntentCommand::Reject { reason }).await;
        let (intent, floor) = (INTENT, Ticket::default());
        let release = InventoryCommand::Release { intent, ticket, floor };
        write::<Inventory>(log, scene.line(1, 7).inventory_id, release).await;
    });
    assert_eq!(scene.stock_after_the_start(), [98, 100]);
    assert_eq!(scene.intent().decision(), Some(Decision::Rejected(RejectReason::Failed)));
    assert!(scene.intent().is_finished());
}

#[test]
fn what_a_confirmed_intent_had_not_yet_given_back_is_given_back_once() {
    let scene = Scene::new();
    scene.with_log(async |log| {
        let give = vec![scene.line(0, 5), scene.line(1, 7)];
        let ticket = open(log, vec![], give).await;
        write::<Intent>(log, INTENT, IntentCommand::Confirm).await;
        let (intent, floor, pieces) = (INTENT, Ticket::default(), 7);
        let give_back = InventoryCommand::Return { intent, ticket, floor, pieces };
        write::<Inventory>(log, scene.line(1, 7).inventory_id, give_back).await;
    });
    assert_eq!(scene.stock_after_the_start(), [103, 107]);
    assert!(scene.intent().is_finished());
    assert_eq!(scene.stock_after_the_start(), [103, 107]);
}

#[test]
fn what_finds_no_record_is_written_off_in_the_log() {
    let scene = Scene::new();
    let gone = Line { inventory_id: Uuid::from_u128(404), ..scene.line(0, 5) };
    scene.with_log(async |log| {
        open(log, vec![], vec![gone, scene.line(1, 7)]).await;
        write::<Intent>(log, INTENT, IntentCommand::Confirm).await;
    });
    assert_eq!(scene.stock_after_the_start(), [98, 107]);
    let closing = scene.last_event_of_the_intent();
    assert_eq!(closing["IntentClosed"]["written_off"][0]["pieces"], 5, "{closing}");
    assert_eq!(list(&closing["IntentClosed"]["written_off"]).len(), 1, "{closing}");
}
