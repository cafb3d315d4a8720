//! The smallest client of a Redis server: commands in words, as a person types them.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection that is used by one thread, one command after the other.
#[derive(Debug)]
pub struct RespClient {
    stream: BufReader<TcpStream>,
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing.
    Nil,
    /// A number.
    Integer(i64),
    /// A text, be it a status or a bulk string.
    Text(String),
    /// Several answers.
    List(Vec<Answer>),
}

impl Answer {
    /// The text; a test fails where it is none.
    pub fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            other => panic!("no text: {other:?}"),
        }
    }

    /// The number; a test fails where it is none.
    pub fn integer(self) -> i64 {
        match self {
            Self::Integer(number) => number,
            other => panic!("no number: {other:?}"),
        }
    }

    /// The answers; a test fails where they are none.
    pub fn list(self) -> Vec<Self> {
        match self {
            Self::List(list) => list,
            other => panic!("no list: {other:?}"),
        }
    }
}

impl RespClient {
    /// Connects to `HOST:PORT`.
    pub fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a command and waits for its answer; an error of the server is an error here.
    pub fn call(&mut self, words: &[&str]) -> io::Result<Answer> {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        self.call_bytes(&words)
    }

    /// The same for words that are no text.
    pub fn call_bytes(&mut self, words: &[&[u8]]) -> io::Result<Answer> {
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&bytes)?;
        self.answer()
    }

    fn answer(&mut self) -> io::Result<Answer> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let Some((kind, rest)) = line.split_at_checked(1) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let number = || rest.parse::<i64>().map_err(|_| io::Error::other(line.clone()));
        match kind {
            "+" => Ok(Answer::Text(rest.to_owned())),
            ":" => Ok(Answer::Integer(number()?)),
            "$" => match usize::try_from(number()?) {
                Err(_) => Ok(Answer::Nil),
                Ok(length) => {
                    let mut bytes = vec![0; length + 2];
                    self.stream.read_exact(&mut bytes)?;
                    bytes.truncate(length);
                    Ok(Answer::Text(String::from_utf8_lossy(&bytes).into_owned()))
                }
            },
            "*" => match usize::try_from(number()?) {
                Err(_) => Ok(Answer::Nil),
                Ok(count) => {
                    (0..count).map(|_| self.answer()).collect::<Result<_, _>>().map(Answer::List)
                }
            },
            _ => Err(io::Error::other(line)),
        }
    }
}
