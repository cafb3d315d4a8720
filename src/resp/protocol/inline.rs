//! A command typed as a line, as over telnet: words between blanks, some of them in quotes.

/// The words of a line; `None` where its quotes are unbalanced. As Redis's `sdssplitargs`.
pub(crate) fn split_line(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        let start = rest.iter().position(|byte| !is_blank(*byte));
        let Some(start) = start.filter(|start| rest[*start] != 0) else {
            return Some(words);
        };
        rest = &rest[start..];
        let mut word = Vec::new();
        rest = read_word(rest, &mut word)?;
        words.push(word);
    }
}

/// Reads a word up to the blank behind it; returns what stands behind the word.
fn read_word<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] | [0, ..] => return Some(&[]),
            [blank, ..] if is_blank(*blank) => return Some(rest),
            [b'"', behind @ ..] => return ends_word(double_quoted(behind, word)?),
            [b'\'', behind @ ..] => return ends_word(single_quoted(behind, word)?),
            [byte, behind @ ..] => {
                word.push(*byte);
                rest = behind;
            }
        }
    }
}

/// A closing quote must be followed by a blank, or nothing.
fn ends_word(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [] | [0, ..] => Some(&[]),
        [blank, ..] if is_blank(*blank) => Some(rest),
        _ => None,
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] | [0, ..] => return None,
            [b'"', behind @ ..] => return Some(behind),
            [b'\\', b'x', high, low, behind @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                word.push(hex(*high) << 4 | hex(*low));
                rest = behind;
            }
            [b'\\', escaped, behind @ ..] if *escaped != 0 => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                rest = behind;
            }
            [byte, behind @ ..] => {
                word.push(*byte);
                rest = behind;
            }
        }
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] | [0, ..] => return None,
            [b'\\', b'\'', behind @ ..] => {
                word.push(b'\'');
                rest = behind;
            }
            [b'\'', behind @ ..] => return Some(behind),
            [byte, behind @ ..] => {
                word.push(*byte);
                rest = behind;
            }
        }
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

/// As C's `isspace`.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Option<Vec<String>> {
        let words = split_line(line.as_bytes())?;
        Some(words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect())
    }

    #[test]
    fn words_are_split_at_blanks_and_quoted_ones_kept() {
        let expected = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(words("  get  a\tb "), expected(&["get", "a", "b"]));
        assert_eq!(words(r#"a "b c" 'd\'e' "\x41\n\q""#), expected(&["a", "b c", "d'e", "A\nq"]));
        assert_eq!(words(r#"a "" b"#), expected(&["a", "", "b"]));
        assert_eq!(words(r#"pre"quoted""#), expected(&["prequoted"]));
        assert_eq!(words(""), expected(&[]));
        for bad in [r#"""#, r#""a"b"#, "'", r"'a'b", r#""\"#] {
            assert_eq!(words(bad), None, "{bad}");
        }
    }
}
