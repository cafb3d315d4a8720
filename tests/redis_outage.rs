//! Promise: while Redis is away commands are refused in time and reads go on; when it is back
//! everybody resumes by itself, and nothing that was acknowledged is lost or doubled.

mod support;

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::crowd::{Round, Worker};
use support::folder::DURABLE;
use support::http::Answer;
use support::random::Random;
use support::shop::{Folder, Shop};
use support::size::size;
use support::stock::{EndOnDrop, Stock, assert_mails, observe, settle};
use support::wait::{eventually, pause};
use support::{ids, list, text};

const CLIENTS: usize = 8;
/// Two seconds are promised; a busy machine may take a little longer to let anybody speak.
const REFUSED_WITHIN: Duration = Duration::from_secs(4);
/// How many lines the shop may write of one outage, whoever is hit by it.
const LINES_OF_AN_OUTAGE: usize = 20;

#[test]
fn what_was_acknowledged_survives_kills_of_redis_under_load_and_everybody_resumes() {
    let kills = size(2, 10);
    let folder = Folder::on_redis_with(&DURABLE);
    let mut shop = Shop::start(&folder);
    let stock = Stock::put_in(&shop);
    let mut workers: Vec<Worker> =
        (0..CLIENTS).map(|index| Worker::new(&shop, index, &stock.products())).collect();
    let mut random = Random::new(5);
    for kill in 0..kills {
        let before = 50 + random.below(200);
        let late = Duration::from_micros(u64::try_from(random.below(5000)).expect("small"));
        let round = Round::new(&shop);
        thread::scope(|scope| {
            // Also when this fails: else the clients would work on, and the scope wait for them.
            let _end = EndOnDrop(&round);
            for worker in &mut workers {
                scope.spawn(|| worker.work(&round));
            }
            scope.spawn(|| observe(&round, &stock));
            wait_for(&round, before);
            pause(late);
            folder.redis().kill();
            is_refused(&shop, "POST", "/product", &json!({"name": "Tea", "price": 3}));
            folder.redis().restart();
            let killed = round.acknowledged.load(Ordering::SeqCst);
            wait_for(&round, killed + 50);
        });
        assert!(shop.is_running(), "the shop ended by itself");
        eventually("the end of all that was under way", || {
            let drivers = tree(&shop)
                .into_iter()
                .find(|node| node["kind"] == "dynamic" && name(node) == "drivers");
            let drivers = drivers.expect("the drivers have a place in the tree");
            if drivers["children"] == 0 { Ok(()) } else { Err(drivers.to_string()) }
        });
        settle(&shop, &mut workers, &stock);
        println!(
            "kill {kill}: {} acknowledged, the slowest answer after {} ms",
            round.acknowledged.load(Ordering::SeqCst),
            round.slowest_ms.load(Ordering::SeqCst)
        );
    }
    assert_mails(&folder, &workers);
    assert_nothing_crashed(&shop);
    let told = shop.stop().stderr;
    let lines = told.lines().filter(|line| !line.contains(" INFO ")).count();
    assert!(lines <= kills * LINES_OF_AN_OUTAGE, "{told}");
    assert_mails(&folder, &workers);
}

#[test]
fn a_long_outage_spends_nobodys_patience() {
    let folder = Folder::on_redis_with(&DURABLE);
    let shop = Shop::start(&folder);
    let create = |path: &str, body: Value| ids(&shop.post(path, &body)).remove(0);
    let customer = create("/customer", json!({"name": "Ann", "email": "ann@a.example"}));
    let product = create("/product", json!({"name": "Tea", "price": 3}));
    let inventory = create("/inventory", json!({"product_id": product, "amount": 9}));
    let content = json!({"product_ids": [product], "customer_id": customer});
    let order = create("/order", content.clone());
    folder.wait_for_mails(3);
    let report = shop.get("/report");

    folder.redis().kill();
    let until = Instant::now() + Duration::from_secs(size(6, 180) as u64);
    let commands = [
        ("POST", "/customers".to_owned(), json!([{"name": "Bob", "email": "bob@a.example"}])),
        ("POST", "/orders".to_owned(), content.clone()),
        ("PUT", format!("/customer/{customer}"), json!({"name": "A", "email": "a@a.example"})),
        ("PUT", format!("/inventory/{inventory}"), json!({"product_id": product, "amount": 1})),
        ("PUT", format!("/order/{order}"), content.clone()),
        ("DELETE", format!("/order/{order}"), Value::Null),
        ("POST", format!("/incr/{product}"), Value::Null),
        ("POST", "/email".to_owned(), json!({"to": "ann@a.example", "msg": "hello"})),
    ];
    while Instant::now() < until {
        for (method, path, body) in &commands {
            is_refused(&shop, method, path, body);
        }
        assert_eq!(shop.get("/report"), report, "what was read before can be read");
    }
    folder.redis().restart();
    let back = Instant::now();
    for (method, path, body) in &commands {
        eventually("a command that is accepted again", || {
            let answer = send(&shop, method, path, body);
            if answer.status == 200 { Ok(()) } else { Err(answer.shown()) }
        });
    }
    println!("all commands are accepted again after {} ms", back.elapsed().as_millis());
    // A welcome to Bob, two for his order, and what /email asked for.
    folder.wait_for_mails(3 + 1 + 2 + 1);
    let stock = list(&shop.get("/inventory"))[0]["amount"].clone();
    // One was set, one given back by the old order, and one put in.
    assert_eq!(stock, 3);
    assert_nothing_crashed(&shop);
    let told = shop.stop().stderr;
    let lines = told.lines().filter(|line| !line.contains(" INFO ")).count();
    assert!(lines <= LINES_OF_AN_OUTAGE, "{told}");
}

/// Sends until it is refused for now, and holds each answer against what is promised.
fn is_refused(shop: &Shop, method: &str, path: &str, body: &Value) {
    eventually("a refusal", || {
        let begun = Instant::now();
        let answer = send(shop, method, path, body);
        let took = begun.elapsed();
        assert!(took < REFUSED_WITHIN, "{method} {path}: {took:?}: {}", answer.shown());
        if answer.status == 503 && text(&answer.json()["type"]) == "/problems/unavailable" {
            assert!(answer.header("retry-after").is_some(), "{}", answer.shown());
            return Ok(());
        }
        Err(answer.shown())
    });
}

fn send(shop: &Shop, method: &str, path: &str, body: &Value) -> Answer {
    let answer = shop.client().send(method, path, (!body.is_null()).then_some(body));
    answer.unwrap_or_else(|error| panic!("{method} {path} got no answer: {error}"))
}

fn wait_for(round: &Round, acknowledged: usize) {
    eventually("commands", || match round.acknowledged.load(Ordering::SeqCst) {
        done if done >= acknowledged => Ok(()),
        done => Err(format!("{done} acknowledged, waiting for {acknowledged}")),
    });
}

/// The nodes of the tree of supervision.
fn tree(shop: &Shop) -> Vec<Value> {
    let answer = shop.send("GET", "/ops/tree", None);
    let body = String::from_utf8(answer.body).expect("text");
    body.lines().map(|line| serde_json::from_str(line).expect("a node")).collect()
}

fn name(node: &Value) -> &str {
    text(&node["path"]).rsplit('/').next().unwrap_or_default()
}

/// No part of the shop was restarted, and no entity or driver.
fn assert_nothing_crashed(shop: &Shop) {
    for node in tree(shop) {
        assert_eq!(node["restarts"], 0, "{node}");
        assert!(node["failures"].as_u64().unwrap_or_default() == 0, "{node}");
    }
}
