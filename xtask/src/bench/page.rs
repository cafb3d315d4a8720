//! The page `docs/benchmarks.md`: written anew, but for what people keep in it.

use std::fs;
use std::path::Path;

use super::machine::Machine;
use super::row::Row;
use super::sections::Section;
use super::table;
use crate::shell::Failed;

const PAGE: &str = "docs/benchmarks.md";
/// What stands between these is kept as it is.
const BEGIN: &str = "<!-- kept by hand: begin -->";
const END: &str = "<!-- kept by hand: end -->";

/// Writes the page.
pub(super) fn write(
    root: &Path,
    machine: &Machine,
    measured: &[(&Section, Vec<Row>)],
) -> Result<(), Failed> {
    let path = root.join(PAGE);
    let old = fs::read_to_string(&path).unwrap_or_default();
    let kept = kept(&old).unwrap_or("\n## Where the time goes\n\n").to_owned();
    let mut page = format!(
        "# Benchmarks\n\n\
         Written by `cargo xtask bench`, in one run, but for the part between the marks at its end. Each figure \
         stands beside the bare thing that bounds it, measured in turn with it: the medians of \
         several rounds. Client and server share the machine.\n\n\
         p50 and p99 are the client's. CPU is the server's processor time for each request; of the shop it \
         includes what its subscribers do for it. The lag is how many entries all subscribers together had \
         before them at the end of the worst round; drained is how long the slowest took until all of \
         them had saved that they had none (aim: 2 s). `cargo xtask bench --help` tells more.\n\n\
         ## The machine\n\n{}",
        machine.markdown()
    );
    for (section, rows) in measured {
        let (name, about) = (section.name, section.about);
        let table = table::markdown(rows);
        page.extend(["\n## ", name, "\n\n", about, "\n\n", &table]);
    }
    page.extend(["\n", BEGIN, &kept, END, "\n"]);
    fs::write(&path, page)?;
    eprintln!("==> wrote {PAGE}");
    Ok(())
}

/// What people keep in the page.
fn kept(page: &str) -> Option<&str> {
    let (_, behind) = page.split_once(BEGIN)?;
    let (kept, _) = behind.split_once(END)?;
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_is_kept() {
        let page = format!("# A\n\n{BEGIN}\nmine\n{END}\n");
        assert_eq!(kept(&page), Some("\nmine\n"));
        assert_eq!(kept("# A\n"), None);
    }
}
