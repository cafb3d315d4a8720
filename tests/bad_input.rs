//! Promise: whatever is sent, on whatever path, is answered as the contract says, by a message that
//! names the culprit, and writes nothing.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::fixture::{Fixture, TOPICS, UNKNOWN, assert_problem};
use support::size::size;

/// How many requests each of the tables makes at least.
const MIN_CASES: usize = 250;

/// A request that must be refused.
struct Case {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, &'static str)>,
    body: Option<Vec<u8>>,
    status: u16,
    /// The field that the problem names.
    field: Option<String>,
    /// The element that the problem names.
    index: Option<u64>,
    /// What its detail holds besides.
    word: String,
}

impl Case {
    fn new(status: u16, method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: None,
            status,
            field: None,
            index: None,
            word: String::new(),
        }
    }

    fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    fn names(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    fn at(mut self, index: u64) -> Self {
        self.index = Some(index);
        self
    }

    fn says(mut self, word: impl Into<String>) -> Self {
        self.word = word.into();
        self
    }

    fn shown(&self) -> String {
        let body = self.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        let body: String = body.chars().take(200).collect();
        format!("{} {} {body}", self.method, self.path)
    }
}

/// Sends every case, and holds each against what it must be answered with.
fn refuse_all(fixture: &Fixture, cases: &[Case]) {
    let log = fixture.quiet_log_bytes();
    let mut client = fixture.shop.client();
    for case in cases {
        let what = case.shown();
        let answer = client
            .send_bytes(case.method, &case.path, &case.headers, case.body.as_deref())
            .unwrap_or_else(|error| panic!("{what}: no answer: {error}"));
        let problem = assert_problem(&answer, case.status, &what);
        let detail = problem["detail"].as_str().unwrap_or_default();
        if let Some(field) = &case.field {
            let named = problem["field"].as_str().unwrap_or_default();
            assert!(named.starts_with(field.as_str()), "{what}: no field `{field}` in {problem}");
            assert!(detail.contains(field.as_str()), "{what}: no `{field}` in {problem}");
        }
        // One object counts as a batch of one where its service finds the fault.
        let index = problem["index"].as_u64().unwrap_or(0);
        assert_eq!(index, case.index.unwrap_or(0), "{what}: {problem}");
        assert!(detail.contains(&case.word), "{what}: no `{}` in {problem}", case.word);
        assert_eq!(fixture.log_bytes(), log, "{what} wrote to the log");
    }
    assert_eq!(fixture.quiet_log_bytes(), log, "something was written after its answer");
    assert!(cases.len() >= MIN_CASES, "there were only {} cases", cases.len());
}

/// Texts that are JSON, and no name, mail address, number or id.
const WRONG_FIELDS: [(&str, &str, &[&str]); 9] = [
    ("customer", "name", &["5", "-1", "1.5", "true", "null", "\"\"", "[\"A\"]", "{}", "LONG"]),
    (
        "customer",
        "email",
        &["5", "true", "null", "\"\"", "\"ada\"", "\"@\"", "\"a@b\\nBcc: c@d\"", "[]", "{}"],
    ),
    ("product", "name", &["5", "-1", "true", "null", "\"\"", "[]", "{}", "LONG"]),
    ("product", "price", NO_AMOUNTS),
    ("inventory", "product_id", NO_IDS),
    ("inventory", "amount", NO_AMOUNTS),
    (
        "order",
        "product_ids",
        &["5", "null", "true", "\"x\"", "{}", "[]", "[5]", "[null]", "[\"x\"]", "[[]]", "UNKNOWNS"],
    ),
    ("order", "customer_id", NO_IDS),
    ("billing", "order_id", NO_IDS),
];
const NO_AMOUNTS: &[&str] = &[
    "-1",
    "-9223372036854775809",
    "1.5",
    "-0.5",
    "1e300",
    "9007199254740992",
    "18446744073709551616",
    "\"1\"",
    "true",
    "null",
    "[]",
    "{}",
];
const NO_IDS: &[&str] = &["5", "-1", "1.5", "true", "null", "\"\"", "\"x\"", "[]", "{}", "UNKNOWN"];

/// A value of the tables above, as JSON text.
fn spelled(value: &str) -> String {
    match value {
        "LONG" => json!("x".repeat(201)).to_string(),
        "UNKNOWN" => json!(UNKNOWN).to_string(),
        "UNKNOWNS" => json!([UNKNOWN]).to_string(),
        text => text.to_owned(),
    }
}

/// An object with this field replaced by a JSON text, or without it.
fn with(good: &Value, field: &str, value: Option<&str>) -> String {
    let others = good.as_object().expect("an object").iter().filter(|(name, _)| *name != field);
    let mut members: Vec<_> = others.map(|(name, value)| format!("\"{name}\":{value}")).collect();
    members.extend(value.map(|value| format!("\"{field}\":{value}")));
    format!("{{{}}}", members.join(","))
}

