//! Many clients buy the same few products until all is sold: exactly sold out, and nobody hears
//! anything but yes or no.

mod support;

use std::thread;

use serde_json::{Value, json};

use support::random::Random;
use support::shop::{Folder, Shop, serve_without_mails};
use support::size::size;
use support::{ids, list, number};

const PRODUCTS: usize = 5;

/// What a client bought.
#[derive(Default)]
struct Bought {
    orders: Vec<String>,
    refused: usize,
}

/// Buys one to three pieces at a time, of any of the products, until it was refused for each.
fn buy(shop: &Shop, customer: &str, products: &[String], seed: u64) -> Bought {
    let mut client = shop.client();
    let mut random = Random::new(seed);
    let mut bought = Bought::default();
    let mut sold_out = vec![false; products.len()];
    while sold_out.contains(&false) {
        let first = random.below(products.len());
        let pieces = 1 + random.below(3);
        let product_ids: Vec<&String> =
            (0..pieces).map(|piece| &products[(first + piece) % products.len()]).collect();
        let order = json!({"product_ids": product_ids, "customer_id": customer});
        let answer = client.send("POST", "/order", Some(&order)).expect("an answer");
        match answer.status {
            200 => bought.orders.extend(ids(&answer.json())),
            409 => {
                bought.refused += 1;
                sold_out[first] |= pieces == 1;
            }
            _ => panic!("neither yes nor no: {}", answer.shown()),
        }
    }
    bought
}

#[test]
fn everything_is_sold_and_nothing_twice() {
    sell_out(&Folder::new());
}

#[test]
fn on_redis_everything_is_sold_and_nothing_twice() {
    sell_out(&Folder::on_redis());
}

fn sell_out(folder: &Folder) {
    let clients = size(40, 200);
    let stock = size(60, 1_000) as u64;
    let shop = Shop::start_as(serve_without_mails(folder));
    let customer = json!({"name": "Ann", "email": "ann@a.example"});
    let customer = ids(&shop.post("/customer", &customer)).remove(0);
    let product = |number| json!({"name": format!("Product {number}"), "price": 1});
    let products: Vec<Value> = (0..PRODUCTS).map(product).collect();
    let products = ids(&shop.post("/products", &json!(products)));
    let record = |product: &String| json!({"product_id": product, "amount": stock});
    shop.post("/inventory", &json!(products.iter().map(record).collect::<Vec<_>>()));

    let mut bought: Vec<Bought> = thread::scope(|scope| {
        let buyers: Vec<_> = (0..clients)
            .map(|seed| {
                let (shop, customer, products) = (&shop, &customer, &products);
                scope.spawn(move || buy(shop, customer, products, seed as u64))
            })
            .collect();
        buyers.into_iter().map(|buyer| buyer.join().expect("a buyer")).collect()
    });

    // The last pieces may have been reserved for an order that then failed for another product;
    // whoever comes later gets them.
    bought.push(buy(&shop, &customer, &products, clients as u64));

    let report = shop.get("/report");
    for record in list(&report["inventory"]) {
        assert_eq!(number(&record["amount"]), 0, "exactly sold out: {record}");
    }
    let placed = list(&report["orders"]);
    let pieces: usize = placed.iter().map(|order| list(&order["product_ids"]).len()).sum();
    assert_eq!(pieces as u64, PRODUCTS as u64 * stock, "every piece is in one order");
    let mut answered: Vec<&String> = bought.iter().flat_map(|bought| &bought.orders).collect();
    let mut placed: Vec<&str> = placed.iter().filter_map(|order| order["id"].as_str()).collect();
    answered.sort();
    placed.sort_unstable();
    assert_eq!(answered, placed, "every success has its order, and no other order is there");
    assert!(bought.iter().all(|bought| bought.refused > 0));
    shop.stop();
}
