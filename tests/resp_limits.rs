//! Promise: one client over RESP takes no more than its share: it is disconnected or slowed down, and
//! nobody else notices.

mod support;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::json;
use support::ids;
use support::resp::{RespClient, encode};
use support::shop::{Folder, Shop, ordershop, run, serve, serve_without_mails};
use support::wait::eventually;

/// How much a client asks for that takes nothing.
const ASKED_BYTES: usize = 200 * 1024 * 1024;

fn filled(folder: &Folder) -> Shop {
    let shop = Shop::start_with_resp(folder);
    let customers = vec![json!({"name": "Ada", "email": "a@example.org"}); 5_000];
    shop.post("/customers", &json!(customers));
    shop
}

/// Replies that nobody takes are not made: the memory stays, others are answered, and the client goes.
#[test]
fn a_slow_reader_is_disconnected() {
    let folder = Folder::new();
    let shop = filled(&folder);
    let mut bystander = shop.resp();
    let one = bystander.ask("SMEMBERS customer_ids").elements.len() * 43;
    let before = shop.resident_bytes();
    let mut slow = shop.resp();
    let command = encode(&[b"SMEMBERS", b"customer_ids"]);
    slow.send(&command.repeat(ASKED_BYTES / one)).expect("commands are small");
    eventually("the end of the slow reader", || {
        assert_eq!(bystander.ask("PING").head, b"+PONG");
        let grown = shop.resident_bytes().saturating_sub(before);
        assert!(grown < 64 * 1024 * 1024, "it takes {grown} bytes more");
        let info = bystander.ask("INFO").text();
        let gone = info.contains("client_output_buffer_limit_disconnections:1")
            && info.contains("connected_clients:1\r\n");
        if gone { Ok(()) } else { Err(info) }
    });
}

/// Whoever waits is woken by the event, and costs nothing meanwhile; one that goes is forgotten.
#[test]
fn waiting_clients_are_woken_and_forgotten() {
    let folder = Folder::new();
    let shop = filled(&folder);
    let blocked = |bystander: &mut RespClient, count: usize| {
        eventually("so many waiting clients", || {
            let info = bystander.ask("INFO clients").text();
            let line = format!("blocked_clients:{count}\r\n");
            if info.contains(&line) { Ok(()) } else { Err(info) }
        });
    };
    let mut bystander = shop.resp();
    let mut waiting: Vec<_> = (0..50).map(|_| shop.resp()).collect();
    let read = b"XREAD BLOCK 0 STREAMS events:{order}_created events:{product}_created $ $\r\n";
    for client in &mut waiting {
        client.send(read).expect("it is taken");
    }
    blocked(&mut bystander, 50);
    let list = bystander.ask("CLIENT LIST").text();
    let doing = |command: &str| list.matches(&format!(" cmd={command} ")).count();
    assert_eq!((doing("xread"), doing("client|list")), (50, 1), "{list}");
    waiting.truncate(20);
    blocked(&mut bystander, 20);
    let product = ids(&shop.post("/product", &json!({"name": "Lamp", "price": 3}))).remove(0);
    for client in &mut waiting {
        let reply = client.reply().expect("it is woken");
        assert_eq!(reply.elements[0].elements[0].text(), "events:{product}_created");
        assert!(reply.shown().contains(&product), "{}", reply.shown());
    }
    blocked(&mut bystander, 0);

    let begun = Instant::now();
    assert_eq!(bystander.ask("XREAD BLOCK 100 STREAMS events:{order}_created $").head, b"*-1");
    assert!(begun.elapsed() >= Duration::from_millis(100));
    // A client that waits does not keep the shop from stopping.
    waiting[0].send(read).expect("it is taken");
    blocked(&mut bystander, 1);
    shop.stop();
}

#[test]
fn its_address_is_told_and_a_taken_one_refused() {
    let folder = Folder::new();
    let shop = Shop::start_with_resp(&folder);
    let line = format!("resp   redis://{}", shop.resp_address());
    assert_eq!(shop.resp().ask("PING").head, b"+PONG");
    let ended = shop.stop();
    assert!(ended.stdout.contains(&line), "{}", ended.stdout);

    let mut command = serve(&folder);
    command.args(["--resp", "none"]);
    let ended = Shop::start_as(command).stop();
    assert!(ended.stdout.contains("resp   none"), "{}", ended.stdout);

    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    for (value, culprit) in [(address.as_str(), address.as_str()), ("nowhere", "nowhere")] {
        let mut command = ordershop();
        command.current_dir(folder.path()).args([
            "serve",
            "--http",
            "127.0.0.1:0",
            "--resp",
            value,
        ]);
        let ended = run(command);
        assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        assert!(
            ended.stderr.contains(culprit) && ended.stderr.contains("RESP"),
            "{}",
            ended.stderr
        );
    }
}

/// A password is never shown, and opens the door for its own connection alone.
#[test]
fn a_password_is_asked_of_each_connection() {
    let folder = Folder::new();
    let mut command = serve_without_mails(&folder);
    command.args(["--resp", "127.0.0.1:0"]).env("ORDERSHOP_RESP_PASSWORD", "secret word");
    let shop = Shop::start_as(command);
    let mut first = shop.resp();
    assert_eq!(first.ask("DBSIZE").head, b"-NOAUTH Authentication required.");
    assert_eq!(first.call(&["AUTH", "secret word"]).head, b"+OK");
    assert_eq!(first.ask("DBSIZE").head, b":0");
    assert_eq!(shop.resp().ask("DBSIZE").head, b"-NOAUTH Authentication required.");
    let ended = shop.stop();
    assert!(!(ended.stdout + &ended.stderr).contains("secret"));
}