#[test]
fn every_wrong_or_missing_field_on_every_route() {
    let fixture = Fixture::new();
    let mut cases = Vec::new();
    for (topic, field, values) in WRONG_FIELDS {
        let good = fixture.good(topic);
        let plural = if topic == "inventory" { "/inventory".into() } else { format!("/{topic}s") };
        let values = values.iter().map(|value| Some(spelled(value))).chain([None]);
        for value in values {
            let bad = with(&good, field, value.as_deref());
            let post =
                |path: &str, body: String| Case::new(422, "POST", path).body(body).names(field);
            let unknown = value.as_deref().is_some_and(|value| value.contains(UNKNOWN));
            cases.push(post(&format!("/{topic}"), bad.clone()));
            // What is well-formed before it may be refused for another reason.
            cases.push(if unknown {
                post(&plural, format!("[{bad}]"))
            } else {
                post(&plural, format!("[{good},{good},{bad},{good}]")).at(2)
            });
            // An inventory record's product does not change, so it is not looked up.
            if !(unknown && topic == "inventory") {
                cases.push(Case::new(422, "PUT", fixture.path(topic)).body(bad).names(field));
            }
        }
    }
    let (order, mail) = (fixture.good("order"), json!({"to": "ada@example.org", "msg": "hello"}));
    for (path, good, fields) in [
        ("/decr_from_order", &order, ["product_ids", "customer_id"]),
        ("/email", &mail, ["to", "msg"]),
    ] {
        for field in fields {
            for value in [Some("5"), Some("null"), Some("{}"), Some("[{}]"), None] {
                let bad = with(good, field, value);
                cases.push(Case::new(422, "POST", path).body(bad).names(field));
            }
        }
    }
    let half = br#"{"name": "\ud800", "email": "ada@example.org"}"#;
    cases.push(Case::new(400, "POST", "/customer").body(half.as_slice()).says("hex escape"));
    let twice = br#"{"name": "Ada", "name": "Eve", "email": "ada@example.org"}"#;
    cases.push(Case::new(422, "POST", "/customer").body(twice.as_slice()).says("name"));
    refuse_all(&fixture, &cases);
    println!("{} requests with a wrong or missing field were refused", cases.len());
}

/// Every route that takes a body.
fn routes_with_a_body(fixture: &Fixture) -> Vec<(&'static str, String)> {
    let mut routes = Vec::new();
    for topic in TOPICS {
        routes.push(("POST", format!("/{topic}")));
        routes.push(("PUT", fixture.path(topic)));
    }
    for plural in ["/customers", "/products", "/orders", "/billings"] {
        routes.push(("POST", plural.to_owned()));
    }
    routes.extend(["/decr_from_order", "/email"].map(|path| ("POST", path.to_owned())));
    routes
}

#[test]
fn every_unreadable_body_on_every_route() {
    let fixture = Fixture::new();
    let mut cases = Vec::new();
    let deep_array = "[".repeat(100_000);
    let deep_note = format!("{{\"note\": {deep_array}");
    let deep_objects = "{\"a\":".repeat(100_000);
    let malformed: [&[u8]; 16] = [
        b"",
        b" ",
        b"{",
        b"[{]",
        b"nonsense",
        b"{\"name\": }",
        b"{\"name\": 'Ada'}",
        b"{name: \"Ada\"}",
        b"{\"name\": \"Ada\",}",
        b"{\"price\": NaN}",
        b"{\"price\": 01}",
        b"\xef\xbb\xbf{}",
        b"{\"name\": \"\xff\xfe\"}",
        deep_array.as_bytes(),
        deep_note.as_bytes(),
        deep_objects.as_bytes(),
    ];
    let no_objects = ["5", "-1", "\"x\"", "true", "null", "[5]", "[[]]", "[null]"];
    for (method, path) in routes_with_a_body(&fixture) {
        for body in malformed {
            cases.push(Case::new(400, method, &path).body(body).says("the body is not"));
        }
        for body in no_objects {
            let case = Case::new(422, method, &path).body(body).names("body");
            let batch = method == "POST" && path != "/email" && body.starts_with('[');
            cases.push(if batch { case.at(0) } else { case });
        }
        for kind in
            ["text/plain", "application/xml", "multipart/form-data; boundary=x", "json", "", ";"]
        {
            let essence = kind.split(';').next().unwrap_or_default();
            let case = Case::new(415, method, &path).header("Content-Type", kind);
            cases.push(case.body("{}").says(format!("`{essence}`")));
        }
    }
    let many =
        format!("[{}]", vec!["{\"name\":\"A\",\"email\":\"a@b.example\"}"; 10_001].join(","));
    cases.push(Case::new(413, "POST", "/customers").body(many).says("10001"));
    for path in ["/customers", "/orders", "/decr_from_order", "/email"] {
        let huge = vec![b' '; 8 * 1024 * 1024 + 1];
        cases.push(Case::new(413, "POST", path).body(huge).says("8388608"));
    }
    refuse_all(&fixture, &cases);
    println!("{} requests with an unreadable body were refused", cases.len());
}

