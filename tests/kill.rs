//! Promise: whatever was acknowledged survives `kill -9` at any moment, nothing is half there, no
//! stock is lost or invented, and every event has exactly its mails.

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use support::crowd::{Round, Worker};
use support::http::Client;
use support::ledger::all_ids;
use support::mails::Mail;
use support::random::Random;
use support::scenario::{self, Flow, MAILS, pieces_in_orders};
use support::shop::{Folder, Shop};
use support::size::size;
use support::wait::{eventually, pause};
use support::{ids, list, number};

const CLIENTS: usize = 8;

#[test]
fn a_kill_after_the_flow_changes_no_answer_and_repeats_no_mail() {
    kill_after_the_flow(&Folder::new());
}

#[test]
fn on_redis_a_kill_after_the_flow_changes_no_answer_and_repeats_no_mail() {
    kill_after_the_flow(&Folder::on_redis());
}

fn kill_after_the_flow(folder: &Folder) {
    let shop = Shop::start(folder);
    let flow = Flow::run(&shop);
    let answers = flow.answers(&shop);
    let mails = folder.wait_for_mails(MAILS);
    shop.kill();

    let shop = Shop::start(folder);
    assert_eq!(flow.answers(&shop), answers);
    scenario::assert_mails(&folder.mails());

    // The mails of later events come behind those of the earlier ones of their topic: when they
    // are there, nothing of before is still to come.
    let body = json!({"name": "The last", "email": "last@example.org"});
    let customer = ids(&shop.post("/customer", &body)).remove(0);
    let order = json!({"product_ids": [flow.products[0]], "customer_id": customer});
    let order = ids(&shop.post("/order", &order)).remove(0);
    shop.post("/billing", &json!({"order_id": order}));
    assert_eq!(shop.delete(&format!("/customer/{customer}")), json!(true));
    let now = folder.wait_for_mails(MAILS + 5);
    let old: Vec<Mail> = now.into_iter().filter(|mail| mail.to != "last@example.org").collect();
    assert_eq!(old, mails);
    shop.stop();
    assert_eq!(folder.mails().len(), MAILS + 5);
}

#[test]
fn a_kill_before_the_mails_are_out_loses_none() {
    kill_before_the_mails(&Folder::new());
}

#[test]
fn on_redis_a_kill_before_the_mails_are_out_loses_none() {
    kill_before_the_mails(&Folder::on_redis());
}

fn kill_before_the_mails(folder: &Folder) {
    let shop = Shop::start(folder);
    Flow::run(&shop);
    shop.kill();

    let shop = Shop::start(folder);
    scenario::assert_mails(&folder.wait_for_mails(MAILS));
    shop.stop();
    scenario::assert_mails(&folder.mails());
}

#[test]
fn kills_in_the_middle_of_commands_lose_nothing_that_was_acknowledged() {
    kill_in_the_middle(&Folder::new(), size(8, 20));
}

#[test]
fn on_redis_kills_in_the_middle_of_commands_lose_nothing_that_was_acknowledged() {
    kill_in_the_middle(&Folder::on_redis(), size(2, 20));
}

/// Kills the shop so often while it works on the same data.
fn kill_in_the_middle(folder: &Folder, kills: usize) {
    let mut shop = Shop::start(folder);
    let stock = Stock::put_in(&shop);
    let mut workers: Vec<Worker> =
        (0..CLIENTS).map(|index| Worker::new(&shop, index, &stock.products())).collect();
    let mut random = Random::new(2);

    for kill in 0..kills {
        let acknowledged = 50 + random.below(400);
        let late = Duration::from_micros(u64::try_from(random.below(5000)).expect("small"));
        work_until_killed(shop, &mut workers, &stock, acknowledged, late);
        shop = Shop::start(folder);
        settle(&shop, &mut workers, &stock);
        println!("kill {kill}: behind {acknowledged} acknowledged commands, all is there");
    }
    assert_mails(folder, &workers);
    shop.stop();
    assert_mails(folder, &workers);
}

/// What was put in of each product that the clients buy.
struct Stock(BTreeMap<String, u64>);

