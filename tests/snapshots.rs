//! Promise: what a shop has saved to start faster changes no answer, whatever has become of it.

mod support;

use std::fs;

use support::http::Client;
use support::scenario::{Flow, assert_queries_agree};
use support::shop::{Folder, Shop, serve_without_mails};

const SAVED: [&str; 2] = ["index.checkpoint", "snapshots/read-model"];

#[test]
fn a_restart_answers_as_before_with_snapshots_without_and_with_damaged_ones() {
    let folder = Folder::new();
    let shop = Shop::start_as(serve_without_mails(&folder));
    Flow::run(&shop);
    let before = answers(&shop);
    shop.stop();
    let changes: [Option<Change>; 4] = [Some(keep), Some(damage), Some(cut), None];
    for change in changes {
        for name in SAVED {
            let path = folder.data().join(name);
            let bytes = fs::read(&path).expect("an orderly stop saves");
            match change {
                Some(change) => fs::write(&path, change(bytes)).expect("it is written"),
                None => fs::remove_file(&path).expect("it is removed"),
            }
        }
        let shop = Shop::start_as(serve_without_mails(&folder));
        assert_eq!(answers(&shop), before);
        assert_queries_agree(&shop);
        let customer = serde_json::json!({"name": "Eve", "email": "eve@example.org"});
        let created = support::ids(&shop.post("/customer", &customer)).remove(0);
        assert!(answers(&shop).contains(&created));
        let mut client = Client::new(shop.address());
        let deleted = client.send("DELETE", &format!("/customer/{created}"), None);
        assert_eq!(deleted.expect("an answer").status, 200);
        shop.stop();
    }
}

#[test]
fn snapshots_of_a_longer_log_are_ignored() {
    let folder = Folder::new();
    let shop = Shop::start_as(serve_without_mails(&folder));
    Flow::run(&shop);
    let before = answers(&shop);
    shop.stop();
    let log = folder.data().join("00000000000000000000.log");
    let shorter = fs::read(&log).expect("the log");
    let shop = Shop::start_as(serve_without_mails(&folder));
    shop.post("/customer", &serde_json::json!({"name": "Eve", "email": "eve@example.org"}));
    assert_ne!(answers(&shop), before);
    shop.stop();
    fs::write(&log, shorter).expect("the log is put back");
    let shop = Shop::start_as(serve_without_mails(&folder));
    assert_eq!(answers(&shop), before);
}

/// Everything that can be asked for.
fn answers(shop: &Shop) -> String {
    shop.get("/report").to_string()
}

type Change = fn(Vec<u8>) -> Vec<u8>;

fn keep(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

fn damage(mut bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

fn cut(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() / 2);
    bytes
}