#[test]
fn every_unknown_id_odd_path_wrong_verb_and_wrong_parameter() {
    let fixture = Fixture::new();
    let mut cases = Vec::new();
    for topic in TOPICS {
        let good = fixture.good(topic).to_string();
        for id in [UNKNOWN, "1", "-1", "x", "%20", "%00", "%ff%fe", "%F0%9F%98%80"] {
            let path = format!("/{topic}/{id}");
            cases.push(Case::new(404, "DELETE", &path).says(topic));
            cases.push(Case::new(404, "PUT", &path).body(good.clone()).says(topic));
        }
        cases.push(Case::new(404, "DELETE", format!("/{topic}/{}", "x".repeat(8000))));
        cases.push(Case::new(405, "PATCH", fixture.path(topic)).body("{}").says("PATCH"));
        cases.push(Case::new(405, "POST", fixture.path(topic)).body("{}").says("GET"));
        cases.push(Case::new(404, "GET", format!("/{topic}/{UNKNOWN}/more")).says("more"));
    }
    for path in ["/incr", "/decr"] {
        for pieces in ["-1", "1.5", "x", "1e3", "99999999999999999999", "9007199254740992", "%ff"] {
            let path = format!("{path}/{}/{pieces}", fixture.product);
            cases.push(Case::new(422, "POST", path).names("n"));
        }
        for product in ["x", "1", "%ff"] {
            let path = format!("{path}/{product}");
            cases.push(Case::new(404, "POST", path).says("there is no product"));
        }
        cases.push(Case::new(405, "GET", format!("{path}/{}", fixture.product)).says("POST"));
    }
    for path in [
        "/",
        "//",
        "/nothing",
        "/customers/",
        "//customers",
        "/CUSTOMERS",
        "/customers%2f",
        "/customers/x/y",
        "/orders/billed",
        "/report/x",
        "/%ff%fe",
        "/%00",
        "/..",
        "/;",
        "/*",
        "/customer%20s",
        "/index.php",
        "/.env",
        "/?limit=1",
    ] {
        cases.push(Case::new(404, "GET", path).says("there is no path"));
        cases.push(Case::new(404, "POST", path).body("{}").says("there is no path"));
    }
    for (method, path) in [
        ("DELETE", "/customers"),
        ("PUT", "/orders"),
        ("PATCH", "/inventory"),
        ("OPTIONS", "/products"),
        ("TRACE", "/customers"),
        ("BREW", "/billings"),
        ("POST", "/report"),
        ("DELETE", "/orders/unbilled"),
        ("GET", "/email"),
        ("PUT", "/decr_from_order"),
    ] {
        cases.push(Case::new(405, method, path).says(method));
    }
    for path in
        ["/customers", "/products", "/inventory", "/orders", "/billings", "/orders/unbilled"]
    {
        for bad in [
            "limit=0",
            "limit=-1",
            "limit=1.5",
            "limit=x",
            "limit=",
            "limit=%ff",
            "limit=10001",
            "limit=99999999999999999999",
            "limit=1&limit=2",
        ] {
            cases.push(Case::new(422, "GET", format!("{path}?{bad}")).names("limit"));
        }
        for bad in ["after=x", "after=", "after=1-1", "after=%00", &format!("after={UNKNOWN}")] {
            cases.push(Case::new(422, "GET", format!("{path}?{bad}")).names("after"));
        }
        let position = Case::new(400, "GET", path).header("OrderShop-Position", "nonsense");
        cases.push(position.says("nonsense"));
    }
    for (path, field) in
        [("/orders", "customer_id"), ("/inventory", "product_id"), ("/billings", "order_id")]
    {
        for bad in ["", "5", "x", "%ff", "null"] {
            cases.push(Case::new(422, "GET", format!("{path}?{field}={bad}")).names(field));
        }
    }
    refuse_all(&fixture, &cases);
    println!("{} requests with a wrong path, verb or parameter were refused", cases.len());
}

