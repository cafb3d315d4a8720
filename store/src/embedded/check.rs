//! The check of segments that need not be decoded: every checksum, and that records follow each
//! other. It says only whether all is well; what is wrong, and where, the scan tells.

use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::checkpoint::Mark;
use super::frame::{BadFrame, Frame};
use super::loading::read_up_to;
use super::scan::FIRST_BATCH;
use super::segment::{HEADER_BYTES, Header, Segment};

/// How many segments are checked at once, at most.
const MAX_THREADS: usize = 4;
/// How much of a file is read at once.
const WINDOW_BYTES: usize = 512 * 1024;

/// Checks the first segments of a log; gives where they end, or `None` if anything is wrong.
pub(super) fn check(segments: &[Arc<Segment>]) -> Option<Mark> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads.min(MAX_THREADS).min(segments.len());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut window = vec![0; WINDOW_BYTES];
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(segment) = segments.get(number) else {
                return done;
            };
            done.push((number, check_one(segment, &mut window)));
        }
    };
    let mut checked: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    checked.sort_unstable_by_key(|(number, _)| *number);
    if checked.len() != segments.len() {
        return None;
    }
    let mut end = Mark { offset: 0, next_batch: FIRST_BATCH, chain: 0 };
    for (_, one) in checked {
        let (header, segment_end) = one?;
        let expected = Header { base: end.offset, first_batch: end.next_batch, chain: end.chain };
        if header != expected {
            return None;
        }
        end = segment_end;
    }
    Some(end)
}

/// The header of a segment, and where it ends, if all in between is well.
fn check_one(segment: &Segment, window: &mut Vec<u8>) -> Option<(Header, Mark)> {
    let mut filled = read_up_to(segment, window, 0).ok()?;
    let header = Header::parse(&window[..filled], Path::new("")).ok()?;
    let (mut chain, mut batch) = (header.chain, header.first_batch);
    let mut between_batches = true;
    let mut at = HEADER_BYTES;
    // Where in the file the window begins.
    let mut start = 0_u64;
    loop {
        match Frame::parse(&window[at..filled]) {
            Ok(Frame { header, .. }) if (header.chain, header.batch) == (chain, batch) => {
                chain = header.crc;
                batch += u64::from(header.ends_batch);
                between_batches = header.ends_batch;
                at += header.frame_bytes();
            }
            Err(BadFrame::Short) => {
                let rest = filled - at;
                window.copy_within(at..filled, 0);
                start += at as u64;
                at = 0;
                if rest == window.len() {
                    window.resize(2 * rest, 0);
                }
                let read = read_up_to(segment, &mut window[rest..], start + rest as u64).ok()?;
                if read == 0 {
                    let mark = Mark { offset: segment.base + start, next_batch: batch, chain };
                    return (rest == 0 && between_batches).then_some((header, mark));
                }
                filled = rest + read;
            }
            Ok(_) | Err(_) => return None,
        }
    }
}
