//! Durable commands that touch several entities: orders are placed.

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::bench::duel::duel;
use crate::bench::load::{Load, post};
use crate::bench::row::{Aim, Row};
use crate::bench::shop::{Shop, bare};
use crate::shell::Failed;

pub(super) const ABOUT: &str = "`POST /orders` of two or three pieces, one order a request: either \
    of products drawn out of a hundred, or all of one and the same, with plenty of stock. Answered \
    when the order and what it took out of stock are on the disk.";

const PRODUCTS: usize = 100;
const CUSTOMERS: usize = 100;
/// More than can be sold while this runs.
const STOCK: u64 = 1_000_000_000;
const CONNECTIONS: [usize; 2] = [64, 256];
const AIM: Aim = Aim::AtLeast(15_000.0);
/// How many different orders there are; then they come again.
const ORDERS: usize = 4096;
/// Where the draw of products begins.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

pub(super) fn run(bench: &Bench<'_>, rows: &mut Vec<Row>) -> Result<(), Failed> {
    let folder = bench.folder("orders")?;
    let programs = bench.programs(&["bare_http"])?;
    let shop = Shop::start(&programs, &folder.path().join("log"))?;
    let bare = bare(&programs, folder.path())?;
    let (customers, products) = furnish(&shop)?;

    for (whose, products, aim) in
        [("100 products", &products[..], Some(AIM)), ("one product", &products[..1], None)]
    {
        let requests = orders(&customers, products);
        for connections in CONNECTIONS {
            let load = Load { connections, requests: requests.clone() };
            let what = format!("POST /orders, {whose}, {connections} at once");
            let mut row = duel(&what, (&shop, &load), (&bare, &load), bench.options)?;
            row.aim = aim;
            rows.push(row);
        }
    }
    bare.stop()?;
    shop.server.stop()
}

/// Makes customers and products with plenty of stock; gives their ids.
pub(super) fn furnish(shop: &Shop) -> Result<(Vec<String>, Vec<String>), Failed> {
    let of = |count: usize, entity: &dyn Fn(usize) -> Value| {
        (0..count).map(entity).collect::<Vec<Value>>()
    };
    let customers = shop.create(
        "/customers",
        &of(CUSTOMERS, &|n| json!({"name": format!("C {n}"), "email": "c@example.org"})),
    )?;
    let products = shop.create(
        "/products",
        &of(PRODUCTS, &|n| json!({"name": format!("P {n}"), "price": n + 1})),
    )?;
    shop.create(
        "/inventory",
        &of(PRODUCTS, &|n| json!({"product_id": products[n], "amount": STOCK})),
    )?;
    shop.drain()?;
    Ok((customers, products))
}

/// Orders of two or three pieces of products that are drawn, always the same ones.
pub(super) fn orders(customers: &[String], products: &[String]) -> Vec<Vec<u8>> {
    let mut seed = SEED;
    let mut draw = |below: usize| {
        // Xorshift, see Marsaglia, "Xorshift RNGs", 2003.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 33).unwrap_or_default() % below
    };
    (0..ORDERS)
        .map(|_| {
            let customer = &customers[draw(customers.len())];
            let pieces: Vec<_> =
                (0..2 + draw(2)).map(|_| &products[draw(products.len())]).collect();
            let order = json!({"product_ids": pieces, "customer_id": customer});
            post("/orders", &order.to_string())
        })
        .collect()
}
