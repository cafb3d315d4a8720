//! Promise: a command with an `Idempotency-Key` has one effect and one answer, however often it is
//! sent, and a key belongs to one request.
//!
//! Needs the feature `faults`, with which the shop has `PUT /faults/{topic}/{id}`: the next command
//! of that entity panics in its handler.

mod support;

use std::thread;

use serde_json::{Value, json};

use support::fixture::{Fixture, UNKNOWN, assert_problem};
use support::http::Answer;
use support::keyed::{Scene, Sent, assert_same, state};
use support::shop::{Folder, Shop, serve};
use support::wait::eventually;
use support::{list, number};

#[test]
fn every_command_sent_twice_has_one_effect_and_one_answer() {
    let scene = Scene::new();
    for sent in scene.commands() {
        let folder = scene.folder.copy();
        let shop = Shop::start(&folder);
        let answer = sent.to(&shop, "key");
        assert_eq!(answer.status, 200, "{}: {}", sent.shown(), answer.shown());
        let after = shop.get("/report");
        assert_same(&sent.to(&shop, "key"), &answer, &sent.shown());
        assert_same(&sent.to(&shop, "\"key\""), &answer, "the draft's form of the same key");
        assert_eq!(shop.get("/report"), after, "{}", sent.shown());
        shop.stop();

        let shop = Shop::start(&folder);
        assert_same(&sent.to(&shop, "key"), &answer, "after a start");
        assert_eq!(shop.get("/report"), after, "{}", sent.shown());
        shop.stop();
    }
}

#[test]
fn a_key_belongs_to_one_request() {
    let fixture = Fixture::new();
    let send = |method: &str, path: &str, body: Value| {
        let body = (!body.is_null()).then(|| body.to_string());
        let headers = [("Idempotency-Key", "mine")];
        let mut client = fixture.shop.client();
        let body = body.as_deref().map(str::as_bytes);
        client.send_bytes(method, path, &headers, body).expect("an answer")
    };
    let path = fixture.path("customer");
    assert_eq!(send("PUT", &path, fixture.good("customer")).status, 200);
    let before = fixture.shop.get("/report");
    let other = json!({"name": "Other", "email": "other@example.org"});
    for (method, path, body) in [
        ("PUT", path.as_str(), other.clone()),
        ("DELETE", path.as_str(), Value::Null),
        ("POST", "/customer", fixture.good("customer")),
        ("POST", "/products", fixture.good("product")),
    ] {
        let answer = send(method, path, body);
        let problem = assert_problem(&answer, 422, path);
        assert_eq!(problem["type"], "/problems/idempotency-key-reused");
    }
    assert_eq!(fixture.shop.get("/report"), before);
    assert_eq!(send("PUT", &path, fixture.good("customer")).status, 200);
}

#[test]
fn keys_that_are_none_are_refused() {
    let fixture = Fixture::new();
    let long = "k".repeat(256);
    let longest = "k".repeat(255);
    for headers in [
        vec![("Idempotency-Key", "")],
        vec![("Idempotency-Key", "\"\"")],
        vec![("Idempotency-Key", long.as_str())],
        vec![("Idempotency-Key", "a"), ("Idempotency-Key", "a")],
        vec![("Idempotency-Key", "\u{fc}")],
    ] {
        for (method, path, body) in [
            ("POST", "/customer".to_owned(), fixture.good("customer").to_string()),
            ("PUT", fixture.path("order"), fixture.good("order").to_string()),
            ("DELETE", fixture.path("billing"), String::new()),
            ("POST", format!("/incr/{}", fixture.product), String::new()),
        ] {
            fixture.refuses_as(&format!("{headers:?}"), 400, &["Idempotency-Key"], || {
                let mut client = fixture.shop.client();
                client
                    .send_bytes(method, &path, &headers, Some(body.as_bytes()))
                    .expect("an answer")
            });
        }
    }
    let body = fixture.good("customer").to_string();
    let headers = [("Idempotency-Key", longest.as_str())];
    let answer =
        fixture.shop.client().send_bytes("POST", "/customer", &headers, Some(body.as_bytes()));
    assert_eq!(answer.expect("an answer").status, 200);
}

