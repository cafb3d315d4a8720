//! Promise: lists come whole or in pages, and entities are found by what they name; a client that
//! has an answer already is told so, and one that takes gzip gets it.

mod support;

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use support::fixture::{Fixture, assert_problem};
use support::http::Answer;
use support::shop::{Folder, Shop, serve_without_mails};
use support::{ids, list, text};

/// Every list there is.
const LISTS: [&str; 6] =
    ["/customers", "/products", "/inventory", "/orders", "/billings", "/orders/unbilled"];

fn get(shop: &Shop, path: &str, headers: &[(&str, &str)]) -> Answer {
    shop.client().send_bytes("GET", path, headers, None).expect("an answer")
}

/// A shop with this many customers, each with one order of one product; every third is billed.
fn shop_with(count: usize) -> (Folder, Shop) {
    let folder = Folder::new();
    let shop = Shop::start_as(serve_without_mails(&folder));
    let customers: Vec<_> = (0..count)
        .map(|n| json!({"name": format!("Customer {n}"), "email": format!("c{n}@example.org")}))
        .collect();
    let customers = ids(&shop.post("/customers", &json!(customers)));
    let products: Vec<_> =
        (0..count).map(|n| json!({"name": format!("Product {n}"), "price": n})).collect();
    let products = ids(&shop.post("/products", &json!(products)));
    let records: Vec<_> =
        products.iter().map(|id| json!({"product_id": id, "amount": count + 2})).collect();
    shop.post("/inventory", &json!(records));
    let orders: Vec<_> = customers
        .iter()
        .map(|id| json!({"product_ids": [products[0]], "customer_id": id}))
        .collect();
    let orders = ids(&shop.post("/orders", &json!(orders)));
    let billings: Vec<_> = orders.iter().step_by(3).map(|id| json!({"order_id": id})).collect();
    shop.post("/billings", &json!(billings));
    (folder, shop)
}

/// Where the link to the next page leads.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    let (target, relation) = link.split_once('>').expect("a target in angle brackets");
    assert_eq!(relation, "; rel=\"next\"", "{link}");
    Some(target.strip_prefix('<').expect("a target in angle brackets").to_owned())
}

/// Follows the links from a page on, and does something after each page.
fn follow(shop: &Shop, first: &str, mut after_each: impl FnMut(&[Value])) -> Vec<Value> {
    let mut found = Vec::new();
    let mut path = Some(first.to_owned());
    while let Some(page) = path {
        let answer = get(shop, &page, &[]);
        assert_eq!(answer.status, 200, "{page}: {}", answer.shown());
        let rows = list(&answer.json()).to_vec();
        after_each(&rows);
        found.extend(rows);
        path = next(&answer);
    }
    found
}

#[test]
fn pages_hold_what_the_list_holds() {
    let (_folder, shop) = shop_with(23);
    for path in LISTS {
        let whole = list(&shop.get(path)).to_vec();
        for limit in [1, 7, 23, 100] {
            let found = follow(&shop, &format!("{path}?limit={limit}"), |page| {
                assert!(page.len() <= limit, "{path}: a page of {} for {limit}", page.len());
            });
            assert_eq!(found, whole, "{path} in pages of {limit}");
        }
        let id = text(&whole[2]["id"]);
        assert_eq!(list(&shop.get(&format!("{path}?after={id}"))), &whole[3..], "{path}");
    }
}

#[test]
fn what_is_deleted_on_the_way_loses_and_repeats_nothing() {
    let (_folder, shop) = shop_with(20);
    let whole = list(&shop.get("/orders")).to_vec();
    let mut gone = Vec::new();
    let found = follow(&shop, "/orders?limit=3", |page| {
        // The entity at which the next page begins, and the first one of this page.
        for order in [&page[0], &page[page.len() - 1]] {
            if !gone.contains(order) {
                shop.delete(&format!("/order/{}", text(&order["id"])));
                gone.push(order.clone());
            }
        }
    });
    assert_eq!(found, whole);
    assert!(gone.len() > 10);
}

