//! Promise: whatever there was can be seen as it was, at any entry's id or any time, and how it came
//! to be as it is.

mod support;

use std::thread;

use serde_json::{Value, json};
use support::fixture::assert_problem;
use support::http::Client;
use support::shop::{Folder, Shop};
use support::wait::eventually;
use support::{ids, list, number, text};

#[test]
fn entities_and_lists_are_seen_as_they_were() {
    let folder = Folder::new();
    let shop = Shop::start_with_resp(&folder);
    let customers: Vec<_> =
        (0..3).map(|n| json!({"name": format!("Ada {n}"), "email": "a@example.org"})).collect();
    let customers = ids(&shop.post("/customers", &json!(customers)));
    let path = format!("/customer/{}", customers[2]);
    // What was there after each step, with the place of its last event.
    let mut moments = Vec::new();
    let history = |shop: &Shop| shop.get(&format!("{path}/history"));
    let mut look = || {
        let last = list(&history(&shop)).last().cloned().expect("an event");
        moments.push((last, shop.get(&path), shop.get("/customers")));
    };
    look();
    for name in ["Grace", "Hedy"] {
        shop.put(&path, &json!({"name": name, "email": "g@example.org"}));
        look();
    }
    shop.delete(&path);
    look();

    let history = history(&shop);
    let types: Vec<_> = list(&history).iter().map(|event| text(&event["type"])).collect();
    let expected = ["CustomerRegistered", "CustomerChanged", "CustomerChanged", "CustomerDeleted"];
    assert_eq!(types, expected);
    let versions: Vec<_> = list(&history).iter().map(|event| number(&event["version"])).collect();
    assert_eq!(versions, [1, 2, 3, 4]);

    let mut client = shop.resp();
    for (event, entity, all) in &moments {
        for at in [text(&event["id"]), text(&event["time"])] {
            assert_eq!(shop.get(&format!("{path}?at={at}")), *entity, "at {at}");
            assert_eq!(shop.get(&format!("/customers?at={at}")), *all, "at {at}");
            let state = client.ask(&format!("ORDERSHOP.STATE customer {} AT {at}", customers[2]));
            let state: Value = serde_json::from_str(&state.text()).expect("JSON");
            assert_eq!(state["version"], event["version"], "at {at}");
        }
    }
    assert_eq!(shop.get(&format!("{path}?at=1-1")), Value::Null);
    assert_eq!(shop.get("/customers?at=1-1"), json!([]));
    assert_eq!(shop.get("/customers?at=2000-01-01T00:00:00Z"), json!([]));
    assert_eq!(
        client.ask(&format!("ORDERSHOP.STATE customer {} AT 1-1", customers[2])).head,
        b"$-1"
    );
    let first = &moments[0];
    let at = text(&first.0["id"]);
    let page = shop.send("GET", &format!("/customers?at={at}&limit=2"), None);
    assert_eq!(page.json(), Value::from(list(&first.2)[..2].to_vec()));
    let link = page.header("link").expect("there is more");
    let next = link.trim_start_matches('<').split('>').next().expect("a link");
    assert_eq!(shop.get(next), Value::from(list(&first.2)[2..].to_vec()), "{link}");
}

#[test]
fn every_topic_has_histories_in_pages() {
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let create = |path: &str, body: Value| ids(&shop.post(path, &body)).remove(0);
    let customer = create("/customer", json!({"name": "Ada", "email": "ada@example.org"}));
    let product = create("/product", json!({"name": "Lamp", "price": 30}));
    let inventory = create("/inventory", json!({"product_id": product, "amount": 50}));
    let order = create("/order", json!({"product_ids": [product], "customer_id": customer}));
    let billing = create("/billing", json!({"order_id": order}));
    for (topic, id, first) in [
        ("customer", &customer, "CustomerRegistered"),
        ("product", &product, "ProductAdded"),
        ("inventory", &inventory, "StockOpened"),
        ("order", &order, "OrderPlaced"),
        ("billing", &billing, "OrderBilled"),
    ] {
        let history = shop.get(&format!("/{topic}/{id}/history"));
        let event = &list(&history)[0];
        assert_eq!(text(&event["type"]), first);
        assert_eq!(event["entity"]["id"], Value::from(id.as_str()));
        assert!(event.get("cause").is_some() && event["id"].is_string(), "{event}");
    }
    let path = format!("/inventory/{inventory}/history");
    let whole = shop.get(&path);
    assert_eq!(text(&list(&whole)[1]["type"]), "StockReserved");
    let page = shop.send("GET", &format!("{path}?limit=1"), None);
    assert_eq!(list(&page.json()), &list(&whole)[..1]);
    let link = page.header("link").expect("there is more");
    let next = link.trim_start_matches('<').split('>').next().expect("a link");
    assert_eq!(list(&shop.get(next)), &list(&whole)[1..2]);

    assert_eq!(shop.get("/order/nonsense/history"), json!([]));
    assert_eq!(shop.send("GET", &format!("{path}?limit=0"), None).status, 422);
    assert_eq!(shop.send("GET", "/orders?at=yesterday", None).status, 422);
    assert_eq!(shop.send("GET", &format!("/order/{order}?at=x"), None).status, 422);
    assert_eq!(shop.send("POST", &path, None).status, 405);
}

#[test]
fn lists_of_the_past_are_made_a_few_at_once_and_keep_nobody_else_waiting() {
    /// More than are made at once and wait for it.
    const ASKERS: usize = 16;
    let folder = Folder::new();
    let shop = Shop::start(&folder);
    let customers: Vec<_> = (0..3000)
        .map(|index| json!({"name": format!("C {index}"), "email": "c@shop.example"}))
        .collect();
    let first = ids(&shop.post("/customers", &json!(customers))).remove(0);
    let all = shop.get("/customers");
    let address = shop.address();
    let ask = move || {
        let answer = Client::new(address).send("GET", "/customers?at=9999999999-0", None);
        answer.expect("an answer")
    };
    let refused = eventually("more askers than are served at once", || {
        let askers: Vec<_> = (0..ASKERS).map(|_| thread::spawn(ask)).collect();
        assert_eq!(shop.get(&format!("/customer/{first}"))["name"], "C 0", "beside them");
        let answers: Vec<_> =
            askers.into_iter().map(|asker| asker.join().expect("no panic")).collect();
        let (made, refused): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 200);
        assert!(made.len() >= 2, "some are always made");
        assert!(made.iter().all(|answer| answer.json() == all));
        refused.into_iter().next().ok_or_else(|| "all were served".to_owned())
    });
    assert_problem(&refused, 503, "one asker too many");
    assert!(refused.header("retry-after").is_some(), "{}", refused.shown());
    assert_eq!(ask().json(), all, "there is room again");
}
