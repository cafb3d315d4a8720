//! The frame around each record: how long it is, that it is whole, and what came before it.
//!
//! ```text
//! bytes  0..4   length of the payload
//!        4..8   CRC32C over all other bytes of the frame
//!        8..12  chain: the CRC of the record before, also across segments
//!       12..20  number of the batch with which it was written
//!       20      1 for the last record of its batch, else 0
//!       21..    payload
//! ```
//!
//! Numbers are little-endian.

/// How many bytes stand before the payload.
pub(super) const HEADER_BYTES: usize = 21;

/// The most bytes that a payload may have: part of the format, so no setting.
pub(super) const MAX_PAYLOAD_BYTES: usize = 16 * 1024 * 1024;

/// What stands before the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// How many bytes the payload has.
    pub(super) payload_bytes: usize,
    /// The CRC over all other bytes.
    pub(super) crc: u32,
    /// The CRC of the record before.
    pub(super) chain: u32,
    /// The batch with which it was written.
    pub(super) batch: u64,
    /// Whether it is the last record of its batch.
    pub(super) ends_batch: bool,
}

impl Header {
    /// The header at the start of `bytes`, if one can stand there at all.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, BadFrame> {
        let (header, _) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(BadFrame::Short)?;
        let [l0, l1, l2, l3, r0, r1, r2, r3, c0, c1, c2, c3, batch @ .., ends_batch] = *header;
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let payload_bytes = usize::try_from(length).map_err(|_| BadFrame::Long(length))?;
        if payload_bytes > MAX_PAYLOAD_BYTES {
            return Err(BadFrame::Long(length));
        }
        Ok(Self {
            payload_bytes,
            crc: u32::from_le_bytes([r0, r1, r2, r3]),
            chain: u32::from_le_bytes([c0, c1, c2, c3]),
            batch: u64::from_le_bytes(batch),
            ends_batch: match ends_batch {
                0 => false,
                1 => true,
                other => return Err(BadFrame::End(other)),
            },
        })
    }

    /// How many bytes the whole frame has.
    pub(super) const fn frame_bytes(&self) -> usize {
        HEADER_BYTES + self.payload_bytes
    }
}

/// A record in its frame, found whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    /// What stands before the payload.
    pub(super) header: Header,
    /// The record.
    pub(super) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame at the start of `bytes`, if it is there whole.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, BadFrame> {
        let header = Header::parse(bytes)?;
        let frame = bytes.get(..header.frame_bytes()).ok_or(BadFrame::Short)?;
        if crc_of(frame) == header.crc {
            Ok(Self { header, payload: &frame[HEADER_BYTES..] })
        } else {
            Err(BadFrame::Crc)
        }
    }
}

/// Why no record stands where one should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadFrame {
    /// The bytes end before the record does.
    #[error("the file ends within the record")]
    Short,
    /// No payload is so long.
    #[error("the length of the record, {0}, is impossible")]
    Long(u32),
    /// The mark for the end of a batch is neither 0 nor 1.
    #[error("the mark for the end of a batch is {0}")]
    End(u8),
    /// The bytes are not those that were written.
    #[error("the checksum of the record does not match")]
    Crc,
}

/// The frames of one batch, as they are put together.
#[derive(Debug, Default)]
pub(super) struct BatchFrames {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl BatchFrames {
    /// Adds a frame around what `write` appends, and returns where in the batch it begins.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> u64 {
        let start = self.bytes.len();
        self.starts.push(start);
        self.bytes.resize(start + HEADER_BYTES, 0);
        write(&mut self.bytes);
        start as u64
    }

    /// How many bytes there are so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no frame.
    pub(super) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Fills in the headers, behind a record with CRC `chain`; returns the last frame's CRC.
    pub(super) fn seal(&mut self, batch: u64, mut chain: u32) -> u32 {
        for (number, &start) in self.starts.iter().enumerate() {
            let next = self.starts.get(number + 1).copied();
            let end = next.unwrap_or(self.bytes.len());
            let frame = &mut self.bytes[start..end];
            let length = u32::try_from(frame.len() - HEADER_BYTES)
                .expect("a transaction is refused before its records become so long");
            frame[0..4].copy_from_slice(&length.to_le_bytes());
            frame[8..12].copy_from_slice(&chain.to_le_bytes());
            frame[12..20].copy_from_slice(&batch.to_le_bytes());
            frame[20] = u8::from(next.is_none());
            chain = crc_of(frame);
            frame[4..8].copy_from_slice(&chain.to_le_bytes());
        }
        chain
    }

    /// All bytes, to be written at once.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Drops all frames, and keeps the memory, up to `keep_bytes` of it, for the next batch.
    pub(super) fn clear(&mut self, keep_bytes: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(keep_bytes);
        self.starts.clear();
    }
}

/// The CRC32C over all of a frame but the CRC itself.
fn crc_of(frame: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&frame[..4]), &frame[8..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_frames() -> (Vec<u8>, u32) {
        let mut frames = BatchFrames::default();
        frames.push(|bytes| bytes.extend_from_slice(b"first"));
        frames.push(|bytes| bytes.extend_from_slice(b"second"));
        let chain = frames.seal(9, 77);
        (frames.as_bytes().to_vec(), chain)
    }

    #[test]
    fn a_sealed_batch_reads_back_as_a_chain_of_frames() {
        let (bytes, chain) = two_frames();
        let first = Frame::parse(&bytes).unwrap();
        assert_eq!((first.payload, first.header.chain), (&b"first"[..], 77));
        assert_eq!((first.header.batch, first.header.ends_batch), (9, false));
        let second = Frame::parse(&bytes[first.header.frame_bytes()..]).unwrap();
        assert_eq!((second.payload, second.header.chain), (&b"second"[..], first.header.crc));
        assert_eq!((second.header.crc, second.header.ends_batch), (chain, true));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let (bytes, _) = two_frames();
        let frame = &bytes[..HEADER_BYTES + 5];
        for bit in 0..frame.len() * 8 {
            let mut flipped = frame.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::parse(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn every_cut_is_noticed() {
        let (bytes, _) = two_frames();
        for length in 0..HEADER_BYTES + 5 {
            assert_eq!(Frame::parse(&bytes[..length]).unwrap_err(), BadFrame::Short);
        }
    }
}
