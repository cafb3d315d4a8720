//! Promise: every bad request is answered as the contract says, names the culprit, and writes
//! nothing.

mod support;

use serde_json::{Value, json};
use support::fixture::{Fixture, TOPICS, UNKNOWN, assert_problem};
use support::ids;

#[test]
fn one_object_or_an_array_goes_to_both_names() {
    let fixture = Fixture::new();
    let Fixture { shop, bare_product, customer, product, .. } = &fixture;
    for (singular, plural) in [("/customer", "/customers"), ("/product", "/products")] {
        let body = fixture.good(&singular[1..]);
        for path in [singular, plural] {
            assert_eq!(ids(&shop.post(path, &body)).len(), 1, "one object to {path}");
            assert_eq!(ids(&shop.post(path, &json!([body]))).len(), 1, "an array of one to {path}");
            assert_eq!(ids(&shop.post(path, &json!([body, body, body]))).len(), 3, "{path}");
        }
    }
    let record = json!([{"product_id": bare_product, "amount": 1}]);
    assert_eq!(ids(&shop.post("/inventory", &record)).len(), 1);
    let order = json!({"product_ids": [product], "customer_id": customer});
    let mut orders = ids(&shop.post("/order", &order));
    orders.extend(ids(&shop.post("/orders", &json!([order]))));
    assert_eq!(ids(&shop.post("/billing", &json!([{"order_id": orders[0]}]))).len(), 1);
    assert_eq!(ids(&shop.post("/billings", &json!({"order_id": orders[1]}))).len(), 1);
}

#[test]
fn an_empty_batch_creates_nothing() {
    let fixture = Fixture::new();
    let before = fixture.shop.get("/report");
    for path in ["/customers", "/products", "/inventory", "/orders", "/billings"] {
        assert_eq!(fixture.shop.post(path, &json!([])), json!([]), "{path}");
    }
    assert_eq!(fixture.shop.get("/report"), before);
}

#[test]
fn what_there_is_not_reads_as_null_and_cannot_be_changed() {
    let fixture = Fixture::new();
    for topic in TOPICS {
        for id in [UNKNOWN, "not-a-uuid", "1", "%20", &"x".repeat(500)] {
            let path = format!("/{topic}/{id}");
            assert_eq!(fixture.shop.get(&path), Value::Null, "{path}");
            fixture.refuses(404, "PUT", &path, &fixture.good(topic), &[]);
            fixture.refuses(404, "DELETE", &path, &Value::Null, &[]);
        }
    }
}

#[test]
fn what_was_deleted_stays_deleted() {
    let fixture = Fixture::new();
    for topic in ["billing", "order", "inventory", "product", "customer"] {
        let path = fixture.path(topic);
        assert_eq!(fixture.shop.delete(&path), json!(true), "{path}");
        assert_eq!(fixture.shop.get(&path), Value::Null);
        fixture.refuses(404, "DELETE", &path, &Value::Null, &[]);
        fixture.refuses(404, "PUT", &path, &fixture.good(topic), &[]);
    }
}

#[test]
fn unparsable_json_is_400() {
    let fixture = Fixture::new();
    for topic in TOPICS {
        let good = fixture.good(topic).to_string();
        let (open, _) = good.rsplit_once('}').expect("an object");
        let bodies: [Vec<u8>; 8] = [
            Vec::new(),
            b"{".to_vec(),
            b"{\"name\": }".to_vec(),
            b"name=Ada&email=ada@example.org".to_vec(),
            format!("{good} and more").into_bytes(),
            format!("{open},}}").into_bytes(),
            open.as_bytes().to_vec(),
            [open.as_bytes(), b", \"note\": \"\xff\xfe\"}"].concat(),
        ];
        for body in bodies {
            for (method, path) in [("POST", format!("/{topic}")), ("PUT", fixture.path(topic))] {
                let what = format!("{method} {path} {}", String::from_utf8_lossy(&body));
                let json = [("Content-Type", "application/json")];
                fixture.refuses_as(&what, 400, &[], || {
                    let mut client = fixture.shop.client();
                    client.send_bytes(method, &path, &json, Some(&body)).expect(&what)
                });
            }
        }
    }
}

