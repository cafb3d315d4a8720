//! `ordershop resume`: lets subscribers go on that stand still because the log has lost entries.

use clap::Args;
use clap::builder::PossibleValuesParser;
use ordershop_actors::shop::effects::SUBSCRIBERS;
use serde::{Deserialize, Serialize};

use super::out::Out;
use super::quarantine::RESOLVE_PATIENCE;
use super::source::{ShopArgs, unreadable};
use crate::exit::Exit;

/// All of them.
const ALL: &str = "all";

/// The command's options.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The subscriber: crm, billing or msg; or all of them
    #[arg(
        value_name = "SUBSCRIBER|all",
        value_parser = PossibleValuesParser::new(SUBSCRIBERS.into_iter().chain([ALL])),
        hide_possible_values = true
    )]
    subscriber: String,
    #[command(flatten)]
    shop: ShopArgs,
}

/// What became of it, as JSON.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct ResumedRow {
    resumed: bool,
}

/// What became of it, as JSON.
pub fn to_json(resumed: bool) -> String {
    serde_json::to_string(&ResumedRow { resumed }).expect("a struct of one truth value")
}

/// Carries the command out.
pub fn run(args: &ResumeArgs) -> Result<(), Exit> {
    let client = args.shop.client()?;
    let mut out = Out::new();
    let is_meant = |name: &str| args.subscriber == ALL || args.subscriber == name;
    for subscriber in SUBSCRIBERS.into_iter().filter(|name| is_meant(name)) {
        let path = format!("/ops/subscribers/{subscriber}/resume");
        let answer = client.post(&path, &[], RESOLVE_PATIENCE)?;
        let ResumedRow { resumed } = serde_json::from_str(&answer.body)
            .map_err(|error| unreadable(format!("the shop sent no answer: {error}")))?;
        let done = if resumed { "goes on" } else { "did not stand still" };
        out.line(&format!("{subscriber} {done}"))?;
    }
    out.flush()
}
