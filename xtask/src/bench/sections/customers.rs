//! Durable commands that need nothing but themselves: customers are created.

use crate::bench::Bench;
use crate::bench::duel::duel;
use crate::bench::load::{Load, post};
use crate::bench::row::{Aim, Row};
use crate::bench::shop::{Shop, bare};
use crate::shell::Failed;

pub(super) const ABOUT: &str = "`POST /customers`, one customer a request, answered when it is on \
    the disk and crm, billing, msg and the read model at work. The bare thing is an actix-web \
    handler that reads the same JSON and answers a constant. CPU is the server's processor time \
    for each request, the subscribers' work included.";

pub(super) const CUSTOMER: &str = r#"{"name":"Ada Lovelace","email":"ada@example.org"}"#;
/// How many clients ask at once.
const CONNECTIONS: [usize; 4] = [1, 16, 64, 256];
/// The aim is set for this many of them.
const AIMED_AT: usize = 64;
const AIM: Aim = Aim::Ratio(0.5);

pub(super) fn run(bench: &Bench<'_>, rows: &mut Vec<Row>) -> Result<(), Failed> {
    let folder = bench.folder("customers")?;
    let programs = bench.programs(&["bare_http"])?;
    let shop = Shop::start(&programs, &folder.path().join("log"))?;
    let bare = bare(&programs, folder.path())?;
    for connections in CONNECTIONS {
        let load = Load { connections, requests: vec![post("/customers", CUSTOMER)] };
        let what = format!("POST /customers, {connections} at once");
        let mut row = duel(&what, (&shop, &load), (&bare, &load), bench.options)?;
        row.aim = (connections == AIMED_AT).then_some(AIM);
        rows.push(row);
    }
    bare.stop()?;
    shop.server.stop()
}
