//! A small blocking HTTP/1.1 client that takes every answer as it is, and never sends anything
//! twice: after a lost connection the caller must know that the outcome is unknown.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a shop may take to answer before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection idle for longer may be about to be closed by the server: it is not used again.
const IDLE_LIMIT: Duration = Duration::from_secs(2);

/// An answer, of whatever status.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's value, by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; anything else is a failed test.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}) in {}", self.shown()))
    }

    /// The answer as a failed test shows it.
    pub(crate) fn shown(&self) -> String {
        let kind = self.header("content-type").unwrap_or("no type");
        format!("{} ({kind}): {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

/// One keep-alive connection to a server, opened when it is needed.
pub(crate) struct Client {
    address: SocketAddr,
    connection: Option<(BufReader<TcpStream>, Instant)>,
    /// When the last request had been handed to the system.
    pub(crate) sent_at: Option<Instant>,
}

impl Client {
    /// A client of the server at this address; nothing is sent yet.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, connection: None, sent_at: None }
    }

    /// A client that begins with a connection that was opened elsewhere.
    pub(crate) fn over(stream: TcpStream) -> io::Result<Self> {
        let mut client = Self::new(stream.peer_addr()?);
        client.connection = Some((BufReader::new(prepared(stream)?), Instant::now()));
        Ok(client)
    }

    /// Sends a request with an optional JSON body and reads its answer.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> io::Result<Answer> {
        let body = body.map(Value::to_string);
        let headers: &[(&str, &str)] =
            if body.is_some() { &[("Content-Type", "application/json")] } else { &[] };
        self.send_bytes(method, path, headers, body.as_deref().map(str::as_bytes))
    }

    /// Sends a request with these headers and bytes and reads its answer.
    pub(crate) fn send_bytes(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> io::Result<Answer> {
        let mut request = Vec::new();
        write!(request, "{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address)?;
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n")?;
        }
        if let Some(body) = body {
            write!(request, "Content-Length: {}\r\n", body.len())?;
        }
        write!(request, "\r\n")?;
        request.extend_from_slice(body.unwrap_or_default());
        self.send_raw(&request, method == "HEAD")
    }

    /// Sends these very bytes, whatever they are, and reads an answer.
    pub(crate) fn send_raw(&mut self, request: &[u8], without_body: bool) -> io::Result<Answer> {
        self.sent_at = None;
        let mut connection = match self.connection.take() {
            Some((connection, used)) if used.elapsed() < IDLE_LIMIT => connection,
            _ => self.connect()?,
        };
        // A server may refuse a request before it has read it all: then its answer is there to be
        // read although the write failed.
        let written = connection.get_mut().write_all(request);
        self.sent_at = Some(Instant::now());
        let answer = match (read_answer(&mut connection, without_body), written) {
            (Ok(answer), _) => answer,
            (Err(_), Err(error)) | (Err(error), Ok(())) => return Err(error),
        };
        if answer.header("connection") != Some("close") {
            self.connection = Some((connection, Instant::now()));
        }
        Ok(answer)
    }

    fn connect(&self) -> io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        Ok(BufReader::new(prepared(stream)?))
    }
}

fn prepared(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn read_answer(reader: &mut impl BufRead, without_body: bool) -> io::Result<Answer> {
    loop {
        let status = read_line(reader)?
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| malformed("no status line"))?;
        let headers = read_headers(reader)?;
        let mut answer = Answer { status, headers, body: Vec::new() };
        if answer.status == 100 {
            continue;
        }
        if !without_body && answer.status != 204 && answer.status != 304 {
            answer.body = read_body(reader, &answer)?;
        }
        return Ok(answer);
    }
}

fn read_headers(reader: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            return Ok(headers);
        }
        let (name, value) = line.split_once(':').ok_or_else(|| malformed("a header"))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn read_body(reader: &mut impl BufRead, answer: &Answer) -> io::Result<Vec<u8>> {
    if answer.header("transfer-encoding") == Some("chunked") {
        return read_chunks(reader);
    }
    let length = answer
        .header("content-length")
        .and_then(|length| length.parse().ok())
        .ok_or_else(|| malformed("no length"))?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

fn read_chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(reader)?;
        let size = line.split(';').next().unwrap_or_default();
        let size =
            usize::from_str_radix(size.trim(), 16).map_err(|_| malformed("a chunk's size"))?;
        let start = body.len();
        body.resize(start + size, 0);
        reader.read_exact(&mut body[start..])?;
        if !read_line(reader)?.is_empty() {
            return Err(malformed("a chunk's end"));
        }
        if size == 0 {
            return Ok(body);
        }
    }
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed"));
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the answer's {what} is malformed"))
}
