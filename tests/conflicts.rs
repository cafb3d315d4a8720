//! Promise: a command against a rule of the shop is refused as a whole, and the shop goes on.

mod support;

use serde_json::json;
use support::fixture::{Fixture, assert_problem};
use support::ids;
use support::shop::Folder;

#[test]
fn on_redis_the_same_rules_hold() {
    let rules = [
        an_order_beyond_the_stock,
        what_may_be_there_once,
        the_product_of_a_record,
        what_orders_refer_to,
    ];
    for rule in rules {
        rule(&Fixture::on(Folder::on_redis()));
    }
}

#[test]
fn an_order_that_the_stock_cannot_fill_is_409_as_a_whole() {
    an_order_beyond_the_stock(&Fixture::new());
}

fn an_order_beyond_the_stock(fixture: &Fixture) {
    let Fixture { shop, product, bare_product, customer, .. } = fixture;
    let order = |pieces: &[&String]| json!({"product_ids": pieces, "customer_id": customer});

    // Three pieces are left; of the bare product there were never any.
    fixture.refuses(409, "POST", "/order", &order(&[product; 4]), &[]);
    fixture.refuses(409, "POST", "/order", &order(&[bare_product]), &[]);
    fixture.refuses(409, "POST", "/order", &order(&[product, bare_product]), &[]);
    let batch = json!([order(&[product, product]), order(&[product, product])]);
    fixture.refuses(409, "POST", "/orders", &batch, &[]);
    let path = fixture.path("order");
    fixture.refuses(409, "PUT", &path, &order(&[product; 6]), &[]);
    fixture.refuses(409, "PUT", &path, &order(&[product, bare_product]), &[]);

    // The difference counts: the order's own two pieces and the three that are left.
    assert_eq!(shop.put(&path, &order(&[product; 5])), json!(true));
    assert_eq!(shop.get(&fixture.path("inventory"))["amount"], 0);
    fixture.refuses(409, "POST", "/order", &order(&[product]), &[]);
    assert_eq!(shop.put(&path, &order(&[product])), json!(true));
    assert_eq!(shop.get(&fixture.path("inventory"))["amount"], 4);
}

#[test]
fn what_may_be_there_once_is_409_the_second_time() {
    what_may_be_there_once(&Fixture::new());
}

fn what_may_be_there_once(fixture: &Fixture) {
    let Fixture { shop, product, bare_product, order, .. } = fixture;
    let record = |product: &String| json!({"product_id": product, "amount": 1});
    fixture.refuses(409, "POST", "/inventory", &record(product), &[]);
    let twice = json!([record(bare_product), record(bare_product)]);
    fixture.refuses(409, "POST", "/inventory", &twice, &[]);
    let billing = json!({"order_id": order});
    fixture.refuses(409, "POST", "/billing", &billing, &[]);

    // What was deleted makes room.
    assert_eq!(shop.delete(&fixture.path("billing")), json!(true));
    fixture.refuses(409, "POST", "/billings", &json!([billing, billing]), &[]);
    assert_eq!(ids(&shop.post("/billing", &billing)).len(), 1);
}

#[test]
fn the_product_of_an_inventory_record_cannot_change() {
    the_product_of_a_record(&Fixture::new());
}

fn the_product_of_a_record(fixture: &Fixture) {
    let before = fixture.shop.get("/report");
    let body = json!({"product_id": fixture.bare_product, "amount": 1});
    let answer = fixture.shop.send("PUT", &fixture.path("inventory"), Some(&body));
    assert!([409, 422].contains(&answer.status), "{}", answer.shown());
    assert_problem(&answer, answer.status, "PUT with another product");
    assert_eq!(fixture.shop.get("/report"), before);
}

#[test]
fn a_customer_or_product_that_orders_refer_to_can_be_deleted() {
    what_orders_refer_to(&Fixture::new());
}

fn what_orders_refer_to(fixture: &Fixture) {
    let order = fixture.shop.get(&fixture.path("order"));
    assert_eq!(fixture.shop.delete(&fixture.path("customer")), json!(true));
    assert_eq!(fixture.shop.delete(&fixture.path("product")), json!(true));
    assert_eq!(fixture.shop.get(&fixture.path("order")), order);
    // A change checks every rule again: now the customer is missing.
    fixture.refuses(422, "PUT", &fixture.path("order"), &order, &["customer_id"]);
}