impl Stock {
    /// Nine products of which there is plenty, and one that is soon sold out.
    fn put_in(shop: &Shop) -> Self {
        let amounts: Vec<u64> =
            (0..10).map(|index| if index == 0 { 40 } else { 100_000 }).collect();
        let products: Vec<Value> =
            (0..10).map(|index| json!({"name": format!("Product {index}"), "price": 7})).collect();
        let products = ids(&shop.post("/products", &Value::from(products)));
        let records: Vec<Value> = products
            .iter()
            .zip(&amounts)
            .map(|(id, amount)| json!({"product_id": id, "amount": amount}))
            .collect();
        shop.post("/inventory", &Value::from(records));
        Self(products.into_iter().zip(amounts).collect())
    }

    fn products(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// For each product: put in, in stock now, in living orders.
    fn accounts<'a>(&'a self, report: &'a Value) -> impl Iterator<Item = [u64; 3]> + 'a {
        self.0.iter().map(|(product, &put_in)| {
            let record = list(&report["inventory"])
                .iter()
                .find(|record| record["product_id"] == **product)
                .unwrap_or_else(|| panic!("the inventory of {product} is gone"));
            [put_in, number(&record["amount"]), pieces_in_orders(report, product)]
        })
    }

    /// At any moment: what is neither in stock nor in an order is reserved for one.
    fn assert_none_invented(&self, report: &Value) {
        for [put_in, now, in_orders] in self.accounts(report) {
            assert!(now + in_orders <= put_in, "{now} in stock, {in_orders} sold out of {put_in}");
        }
    }

    /// With no command under way: what is not in stock is in an order.
    fn balance(&self, report: &Value) -> Result<(), String> {
        match self.accounts(report).find(|[put_in, now, in_orders]| now + in_orders != *put_in) {
            None => Ok(()),
            Some([put_in, now, in_orders]) => {
                Err(format!("{now} in stock, {in_orders} sold out of {put_in}"))
            }
        }
    }
}

/// Lets all clients work, and kills the shop a little after enough has been acknowledged: right at
/// an answer it would die between two commands more often than inside of one.
fn work_until_killed(
    mut shop: Shop,
    workers: &mut [Worker],
    stock: &Stock,
    acknowledged: usize,
    late: Duration,
) {
    let round = Round::new(&shop);
    thread::scope(|scope| {
        // Also when this fails: else the clients would work on, and the scope wait for them.
        let _end = EndOnDrop(&round);
        for worker in workers {
            scope.spawn(|| worker.work(&round));
        }
        scope.spawn(|| observe(&round, stock));
        eventually("commands", || match round.acknowledged.load(Ordering::SeqCst) {
            done if done >= acknowledged => Ok(()),
            done => Err(format!("{done} acknowledged, waiting for {acknowledged}")),
        });
        pause(late);
        assert!(shop.is_running(), "the shop ended by itself");
        round.killed.store(true, Ordering::SeqCst);
        shop.kill();
    });
}

/// Ends a round when it goes out of scope.
struct EndOnDrop<'a>(&'a Round);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.killed.store(true, Ordering::SeqCst);
    }
}

/// Looks at the stock all the while.
fn observe(round: &Round, stock: &Stock) {
    let mut client = Client::new(round.address);
    while !round.killed.load(Ordering::SeqCst) {
        if let Ok(answer) = client.send("GET", "/report", None)
            && answer.status == 200
        {
            stock.assert_none_invented(&answer.json());
        }
    }
}

/// Holds the restarted shop against all ledgers, and settles what was in doubt.
fn settle(shop: &Shop, workers: &mut [Worker], stock: &Stock) {
    let report = shop.get("/report");
    stock.assert_none_invented(&report);
    let mut unexplained = all_ids(&report);
    for worker in &mut *workers {
        worker.ledger.settle(&report, &mut unexplained);
        worker.settle_shelf(&report);
    }
    assert!(unexplained.is_empty(), "nobody asked for {unexplained:?}");

    // Reservations of orders that were never placed are given back behind the start; nothing else
    // changes.
    let balanced = eventually("all stock in its place", || {
        let report = shop.get("/report");
        stock.balance(&report).map(|()| report)
    });
    for topic in ["customers", "products", "orders", "billings"] {
        assert_eq!(balanced[topic], report[topic], "{topic} changed with no command");
    }
}

/// Each address has just the mails that its events lead to.
fn assert_mails(folder: &Folder, workers: &[Worker]) {
    let mut expected: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for worker in workers {
        expected.extend(worker.ledger.mails.clone());
    }
    let mails = folder.wait_for_mails(expected.values().sum());
    let mut found: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for mail in &mails {
        *found.entry((mail.to.clone(), mail.purpose.as_str())).or_default() += 1;
    }
    assert_eq!(found, expected);
}
