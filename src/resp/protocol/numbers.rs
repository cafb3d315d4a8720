//! Numbers as Redis reads them.

/// The integer that a text is, in its one canonical form; as Redis's `string2ll`.
pub(crate) fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let canonical = match digits {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', rest @ ..] => rest.len() < 19 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !canonical {
        return None;
    }
    // Counted below zero, where there is one more number than above.
    let below = |number: i64, digit: &u8| {
        number.checked_mul(10)?.checked_sub(i64::from(digit.wrapping_sub(b'0')))
    };
    let negated = digits.iter().try_fold(0, below)?;
    if digits.len() < text.len() { Some(negated) } else { negated.checked_neg() }
}

/// The number that a text is, as Redis's `string2ull` reads the parts of a stream's id: what is no
/// canonical integer is read as C's `strtoull` does, with blanks, a sign and leading zeros.
pub(crate) fn unsigned(text: &[u8]) -> Option<u64> {
    if let Some(number) = integer(text) {
        return u64::try_from(number).ok();
    }
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r');
    let start = text.iter().position(|byte| !blank(byte))?;
    let (negative, digits) = match &text[start..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(if negative { number.wrapping_neg() } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_has_one_form() {
        for (text, number) in [
            ("0", 0),
            ("-1", -1),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(integer(text.as_bytes()), Some(number), "{text}");
        }
        for bad in ["", "-", "-0", "01", "+1", " 1", "1 ", "1.0", "9223372036854775808", "x"] {
            assert_eq!(integer(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_part_of_an_id_is_read_as_c_would() {
        for (text, number) in
            [("0", 0), ("007", 7), ("+5", 5), (" 5", 5), ("18446744073709551615", u64::MAX)]
        {
            assert_eq!(unsigned(text.as_bytes()), Some(number), "{text}");
        }
        for bad in ["", "-3", "5 ", "x", "18446744073709551616", "+", " "] {
            assert_eq!(unsigned(bad.as_bytes()), None, "{bad}");
        }
    }
}