#[test]
fn entities_are_found_by_what_they_name() {
    let (_folder, shop) = shop_with(5);
    let customers = shop.get("/customers");
    let customer = text(&customers[1]["id"]);
    let product = text(&shop.get("/products")[0]["id"]).to_owned();
    let order = json!({"product_ids": [product], "customer_id": customer});
    shop.post("/orders", &json!([order, order]));
    let orders = shop.get("/orders");
    let expected: Vec<_> =
        list(&orders).iter().filter(|order| order["customer_id"] == customer).cloned().collect();
    assert_eq!(expected.len(), 3);
    let path = format!("/orders?customer_id={customer}");
    assert_eq!(list(&shop.get(&path)), expected);
    assert_eq!(
        follow(&shop, &format!("{path}&limit=1"), |page| assert_eq!(page.len(), 1)),
        expected
    );

    let record = list(&shop.get("/inventory"))[0].clone();
    let by_product = format!("/inventory?product_id={}", text(&record["product_id"]));
    assert_eq!(shop.get(&by_product), json!([record]));
    let billing = list(&shop.get("/billings"))[0].clone();
    let by_order = format!("/billings?order_id={}", text(&billing["order_id"]));
    assert_eq!(shop.get(&by_order), json!([billing]));
    shop.delete(&format!("/billing/{}", text(&billing["id"])));
    assert_eq!(shop.get(&by_order), json!([]));
    assert_eq!(shop.get(&format!("/orders?customer_id={product}")), json!([]));
}

#[test]
fn a_wrong_parameter_is_422_and_named_and_an_unknown_one_ignored() {
    let fixture = Fixture::new();
    for path in LISTS {
        for bad in ["limit=0", "limit=-1", "limit=x", "limit=10001", "after=x", "limit=1&limit=1"] {
            let culprit = &bad[..5];
            fixture.refuses(422, "GET", &format!("{path}?{bad}"), &Value::Null, &[culprit]);
        }
        let unknown = format!("{path}?after=00000000-0000-7000-8000-000000000000");
        fixture.refuses(422, "GET", &unknown, &Value::Null, &["after"]);
        assert_eq!(fixture.shop.get(&format!("{path}?colour=red&%ff")), fixture.shop.get(path));
    }
    for bad in ["/orders?customer_id=5", "/inventory?product_id=", "/billings?order_id=%ff"] {
        let (_, culprit) = bad.split_once('?').expect("a parameter");
        let (culprit, _) = culprit.split_once('=').expect("a value");
        fixture.refuses(422, "GET", bad, &Value::Null, &[culprit]);
    }
}

#[test]
fn a_large_list_is_streamed_and_holds_what_its_pages_hold() {
    let (_folder, shop) = shop_with(3000);
    for (path, one) in
        [("/customers", "/customer"), ("/orders", "/order"), ("/orders/unbilled", "/order")]
    {
        let answer = get(&shop, path, &[]);
        assert_eq!(answer.header("transfer-encoding"), Some("chunked"), "{path}");
        let whole = answer.json();
        // The same bytes as an array of the entities' own bytes.
        let entities: Vec<_> = list(&whole)
            .iter()
            .step_by(100)
            .map(|entity| {
                let path = format!("{one}/{}", text(&entity["id"]));
                String::from_utf8(get(&shop, &path, &[]).body).expect("JSON")
            })
            .collect();
        let body = String::from_utf8(answer.body).expect("JSON");
        assert!(body.starts_with("[{") && body.ends_with("}]") && !body.contains("},,"));
        for entity in entities {
            assert!(body.contains(&entity), "no {entity} in {path}");
        }
        assert_eq!(json!(follow(&shop, &format!("{path}?limit=999"), |_| {})), whole);
    }
    let report = shop.get("/report");
    for (name, path) in [("customers", "/customers"), ("orders", "/orders")] {
        assert_eq!(report[name], shop.get(path));
    }
}

