//! `cargo xtask bench`: what the shop does in a second, beside the bare thing.
//!
//! A measurement is one function that adds rows to a [`Table`]; each row stands beside the bare
//! operation that bounds it, measured in the same run, because a number alone says more about the
//! machine than about the shop.

#[path = "../../tests/support/http.rs"]
#[allow(dead_code, reason = "the tests use all of the client, the load generator a part")]
mod http;

mod file;
mod load;
mod shop;
mod table;

use std::time::Duration;

use serde_json::json;

use crate::shell::{Failed, announce, step};
use crate::workspace::Workspace;
use load::{Load, Request};
use shop::Shop;
use table::{Table, micros, rate, ratio};

pub(crate) const SUMMARY: &str = "commands and queries per second, beside the bare thing";
pub(crate) const HELP: &str = "
Builds the shop in release, runs it on a new folder inside the target folder (so on a real disk, not
in memory), with `--mail none`, and measures over HTTP from threads of this program, which share the
machine with it: each figure is what both together reach.

Beside `POST /customers` stands a bare file append: the bytes that one such command added to the
log, as many of them in one write and one fdatasync as there are connections.
";

/// How many clients ask at once.
const CONNECTIONS: [usize; 3] = [1, 16, 64];

/// How long one row is measured, after its warm-up.
const MEASURED: Duration = Duration::from_secs(5);

pub(crate) fn run(workspace: &Workspace, _arguments: &[String]) -> Result<(), Failed> {
    step(&mut workspace.cargo(["build", "--release", "--package", "ordershop"]))?;
    let target = workspace.target_folder()?;
    let shop = Shop::start(&target.join("release/ordershop"), &target.join("bench"))?;

    announce("measuring");
    let mut commands = Table::new(&[
        "POST /customers",
        "1/s",
        "p50 µs",
        "p99 µs",
        "log bytes each",
        "bare append 1/s",
        "of bare",
    ]);
    for connections in CONNECTIONS {
        measure_commands(&shop, connections, &mut commands)?;
    }
    let mut queries = Table::new(&["GET /customer/{id}", "1/s", "p50 µs", "p99 µs"]);
    for connections in CONNECTIONS {
        measure_queries(&shop, connections, &mut queries)?;
    }
    println!("\n{commands}\n{queries}");
    shop.stop()
}

fn measure_commands(shop: &Shop, connections: usize, table: &mut Table) -> Result<(), Failed> {
    let customer = json!({"name": "Ada Lovelace", "email": "ada@example.org"});
    let before = shop.log_bytes()?;
    let load =
        Load::run(shop.address(), connections, MEASURED, &Request::post("/customers", customer))?;
    let each = (shop.log_bytes()? - before) / load.sent().max(1);
    let bare = file::appends_per_second(shop.folder(), each, connections, MEASURED / 5)?;
    table.row(&[
        &format!("{connections} connections"),
        &rate(load.per_second()),
        &micros(load.quantile(0.5)),
        &micros(load.quantile(0.99)),
        &each.to_string(),
        &rate(bare),
        &ratio(load.per_second(), bare),
    ]);
    Ok(())
}

fn measure_queries(shop: &Shop, connections: usize, table: &mut Table) -> Result<(), Failed> {
    let id = shop.create("/customer", &json!({"name": "Ada", "email": "ada@example.org"}))?;
    let request = Request::get(&format!("/customer/{id}"));
    let load = Load::run(shop.address(), connections, MEASURED, &request)?;
    table.row(&[
        &format!("{connections} connections"),
        &rate(load.per_second()),
        &micros(load.quantile(0.5)),
        &micros(load.quantile(0.99)),
    ]);
    Ok(())
}
