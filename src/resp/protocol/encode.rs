//! Replies, written straight into what is sent.

/// How many digits a number has at most.
const MAX_DIGITS: usize = 20;

/// Which RESP a connection speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Version {
    /// RESP2, until `HELLO 3`.
    #[default]
    Two,
    /// RESP3.
    Three,
}

/// What is to be sent to one client.
#[derive(Debug, Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
    /// Which RESP is spoken.
    pub(crate) version: Version,
    /// How many errors were written.
    pub(crate) errors: u64,
}

impl Output {
    /// What was written and not taken yet.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All that was written.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How many bytes were written and not taken yet.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets what was sent, or must not be; keeps the room for the next replies, unless it is vast.
    pub(crate) fn clear(&mut self, keep_bytes: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(keep_bytes);
    }

    /// Takes back what was written behind that length.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    /// Bytes that are encoded already.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A simple string; it must hold no line end.
    pub(crate) fn simple(&mut self, text: &str) {
        self.bytes.push(b'+');
        self.line(text.as_bytes());
    }

    /// `+OK`.
    pub(crate) fn ok(&mut self) {
        self.bytes.extend_from_slice(b"+OK\r\n");
    }

    /// An error: its code, as `ERR`, and its text; a line end in it becomes a blank.
    pub(crate) fn error(&mut self, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        self.errors += 1;
        self.bytes.push(b'-');
        let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
        let text = &text[..end.map_or(0, |end| end + 1)];
        let blank = |byte: &u8| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte };
        self.bytes.extend(text.iter().map(blank));
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// An integer.
    pub(crate) fn integer(&mut self, number: i64) {
        self.bytes.push(b':');
        self.number(number.unsigned_abs(), number < 0);
    }

    /// A count.
    pub(crate) fn count(&mut self, number: impl TryInto<i64>) {
        self.integer(number.try_into().unwrap_or(i64::MAX));
    }

    /// A bulk string.
    pub(crate) fn bulk(&mut self, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        self.head(b'$', text.len());
        self.line(text);
    }

    /// The bulk string that these parts make together.
    pub(crate) fn bulk_of(&mut self, parts: &[&[u8]]) {
        self.head(b'$', parts.iter().map(|part| part.len()).sum());
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// Text for people.
    pub(crate) fn verbatim(&mut self, text: &str) {
        match self.version {
            Version::Two => self.bulk(text),
            Version::Three => {
                self.head(b'=', text.len() + 4);
                self.bytes.extend_from_slice(b"txt:");
                self.line(text.as_bytes());
            }
        }
    }

    /// Nothing, where there could be a value.
    pub(crate) fn null(&mut self) {
        self.bytes.extend_from_slice(match self.version {
            Version::Two => b"$-1\r\n",
            Version::Three => b"_\r\n",
        });
    }

    /// Nothing, where there could be an array.
    pub(crate) fn null_array(&mut self) {
        self.bytes.extend_from_slice(match self.version {
            Version::Two => b"*-1\r\n",
            Version::Three => b"_\r\n",
        });
    }

    /// The head of an array of so many elements, which follow.
    pub(crate) fn array(&mut self, len: usize) {
        self.head(b'*', len);
    }

    /// The head of a set.
    pub(crate) fn set(&mut self, len: usize) {
        let kind = if self.version == Version::Three { b'~' } else { b'*' };
        self.head(kind, len);
    }

    /// The head of a map of so many pairs.
    pub(crate) fn map(&mut self, pairs: usize) {
        match self.version {
            Version::Two => self.head(b'*', pairs * 2),
            Version::Three => self.head(b'%', pairs),
        }
    }

    fn head(&mut self, kind: u8, len: usize) {
        self.bytes.push(kind);
        self.number(len as u64, false);
    }

    fn number(&mut self, number: u64, negative: bool) {
        if negative {
            self.bytes.push(b'-');
        }
        let (mut digits, mut first, mut rest) = ([0; MAX_DIGITS], MAX_DIGITS, number);
        loop {
            first -= 1;
            digits[first] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.line(&digits[first..]);
    }

    fn line(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.bytes.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(version: Version, write: impl FnOnce(&mut Output)) -> String {
        let mut output = Output { version, ..Output::default() };
        write(&mut output);
        String::from_utf8_lossy(output.bytes()).replace("\r\n", "|")
    }

    #[test]
    fn each_kind_is_written_as_its_version_has_it() {
        let all = |output: &mut Output| {
            output.null();
            output.null_array();
            output.map(2);
            output.set(3);
            output.array(0);
            output.integer(-12);
            output.integer(i64::MIN);
            output.count(10);
            output.bulk("ab");
            output.bulk_of(&[b"a", b"bc"]);
            output.verbatim("x");
        };
        let two = "$-1|*-1|*4|*3|*0|:-12|:-9223372036854775808|:10|$2|ab|$3|abc|$1|x|";
        assert_eq!(written(Version::Two, all), two);
        let three = "_|_|%2|~3|*0|:-12|:-9223372036854775808|:10|$2|ab|$3|abc|=5|txt:x|";
        assert_eq!(written(Version::Three, all), three);
    }

    #[test]
    fn an_error_stays_in_its_line() {
        let error = |output: &mut Output| output.error("ERR a\r\nb\r\n");
        assert_eq!(written(Version::Two, error), "-ERR a  b|");
    }
}