#[test]
fn gzip_is_sent_to_whom_it_is_worth_it() {
    let (_folder, shop) = shop_with(2000);
    for path in ["/customers", "/orders?limit=20", "/report"] {
        let plain = get(&shop, path, &[]);
        let packed = get(&shop, path, &[("Accept-Encoding", "gzip, deflate")]);
        assert_eq!(plain.header("content-encoding"), None, "{path}");
        assert_eq!(packed.header("content-encoding"), Some("gzip"), "{path}");
        for answer in [&plain, &packed] {
            assert_eq!(answer.header("vary"), Some("accept-encoding"), "{path}");
        }
        assert_eq!(plain.header("etag"), packed.header("etag"));
        assert!(packed.body.len() * 2 < plain.body.len(), "{path}");
        let mut unpacked = Vec::new();
        GzDecoder::new(packed.body.as_slice()).read_to_end(&mut unpacked).expect("gzip");
        assert!(unpacked == plain.body, "{path}: gzip holds something else");
    }
    for (path, taken) in [
        ("/customers?limit=1", "gzip"),
        ("/customers", "gzip;q=0"),
        ("/customers", "br, zstd"),
        ("/customers", "identity, gzip;q=0.5"),
    ] {
        let answer = get(&shop, path, &[("Accept-Encoding", taken)]);
        assert_eq!(answer.header("content-encoding"), None, "{path} for {taken}");
    }
}

#[test]
fn who_has_the_answer_is_told_so_until_it_changes() {
    let (folder, shop) = shop_with(5);
    let order = format!("/order/{}", text(&shop.get("/orders")[0]["id"]));
    let nobody = "/customer/00000000-0000-7000-8000-000000000000";
    let one_of = ["/orders?limit=2", "/report", &order, nobody];
    let tags: Vec<_> = LISTS
        .into_iter()
        .chain(one_of)
        .map(|path| {
            let tag = get(&shop, path, &[]).header("etag").expect("a tag").to_owned();
            (path, tag)
        })
        .collect();
    let status = |shop: &Shop, path, tag: &str| {
        let answer = get(shop, path, &[("If-None-Match", tag)]);
        if answer.status == 304 {
            assert_eq!(answer.header("etag"), Some(tag), "{path}");
            assert!(answer.body.is_empty());
        }
        answer.status
    };
    for (path, tag) in &tags {
        assert_eq!(status(&shop, path, tag), 304, "{path}");
        assert_eq!(status(&shop, path, "\"another\""), 200, "{path}");
    }
    shop.stop();
    let shop = Shop::start_as(serve_without_mails(&folder));
    for (path, tag) in &tags {
        assert_eq!(status(&shop, path, tag), 304, "{path} after a restart");
    }
    shop.post("/customers", &json!({"name": "Ada", "email": "ada@example.org"}));
    for (path, tag) in &tags {
        let expected = if ["/customers", "/report"].contains(path) { 200 } else { 304 };
        assert_eq!(status(&shop, path, tag), expected, "{path} after a new customer");
    }
    shop.delete(&order);
    for (path, tag) in &tags {
        let unchanged = ["/products", "/billings", nobody].contains(path);
        let expected = if unchanged { 304 } else { 200 };
        assert_eq!(status(&shop, path, tag), expected, "{path} without an order");
    }
}

#[test]
fn head_is_get_without_the_body() {
    let (_folder, shop) = shop_with(2000);
    for path in ["/customers", "/customers?limit=1", "/report", "/orders/unbilled", "/customer/x"] {
        let mut client = shop.client();
        let head = client.send("HEAD", path, None).expect("an answer");
        let get = client.send("GET", path, None).expect("the connection goes on");
        assert_eq!(head.status, 200, "{path}");
        for name in ["content-type", "content-length", "transfer-encoding", "etag", "link", "vary"]
        {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
        let tag = get.header("etag").expect("a tag");
        let known = [("If-None-Match", tag)];
        assert_eq!(client.send_bytes("HEAD", path, &known, None).expect("an answer").status, 304);
    }
    let refused = get(&shop, "/customers?limit=0", &[]);
    assert_problem(&refused, 422, "limit=0");
}