/// Sends these bytes on a connection of their own, then nothing; gives all that comes back until
/// the server closes.
fn answer_to(fixture: &Fixture, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(fixture.shop.address()).expect("the shop listens");
    stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a socket");
    // It may be refused before it is sent whole.
    let _ = stream.write_all(request);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn what_is_hardly_http() {
    let fixture = Fixture::new();
    let log = fixture.quiet_log_bytes();
    let customer = fixture.good("customer").to_string();
    let post = |headers: &str, body: &str| {
        format!("POST /customers HTTP/1.1\r\nHost: shop\r\n{headers}\r\n{body}").into_bytes()
    };
    let length = customer.len();
    let chunk = format!("{length:x}\r\n{customer}\r\n");
    let many_headers = "X-Flood: x\r\n".repeat(200);
    let long_header = format!("X-Flood: {}\r\n", "x".repeat(200_000));
    let cases: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("no HTTP", b"nonsense\r\n\r\n".to_vec(), &[400]),
        ("bytes of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), &[400]),
        ("another version", b"GET /customers HTTP/9.9\r\n\r\n".to_vec(), &[400]),
        ("a path with a space", b"GET /a b HTTP/1.1\r\nHost: shop\r\n\r\n".to_vec(), &[400]),
        ("a path that is no UTF-8", b"GET /\xff HTTP/1.1\r\nHost: shop\r\n\r\n".to_vec(), &[400]),
        ("no host", b"GET /customers HTTP/1.1\r\n\r\n".to_vec(), &[400]),
        ("a tunnel", b"CONNECT shop:80 HTTP/1.1\r\nHost: shop\r\n\r\n".to_vec(), &[404]),
        ("all of it", b"OPTIONS * HTTP/1.1\r\nHost: shop\r\n\r\n".to_vec(), &[404]),
        ("a header without a name", post(": x\r\n", ""), &[400]),
        ("a header without a colon", post("nonsense\r\n", ""), &[400]),
        ("a length that is no number", post("Content-Length: x\r\n", &customer), &[400]),
        ("a negative length", post("Content-Length: -5\r\n", &customer), &[400]),
        (
            "two lengths",
            post(&format!("Content-Length: {length}\r\nContent-Length: 5\r\n"), &customer),
            &[400],
        ),
        (
            "a length and chunks",
            post(&format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"), &chunk),
            &[400],
        ),
        ("an unknown encoding", post("Transfer-Encoding: rot13\r\n", &customer), &[400]),
        ("a chunk without a size", post("Transfer-Encoding: chunked\r\n", "x\r\n"), &[400]),
        ("a chunk that is cut off", post("Transfer-Encoding: chunked\r\n", &chunk), &[400]),
        ("a huge chunk", post("Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\n"), &[400]),
        (
            "a body that is cut off",
            post(&format!("Content-Length: {}\r\n", length + 1), &customer),
            &[400],
        ),
        ("many headers", post(&many_headers, ""), &[431]),
        ("a long header", post(&long_header, ""), &[431]),
        ("a head that is cut off", b"POST /customers HTTP/1.1\r\nHost: sh".to_vec(), &[]),
    ];
    for (what, request, statuses) in &cases {
        let answer = answer_to(&fixture, request);
        let status = answer.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
        match status {
            Some(status) => {
                assert!(statuses.contains(&status), "{what}: {answer}");
                // What does not come to the shop has no body, and ends its connection.
                let unread = answer.contains("content-length: 0\r\nconnection: close\r\n");
                let problem = answer.contains("content-type: application/problem+json\r\n");
                assert!(unread != problem, "{what}: {answer}");
            }
            None => assert!(statuses.is_empty() && answer.is_empty(), "{what}: {answer}"),
        }
        assert_eq!(fixture.log_bytes(), log, "{what} wrote to the log");
    }
    assert_eq!(fixture.quiet_log_bytes(), log, "something was written after its answer");
    println!("{} requests that are hardly HTTP were refused", cases.len());
}

#[test]
fn what_does_not_come_in_time_is_408() {
    let fixture = Fixture::new();
    // Meanwhile the shop may save how far it has read; what counts is that no event comes.
    let events = || fixture.shop.send("GET", "/ops/events?limit=1000", None);
    let before = events();
    assert_eq!(before.status, 200, "{}", before.shown());
    let head = b"POST /customers HTTP/1.1\r\nHost: shop\r\n".as_slice();
    let with_body = [head, b"Content-Length: 10\r\n\r\n{"].concat();
    // A body may take twenty seconds, which is too long for every day.
    let slow: &[&[u8]] = if size(0, 1) == 0 { &[head] } else { &[head, &with_body] };
    for request in slow {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(fixture.shop.address()).expect("the shop listens");
        stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a socket");
        stream.write_all(request).expect("the shop reads");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 408", "after {:?}", begun.elapsed());
        // Others are served all the while.
        assert_eq!(fixture.shop.send("GET", "/customers", None).status, 200);
    }
    assert_eq!(events().body, before.body);
}
