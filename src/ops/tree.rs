//! `ordershop tree`: the live supervision tree.

use std::time::Duration;

use clap::Args;
use ordershop_actors::runtime::Standing;
use ordershop_supervisors::{Node, NodeKind, NodeState, Strategy};
use serde::{Deserialize, Serialize};

use super::out::{Out, Paint, Style};
use super::source::{ShopArgs, unreadable};
use crate::exit::Exit;

/// How many children of a crowd are shown at most.
pub const NOTABLE: usize = 8;
/// How many columns the drawing and the name have.
const NAME_COLUMNS: usize = 45;

/// The command's options.
#[derive(Debug, Args)]
pub struct TreeArgs {
    /// One JSON object a line, for each node from the root down
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shop: ShopArgs,
}

/// A node as one line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    path: String,
    depth: usize,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    strategy: Option<String>,
    state: String,
    incarnations: u64,
    restarts: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mailbox: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    children: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cooling_down: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failures: Option<u64>,
    /// How many entries a subscriber has set aside.
    #[serde(default, skip_serializing_if = "is_zero")]
    set_aside: usize,
    /// Why a subscriber does not get on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held_up: Option<String>,
    uptime_seconds: Option<u64>,
    last_failure: Option<Failure>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Failure {
    reason: String,
    seconds_ago: u64,
}

/// Carries the command out.
pub fn run(args: &TreeArgs) -> Result<(), Exit> {
    let answer = args.shop.client()?.get("/ops/tree", &[], Duration::ZERO)?;
    let mut out = Out::new();
    if args.json {
        out.line(answer.body.trim_end())?;
        return out.flush();
    }
    let rows: Vec<Row> = answer
        .body
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(format!("the shop sent no tree: {error}")))?;
    for line in draw(&rows, out.style) {
        out.line(&line)?;
    }
    out.flush()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The tree as newline-delimited JSON: each node before its children. Subscribers are told with how
/// they stand.
pub fn to_json(root: &Node, standings: &[(&str, Standing)]) -> String {
    fn add(node: &Node, depth: usize, standings: &[(&str, Standing)], lines: &mut String) {
        let mut row = Row::of(node, depth);
        let is_reader = node.path.contains("/readers/");
        if let Some((_, standing)) =
            standings.iter().find(|(name, _)| is_reader && row.name() == *name)
        {
            row.set_aside = standing.set_aside;
            row.held_up.clone_from(&standing.held_up);
        }
        lines.push_str(&serde_json::to_string(&row).expect("a struct of plain values"));
        lines.push('\n');
        node.children.iter().for_each(|child| add(child, depth + 1, standings, lines));
    }
    let mut lines = String::new();
    add(root, 0, standings, &mut lines);
    lines
}

impl Row {
    fn of(node: &Node, depth: usize) -> Self {
        let mut row = Self {
            path: node.path.clone(),
            depth,
            kind: String::new(),
            strategy: None,
            state: match node.state {
                NodeState::Running => "running",
                NodeState::Starting => "starting",
                NodeState::BackingOff => "backing off",
                NodeState::CoolingDown => "cooling down",
                NodeState::Down => "down",
                _ => "unknown",
            }
            .to_owned(),
            incarnations: node.incarnations,
            restarts: node.incarnations.saturating_sub(1),
            mailbox: None,
            children: None,
            cooling_down: None,
            failures: None,
            set_aside: 0,
            held_up: None,
            uptime_seconds: node.uptime.map(|uptime| uptime.as_secs()),
            last_failure: node.last_failure.as_ref().map(|failure| Failure {
                reason: failure.reason.clone(),
                seconds_ago: failure.ago.as_secs(),
            }),
        };
        let kind = match node.kind {
            NodeKind::Supervisor(strategy) => {
                let strategy = match strategy {
                    Strategy::OneForOne => "one_for_one",
                    Strategy::OneForAll => "one_for_all",
                    Strategy::RestForOne => "rest_for_one",
                    _ => "other",
                };
                row.strategy = Some(strategy.to_owned());
                "supervisor"
            }
            NodeKind::Process { depth } => {
                row.mailbox = Some(depth);
                "process"
            }
            NodeKind::Dynamic { living, cooling_down, failures } => {
                row.children = Some(living);
                row.cooling_down = Some(cooling_down);
                row.failures = Some(failures);
                "dynamic"
            }
            _ => "other",
        };
        kind.clone_into(&mut row.kind);
        row
    }

    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// What it is, or what it has to do.
    fn about(&self) -> String {
        match (&self.strategy, self.children, self.mailbox) {
            (Some(strategy), ..) => strategy.clone(),
            (None, Some(children), _) => format!("{children} living"),
            (None, None, Some(0) | None) => String::new(),
            (None, None, Some(waiting)) => format!("{waiting} queued"),
        }
    }
}

