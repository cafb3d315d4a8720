//! How large a proof is: small on every day, full with `cargo xtask prove`.

/// A size for every day, and the full one for `ORDERSHOP_PROVE=1`.
pub(crate) fn size(every_day: usize, full: usize) -> usize {
    if std::env::var_os("ORDERSHOP_PROVE").is_some_and(|value| value == "1") {
        full
    } else {
        every_day
    }
}
