//! The mail folder: one RFC 5322 file for each mail.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::is_uuid;

/// One mail, as its receiver sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mail {
    /// Without the angle brackets.
    pub(crate) message_id: String,
    /// The id of the event that it tells of.
    pub(crate) event_id: String,
    /// `welcome`, `good-bye`, `thanks`, `to-pay` or `received`.
    pub(crate) purpose: String,
    /// The bare address.
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) body: String,
}

/// How many mails a folder holds.
pub(crate) fn count_mails(folder: &Path) -> usize {
    files(folder).len()
}

/// All mails of a folder, by Message-ID; a file that is no mail fails the test.
pub(crate) fn read_mails(folder: &Path) -> Vec<Mail> {
    let mut mails: Vec<Mail> = files(folder)
        .into_iter()
        .map(|path| {
            let name = file_name(&path);
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
            let text = String::from_utf8(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            let mail = parse(&text).unwrap_or_else(|reason| panic!("{name}: {reason}\n{text}"));
            assert_eq!(name.strip_suffix(".eml").unwrap_or(&name), mail.message_id);
            mail
        })
        .collect();
    mails.sort_by(|a, b| a.message_id.cmp(&b.message_id));
    mails
}

/// The files of a folder; a hidden one is still being written, and no mail.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new(); // The folder is made with the first mail.
    };
    entries
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| !file_name(path).starts_with('.'))
        .collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("a file has a name").to_string_lossy().into_owned()
}

/// The mails of one purpose.
pub(crate) fn of_purpose<'a>(mails: &'a [Mail], purpose: &str) -> Vec<&'a Mail> {
    mails.iter().filter(|mail| mail.purpose == purpose).collect()
}

/// How many mails there are of each purpose.
pub(crate) fn count_by_purpose(mails: &[Mail]) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    for mail in mails {
        *counts.entry(mail.purpose.as_str()).or_default() += 1;
    }
    counts
}

fn parse(text: &str) -> Result<Mail, String> {
    let (head, body) = text.split_once("\r\n\r\n").ok_or("no empty line behind the headers")?;
    let headers = headers(head)?;
    let header = |name: &str| {
        headers.get(name).cloned().ok_or_else(|| format!("it has no header named {name}"))
    };
    header("from")?;
    header("date")?;
    let message_id = header("message-id")?;
    let message_id = message_id
        .strip_prefix('<')
        .and_then(|id| id.strip_suffix('>'))
        .ok_or("its Message-ID has no angle brackets")?;
    let (event_id, rest) = message_id.split_once('.').ok_or("its Message-ID has no purpose")?;
    let (purpose, domain) = rest.split_once('@').ok_or("its Message-ID has no domain")?;
    if !is_uuid(event_id) {
        return Err("its Message-ID does not begin with an event's id".to_owned());
    }
    if domain.is_empty() {
        return Err("its Message-ID has an empty domain".to_owned());
    }
    Ok(Mail {
        message_id: message_id.to_owned(),
        event_id: event_id.to_owned(),
        purpose: purpose.to_owned(),
        to: bare_address(&header("to")?),
        subject: header("subject")?,
        body: decode(body, headers.get("content-transfer-encoding").map(String::as_str))?,
    })
}

/// The headers by their lower-case names, with folded lines joined.
fn headers(head: &str) -> Result<HashMap<String, String>, String> {
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    unfolded
        .split("\r\n")
        .map(|line| {
            let (name, value) =
                line.split_once(':').ok_or_else(|| format!("`{line}` is no header"))?;
            Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect()
}

/// `a@b` out of `Name <a@b>` or of `a@b`.
fn bare_address(header: &str) -> String {
    let address = header.rsplit_once('<').map_or(header, |(_, address)| address);
    address.trim_end_matches('>').trim().to_owned()
}

fn decode(body: &str, encoding: Option<&str>) -> Result<String, String> {
    match encoding.map(str::to_ascii_lowercase).as_deref() {
        None | Some("7bit" | "8bit" | "binary") => Ok(body.replace("\r\n", "\n")),
        Some("quoted-printable") => quoted_printable(body),
        Some(other) => Err(format!("its body is encoded as {other}")),
    }
}

fn quoted_printable(body: &str) -> Result<String, String> {
    let body = body.replace("=\r\n", "").replace("\r\n", "\n");
    let mut bytes = Vec::new();
    let mut rest = body.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'=' {
            bytes.push(byte);
            continue;
        }
        let code = rest.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(code.ok_or("an `=` with no two digits behind it")?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_err(|error| error.to_string())
}
