//! What every file of the project looks like.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Above this, a file holds more than one concept.
const MAX_LINES: usize = 500;

/// Folders that hold nothing that people wrote.
const SKIPPED: &[&str] = &["target", "data", ".git", "node_modules"];

/// Each broken rule, as one line that begins with the file's name.
pub(super) fn complaints(root: &Path) -> io::Result<Vec<String>> {
    let mut complaints = Vec::new();
    for path in files_below(root)? {
        let Ok(text) = fs::read_to_string(&path) else {
            continue; // A binary file has no lines.
        };
        let name = path.strip_prefix(root).unwrap_or(&path);
        if ends_with(name, "rs") {
            complaints.extend(source_complaints(name, &text));
        }
        if name.file_name().is_some_and(|file| file == "Cargo.toml") {
            complaints.extend(manifest_complaints(name, &text));
        }
        complaints.extend(path_complaints(root, name, &text));
    }
    Ok(complaints)
}

fn source_complaints(name: &Path, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    if !text.starts_with("//! ") {
        complaints.push(format!("{}: its first line is not a `//!` sentence", name.display()));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES {
        complaints.push(format!("{}: {lines} lines, more than {MAX_LINES}", name.display()));
    }
    let ignored = text.lines().position(|line| line.trim_start().starts_with("#[ignore"));
    if let Some(index) = ignored {
        complaints.push(format!(
            "{}:{}: an ignored test proves nothing",
            name.display(),
            index + 1
        ));
    }
    complaints
}

fn manifest_complaints(name: &Path, text: &str) -> Option<String> {
    let inherits = text.contains("[lints]\nworkspace = true");
    (!inherits).then(|| format!("{}: does not inherit the workspace's lints", name.display()))
}

/// Comments and documents must make sense to whoever has this repository and nothing else.
fn path_complaints(root: &Path, name: &Path, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let checkout = root.to_string_lossy();
    for (index, line) in text.lines().enumerate() {
        let place = || format!("{}:{}", name.display(), index + 1);
        if line.contains(checkout.as_ref()) {
            complaints.push(format!("{}: names the folder of this checkout", place()));
        }
        if !is_prose(name, line) {
            continue;
        }
        let words = line.split(|c: char| c.is_whitespace() || "`'\"()[]<>,;:".contains(c));
        for word in words.filter(|word| word.starts_with("../")) {
            let folder = name.parent().unwrap_or(Path::new(""));
            if leaves(&folder.join(word)) {
                complaints.push(format!("{}: `{word}` is outside of the repository", place()));
            }
        }
    }
    complaints
}

/// Whether a line is meant for readers, not for a compiler or a machine.
fn is_prose(name: &Path, line: &str) -> bool {
    let line = line.trim_start();
    if ends_with(name, "md") {
        true
    } else if ends_with(name, "rs") {
        line.starts_with("//")
    } else {
        line.starts_with('#')
    }
}

/// Whether a path, taken from the repository's root, climbs out of it.
fn leaves(path: &Path) -> bool {
    let mut depth = 0_usize;
    for component in path.components() {
        match component {
            Component::ParentDir if depth == 0 => return true,
            Component::ParentDir => depth -= 1,
            Component::Normal(_) => depth += 1,
            _ => {}
        }
    }
    false
}

fn ends_with(name: &Path, extension: &str) -> bool {
    name.extension().is_some_and(|found| found == extension)
}

fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_file() {
                files.push(entry.path());
            } else if kind.is_dir() && !SKIPPED.iter().any(|skipped| entry.file_name() == *skipped)
            {
                folders.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_its_sentence_is_named() {
        let complaints = source_complaints(Path::new("src/a.rs"), "use std::fs;\n");
        assert_eq!(complaints, ["src/a.rs: its first line is not a `//!` sentence"]);
    }

    #[test]
    fn a_file_of_500_lines_passes_and_one_more_does_not() {
        let text = format!("//! A file.\n{}", "\n".repeat(MAX_LINES - 1));
        assert_eq!(source_complaints(Path::new("a.rs"), &text), Vec::<String>::new());
        assert_eq!(source_complaints(Path::new("a.rs"), &format!("{text}\n")).len(), 1);
    }

    #[test]
    fn an_ignored_test_is_named_with_its_line() {
        let complaints = source_complaints(Path::new("a.rs"), "//! A.\n#[test]\n#[ignore]\n");
        assert_eq!(complaints, ["a.rs:3: an ignored test proves nothing"]);
    }

    #[test]
    fn a_document_that_points_outside_is_named() {
        let root = Path::new("/checkout");
        let complaints = path_complaints(root, Path::new("README.md"), "See `../notes/a.md`.");
        assert_eq!(complaints, ["README.md:1: `../notes/a.md` is outside of the repository"]);
        let inside = path_complaints(root, Path::new("docs/a.md"), "See [it](../README.md).");
        assert_eq!(inside, Vec::<String>::new());
    }

    #[test]
    fn a_path_in_code_is_not_prose() {
        let complaints = path_complaints(
            Path::new("/checkout"),
            Path::new("tests/a.rs"),
            "get(\"/../../etc\"); include!(\"../../../x\");",
        );
        assert_eq!(complaints, Vec::<String>::new());
    }

    #[test]
    fn a_manifest_must_inherit_the_lints() {
        assert!(manifest_complaints(Path::new("Cargo.toml"), "[package]\n").is_some());
        let good = "[package]\n\n[lints]\nworkspace = true\n";
        assert_eq!(manifest_complaints(Path::new("Cargo.toml"), good), None);
    }
}
