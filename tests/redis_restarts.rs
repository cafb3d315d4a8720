//! Promise: while Redis is away any part of the shop may crash: it is up again and waits, whoever asks
//! is told so in time, and when Redis is back all goes on by itself, with nothing lost or doubled.
//!
//! Needs the feature `faults`, with which the shop has `PUT /faults/parts/{path}`: what is up at that
//! path of the supervision tree crashes.

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::folder::DURABLE;
use support::http::Answer;
use support::shop::{Folder, Shop};
use support::size::size;
use support::wait::{eventually, pause};
use support::{ids, list, text};

/// Who crashes, with all that stands behind it.
const VICTIMS: [&str; 6] = [
    "ordershop/intent-keeper",
    "ordershop/readers/effects/crm",
    "ordershop/readers/effects/msg",
    "ordershop/readers/read-model",
    "ordershop/http",
    "ordershop/journal",
];
/// Two seconds are promised; a busy machine may take a little longer to let anybody speak.
const ANSWERED_WITHIN: Duration = Duration::from_secs(4);
/// How many lines the shop may write of one crash, whoever has to begin anew with it.
const LINES_OF_A_CRASH: usize = 30;

#[test]
fn parts_that_crash_while_redis_is_killed_wait_and_resume_by_themselves() {
    crash_all(|folder| folder.redis().kill(), |folder| folder.redis().restart());
}

#[test]
fn parts_that_crash_while_redis_is_silent_wait_and_resume_by_themselves() {
    crash_all(|folder| folder.redis().signal("STOP"), |folder| folder.redis().signal("CONT"));
}

fn crash_all(leave: impl Fn(&Folder), come_back: impl Fn(&Folder)) {
    let folder = Folder::on_redis_with(&DURABLE);
    let mut shop = Shop::start(&folder);
    let create = |path: &str, body: Value| ids(&shop.post(path, &body)).remove(0);
    let customer = create("/customer", json!({"name": "Ann", "email": "ann@a.example"}));
    let product = create("/product", json!({"name": "Tea", "price": 3}));
    create("/inventory", json!({"product_id": product, "amount": 9}));
    let content = json!({"product_ids": [product], "customer_id": customer});
    let order = create("/order", content.clone());
    folder.wait_for_mails(3);

    let rounds = size(1, 2);
    for round in 0..rounds {
        let report = shop.get("/report");
        leave(&folder);
        for victim in VICTIMS {
            let before = restarts(&shop, victim);
            crash(&shop, victim);
            eventually("an end of the crash", || match restarts(&shop, victim) {
                now if now > before => Ok(()),
                now => Err(format!("{victim}: {now} restarts")),
            });
            is_unavailable(&shop, "POST", "/orders", &content);
            is_unavailable(&shop, "PUT", &format!("/order/{order}"), &content);
        }
        // Long enough for a start to be given up, were it one that waits.
        let until = Instant::now() + Duration::from_secs(size(2, 90) as u64);
        while Instant::now() < until {
            is_unavailable(&shop, "POST", "/orders", &content);
            is_unavailable(&shop, "GET", "/report", &Value::Null);
            pause(Duration::from_millis(100));
        }
        assert!(shop.is_running(), "the shop ended by itself");

        come_back(&folder);
        eventually("queries that are answered again", || {
            let answer = send(&shop, "GET", "/report", &Value::Null)?;
            if answer.status == 200 { Ok(()) } else { Err(answer.shown()) }
        });
        assert_eq!(shop.get("/report"), report, "all is as it was");
        eventually("an order that is accepted again", || {
            let answer = send(&shop, "POST", "/orders", &content)?;
            if answer.status == 200 { Ok(()) } else { Err(answer.shown()) }
        });
        folder.wait_for_mails(3 + 2 * (round + 1));
        let left = 8 - (round + 1);
        assert_eq!(list(&shop.get("/inventory"))[0]["amount"], left, "one for each order");
        assert_eq!(list(&shop.get("/orders")).len(), 2 + round);
        eventually("parts that all get on", || {
            let stuck = tree(&shop).into_iter().find(|node| !node["held_up"].is_null());
            stuck.map_or(Ok(()), |node| Err(node.to_string()))
        });
    }
    let told = shop.stop().stderr;
    let lines = told.lines().filter(|line| !line.contains(" INFO ")).count();
    assert!(lines <= rounds * VICTIMS.len() * LINES_OF_A_CRASH, "{lines} lines: {told}");
    assert_eq!(folder.mails().len(), 3 + 2 * rounds, "each once");
}

/// Orders a crash.
fn crash(shop: &Shop, path: &str) {
    // A server that crashes may do so before it has answered.
    let _ = send(shop, "PUT", &format!("/faults/parts/{path}"), &Value::Null);
}

/// Sends until it is refused for now; each answer must come in time.
fn is_unavailable(shop: &Shop, method: &str, path: &str, body: &Value) {
    eventually("a refusal", || {
        let begun = Instant::now();
        let answer = send(shop, method, path, body)?;
        let took = begun.elapsed();
        assert!(took < ANSWERED_WITHIN, "{method} {path}: {took:?}: {}", answer.shown());
        assert_eq!(answer.status, 503, "{method} {path}: {}", answer.shown());
        assert!(answer.header("retry-after").is_some(), "{}", answer.shown());
        if text(&answer.json()["type"]) == "/problems/unavailable" {
            return Ok(());
        }
        Err(answer.shown())
    });
}

/// Sends a request; a connection may be cut by the crash of the server.
fn send(shop: &Shop, method: &str, path: &str, body: &Value) -> Result<Answer, String> {
    let answer = shop.client().send(method, path, (!body.is_null()).then_some(body));
    answer.map_err(|error| format!("{method} {path}: {error}"))
}

/// The nodes of the tree of supervision.
fn tree(shop: &Shop) -> Vec<Value> {
    let answer = eventually("a view of the tree", || {
        let answer = send(shop, "GET", "/ops/tree", &Value::Null)?;
        if answer.status == 200 { Ok(answer) } else { Err(answer.shown()) }
    });
    let body = String::from_utf8(answer.body).expect("text");
    body.lines().map(|line| serde_json::from_str(line).expect("a node")).collect()
}

/// How often what stands at that path has been restarted, and is up again.
fn restarts(shop: &Shop, path: &str) -> u64 {
    eventually("a part that is up", || {
        let nodes = tree(shop);
        let node = nodes.iter().find(|node| node["path"] == path).ok_or("it is not there")?;
        if node["state"] != "running" {
            return Err(node.to_string());
        }
        Ok(node["restarts"].as_u64().unwrap_or_default())
    })
}
