//! `ordershop verify`: checks a stopped shop's folder.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use ordershop_actors::shop::audit::{Audit, Audited};
use ordershop_actors::shop::topics;
use ordershop_store::embedded::verify::{self, Checked, Finding, Place};
use serde::Serialize;

use super::out::{Out, Paint, ProgressLine, Style};
use super::source::{must_hold_a_log, refused};
use crate::exit::Exit;
use crate::settings::StoreUrl;

/// How many violations of one rule are told; more of it are only counted.
const TOLD_OF_EACH: usize = 3;
/// How many columns the progress bar has.
const BAR_COLUMNS: usize = 40;

/// The command's options.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The stopped shop's folder
    #[arg(long, value_name = "STORE", env = "ORDERSHOP_STORE", hide_env_values = true)]
    #[arg(default_value = "embedded:./data")]
    store: StoreUrl,
    /// One JSON object a line: each violation, then what was checked
    #[arg(long)]
    json: bool,
}

/// Something that is not as it must be.
#[derive(Debug, Serialize)]
struct Violation {
    rule: &'static str,
    file: PathBuf,
    byte: u64,
    entry: Option<String>,
    reason: String,
}

/// All that was wrong: the first of each rule, and how many there were.
#[derive(Debug, Default)]
struct Violations {
    told: Vec<Violation>,
    counts: BTreeMap<&'static str, usize>,
}

impl Violations {
    fn add(&mut self, rule: &'static str, place: &Place, reason: String) {
        let count = self.counts.entry(rule).or_default();
        *count += 1;
        if *count <= TOLD_OF_EACH {
            let (file, byte) = (place.file.clone(), place.byte);
            let entry = place.entry.map(|id| id.to_string());
            self.told.push(Violation { rule, file, byte, entry, reason });
        }
    }

    fn total(&self) -> usize {
        self.counts.values().sum()
    }
}

/// Carries the command out.
pub fn run(args: &VerifyArgs) -> Result<(), Exit> {
    let StoreUrl::Embedded(folder) = &args.store else {
        let what = format!("{} is no folder", args.store);
        return Err(Exit::unusable(what, "only a stopped shop's folder can be verified"));
    };
    must_hold_a_log(folder)?;
    let mut violations = Violations::default();
    let mut audit = Audit::default();
    let mut progress = ProgressLine::begin();
    let checked = verify::verify(folder, &topics::ALL, |finding| match finding {
        Finding::Violation(found) => violations.add(found.rule.name(), &found.place, found.reason),
        Finding::Entry(place, topic, record) => {
            for (rule, reason) in audit.take(&record.to_entry(topic)) {
                violations.add(rule.name(), place, reason);
            }
        }
        Finding::Progress(done, all) => progress.show(|| bar(done, all)),
    });
    progress.clear();
    let checked = checked.map_err(|error| match &error {
        ordershop_store::LogError::Locked(_) => {
            Exit::unusable(&error, "stop that shop first, or verify a copy of the folder")
        }
        error => refused(folder, error),
    })?;
    let mut out = Out::new();
    let audited = audit.audited();
    let lines = if args.json {
        json(&checked, &audited, &violations)
    } else {
        render(&folder.display().to_string(), &checked, &audited, &violations, out.style)
    };
    for line in lines {
        out.line(&line)?;
    }
    out.flush()?;
    match violations.total() {
        0 => Ok(()),
        1 => Err(Exit::Missing("the log has 1 violation of its rules".to_owned())),
        total => Err(Exit::Missing(format!("the log has {total} violations of its rules"))),
    }
}

fn json(checked: &Checked, audited: &Audited, violations: &Violations) -> Vec<String> {
    let told = violations.told.iter().map(|violation| serde_json::json!({"violation": violation}));
    let sum = serde_json::json!({"checked": {
        "segments": checked.segments,
        "bytes": checked.bytes,
        "batches": checked.batches,
        "records": checked.records,
        "entries": checked.entries,
        "entities": checked.entities,
        "keys": checked.keys,
        "unjudged": checked.unjudged,
        "torn_bytes": checked.torn_bytes,
        "events": audited.events,
        "intents": audited.intents,
        "open_intents": audited.open_intents,
        "products": audited.products,
        "violations": violations.counts,
    }});
    told.chain([sum]).map(|line| line.to_string()).collect()
}

