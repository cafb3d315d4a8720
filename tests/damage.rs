//! Promise: damage in the log is never passed over in silence, and a torn end costs nothing that
//! was acknowledged.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::folder::copy_folder;
use support::shop::{Ended, Folder, Shop, run, serve_without_mails};
use support::size::size;
use support::{ids, list};

/// A log, known byte by byte: up to `settled` all is acknowledged and synced, behind it lies what
/// was written for one last customer.
struct Log {
    folder: Folder,
    /// The last segment's name inside the data folder.
    segment: PathBuf,
    settled: u64,
    length: u64,
    /// Every customer but the last.
    customers: Value,
    last: Value,
}

impl Log {
    /// Fills a log, stops, starts again, creates one customer more, and kills.
    fn make() -> Self {
        let folder = Folder::new();
        let shop = start(&folder);
        for index in 0..20 {
            shop.post("/customers", &customer(index));
        }
        let customers = shop.get("/customers");
        shop.stop();
        let shop = start(&folder);
        let segment = last_segment(&folder.data());
        let settled = length_of(&folder.data().join(&segment));
        let id = ids(&shop.post("/customer", &customer(99))).remove(0);
        let last = shop.get(&format!("/customer/{id}"));
        shop.kill();
        assert_eq!(last_segment(&folder.data()), segment, "so small a log has one segment");
        let length = length_of(&folder.data().join(&segment));
        assert!(length > settled, "a customer leaves something in the log");
        Self { folder, segment, settled, length, customers, last }
    }

    /// A copy of it all, to be damaged.
    fn copy(&self) -> Folder {
        let copy = Folder::new();
        copy_folder(self.folder.path(), copy.path());
        copy
    }
}

#[test]
fn a_flipped_byte_before_the_last_batch_is_refused_with_its_place() {
    let log = Log::make();
    let copy = log.copy();
    let path = copy.data().join(&log.segment);
    let whole = fs::read(&path).expect("the log");
    let settled = usize::try_from(log.settled).expect("a small log");
    let places = size(8, 64);
    let mut named = BTreeSet::new();
    for place in 0..places {
        // From the first record to the last one before the last batch.
        let offset = settled / 50 + place * (settled - settled / 50 - 1) / (places - 1);
        let mut damaged = whole.clone();
        damaged[offset] ^= 0x10;
        fs::write(&path, &damaged).expect("the log");

        let ended = run(serve_without_mails(&copy));
        let line = the_one_line(&ended);
        assert!(line.contains(&*log.segment.to_string_lossy()), "no file in: {line}");
        let position = numbers(line).filter(|number| *number <= offset).max();
        let position = position.unwrap_or_else(|| panic!("no byte position in: {line}"));
        assert!(offset - position < 2000, "byte {offset} is damaged, but: {line}");
        named.insert(position);
        assert_eq!(fs::read(&path).expect("the log"), damaged, "a refused log is left as it is");
    }
    assert!(named.len() > places / 2, "the places named are {named:?}");

    fs::write(&path, &whole).expect("the log");
    let shop = start(&copy);
    assert_eq!(list(&shop.get("/customers")).len(), list(&log.customers).len() + 1);
}

#[test]
fn a_log_cut_anywhere_in_its_last_batch_loses_that_batch_alone() {
    let log = Log::make();
    let tail = log.length - log.settled;
    let cuts = u64::try_from(size(10, 200)).expect("a small number").min(tail);
    let mut lost_before = true;
    for cut in 0..=cuts {
        let length = log.settled + tail * cut / cuts;
        let copy = log.copy();
        let path = copy.data().join(&log.segment);
        let file = fs::OpenOptions::new().write(true).open(&path).expect("the log");
        file.set_len(length).expect("the log can be cut");
        drop(file);

        let shop = start(&copy);
        let kept = shop.get("/customers");
        let (old, new) = list(&kept).split_at(list(&log.customers).len());
        assert_eq!(old, list(&log.customers), "cut at {length}");
        let lost = new.is_empty();
        if !lost {
            assert_eq!(new, std::slice::from_ref(&log.last), "cut at {length}");
        }
        assert!(lost_before || !lost, "a cut at {length} loses what a shorter log still had");
        assert!(cut > 0 || lost, "nothing of the last customer is left");
        assert!(cut < cuts || !lost, "nothing is cut off");
        lost_before = lost;

        // What comes next is written behind a sound end.
        let id = ids(&shop.post("/customer", &customer(100))).remove(0);
        shop.kill();
        let shop = start(&copy);
        assert_eq!(list(&shop.get("/customers")).len(), list(&kept).len() + 1, "cut at {length}");
        assert_ne!(shop.get(&format!("/customer/{id}")), Value::Null, "cut at {length}");
    }
}

#[test]
fn rubbish_behind_the_last_batch_is_a_torn_tail_too() {
    let log = Log::make();
    let path = log.folder.data().join(&log.segment);
    let mut bytes = fs::read(&path).expect("the log");
    bytes.extend([0x5a; 100]);
    fs::write(&path, bytes).expect("the log");

    let shop = start(&log.folder);
    assert_eq!(list(&shop.get("/customers")).len(), list(&log.customers).len() + 1);
}

fn start(folder: &Folder) -> Shop {
    Shop::start_as(serve_without_mails(folder))
}

fn customer(index: usize) -> Value {
    json!({"name": format!("Customer {index}"), "email": format!("customer{index}@example.org")})
}

/// The name of the log's last segment.
fn last_segment(data: &Path) -> PathBuf {
    let mut segments: Vec<PathBuf> = fs::read_dir(data)
        .expect("the data folder")
        .map(|entry| entry.expect("the data folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    segments.sort();
    let last = segments.pop().expect("the log has a segment");
    last.strip_prefix(data).expect("it was found there").to_owned()
}

fn length_of(path: &Path) -> u64 {
    fs::metadata(path).expect("the log").len()
}

/// The only line on stderr of a start that was refused.
fn the_one_line(ended: &Ended) -> &str {
    assert_eq!(ended.status.code(), Some(2), "{}{}", ended.stdout, ended.stderr);
    let lines: Vec<&str> = ended.stderr.lines().collect();
    let [line] = lines.as_slice() else {
        panic!("{} lines on stderr: {}", lines.len(), ended.stderr);
    };
    line
}

fn numbers(line: &str) -> impl Iterator<Item = usize> {
    line.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok())
}
