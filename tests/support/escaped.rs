//! Bytes as a text file holds them: `\r`, `\n`, `\xHH`, and `\*N:TEXT;`, which is the text N times.

/// The bytes that a text stands for; its own line ends do not count.
pub(crate) fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest: &str = &text.replace('\n', "");
    while let Some(first) = rest.chars().next() {
        if let Some(escaped) = rest.strip_prefix("\\*") {
            let (count, behind) = escaped.split_once(':').expect("a number and a colon");
            let (part, behind) = behind.split_once(';').expect("a text and a semicolon");
            let part = unescaped(part);
            let count: usize = count.parse().expect("a number");
            (0..count).for_each(|_| bytes.extend_from_slice(&part));
            rest = behind;
        } else if let Some(behind) = rest.strip_prefix("\\x") {
            bytes.push(u8::from_str_radix(&behind[..2], 16).expect("two digits"));
            rest = &behind[2..];
        } else if let Some(behind) = rest.strip_prefix("\\r") {
            bytes.push(b'\r');
            rest = behind;
        } else if let Some(behind) = rest.strip_prefix("\\n") {
            bytes.push(b'\n');
            rest = behind;
        } else {
            rest = &rest[first.len_utf8()..];
            bytes.extend_from_slice(first.to_string().as_bytes());
        }
    }
    bytes
}
