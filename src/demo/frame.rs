//! One frame of the live drawing: counts, the tree, and the last crashes.

use std::time::Duration;

use ordershop_supervisors::Node;

use super::drill::{Crash, Drill};
use crate::ops::out::{Paint, Style};
use crate::ops::tree;

/// How many crashes are shown, the last ones.
const CRASHES_SHOWN: usize = 6;
/// How many lines there are beside the tree and the crashes.
const OTHER_LINES: usize = 5;

/// What is counted while the demo runs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Commands acknowledged.
    pub(super) acknowledged: u64,
    /// Commands refused.
    pub(super) refused: u64,
    /// How often a command was sent again.
    pub(super) sent_again: u64,
    /// Mails that have left.
    pub(super) mails: u64,
}

/// The lines of a frame of that height.
pub(super) fn lines(
    title: &str,
    counts: Counts,
    root: &Node,
    drill: &Drill,
    (style, height): (Style, usize),
) -> Vec<String> {
    let Counts { acknowledged, refused, sent_again, mails } = counts;
    let told = format!(
        "{acknowledged} commands acknowledged, {refused} refused, {sent_again} sent again; {mails} mails"
    );
    let shown = drill.crashes.len().min(CRASHES_SHOWN).min(height / 6);
    let mut lines = vec![style.fit(title), style.fit(&told), String::new()];
    lines.extend(tree::drawing(root, style, height.saturating_sub(shown + OTHER_LINES)));
    lines.push(String::new());
    let crashes = match drill.crashes.len() {
        0 => "no crash yet".to_owned(),
        1 => "1 crash, and how it was mended".to_owned(),
        count if count > shown => format!("the last of {count} crashes, and how they were mended"),
        count => format!("{count} crashes, and how they were mended"),
    };
    lines.push(style.paint(Paint::Dim, &crashes));
    lines.extend(drill.crashes.iter().rev().take(shown).map(|crash| told_of(crash, style)));
    lines
}

/// A crash in one line.
pub(super) fn told_of(crash: &Crash, style: Style) -> String {
    let Crash { at, level, path, mended_after, .. } = crash;
    let line =
        format!("{} {:<7} {:<21} {}", seconds(*at), level.name(), short(path), crash.outcome());
    let paint = if mended_after.is_some() { Paint::Green } else { Paint::Red };
    style.paint(paint, &style.fit(&line))
}

fn seconds(time: Duration) -> String {
    format!("{:>5.1} s", time.as_secs_f64())
}

/// A path without what all of its kind share, and with only the beginning of an id.
fn short(path: &str) -> String {
    let path = ["entities/", "services/", "readers/"]
        .iter()
        .find_map(|prefix| path.strip_prefix(prefix))
        .unwrap_or(path);
    match path.rsplit_once('/') {
        Some((above, id)) if id.len() == 36 => format!("{above}/{}…", &id[..8]),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use ordershop_supervisors::{NodeKind, Strategy};

    use super::super::drill::{Circle, Level};
    use super::*;
    use crate::ops::supervision::running;

    fn node(path: &str, kind: NodeKind, children: Vec<Node>) -> Node {
        Node { uptime: Some(Duration::from_secs(2)), ..running(path, kind, children) }
    }

    #[test]
    fn a_frame_fits_into_the_terminal_and_shows_what_was_crashed() {
        let services = (0..40).map(|number| {
            let mut service =
                node(&format!("shop/low/{number}"), NodeKind::Process { depth: 0 }, vec![]);
            service.incarnations += u64::from(number == 39);
            service
        });
        let low = NodeKind::Supervisor(Strategy::OneForOne);
        let low = node("shop/low", low, services.collect());
        let root = node("shop", NodeKind::Supervisor(Strategy::RestForOne), vec![low]);
        let id = "0da7f630-dcf0-5f63-9bca-27cb06cc02e7";
        let path = format!("entities/inventories/{id}");
        let mut crash = Crash::new(Level::Entity, &path, Duration::from_millis(1234));
        crash.mended_after = Some(Duration::from_millis(12_345));
        let mut wide = Crash::new(Level::Journal, "journal", Duration::from_mins(15));
        wide.circle = Circle::Siblings(Strategy::RestForOne);
        wide.stopped = 24;
        wide.mended_after = Some(Duration::from_millis(12_345));
        let drill = Drill { crashes: vec![crash, wide], broke: None };
        let counts =
            Counts { acknowledged: 123_456, refused: 1_234, sent_again: 12, mails: 99_999 };
        let style = Style { width: Some(80), colours: false };
        let drawn = lines("a title", counts, &root, &drill, (style, 23));
        assert!(drawn.len() <= 23, "{drawn:#?}");
        assert!(drawn.iter().all(|line| line.chars().count() <= 80), "{drawn:#?}");
        let text = drawn.join("\n");
        for part in [
            "\n   └─ 39 ",
            "  1.2 s entity  inventories/0da7f630… in 12345 ms, alone (by key)",
            "900.0 s journal journal               in 12345 ms, with 24 more (rest_for_one)",
        ] {
            assert!(text.contains(part), "no `{part}` in\n{text}");
        }
    }
}