#[test]
fn a_refusal_stays_one_also_when_it_would_be_accepted_now() {
    let fixture = Fixture::new();
    let shop = &fixture.shop;
    let sent =
        |method, path: &str, body| Sent { method, path: path.to_owned(), body, dies_at: &[] };
    let nine = json!({"product_ids": vec![&fixture.product; 9], "customer_id": fixture.customer});
    let short = sent("POST", "/order", nine);
    let billed = sent("POST", "/billing", fixture.good("billing"));
    let refused = short.to(shop, "short");
    assert_problem(&refused, 409, "short");
    let twice = billed.to(shop, "billed");
    assert_problem(&twice, 409, "billed");
    let missing = sent("DELETE", &format!("/order/{UNKNOWN}"), Value::Null);
    let not_found = missing.to(shop, "none");
    assert_problem(&not_found, 404, "none");
    let unknown = sent("POST", "/billing", json!({"order_id": UNKNOWN}));
    let invalid = unknown.to(shop, "unknown");
    assert_problem(&invalid, 422, "unknown");

    shop.post(&format!("/incr/{}/20", fixture.product), &Value::Null);
    shop.delete(&fixture.path("billing"));
    let before = shop.get("/report");
    assert_same(&short.to(shop, "short"), &refused, "short");
    assert_same(&billed.to(shop, "billed"), &twice, "billed");
    assert_same(&missing.to(shop, "none"), &not_found, "none");
    assert_same(&unknown.to(shop, "unknown"), &invalid, "unknown");
    assert_eq!(shop.get("/report"), before);
    assert_eq!(short.to(shop, "another key").status, 200);
}

#[test]
fn what_cannot_be_read_or_has_no_outcome_leaves_its_key_usable() {
    let fixture = Fixture::new();
    let (shop, path) = (&fixture.shop, fixture.path("customer"));
    let sent = |body| Sent { method: "PUT", path: path.clone(), body, dies_at: &[] };
    assert_eq!(sent(json!({"name": 5})).to(shop, "key").status, 422);

    let good = sent(fixture.good("customer"));
    shop.put(&format!("/faults{path}"), &json!(null));
    assert_eq!(good.to(shop, "key").status, 500);
    assert_eq!(shop.get(&path)["name"], "Ada");
    let answer = good.to(shop, "key");
    assert_eq!(answer.status, 200, "{}", answer.shown());
    assert_eq!(shop.get(&path)["name"], "Grace");

    let order = fixture.path("order");
    let change =
        Sent { method: "PUT", path: order.clone(), body: fixture.good("order"), dies_at: &[] };
    shop.put(&format!("/faults{order}"), &json!(null));
    assert_eq!(change.to(shop, "order").status, 500);
    assert_eq!(change.to(shop, "order").status, 200);
    assert_eq!(list(&shop.get(&order)["product_ids"]).len(), 1);
    let inventory = shop.get(&fixture.path("inventory"));
    assert_eq!(number(&inventory["amount"]), 4);
}

#[test]
fn many_at_once_with_one_key_have_one_effect_and_the_same_answer() {
    let scene = Scene::new();
    for sent in scene.commands() {
        let folder = scene.folder.copy();
        let shop = Shop::start(&folder);
        let expected = {
            let reference = scene.folder.copy();
            let shop = Shop::start(&reference);
            sent.to(&shop, "key");
            state(&shop)
        };
        let answers: Vec<Answer> = thread::scope(|scope| {
            let sending: Vec<_> =
                (0..8).map(|_| scope.spawn(|| sent.to(&shop, "the one"))).collect();
            sending.into_iter().map(|one| one.join().expect("no panic")).collect()
        });
        for answer in &answers {
            assert_eq!(answer.status, 200, "{}", answer.shown());
            assert_same(answer, &answers[0], &sent.shown());
        }
        assert_eq!(state(&shop), expected, "{}", sent.shown());
        shop.stop();
    }
}

#[test]
fn a_key_is_forgotten_when_its_time_is_over() {
    let folder = Folder::new();
    let mut command = serve(&folder);
    // Five seconds.
    command.args(["--idempotency-hours", "0.0014"]);
    let shop = Shop::start_as(command);
    let body = json!({"name": "Ann", "email": "ann@a.example"});
    let sent = Sent { method: "POST", path: "/customer".to_owned(), body, dies_at: &[] };
    let first = sent.to(&shop, "key");
    assert_same(&sent.to(&shop, "key"), &first, "known");
    let other = Sent { body: json!({"name": "Bob", "email": "bob@a.example"}), ..sent };
    let second = eventually("the end of the key's time", || {
        let answer = other.to(&shop, "key");
        if answer.status == 422 { Err(answer.shown()) } else { Ok(answer) }
    });
    assert_eq!(second.status, 200, "{}", second.shown());
    assert_ne!(second.body, first.body, "forgotten");
    assert_same(&other.to(&shop, "key"), &second, "the new one is known");
    assert_eq!(list(&shop.get("/customers")).len(), 2);
    shop.stop();
}
