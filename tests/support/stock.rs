//! The stock out of which a crowd buys, and what must hold of it and of all their ledgers.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::crowd::{Round, Worker};
use super::folder::Folder;
use super::http::Client;
use super::ledger::all_ids;
use super::scenario::pieces_in_orders;
use super::shop::Shop;
use super::wait::eventually;
use super::{ids, list, number};

/// What was put in of each product that the clients buy.
pub(crate) struct Stock(BTreeMap<String, u64>);

impl Stock {
    /// Nine products of which there is plenty, and one that is soon sold out.
    pub(crate) fn put_in(shop: &Shop) -> Self {
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

    /// Their ids.
    pub(crate) fn products(&self) -> Vec<String> {
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
    pub(crate) fn assert_none_invented(&self, report: &Value) {
        for [put_in, now, in_orders] in self.accounts(report) {
            assert!(now + in_orders <= put_in, "{now} in stock, {in_orders} sold out of {put_in}");
        }
    }

    /// With no command under way: what is not in stock is in an order.
    pub(crate) fn balance(&self, report: &Value) -> Result<(), String> {
        match self.accounts(report).find(|[put_in, now, in_orders]| now + in_orders != *put_in) {
            None => Ok(()),
            Some([put_in, now, in_orders]) => {
                Err(format!("{now} in stock, {in_orders} sold out of {put_in}"))
            }
        }
    }
}

/// Ends a round when it goes out of scope.
pub(crate) struct EndOnDrop<'a>(pub(crate) &'a Round);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.killed.store(true, Ordering::SeqCst);
    }
}

/// Looks at the stock all the while.
pub(crate) fn observe(round: &Round, stock: &Stock) {
    let mut client = Client::new(round.address);
    while !round.killed.load(Ordering::SeqCst) {
        if let Ok(answer) = client.send("GET", "/report", None)
            && answer.status == 200
        {
            stock.assert_none_invented(&answer.json());
        }
    }
}

/// Holds the shop against all ledgers, and settles what was in doubt.
pub(crate) fn settle(shop: &Shop, workers: &mut [Worker], stock: &Stock) {
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
pub(crate) fn assert_mails(folder: &Folder, workers: &[Worker]) {
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
