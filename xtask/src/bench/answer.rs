//! Reads as little of an HTTP answer as tells its status and where it ends.

/// How a body ends.
#[derive(Clone, Copy, Debug)]
enum Body {
    /// So many bytes are still to come.
    Length(usize),
    /// With an empty chunk; these are the last bytes that came.
    Chunked([u8; LAST_CHUNK.len()]),
}

/// The end of a body in chunks; within JSON without line breaks it cannot stand.
const LAST_CHUNK: &[u8; 7] = b"\r\n0\r\n\r\n";
/// A head that is longer than this is no answer of ours.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// An answer that is being read.
#[derive(Debug, Default)]
pub(super) struct Answer {
    head: Vec<u8>,
    body: Option<(u16, Body)>,
}

/// Bytes that are no answer.
#[derive(Debug)]
pub(super) struct NoAnswer;

impl Answer {
    /// Takes in what came; gives the status once the answer is whole, and is ready for the next one.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Result<Option<u16>, NoAnswer> {
        if self.body.is_none() {
            // Mostly an answer comes at once, and is not copied.
            let begun = self.head.len();
            let (status, body, rest) = if begun == 0 {
                let Some(end) = head_end(bytes) else {
                    self.head.extend_from_slice(bytes);
                    return Ok(None);
                };
                let (status, body) = parse(&bytes[..end])?;
                (status, body, end)
            } else {
                self.head.extend_from_slice(bytes);
                let Some(end) = head_end(&self.head) else {
                    let fits = self.head.len() < MAX_HEAD_BYTES;
                    return if fits { Ok(None) } else { Err(NoAnswer) };
                };
                let (status, body) = parse(&self.head[..end])?;
                (status, body, end - begun)
            };
            self.head.clear();
            self.body = Some((status, body));
            bytes = &bytes[rest..];
        }
        let Some((status, body)) = &mut self.body else { return Err(NoAnswer) };
        let (status, whole) = (*status, body.take(bytes)?);
        if whole {
            self.body = None;
        }
        Ok(whole.then_some(status))
    }
}

impl Body {
    /// Takes in a part; true at the end.
    fn take(&mut self, bytes: &[u8]) -> Result<bool, NoAnswer> {
        match self {
            Self::Length(left) => {
                *left = left.checked_sub(bytes.len()).ok_or(NoAnswer)?;
                Ok(*left == 0)
            }
            Self::Chunked(last) => {
                let new = last.len().min(bytes.len());
                let kept = last.len() - new;
                last.rotate_left(new);
                last[kept..].copy_from_slice(&bytes[bytes.len() - new..]);
                Ok(last == LAST_CHUNK)
            }
        }
    }
}

/// Where the head ends, its empty line included.
fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

fn parse(head: &[u8]) -> Result<(u16, Body), NoAnswer> {
    let head = std::str::from_utf8(head).map_err(|_| NoAnswer)?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3));
    let status = status.and_then(|status| status.parse().ok()).ok_or(NoAnswer)?;
    for line in lines {
        let Some((name, value)) = line.split_once(": ") else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            let length = value.parse().map_err(|_| NoAnswer)?;
            return Ok((status, Body::Length(length)));
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Ok((status, Body::Chunked([0; LAST_CHUNK.len()])));
        }
    }
    Err(NoAnswer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_however_it_is_cut() {
        let sized = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcd";
        let chunked = "HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n";
        for (text, status) in [(sized, 200), (chunked, 503)] {
            let mut answer = Answer::default();
            assert_eq!(answer.take(text.as_bytes()).unwrap(), Some(status));
            for cut in 1..text.len() {
                let (first, second) = text.split_at(cut);
                assert_eq!(answer.take(first.as_bytes()).unwrap(), None, "{cut}");
                assert_eq!(answer.take(second.as_bytes()).unwrap(), Some(status), "{cut}");
            }
            for (index, byte) in text.bytes().enumerate() {
                let whole = index + 1 == text.len();
                assert_eq!(answer.take(&[byte]).unwrap(), whole.then_some(status));
            }
        }
    }

    #[test]
    fn what_is_no_answer_is_told() {
        let long = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nabcd";
        for bad in ["cats\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", long] {
            assert!(Answer::default().take(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
