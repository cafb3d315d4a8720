//! Patterns of keys, as `KEYS` and `MATCH` take them; as Redis's `stringmatchlen`.

/// How many steps a match may take back; a pattern that wants more matches nothing.
const MAX_STEPS: usize = 100_000;

/// A pattern: `*`, `?`, `[a-z]`, `[^x]`, and a backslash before what is meant as it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glob<'a>(&'a [u8]);

impl<'a> Glob<'a> {
    /// That pattern.
    pub(crate) fn new(pattern: &'a [u8]) -> Self {
        Self(pattern)
    }

    /// Whether it matches everything.
    pub(crate) fn is_all(self) -> bool {
        self.0 == b"*"
    }

    /// Whether it matches the whole text.
    ///
    /// Only the last `*` is ever tried anew, which is all that a match needs; so the time is bounded
    /// by the product of both lengths, and by a number of steps besides.
    pub(crate) fn matches(self, text: &[u8]) -> bool {
        let (mut pattern, mut rest) = (self.0, text);
        let mut star: Option<(&[u8], &[u8])> = None;
        for _ in 0..MAX_STEPS {
            if let [b'*', behind @ ..] = pattern {
                pattern = behind;
                star = Some((behind, rest));
                continue;
            }
            let step = match (pattern, rest) {
                ([], []) => return true,
                (_, []) => return false,
                ([], _) => None,
                (_, [byte, behind @ ..]) => one(pattern, *byte).map(|pattern| (pattern, behind)),
            };
            match (step, star) {
                (Some((next, behind)), _) => (pattern, rest) = (next, behind),
                (None, Some((behind_star, [_, later @ ..]))) => {
                    (pattern, rest) = (behind_star, later);
                    star = Some((behind_star, later));
                }
                (None, _) => return false,
            }
        }
        false
    }
}

/// Matches one byte with the pattern's first part; returns what stands behind that part.
fn one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [] => None,
        [b'?', behind @ ..] => Some(behind),
        [b'[', class @ ..] => {
            let (is_in, behind) = in_class(class, byte);
            is_in.then_some(behind)
        }
        [b'\\', literal, behind @ ..] | [literal, behind @ ..] => {
            (*literal == byte).then_some(behind)
        }
    }
}

/// Whether the class, without its bracket, has that byte; and what stands behind the class.
fn in_class(class: &[u8], byte: u8) -> (bool, &[u8]) {
    let (not, mut rest) = match class {
        [b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut found = false;
    loop {
        match rest {
            [] => break,
            [b'\\', literal, behind @ ..] => {
                found |= *literal == byte;
                rest = behind;
            }
            [b']', behind @ ..] => {
                rest = behind;
                break;
            }
            [from, b'-', to, behind @ ..] => {
                let (low, high) = if from <= to { (from, to) } else { (to, from) };
                found |= (*low..=*high).contains(&byte);
                rest = behind;
            }
            [literal, behind @ ..] => {
                found |= *literal == byte;
                rest = behind;
            }
        }
    }
    (found != not, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::new(pattern.as_bytes()).matches(text.as_bytes())
    }

    #[test]
    fn patterns_match_as_in_redis() {
        for (pattern, text) in [
            ("*", ""),
            ("a*c", "abbbc"),
            ("a**c", "ac"),
            ("?[a-c]?", "xbz"),
            ("[^a]", "b"),
            ("[c-a]", "b"),
            (r"\*", "*"),
            (r"[\]]", "]"),
            ("*_ids", "customer_ids"),
            ("a*b*c", "a-b-b-c"),
            ("[ab", "a"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("a", ""),
            ("?", ""),
            ("[^a]", "a"),
            ("a*c", "ab"),
            (r"\*", "x"),
            ("[]", "]"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_ends_soon() {
        let pattern = "a*".repeat(1_000) + "b";
        assert!(!matches(&pattern, &"a".repeat(10_000)));
    }
}
