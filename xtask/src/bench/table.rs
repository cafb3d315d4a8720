//! Rows as a table, for a terminal and for the page.

use super::row::{Aim, Row, Unit};

/// What one cell of a column says of a row.
type Cell = fn(&Row) -> String;

/// The columns; one in which no row has anything is left out.
const COLUMNS: [(&str, Cell); 11] = [
    ("what", |row| row.what.clone()),
    ("ours", |row| figure(row.ours, row.unit)),
    ("bare", |row| row.bare.map(|bare| figure(bare, row.unit)).unwrap_or_default()),
    ("ratio", |row| row.ratio().map(|ratio| format!("{ratio:.2}")).unwrap_or_default()),
    ("p50 µs", |row| micros(row.p50)),
    ("p99 µs", |row| micros(row.p99)),
    ("CPU µs", |row| micros(row.cpu)),
    ("bare CPU", |row| micros(row.bare_cpu)),
    ("lag", |row| row.lag.map(whole).unwrap_or_default()),
    ("drained", |row| {
        row.drained.map(|drained| figure(drained, Unit::Seconds)).unwrap_or_default()
    }),
    ("aim", aim),
];

/// A table for a terminal: the first column to the left, the others to the right, notes below.
pub(super) fn plain(rows: &[Row]) -> String {
    let cells = cells(rows);
    let columns = cells.first().map_or(0, Vec::len);
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for (index, row) in cells.iter().enumerate() {
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let cell = match column {
                0 => format!("{cell:width$}"),
                _ => format!("  {cell:>width$}"),
            };
            text.push_str(&cell);
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        if index == 0 {
            let rule: usize = widths.iter().map(|width| width + 2).sum();
            text.push_str(&"-".repeat(rule.saturating_sub(2)));
            text.push('\n');
        }
    }
    text.push_str(&notes(rows, "  "));
    text
}

/// The same as Markdown.
pub(super) fn markdown(rows: &[Row]) -> String {
    let mut text = String::new();
    for (index, row) in cells(rows).iter().enumerate() {
        text.extend(["| ", &row.join(" | "), " |\n"]);
        if index == 0 {
            let rules = (0..row.len()).map(|column| if column == 0 { "---" } else { "---:" });
            text.extend(["|", &rules.collect::<Vec<_>>().join("|"), "|\n"]);
        }
    }
    let notes = notes(rows, "- ");
    if !notes.is_empty() {
        text.push('\n');
        text.push_str(&notes);
    }
    text
}

/// The head and all rows, without the columns that are empty.
fn cells(rows: &[Row]) -> Vec<Vec<String>> {
    let used: Vec<_> =
        COLUMNS.iter().filter(|(_, cell)| rows.iter().any(|row| !cell(row).is_empty())).collect();
    let head = used.iter().map(|(name, _)| (*name).to_owned()).collect();
    let rows = rows.iter().map(|row| used.iter().map(|(_, cell)| cell(row)).collect());
    std::iter::once(head).chain(rows).collect()
}

/// Each note with the rows that have it.
fn notes(rows: &[Row], mark: &str) -> String {
    let mut lines = String::new();
    for row in rows {
        for note in &row.notes {
            lines.extend([mark, &row.what, ": ", note, "\n"]);
        }
    }
    lines
}

fn aim(row: &Row) -> String {
    let Some(aim) = row.aim else { return String::new() };
    let aim = match aim {
        Aim::Ratio(least) => format!("{least} of bare"),
        Aim::AtLeast(least) => format!(">= {}", figure(least, row.unit)),
        Aim::Below(most) => format!("< {}", figure(most, row.unit)),
        Aim::P99(most) => format!("p99 < {}", figure(most, Unit::Micros)),
    };
    match row.reached() {
        Some(true) => format!("{aim}: yes"),
        Some(false) => format!("{aim}: no"),
        None => aim,
    }
}

fn micros(micros: Option<f64>) -> String {
    micros
        .map(|micros| if micros < 9.95 { format!("{micros:.1}") } else { whole(micros) })
        .unwrap_or_default()
}

/// A figure with its unit.
fn figure(figure: f64, unit: Unit) -> String {
    match unit {
        Unit::PerSecond => format!("{}/s", whole(figure)),
        Unit::Seconds => format!("{figure:.2} s"),
        Unit::Micros | Unit::Bytes | Unit::Mebibytes | Unit::Events => {
            format!("{} {}", whole(figure), unit.name())
        }
    }
}

/// A whole number, with thousands apart.
pub(super) fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> [Row; 2] {
        let mut fast = Row::new("fast", 1_234_567.8, Unit::PerSecond);
        fast.bare = Some(2_000_000.0);
        fast.aim = Some(Aim::Ratio(0.5));
        let mut slow = Row::new("slow one", 1.5, Unit::Seconds);
        slow.notes.push("it rained".to_owned());
        [fast, slow]
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_never_empty() {
        assert_eq!(
            plain(&rows()),
            "what             ours         bare  ratio               aim\n\
             -----------------------------------------------------------\n\
             fast      1,234,568/s  2,000,000/s   0.62  0.5 of bare: yes\n\
             slow one       1.50 s\n  \
               slow one: it rained\n"
        );
    }

    #[test]
    fn markdown_has_the_same_cells() {
        assert_eq!(
            markdown(&rows()),
            "| what | ours | bare | ratio | aim |\n|---|---:|---:|---:|---:|\n\
             | fast | 1,234,568/s | 2,000,000/s | 0.62 | 0.5 of bare: yes |\n\
             | slow one | 1.50 s |  |  |  |\n\n- slow one: it rained\n"
        );
    }

    #[test]
    fn a_number_has_its_thousands_apart() {
        assert_eq!(whole(0.4), "0");
        assert_eq!(whole(999.0), "999");
        assert_eq!(whole(12_345.0), "12,345");
    }
}
