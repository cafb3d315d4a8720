//! What people are shown of a check: a row for each rule, then each violation with its place.

use super::line::{Progress, Subject, Sum, Violation};
use crate::ops::out::{Paint, Style};

/// How many columns the progress bar has.
const BAR_COLUMNS: usize = 40;

/// A row: how many, of what, and by which rules.
type Row = (u64, &'static str, &'static [&'static str]);

/// The whole report.
pub(super) fn render(
    subject: &str,
    sum: &Sum,
    violations: &[Violation],
    style: Style,
) -> Vec<String> {
    let mut lines = vec![subject.to_owned()];
    for (count, what, rules) in rows(sum) {
        let broken: usize = rules.iter().filter_map(|rule| sum.violations.get(*rule)).sum();
        let is_judged = sum.unjudged == 0 || ["segments", "records", "chain"].contains(&rules[0]);
        let verdict = if broken == 0 && is_judged {
            style.paint(Paint::Green, "ok")
        } else if broken == 0 {
            style.paint(Paint::Yellow, "ok so far")
        } else {
            style.paint(Paint::Red, &format!("{broken} wrong"))
        };
        lines.push(format!("  {count:>12}  {what:<50} {verdict}"));
    }
    for (count, what) in notes(sum).into_iter().filter(|(count, _)| *count > 0) {
        lines.push(style.paint(Paint::Dim, &format!("  {count:>12}  {what}")));
    }
    for violation in violations {
        lines.push(format!(
            "{} {}",
            style.paint(Paint::Red, &format!("{}:", violation.rule)),
            place(violation)
        ));
        lines.push(format!("  {}", violation.reason));
    }
    let more = sum.total().saturating_sub(violations.len());
    if more > 0 {
        lines.push(format!("and {more} more of the same kinds"));
    }
    lines
}

fn rows(sum: &Sum) -> Vec<Row> {
    let mut rows: Vec<Row> = match sum.of {
        Subject::Files => vec![
            (sum.segments, "segments follow each other", &["segments"]),
            (sum.records, "records are as they were written", &["records", "topics"]),
            (sum.batches, "batches form one chain", &["chain"]),
            (sum.entries, "ids rise, and no event is there twice", &["ids", "event ids"]),
            (sum.entities, "entities have versions without gaps", &["versions"]),
            (sum.keys, "unique keys are held by one living entity each", &["unique keys"]),
        ],
        Subject::Streams => vec![
            (sum.entries, "ids rise, and no event is there twice", &["ids", "event ids"]),
            (sum.entities, "entities have versions without gaps", &["versions"]),
        ],
    };
    if sum.of == Subject::Streams {
        rows.push((sum.indexed, "entities end in the index as in the streams", &["index"]));
    } else if sum.indexed > 0 {
        rows.push((sum.indexed, "entries stand where the index in memory has them", &["index"]));
    }
    rows.extend::<[Row; 3]>([
        (sum.events, "events replay to what their entries hold", &["events", "entities"]),
        (sum.intents, "intents were decided once, and done", &["intents"]),
        (sum.products, "products have every piece accounted for", &["stock"]),
    ]);
    rows
}

fn notes(sum: &Sum) -> [(u64, &'static str); 7] {
    let open = match (sum.of, sum.indexed) {
        (Subject::Files, 0) => "intents are open; the next start finishes them",
        _ => "intents are open; the shop finishes them",
    };
    [
        (sum.unjudged, "entries stand behind that; only their bytes were checked"),
        (sum.torn_bytes, "bytes of an unfinished batch, which the next start cuts off"),
        (sum.open_intents, open),
        (sum.foreign, "entries are of other programs, and taken as they are"),
        (sum.unreadable, "entries of other programs cannot be read, and are passed over"),
        (sum.shared_entities, "entities others have written to, too; what is there counts"),
        (sum.shared_products, "products of which others moved pieces; not balanced"),
    ]
}

fn place(violation: &Violation) -> String {
    let Violation { file, byte, stream, entry, .. } = violation;
    let place = match (file, byte, stream) {
        (Some(file), Some(byte), _) => format!("{file}, byte {byte}"),
        (_, _, Some(stream)) => stream.clone(),
        _ => "the log as a whole".to_owned(),
    };
    let entry = entry.as_ref().map(|id| format!(", entry {id}")).unwrap_or_default();
    place + &entry
}

/// How far the check has come, on one line.
pub(super) fn bar(Progress { done, all, entries }: Progress) -> String {
    let part = |whole: u64| done.min(all).saturating_mul(whole).checked_div(all).unwrap_or(whole);
    let filled = usize::try_from(part(BAR_COLUMNS as u64)).unwrap_or(BAR_COLUMNS);
    let empty = BAR_COLUMNS - filled;
    format!("{}{} {:>3} %, {entries} entries", "█".repeat(filled), "░".repeat(empty), part(100))
}

#[cfg(test)]
mod tests {
    use super::super::line::{Findings, Line, Place, TOLD_OF_EACH};
    use super::*;

    /// A sum, and the violations that it counts.
    fn found(sum: &Sum, rule: &str, place: &Place, times: usize) -> (Sum, Vec<Violation>) {
        let mut findings = Findings::default();
        for _ in 0..times {
            let reason = "the checksum of the record does not match".to_owned();
            findings.add(rule, place.clone(), reason);
        }
        findings.finish(sum);
        let (mut sum, mut violations) = (Sum::default(), Vec::new());
        for line in findings.take() {
            match line {
                Line::Violation(violation) => violations.push(violation),
                Line::Checked(checked) => sum = *checked,
                Line::Progress(_) | Line::Failed(_) => {}
            }
        }
        (sum, violations)
    }

    #[test]
    fn the_report_fits_into_80_columns() {
        let sum = Sum {
            segments: 3,
            records: 1_234_567,
            torn_bytes: 17,
            open_intents: 1,
            indexed: 1,
            unreadable: 1,
            foreign: 1,
            shared_entities: 1,
            shared_products: 1,
            unjudged: 1,
            ..Sum::default()
        };
        let place = ordershop_store::embedded::verify::Place {
            file: std::path::Path::new("00.log").into(),
            byte: 36,
            entry: None,
        };
        let (sum, violations) = found(&sum, "records", &Place::from(&place), 5);
        let style = Style { width: Some(80), colours: false };
        let lines = render("the log in ./data", &sum, &violations, style);
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
        let text = lines.join("\n");
        assert!(
            text.contains(
                "     1234567  records are as they were written                   5 wrong"
            ),
            "{text}"
        );
        assert!(text.contains("records: 00.log, byte 36\n  the checksum"), "{text}");
        assert!(text.ends_with("and 2 more of the same kinds"), "{text}");
        assert_eq!(text.matches("the checksum").count(), TOLD_OF_EACH);
        let streams = Sum { of: Subject::Streams, ..sum };
        let lines = render("the log on redis://127.0.0.1", &streams, &[], style);
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
        assert!(!lines.iter().any(|line| line.contains("segments")), "{lines:#?}");
    }

    #[test]
    fn the_bar_fills_from_left_to_right() {
        let bar = |done, all| bar(Progress { done, all, entries: 5 });
        assert_eq!(bar(0, 8 << 20).chars().filter(|c| *c == '█').count(), 0);
        assert_eq!(bar(4 << 20, 8 << 20).chars().filter(|c| *c == '█').count(), 20);
        assert!(bar(8 << 20, 8 << 20).ends_with("100 %, 5 entries"));
        assert!(bar(0, 0).chars().count() <= 80);
    }
}
