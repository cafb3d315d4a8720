//! Queries: one entity, and a list.

use std::fs;

use serde_json::json;

use crate::bench::Bench;
use crate::bench::duel::duel;
use crate::bench::load::{Load, get};
use crate::bench::row::{Aim, Row};
use crate::bench::shop::{Shop, bare};
use crate::shell::Failed;

pub(super) const ABOUT: &str = "`GET` of one customer, and of the list of a thousand. The bare thing \
    is an actix-web handler that answers the same bytes, which it holds ready.";

const CUSTOMERS: usize = 1_000;
const AIM: Aim = Aim::Ratio(0.8);
/// What is asked, by how many at once, and whether the aim is set for it.
const POINTS: [(&str, usize, bool); 5] = [
    ("one", 1, false),
    ("one", 16, false),
    ("one", 64, true),
    ("one", 256, false),
    ("list", 16, false),
];

pub(super) fn run(bench: &Bench<'_>, rows: &mut Vec<Row>) -> Result<(), Failed> {
    let folder = bench.folder("queries")?;
    let programs = bench.programs(&["bare_http"])?;
    let shop = Shop::start(&programs, &folder.path().join("log"))?;
    let customers: Vec<_> = (0..CUSTOMERS)
        .map(|n| json!({"name": format!("Customer {n}"), "email": "customer@example.org"}))
        .collect();
    let ids = shop.create("/customers", &customers)?;
    shop.drain()?;
    let one = format!("/customer/{}", ids[CUSTOMERS / 2]);
    let fixed = folder.path().join("fixed");
    fs::create_dir(&fixed)?;
    fs::write(fixed.join("one"), shop.get(&one)?)?;
    fs::write(fixed.join("list"), shop.get("/customers")?)?;
    let bare = bare(&programs, &fixed)?;
    for (name, connections, aimed_at) in POINTS {
        let (path, shown) = match name {
            "one" => (one.as_str(), "GET /customer/{id}"),
            _ => ("/customers", "GET /customers, 1,000 of them"),
        };
        let load = Load { connections, requests: vec![get(path)] };
        let of_bare = Load { connections, requests: vec![get(&format!("/fixed/{name}"))] };
        let what = format!("{shown}, {connections} at once");
        let mut row = duel(&what, (&shop, &load), (&bare, &of_bare), bench.options)?;
        row.aim = aimed_at.then_some(AIM);
        rows.push(row);
    }
    bare.stop()?;
    shop.server.stop()
}