/// The lines of the drawing.
fn draw(rows: &[Row], style: Style) -> Vec<String> {
    let head = format!("{:NAME_COLUMNS$} {:<12} {:<12}{:>4} {:>4}", "", "", "state", "died", "up");
    let mut lines = vec![style.paint(Paint::Dim, head.trim_end())];
    for (index, row) in rows.iter().enumerate() {
        let (branch, below) = branches(rows, index);
        let name = cut(&format!("{branch}{}", row.name()), NAME_COLUMNS);
        let state = match row.state.as_str() {
            "running" => Paint::Green,
            "starting" | "backing off" => Paint::Yellow,
            _ => Paint::Red,
        };
        let died = row.failures.unwrap_or(row.restarts);
        let line = format!(
            "{name:NAME_COLUMNS$} {:<12} {}{:>4} {:>4}",
            row.about(),
            style.paint(state, &format!("{:<12}", row.state)),
            if died == 0 { String::new() } else { died.to_string() },
            row.uptime_seconds.map(age).unwrap_or_default(),
        );
        lines.push(line.trim_end().to_owned());
        if let Some(reason) = &row.held_up {
            let told = format!("{below}  held up: {reason}");
            lines.push(style.paint(Paint::Yellow, &style.fit(&told)));
        }
        if row.set_aside > 0 {
            let told = format!("{below}  {} set aside", row.set_aside);
            lines.push(style.paint(Paint::Red, &style.fit(&told)));
        }
        if let Some(Failure { reason, seconds_ago }) = &row.last_failure {
            let told = format!("{below}  {} ago: {reason}", age(*seconds_ago));
            lines.push(style.paint(Paint::Red, &style.fit(&told)));
        }
    }
    lines
}

/// The drawing of a tree in at most so many lines, without past failures. Where it does not fit,
/// what runs is left out: first what never died, then processes, then crowds, the last ones first.
pub fn drawing(root: &Node, style: Style, height: usize) -> Vec<String> {
    fn add(node: &Node, depth: usize, rows: &mut Vec<Row>) {
        rows.push(Row { last_failure: None, ..Row::of(node, depth) });
        // What is remembered of a crowd's children that are gone is no part of the tree.
        let is_crowd = matches!(node.kind, NodeKind::Dynamic { .. });
        let there = |child: &&Node| !is_crowd || child.state != NodeState::Down;
        node.children.iter().filter(there).for_each(|child| add(child, depth + 1, rows));
    }
    let mut rows = Vec::new();
    add(root, 0, &mut rows);
    let spared: [fn(&Row) -> bool; 3] = [
        |row| row.kind == "process" && row.restarts == 0,
        |row| row.kind == "process",
        |row| row.kind == "dynamic",
    ];
    for is_spared in spared {
        while 1 + rows.len() > height {
            let calm = rows.iter().rposition(|row| row.state == "running" && is_spared(row));
            let Some(calm) = calm else { break };
            rows.remove(calm);
        }
    }
    let mut lines = draw(&rows, style);
    lines.truncate(height);
    lines
}

/// What is drawn before a node's name, and before lines below it.
fn branches(rows: &[Row], index: usize) -> (String, String) {
    let depth = rows[index].depth;
    let later = &rows[index + 1..];
    // Whether, at that depth, a sister follows before the branch ends.
    let goes_on =
        |at: usize| later.iter().take_while(|row| row.depth >= at).any(|row| row.depth == at);
    let mut stem: String = (1..depth).map(|at| if goes_on(at) { "│  " } else { "   " }).collect();
    let mut branch = stem.clone();
    if depth > 0 {
        branch.push_str(if goes_on(depth) { "├─ " } else { "└─ " });
        stem.push_str(if goes_on(depth) { "│  " } else { "   " });
    }
    stem.push_str(if goes_on(depth + 1) { "│" } else { "" });
    (branch, stem)
}

fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars().take(columns - 1).chain(['…']).collect()
}

/// An age in its largest unit.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use ordershop_supervisors::LastFailure;

    use super::super::supervision::running;
    use super::*;

    fn node(path: &str, kind: NodeKind, children: Vec<Node>) -> Node {
        Node { uptime: Some(Duration::from_secs(200)), ..running(path, kind, children) }
    }

    #[test]
    fn a_tree_is_drawn_in_80_columns() {
        let mut victim = node(
            "shop/entities/customers/813eb7e2-2082-5544-986c-c4232442fef8",
            NodeKind::Process { depth: 3 },
            vec![],
        );
        victim.incarnations = 2;
        let reason = format!("panicked: {}", "x".repeat(100));
        victim.last_failure =
            Some(LastFailure { reason, place: None, ago: Duration::from_secs(5) });
        let crowd = NodeKind::Dynamic { living: 12, cooling_down: 0, failures: 1 };
        let customers = node("shop/entities/customers", crowd, vec![victim]);
        let entities = NodeKind::Supervisor(Strategy::OneForOne);
        let entities = node("shop/entities", entities, vec![customers]);
        let http = node("shop/http", NodeKind::Process { depth: 0 }, vec![]);
        let root = NodeKind::Supervisor(Strategy::RestForOne);
        let root = node("shop", root, vec![entities, http]);
        let rows: Vec<Row> =
            to_json(&root, &[]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let drawn = draw(&rows, Style { width: Some(80), colours: false });
        assert!(drawn.iter().all(|line| line.chars().count() <= 80), "{drawn:#?}");
        let expected = format!(
            "{:59}state       died   up
shop                                          rest_for_one running            3m
├─ entities                                   one_for_one  running            3m
│  └─ customers                               12 living    running        1   3m
│     └─ 813eb7e2-2082-5544-986c-c4232442fef8 3 queued     running        1   3m
│          5s ago: panicked: {}…
└─ http                                                    running            3m",
            "",
            "x".repeat(50)
        );
        assert_eq!(drawn.join("\n"), expected);
    }
}
