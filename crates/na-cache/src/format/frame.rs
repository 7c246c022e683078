//! A frame: bytes that are compressed together.
//!
//! | condition | the frame's bytes in the blob |
//! |---|---|
//! | its length in the blob equals its unpacked length | the unpacked bytes as they are |
//! | its length in the blob is smaller | one Zstandard frame (RFC 8878) of the unpacked bytes |
//!
//! An unpacked frame has at most [`LARGEST_FRAME`] bytes. The level of compression is not part of the format.

use std::borrow::Cow;
use std::cell::RefCell;

use arrow_schema::ArrowError;
use zstd::bulk::{Compressor, Decompressor};

/// Compared with level 1, packing is 40% faster; doubles of 17 random digits take 7% more room, those of a real cohort
/// none.
const ZSTD_LEVEL: i32 = -1;

/// No frame of one session's table unpacks to more, bytes. A reader allocates no more on the word of a directory.
pub(crate) const LARGEST_FRAME: usize = 1 << 30;

/// The position of compressed bytes in a blob.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    /// From the beginning of the blob, bytes.
    pub(crate) start: usize,
    /// In the blob, bytes.
    pub(crate) length: usize,
    /// Bytes.
    pub(crate) unpacked_length: usize,
}

thread_local! {
    /// A context of zstd is larger than most frames: each thread makes its own once.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Appends a frame of `bytes` to `blob`: compressed, or as they are if that is no larger.
#[expect(clippy::indexing_slicing, reason = "the blob was just resized to reach beyond its old end")]
pub(crate) fn add_frame(bytes: &[u8], blob: &mut Vec<u8>) -> Result<Frame, ArrowError> {
    let start = blob.len();
    blob.resize(start + bytes.len(), 0);
    let space = &mut blob[start..];
    match compress(bytes, space)? {
        Some(length) if length < bytes.len() => blob.truncate(start + length),
        _ => {
            blob.truncate(start);
            blob.extend_from_slice(bytes);
        }
    }
    Ok(Frame { start, length: blob.len() - start, unpacked_length: bytes.len() })
}

/// The length that bytes compress to. `None` if that does not fit into `space`.
fn compress(bytes: &[u8], space: &mut [u8]) -> std::io::Result<Option<usize>> {
    COMPRESSOR.with_borrow_mut(|slot| match slot {
        Some(compressor) => Ok(compressor.compress_to_buffer(bytes, space).ok()),
        None => Ok(slot.insert(Compressor::new(ZSTD_LEVEL)?).compress_to_buffer(bytes, space).ok()),
    })
}

/// The unpacked bytes of a frame, given its bytes in the blob.
///
/// # Errors
/// Bytes that [`add_frame`] did not write.
pub(crate) fn unpack(frame: Frame, packed: &[u8]) -> Result<Cow<'_, [u8]>, ArrowError> {
    if frame.unpacked_length == packed.len() {
        Ok(Cow::Borrowed(packed))
    } else {
        decompress(packed, frame.unpacked_length).map(Cow::Owned)
    }
}

fn decompress(packed: &[u8], length: usize) -> Result<Vec<u8>, ArrowError> {
    if length > LARGEST_FRAME {
        return Err(malformed("a frame of the blob claims to be larger than any frame is"));
    }
    let bytes = DECOMPRESSOR.with_borrow_mut(|slot| match slot {
        Some(decompressor) => decompressor.decompress(packed, length),
        None => slot.insert(Decompressor::new()?).decompress(packed, length),
    })?;
    if bytes.len() == length { Ok(bytes) } else { Err(malformed("a frame of the blob is cut short")) }
}

/// The error of bytes that no version of this format has.
pub(crate) fn malformed(problem: &str) -> ArrowError {
    ArrowError::IpcError(problem.to_owned())
}
