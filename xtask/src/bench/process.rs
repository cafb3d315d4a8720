//! What the system knows of a running process: its processor time, its threads, its memory.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// In so many parts of a second Linux tells processor time, on every machine that it runs on today.
const TICKS_PER_SECOND: u64 = 100;

/// How much processor time a process has had, in user and system mode; `None` where there is no /proc.
pub(super) fn cpu(process: u32) -> Option<Duration> {
    cpu_in(Path::new(&format!("/proc/{process}/stat")))
}

/// The same for this process.
pub(super) fn own_cpu() -> Option<Duration> {
    cpu(std::process::id())
}

/// The threads of a process: what they are called, and how much time each has had.
pub(super) fn threads(process: u32) -> Vec<(String, Duration)> {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else {
        return Vec::new();
    };
    let thread = |folder: &Path| {
        let name = fs::read_to_string(folder.join("comm")).ok()?;
        Some((name.trim().to_owned(), cpu_in(&folder.join("stat"))?))
    };
    threads.filter_map(|entry| thread(&entry.ok()?.path())).collect()
}

/// How much memory a process has in use, in bytes.
pub(super) fn resident_bytes(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn cpu_in(path: &Path) -> Option<Duration> {
    cpu_of(&fs::read_to_string(path).ok()?)
}

/// The time in a `stat` file: see proc(5), utime and stime.
fn cpu_of(stat: &str) -> Option<Duration> {
    // The name of the program stands in parentheses and may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 1000 / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_any_name() {
        let stat = "12 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0 99";
        assert_eq!(cpu_of(stat), Some(Duration::from_secs(2)));
        assert_eq!(cpu_of("12"), None);
    }
}
