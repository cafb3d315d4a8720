//! The paths that single services have beside the five topics: stock and mails.

mod support;

use std::io::{Read, Write};
use std::thread;

use serde_json::{Value, json};

use support::mails::count_by_purpose;
use support::shop::{Folder, Shop, serve};
use support::{ids, list, number};

/// A shop with a customer and two products, ten pieces of each in stock.
struct Stocked {
    folder: Folder,
    shop: Shop,
    customer: String,
    products: Vec<String>,
}

impl Stocked {
    fn new() -> Self {
        let folder = Folder::new();
        let shop = Shop::start(&folder);
        let customer = json!({"name": "Ann", "email": "ann@a.example"});
        let customer = ids(&shop.post("/customer", &customer)).remove(0);
        let product = |name: &str| json!({"name": name, "price": 3});
        let products = ids(&shop.post("/products", &json!([product("Tea"), product("Cup")])));
        for product in &products {
            shop.post("/inventory", &json!({"product_id": product, "amount": 10}));
        }
        Self { folder, shop, customer, products }
    }

    fn order(&self, pieces: [usize; 2]) -> Value {
        let [tea, cup] = pieces;
        let mut product_ids = vec![&self.products[0]; tea];
        product_ids.extend(vec![&self.products[1]; cup]);
        json!({"product_ids": product_ids, "customer_id": self.customer})
    }

    fn stock(&self) -> Vec<u64> {
        let inventory = self.shop.get("/inventory");
        list(&inventory).iter().map(|record| number(&record["amount"])).collect()
    }
}

#[test]
fn pieces_are_put_in_and_taken_out_but_never_below_zero() {
    let stocked = Stocked::new();
    let [tea, _] = [&stocked.products[0], &stocked.products[1]];
    let post = |path: String| stocked.shop.post(&path, &Value::Null);
    assert_eq!(post(format!("/incr/{tea}")), json!(true));
    assert_eq!(post(format!("/incr/{tea}/4")), json!(true));
    assert_eq!(stocked.stock(), [15, 10]);
    assert_eq!(post(format!("/decr/{tea}")), json!(true));
    assert_eq!(post(format!("/decr/{tea}/14")), json!(true));
    assert_eq!(post(format!("/decr/{tea}/1")), json!(false));
    assert_eq!(stocked.stock(), [0, 10]);
    let nothing = "00000000-0000-4000-8000-000000000000";
    assert_eq!(post(format!("/decr/{nothing}")), json!(false), "what is not there is out of stock");
    assert_eq!(stocked.shop.send("POST", &format!("/incr/{nothing}"), None).status, 404);
    assert_eq!(stocked.shop.send("POST", &format!("/incr/{tea}/-1"), None).status, 422);
}

#[test]
fn the_pieces_of_orders_are_taken_out_all_or_none() {
    let stocked = Stocked::new();
    let one = stocked.order([3, 4]);
    assert_eq!(stocked.shop.post("/decr_from_order", &one), json!(true));
    assert_eq!(stocked.stock(), [7, 6]);
    let many = json!([stocked.order([3, 0]), stocked.order([0, 7])]);
    assert_eq!(stocked.shop.post("/decr_from_order", &many), json!(false));
    assert_eq!(stocked.stock(), [7, 6], "nothing of it was taken");
    assert_eq!(list(&stocked.shop.get("/orders")).len(), 0, "no order was placed");
}

#[test]
fn orders_and_changes_of_stock_do_not_starve_each_other() {
    const TIMES: usize = 50;
    let stocked = Stocked::new();
    let tea = &stocked.products[0];
    stocked.shop.post(&format!("/incr/{tea}/1000"), &Value::Null);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..TIMES {
                    stocked.shop.post("/order", &stocked.order([1, 0]));
                }
            });
            scope.spawn(|| {
                for _ in 0..TIMES {
                    stocked.shop.post(&format!("/incr/{tea}"), &Value::Null);
                    stocked.shop.post("/decr_from_order", &stocked.order([1, 0]));
                }
            });
        }
    });
    assert_eq!(stocked.stock(), [1010 - 4 * TIMES as u64, 10]);
}

#[test]
fn a_mail_with_an_idempotency_key_is_one_mail() {
    let stocked = Stocked::new();
    let body = json!({"to": "bob@b.example", "msg": "Dear Bob,\n\nyour tea is here."}).to_string();
    let send = |headers: &[(&str, &str)]| {
        let mut client = stocked.shop.client();
        let answer = client.send_bytes("POST", "/email", headers, Some(body.as_bytes()));
        assert_eq!(answer.expect("an answer").json(), json!(true));
    };
    for _ in 0..3 {
        send(&[("Idempotency-Key", "tea-1")]);
    }
    send(&[]);
    send(&[]);
    let mails = stocked.folder.wait_for_mails(1 + 3);
    assert_eq!(count_by_purpose(&mails).get("note"), Some(&3));
}

#[test]
fn an_odd_address_holds_nobody_elses_mail_up() {
    let stocked = Stocked::new();
    for email in ["a@[127.0.0.1]", "\"a b\"@localhost", "ü@bücher.example"] {
        stocked.shop.post("/customer", &json!({"name": "Eve", "email": email}));
    }
    stocked.shop.post("/customer", &json!({"name": "Bob\nBcc: x", "email": "bob@b.example"}));
    stocked.folder.wait_for_mails(1 + 4);
}

#[test]
fn a_half_sent_request_does_not_hold_up_the_stop() {
    let stocked = Stocked::new();
    let mut half = std::net::TcpStream::connect(stocked.shop.address()).expect("a connection");
    half.write_all(b"POST /customer HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{\"na")
        .expect("the shop reads");
    // The answer to this one comes behind the other's beginning.
    stocked.shop.get("/customers");
    let begun = std::time::Instant::now();
    stocked.shop.stop();
    assert!(begun.elapsed().as_secs() < 10, "the stop took {:?}", begun.elapsed());
    let mut answer = String::new();
    half.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
}

#[test]
fn a_shop_whose_log_lines_nobody_reads_goes_on() {
    let folder = Folder::new();
    let mut command = serve(&folder);
    command.args(["--log", "debug"]);
    let shop = Shop::start_with_full_stderr(command);
    for _ in 0..20 {
        shop.post("/customer", &json!({"name": "Ann", "email": "ann@a.example"}));
    }
    assert_eq!(list(&shop.get("/customers")).len(), 20);
}
