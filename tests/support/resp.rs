//! A client that takes every reply as the bytes that it is, in RESP2 and RESP3.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a server may take to answer before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// A reply: its first line, its text or its elements.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reply {
    /// The line with its kind, without its end.
    pub(crate) head: Vec<u8>,
    /// The bytes of a bulk string.
    pub(crate) bulk: Option<Vec<u8>>,
    /// The elements of an array, a set, or a map (names and values in turn).
    pub(crate) elements: Vec<Reply>,
}

impl Reply {
    /// The reply as a failed test shows it.
    pub(crate) fn shown(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        if let Some(bulk) = &self.bulk {
            text = format!("{text}|{}", String::from_utf8_lossy(bulk));
        }
        if !self.elements.is_empty() {
            let elements: Vec<_> = self.elements.iter().map(Self::shown).collect();
            text = format!("{text}[{}]", elements.join(", "));
        }
        text
    }

    /// Whether it is an error.
    pub(crate) fn is_error(&self) -> bool {
        self.head.starts_with(b"-")
    }

    /// Its text, be it a simple or a bulk string.
    pub(crate) fn text(&self) -> String {
        let bytes = self.bulk.as_deref().unwrap_or_else(|| self.head.get(1..).unwrap_or_default());
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// The texts of its elements.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.elements.iter().map(Self::text).collect()
    }

    /// The number that it is.
    pub(crate) fn number(&self) -> i64 {
        self.text().parse().unwrap_or_else(|_| panic!("no number: {}", self.shown()))
    }
}

/// A connection.
pub(crate) struct RespClient {
    stream: BufReader<TcpStream>,
}

impl RespClient {
    /// Connects to a server.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// The socket.
    pub(crate) fn socket(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    /// Sends these bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Sends a command and reads its reply.
    pub(crate) fn call<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Reply {
        let words: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
        self.send(&encode(&words)).expect("the server takes a command");
        self.reply().expect("the server replies")
    }

    /// Sends a command, told as words between blanks, and reads its reply.
    pub(crate) fn ask(&mut self, command: &str) -> Reply {
        self.call(&command.split(' ').collect::<Vec<_>>())
    }

    /// The next reply.
    pub(crate) fn reply(&mut self) -> io::Result<Reply> {
        let mut head = Vec::new();
        self.stream.read_until(b'\n', &mut head)?;
        if !head.ends_with(b"\r\n") {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.truncate(head.len() - 2);
        let mut reply = Reply { head, bulk: None, elements: Vec::new() };
        let kind = reply.head.first().copied().unwrap_or_default();
        let len = || {
            let digits = String::from_utf8_lossy(reply.head.get(1..).unwrap_or_default());
            digits.parse::<i64>().map_err(|_| io::Error::other(reply.shown()))
        };
        match kind {
            b'$' | b'=' => {
                if let Ok(len) = usize::try_from(len()?) {
                    let mut bulk = vec![0; len + 2];
                    self.stream.read_exact(&mut bulk)?;
                    bulk.truncate(len);
                    reply.bulk = Some(bulk);
                }
            }
            b'*' | b'~' | b'%' | b'>' => {
                let len = usize::try_from(len()?).unwrap_or(0);
                let len = if kind == b'%' { len * 2 } else { len };
                for _ in 0..len {
                    reply.elements.push(self.reply()?);
                }
            }
            b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => {}
            _ => return Err(io::Error::other(reply.shown())),
        }
        Ok(reply)
    }

    /// All replies until the server closes the connection.
    pub(crate) fn replies_to_the_end(&mut self) -> io::Result<Vec<Reply>> {
        let mut replies = Vec::new();
        loop {
            match self.stream.fill_buf() {
                Ok([]) => return Ok(replies),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(replies),
                Err(error) => return Err(error),
                Ok(_) => replies.push(self.reply()?),
            }
        }
    }
}

/// A command as an array of bulk strings.
pub(crate) fn encode(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}
