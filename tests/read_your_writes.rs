//! Promise: whoever was told that something is done sees it, over HTTP and RESP alike, whoever else
//! writes and reads at the same time.

mod support;

use std::thread;

use ordershop_store::conformance::RedisServer;
use serde_json::{Value, json};
use support::http::Client;
use support::ids;
use support::shop::{Folder, Shop};
use support::size::size;

/// How many clients write and read at once.
const CLIENTS: usize = 16;

#[test]
fn no_read_is_older_than_an_answer() {
    let folder = Folder::new();
    write_and_read_at_once(&Shop::start_with_resp(&folder));
}

#[test]
fn no_read_is_older_than_an_answer_on_redis() {
    let (folder, redis) = (Folder::new(), RedisServer::start());
    write_and_read_at_once(&Shop::start_with_resp_on(&folder, &redis.url()));
}

fn write_and_read_at_once(shop: &Shop) {
    let product = ids(&shop.post("/product", &json!({"name": "Lamp", "price": 30}))).remove(0);
    shop.post("/inventory", &json!({"product_id": product, "amount": 1_000_000_000}));
    let rounds = size(1_600, 100_000) / CLIENTS;
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let product = &product;
                scope.spawn(move || write_and_read(shop, number, product, rounds))
            })
            .collect();
        for client in clients {
            client.join().expect("no client has read what was old");
        }
    });
}

/// Creates a customer, renames it round after round, and at times places and deletes an order.
fn write_and_read(shop: &Shop, number: usize, product: &str, rounds: usize) {
    let (mut http, mut other) = (shop.client(), shop.client());
    let mut resp = shop.resp();
    let name = |round: usize| format!("client {number} round {round}");
    let body = |round| json!({"name": name(round), "email": "a@example.org"});
    let created = send(&mut http, "POST", "/customer", &body(0));
    let customer = ids(&created).remove(0);
    assert_eq!(resp.call(&["SISMEMBER", "customer_ids", &customer]).number(), 1);
    let (path, key) = (format!("/customer/{customer}"), format!("customer_entity:{customer}"));
    for round in 1..=rounds {
        send(&mut http, "PUT", &path, &body(round));
        // Each connection is its own: what was told on one holds on all.
        match round % 4 {
            0 => assert_eq!(send(&mut other, "GET", &path, &Value::Null)["name"], name(round)),
            1 => assert_eq!(resp.call(&["HGET", &key, "name"]).text(), name(round)),
            2 => {
                let last = resp.ask("XREVRANGE events:{customer}_updated + - COUNT 100");
                let entities =
                    last.elements.iter().map(|entry| entry.elements[1].elements[3].text());
                let found = entities.filter(|entity| entity.contains(&name(round))).count();
                assert_eq!(found, 1, "the event of round {round} is in the stream");
            }
            _ => {
                let order = json!({"product_ids": [product], "customer_id": customer});
                let order = ids(&send(&mut http, "POST", "/order", &order)).remove(0);
                resp.ask("MULTI");
                resp.call(&["EXISTS", &format!("order_entity:{order}")]);
                resp.call(&["LRANGE", &format!("order_product_ids:{order}"), "0", "-1"]);
                let found = resp.ask("EXEC");
                assert_eq!(found.elements[0].number(), 1, "the order of round {round}");
                assert_eq!(found.elements[1].texts(), [product]);
                send(&mut http, "DELETE", &format!("/order/{order}"), &Value::Null);
                let there = resp.call(&["SISMEMBER", "order_ids", &order]).number();
                assert_eq!(there, 0, "the order of round {round} is deleted");
            }
        }
    }
}

fn send(client: &mut Client, method: &str, path: &str, body: &Value) -> Value {
    let body = (!body.is_null()).then_some(body);
    let answer = client.send(method, path, body).expect("an answer");
    assert_eq!(answer.status, 200, "{method} {path}: {}", answer.shown());
    answer.json()
}

/// A position that one client was given holds for another one that names it.
#[test]
fn a_position_can_be_waited_for() {
    let folder = Folder::new();
    let shop = Shop::start_with_resp(&folder);
    let answer = shop.send("POST", "/customer", Some(&json!({"name": "A", "email": "a@b.de"})));
    let position = answer.header("ordershop-position").expect("an answer bears it").to_owned();
    let mut resp = shop.resp();
    assert_eq!(resp.call(&["ORDERSHOP.AWAIT", &position, "1000"]).head, b"+OK");
    assert_eq!(resp.ask("SCARD customer_ids").number(), 1);

    let never = "customer@99999999999-0";
    let reply = resp.call(&["ORDERSHOP.AWAIT", never, "20"]).shown();
    assert!(reply.starts_with("-TRYAGAIN "), "{reply}");
    // One that was waited for in vain holds nobody up.
    assert_eq!(resp.ask("SCARD customer_ids").number(), 1);
    let get = |position: &str| {
        let headers = [("OrderShop-Position", position)];
        shop.client().send_bytes("GET", "/customers", &headers, None).expect("an answer")
    };
    assert_eq!(get(&position).status, 200);
    let late = get(never);
    assert_eq!((late.status, late.header("retry-after")), (503, Some("1")));
    assert_eq!(get("nonsense").status, 400);
    assert!(resp.ask("ORDERSHOP.AWAIT nonsense 5").is_error());
}
