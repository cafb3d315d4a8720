//! `ordershop kill`: ends at once what is up at a path of the supervision tree.

use std::time::Duration;

use clap::Args;
use ordershop_supervisors::Node;
use serde::{Deserialize, Serialize};
use strsim::levenshtein;

use super::out::Out;
use super::source::{ShopArgs, unreadable};
use super::supervision::Supervision;
use super::tree::NOTABLE;
use crate::exit::Exit;

/// How long a supervisor may take to hear of it.
pub const KILL_PATIENCE: Duration = Duration::from_secs(10);
/// How many characters a path has at most; those of the tree have far fewer.
const MAX_PATH_CHARS: usize = 256;
/// How many paths are named in place of one that there is not.
const NEAREST: usize = 3;

/// The command's options.
#[derive(Debug, Args)]
pub struct KillArgs {
    /// The path in the tree, with the root's name or without it, as in `services/order-service`
    #[arg(value_name = "PATH")]
    path: String,
    /// One JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shop: ShopArgs,
}

/// What is asked for, as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub struct KillRequest {
    /// The path.
    pub path: String,
}

/// What was killed, as JSON.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Killed {
    /// Its path, from the root on.
    pub killed: String,
}

/// Why nothing was killed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotKilled {
    /// Nothing is up there.
    #[error("nothing is up at `{path}`; near it {}", listed(.nearest))]
    NotThere {
        /// The path, from the root on.
        path: String,
        /// Paths that resemble it.
        nearest: Vec<String>,
    },
    /// Nobody would start it again.
    #[error("nobody stands above `{0}` who would start it again: stop the shop instead")]
    Root(String),
    /// Its supervisor does not answer.
    #[error("the supervisor at `{0}` did not hear of it in time")]
    Unheard(String),
}

fn listed(paths: &[String]) -> String {
    match paths {
        [] => "is nothing".to_owned(),
        [one] => format!("is {one}"),
        several => format!("are {}", several.join(", ")),
    }
}

/// Carries the command out.
pub fn run(args: &KillArgs) -> Result<(), Exit> {
    let request = KillRequest { path: args.path.clone() };
    let request = serde_json::to_string(&request).expect("a struct of text");
    let answer = args.shop.client()?.post_json("/ops/kill", &request, KILL_PATIENCE)?;
    let mut out = Out::new();
    if args.json {
        out.line(answer.body.trim_end())?;
    } else {
        let Killed { killed } = serde_json::from_str(&answer.body)
            .map_err(|error| unreadable(format!("the shop sent no answer: {error}")))?;
        out.line(&format!("{killed} killed; `ordershop tree` shows what becomes of it"))?;
    }
    out.flush()
}

/// Ends what is up at that path, with the root's name or without it.
pub async fn kill(supervision: &Supervision, path: &str) -> Result<Killed, NotKilled> {
    let tree = supervision.view.snapshot(NOTABLE).await;
    let asked: String = path.trim_matches('/').chars().take(MAX_PATH_CHARS).collect();
    let root = &tree.path;
    let is_whole = asked.strip_prefix(&**root).is_some_and(|b| b.is_empty() || b.starts_with('/'));
    let path = if is_whole { asked } else { format!("{root}/{asked}") };
    if path == *root || path.ends_with('/') {
        return Err(NotKilled::Root(path));
    }
    match tokio::time::timeout(KILL_PATIENCE, supervision.killer.kill(&path)).await {
        Ok(Ok(())) => {
            tracing::warn!(%path, "killed by an operator's order");
            Ok(Killed { killed: path })
        }
        Ok(Err(_)) => {
            let nearest = nearest(&path, &tree);
            Err(NotKilled::NotThere { path, nearest })
        }
        Err(_late) => Err(NotKilled::Unheard(path)),
    }
}

/// The paths below a root that resemble this one most.
fn nearest(path: &str, root: &Node) -> Vec<String> {
    fn gather<'a>(node: &'a Node, paths: &mut Vec<&'a str>) {
        paths.push(&node.path);
        node.children.iter().for_each(|child| gather(child, paths));
    }
    fn last(path: &str) -> &str {
        path.rsplit('/').next().unwrap_or_default()
    }
    let mut paths = Vec::new();
    root.children.iter().for_each(|child| gather(child, &mut paths));
    // Whoever names an entity that is not up, or a part by its last name, means what is there.
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let distance = |known: &str| {
        let by_name = levenshtein(last(path), last(known));
        let by_path = levenshtein(path, known);
        let is_parent = known == parent;
        if is_parent { 0 } else { by_path.min(by_name) }
    };
    paths.sort_by_key(|known| distance(known));
    paths.into_iter().take(NEAREST).map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use ordershop_supervisors::NodeKind;

    use super::super::supervision::running;
    use super::*;

    fn node(path: &str, children: Vec<Node>) -> Node {
        running(path, NodeKind::Process { depth: 0 }, children)
    }

    #[test]
    fn the_nearest_paths_are_the_likely_ones() {
        let customers = node("shop/entities/customers", vec![]);
        let orders = node("shop/entities/orders", vec![]);
        let entities = node("shop/entities", vec![customers, orders]);
        let root = node("shop", vec![node("shop/journal", vec![]), entities]);
        let first = |path: &str| nearest(path, &root).remove(0);
        assert_eq!(first("shop/jornal"), "shop/journal");
        assert_eq!(first("shop/order"), "shop/entities/orders");
        assert_eq!(first("shop/entities/customers/no-such-one"), "shop/entities/customers");
        assert_eq!(nearest("shop/x", &root).len(), NEAREST);
    }
}
