//! How many bytes an actor takes that has answered once and has nothing to do.
//!
//! Each contender is measured in a process of its own, so that no other's garbage is counted.

use std::env;
use std::fs;
use std::process::Command;

use serde_json::json;

use crate::contender::Crowd;
use crate::contest::print;
use crate::{
    ACTIX, CELL, Failure, KAMEO, Places, Plan, RACTOR, cells, plain_actix, some_kameo, some_ractor,
};

/// How many there are.
const ACTORS: u64 = 100_000;
/// So many are there before it is counted: with them comes what is made once.
const FIRST: u64 = 100;
/// What an actor may take.
const AIM: f64 = 1_000.0;

/// Measures one kind of actors in this process, and prints the figure.
pub(crate) fn tell(places: &Places, contender: &str, count: u64) -> Result<(), Failure> {
    let Places { here, plain, .. } = places;
    let bytes = match contender {
        CELL => here.block_on(measure::<cells::Crowd>(count)),
        ACTIX => here.block_on(measure::<plain_actix::Crowd>(count)),
        KAMEO => plain.block_on(measure::<some_kameo::Crowd>(count)),
        RACTOR => plain.block_on(measure::<some_ractor::Crowd>(count)),
        other => Err(format!("there is no contender `{other}`").into()),
    };
    println!("{}", bytes?);
    Ok(())
}

async fn measure<C: Crowd>(count: u64) -> Result<u64, Failure> {
    let mut crowd = C::empty().await?;
    crowd.grow(FIRST).await;
    let before = resident_bytes()?;
    crowd.grow(count).await;
    let bytes = resident_bytes()?.saturating_sub(before) / count.max(1);
    crowd.disband().await;
    Ok(bytes)
}

/// Has all of them measured, and prints rows.
pub(crate) fn compare(plan: &Plan) -> Result<(), Failure> {
    let point = format!("an idle actor of {ACTORS}");
    if !plan.wants(&point) {
        return Ok(());
    }
    let bytes = |contender: &str| -> Result<f64, Failure> {
        let count = ACTORS.to_string();
        let mut program = Command::new(env::current_exe()?);
        let output = program.args(["bytes", contender, &count]).output()?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(format!("the bytes of {contender}: {text}").into());
        }
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    };
    let ours = bytes(CELL)?;
    for other in [ACTIX, KAMEO, RACTOR] {
        let aim = (other == ACTIX).then(|| json!({"below": AIM}));
        print(&json!({
            "what": format!("{point}: {CELL} / {other}"),
            "unit": "bytes",
            "ours": ours,
            "bare": bytes(other)?,
            "aim": aim,
        }));
    }
    Ok(())
}

/// How much memory this process has in use.
fn resident_bytes() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")).ok_or("no VmRSS")?;
    Ok(kilobytes.parse::<u64>()? * 1024)
}