#[test]
fn a_missing_or_ill_typed_field_is_422_and_named() {
    let fixture = Fixture::new();
    let long = "x".repeat(201);
    let cases: &[(&str, &str, &[Value])] = &[
        ("customer", "name", &[json!(5), json!(null), json!(""), json!(long), json!(["A"])]),
        (
            "customer",
            "email",
            &[json!(5), json!(null), json!(""), json!("ada"), json!("a\r\nBcc: x@example.org")],
        ),
        ("product", "name", &[json!(5), json!(null), json!(""), json!(long)]),
        ("product", "price", &[json!(-1), json!(1.5), json!("1"), json!(null), json!(1e300)]),
        ("inventory", "product_id", &[json!(5), json!(null), json!("x"), json!(UNKNOWN)]),
        ("inventory", "amount", &[json!(-1), json!(1.5), json!("1"), json!(null)]),
        (
            "order",
            "product_ids",
            &[json!(5), json!(null), json!([]), json!("x"), json!([5]), json!(vec![UNKNOWN; 1001])],
        ),
        ("order", "customer_id", &[json!(5), json!(null), json!("x"), json!(UNKNOWN)]),
        ("billing", "order_id", &[json!(5), json!(null), json!("x"), json!(UNKNOWN)]),
    ];
    for (topic, field, values) in cases {
        let path = format!("/{topic}");
        let mut without = fixture.good(topic);
        without.as_object_mut().expect("an object").remove(*field);
        fixture.refuses(422, "POST", &path, &without, &[field]);
        fixture.refuses(422, "PUT", &fixture.path(topic), &without, &[field]);
        for value in *values {
            let mut body = fixture.good(topic);
            body[*field] = value.clone();
            fixture.refuses(422, "POST", &path, &body, &[field]);
            if (*topic, *field) != ("inventory", "product_id") || *value != json!(UNKNOWN) {
                fixture.refuses(422, "PUT", &fixture.path(topic), &body, &[field]);
            }
        }
    }
}

#[test]
fn something_else_than_an_object_is_422() {
    let fixture = Fixture::new();
    for topic in TOPICS {
        for body in [json!(5), json!("x"), json!(true), json!([5]), json!([[]])] {
            fixture.refuses(422, "POST", &format!("/{topic}"), &body, &[]);
            fixture.refuses(422, "PUT", &fixture.path(topic), &body, &[]);
        }
    }
}

#[test]
fn one_bad_element_refuses_its_batch_and_is_named_by_its_index() {
    let fixture = Fixture::new();
    for (topic, field, bad) in [
        ("customer", "email", json!({"name": "Bad", "email": 7})),
        ("product", "price", json!({"name": "Bad", "price": "cheap"})),
        ("order", "customer_id", json!({"product_ids": [fixture.product], "customer_id": false})),
        ("order", "customer_id", json!({"product_ids": [fixture.product]})),
    ] {
        let good = fixture.good(topic);
        let batch = json!([good, good, bad, good]);
        let path = format!("/{topic}");
        let before = fixture.shop.get("/report");
        let answer = fixture.shop.send("POST", &path, Some(&batch));
        let problem = assert_problem(&answer, 422, &batch.to_string());
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(field), "{problem}");
        let mut numbers = detail.split(|c: char| !c.is_ascii_digit());
        assert!(numbers.any(|number| number == "2"), "no index 2 in {problem}");
        assert_eq!(fixture.shop.get("/report"), before, "{batch}");
    }
}

#[test]
fn the_id_in_a_body_and_fields_that_nobody_knows_are_ignored() {
    let fixture = Fixture::new();
    let body = json!({"id": UNKNOWN, "name": "Eve", "email": "eve@example.org", "shoe_size": 39});
    let id = ids(&fixture.shop.post("/customer", &body)).remove(0);
    assert_ne!(id, UNKNOWN);
    let path = format!("/customer/{id}");
    let expected = json!({"id": id, "name": "Eve", "email": "eve@example.org"});
    assert_eq!(fixture.shop.get(&path), expected);
    assert_eq!(fixture.shop.put(&path, &body), json!(true));
    assert_eq!(fixture.shop.get(&path), expected);
}

#[test]
fn the_content_type_is_json_or_absent() {
    let fixture = Fixture::new();
    let body = fixture.good("customer").to_string();
    let send = |headers: &[(&str, &str)]| {
        let mut client = fixture.shop.client();
        client.send_bytes("POST", "/customer", headers, Some(body.as_bytes())).expect("an answer")
    };
    for accepted in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        assert_eq!(send(&[("Content-Type", accepted)]).status, 200, "{accepted}");
    }
    assert_eq!(send(&[]).status, 200, "no Content-Type counts as JSON");
    for refused in ["text/plain", "application/xml", "application/x-www-form-urlencoded"] {
        fixture.refuses_as(refused, 415, &[], || send(&[("Content-Type", refused)]));
    }
}

#[test]
fn a_body_without_measure_is_413_before_it_is_read() {
    let fixture = Fixture::new();
    let head = "POST /customers HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n\
                Content-Length: 1000000000\r\n\r\n[";
    fixture.refuses_as("a gigabyte", 413, &[], || {
        fixture.shop.client().send_raw(head.as_bytes(), false).expect("an answer")
    });
}

#[test]
fn what_is_no_path_is_404_and_what_is_no_verb_of_it_405() {
    let fixture = Fixture::new();
    for path in ["/", "/nothing", "/customers/x/y", "/faults", "/orders/billed"] {
        fixture.refuses(404, "GET", path, &Value::Null, &[]);
    }
    for (method, path) in [
        ("DELETE", "/customers"),
        ("PUT", "/orders"),
        ("POST", "/report"),
        ("DELETE", "/orders/unbilled"),
        ("PATCH", "/customer/x"),
    ] {
        fixture.refuses(405, method, path, &Value::Null, &[]);
        let answer = fixture.shop.send(method, path, None);
        assert!(answer.header("allow").is_some(), "{method} {path}: {}", answer.shown());
    }
}
