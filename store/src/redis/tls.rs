//! Whom a connection with TLS trusts.

use std::fs;

use crate::LogError;

/// The parameter of a URL that names the file with the certificates of an authority.
const PARAMETER: &str = "ca=";

/// The certificates, as PEM, of the authority that a URL names; `None` where those of the system count.
pub(super) fn authority(url: &str) -> Result<Option<Vec<u8>>, LogError> {
    let Some(path) = file_named_in(url) else { return Ok(None) };
    let refused = |reason| format!("cannot read the certificates in {path}: {reason}");
    match fs::read(path) {
        Ok(pem) if is_pem(&pem) => Ok(Some(pem)),
        Ok(_) => Err(LogError::Refused(refused("there are none".to_owned()).into())),
        Err(error) => Err(LogError::Refused(refused(error.to_string()).into())),
    }
}

fn file_named_in(url: &str) -> Option<&str> {
    let (_, query) = url.rsplit_once('?')?;
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    query.split('&').find_map(|pair| pair.strip_prefix(PARAMETER))
}

fn is_pem(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes).contains("-----BEGIN CERTIFICATE-----")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_found_in_the_url() {
        assert_eq!(file_named_in("rediss://a:b@c:1/0?ca=/d/e.pem"), Some("/d/e.pem"));
        assert_eq!(file_named_in("rediss://c?protocol=3&ca=e.pem#x"), Some("e.pem"));
        assert_eq!(file_named_in("rediss://c"), None);
        assert_eq!(file_named_in("rediss://a:ca=x@c"), None);
    }
}