fn render(
    folder: &str,
    checked: &Checked,
    audited: &Audited,
    violations: &Violations,
    style: Style,
) -> Vec<String> {
    let mut lines = vec![format!("the log in {folder}")];
    let mut row = |count: u64, what: &str, rules: &[&'static str]| {
        let broken: usize = rules.iter().filter_map(|rule| violations.counts.get(rule)).sum();
        let is_judged =
            checked.unjudged == 0 || ["segments", "records", "chain"].contains(&rules[0]);
        let verdict = if broken == 0 && is_judged {
            style.paint(Paint::Green, "ok")
        } else if broken == 0 {
            style.paint(Paint::Yellow, "ok so far")
        } else {
            style.paint(Paint::Red, &format!("{broken} wrong"))
        };
        lines.push(format!("  {count:>12}  {what:<50} {verdict}"));
    };
    row(checked.segments, "segments follow each other", &["segments"]);
    row(checked.records, "records are as they were written", &["records", "topics"]);
    row(checked.batches, "batches form one chain", &["chain"]);
    row(checked.entries, "ids rise, and no event is there twice", &["ids", "event ids"]);
    row(checked.entities, "entities have versions without gaps", &["versions"]);
    row(checked.keys, "unique keys are held by one living entity each", &["unique keys"]);
    row(audited.events, "events replay to what their entries hold", &["events", "entities"]);
    row(audited.intents, "intents were decided once, and done", &["intents"]);
    row(audited.products, "products have every piece accounted for", &["stock"]);
    let notes = [
        (checked.unjudged, "entries stand behind that; only their bytes were checked"),
        (checked.torn_bytes, "bytes of an unfinished batch, which the next start cuts off"),
        (audited.open_intents, "intents are open; the next start finishes them"),
    ];
    for (count, what) in notes.into_iter().filter(|(count, _)| *count > 0) {
        lines.push(style.paint(Paint::Dim, &format!("  {count:>12}  {what}")));
    }
    for Violation { rule, file, byte, entry, reason } in &violations.told {
        let entry = entry.as_ref().map(|id| format!(", entry {id}")).unwrap_or_default();
        let place = format!("{}, byte {byte}{entry}", file.display());
        lines.push(format!("{} {place}", style.paint(Paint::Red, &format!("{rule}:"))));
        lines.push(format!("  {reason}"));
    }
    let more: usize = violations.total() - violations.told.len();
    if more > 0 {
        lines.push(format!("and {more} more of the same kinds"));
    }
    lines
}

fn bar(done: u64, all: u64) -> String {
    let part = |whole: u64| done.min(all).saturating_mul(whole).checked_div(all).unwrap_or(whole);
    let filled = usize::try_from(part(BAR_COLUMNS as u64)).unwrap_or(BAR_COLUMNS);
    let empty = BAR_COLUMNS - filled;
    let mebi = |bytes: u64| bytes / (1024 * 1024);
    format!("{}{} {:>3} % of {} MiB", "█".repeat(filled), "░".repeat(empty), part(100), mebi(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_fits_into_80_columns() {
        let checked =
            Checked { segments: 3, records: 1_234_567, torn_bytes: 17, ..Checked::default() };
        let audited = Audited { open_intents: 1, ..Audited::default() };
        let mut violations = Violations::default();
        let place = Place { file: "00.log".into(), byte: 36, entry: None };
        for _ in 0..5 {
            violations.add(
                "records",
                &place,
                "the checksum of the record does not match".to_owned(),
            );
        }
        let style = Style { width: Some(80), colours: false };
        let lines = render("./data", &checked, &audited, &violations, style);
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
    }

    #[test]
    fn the_bar_fills_from_left_to_right() {
        assert_eq!(bar(0, 8 << 20).chars().filter(|c| *c == '█').count(), 0);
        assert_eq!(bar(4 << 20, 8 << 20).chars().filter(|c| *c == '█').count(), 20);
        assert!(bar(8 << 20, 8 << 20).ends_with("100 % of 8 MiB"));
        assert!(bar(0, 0).chars().count() <= 80);
    }
}
