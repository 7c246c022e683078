//! Compresses and decompresses pages. zstd bypasses Parquet's own reader and writer: one context a thread, not two a chunk.

use std::cell::RefCell;
use std::io;

use bytes::Bytes;
use na_model::Compression;
use parquet::basic::{BrotliLevel, Compression as ParquetCompression, GzipLevel, ZstdLevel};
use parquet::errors::{ParquetError, Result};
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd::zstd_safe::{
    CCtx, InBuffer, OutBuffer, ResetDirective, compress_bound, get_error_name, get_frame_content_size,
};

/// The level of zstd.
const LEVEL: i32 = 1;

/// The level of zstd for pages of a few streams of bytes, most of which are noise: no entropy coding of literals. Features of
/// 100 sessions become 0.1% larger, and the whole job takes 7% less time.
const LEVEL_OF_SMALL: i32 = -1;

/// Bytes of a page below which it is small.
const SMALL: usize = 1 << 16;

/// Bytes of the header of a block of zstd, at most.
const LARGEST_BLOCK_HEADER: usize = 4;

/// Bytes that a page decompresses to at most.
pub(crate) const LARGEST_PAGE: usize = 1 << 26;

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The codec of zstd, as a footer names it.
pub(crate) fn zstd() -> Result<ParquetCompression> {
    Ok(ParquetCompression::ZSTD(ZstdLevel::try_new(LEVEL)?))
}

/// The codec of a compression, as a footer names it.
pub(crate) fn codec(compression: Compression) -> Result<ParquetCompression> {
    Ok(match compression {
        Compression::Snappy => ParquetCompression::SNAPPY,
        Compression::Zstd => zstd()?,
        Compression::Lz4 => ParquetCompression::LZ4_RAW,
        Compression::Gzip => ParquetCompression::GZIP(GzipLevel::default()),
        Compression::Brotli => ParquetCompression::BROTLI(BrotliLevel::default()),
        Compression::None => ParquetCompression::UNCOMPRESSED,
    })
}

/// The compression of a codec. `None` if the store never writes it.
pub(crate) fn compression_of(codec: ParquetCompression) -> Option<Compression> {
    match codec {
        ParquetCompression::SNAPPY => Some(Compression::Snappy),
        ParquetCompression::ZSTD(_) => Some(Compression::Zstd),
        ParquetCompression::LZ4_RAW => Some(Compression::Lz4),
        ParquetCompression::GZIP(_) => Some(Compression::Gzip),
        ParquetCompression::BROTLI(_) => Some(Compression::Brotli),
        ParquetCompression::UNCOMPRESSED => Some(Compression::None),
        _ => None,
    }
}

/// Whether a page is so small that blocks of its own for each of its parts cost more than they save.
pub(crate) fn is_small(page: &[u8]) -> bool {
    page.len() < SMALL
}

/// Compresses a page with zstd.
pub(crate) fn compress(page: &[u8]) -> Result<Bytes> {
    let level = if is_small(page) { LEVEL_OF_SMALL } else { LEVEL };
    with_compressor(level, |compressor| compressor.compress(page)).map(Bytes::from)
}

/// Compresses a page whose parts are unlike each other: none shares a block with the next, so that each has codes of its own.
pub(crate) fn compress_parts(parts: &[&[u8]]) -> Result<Bytes> {
    with_compressor(LEVEL, |compressor| compress_blocks(compressor.context_mut(), parts)).map(Bytes::from)
}

fn compress_blocks(context: &mut CCtx<'_>, parts: &[&[u8]]) -> io::Result<Vec<u8>> {
    let failed = |code| io::Error::other(get_error_name(code));
    let size = parts.iter().map(|part| part.len()).sum();
    context.reset(ResetDirective::SessionOnly).map_err(failed)?;
    context.set_pledged_src_size(u64::try_from(size).ok()).map_err(failed)?;
    // Each part may end a block before it is full.
    let mut compressed = Vec::with_capacity(compress_bound(size) + parts.len() * LARGEST_BLOCK_HEADER);
    let mut output = OutBuffer::around(&mut compressed);
    for (index, part) in parts.iter().enumerate() {
        let is_last = index + 1 == parts.len();
        let end = if is_last { ZSTD_EndDirective::ZSTD_e_end } else { ZSTD_EndDirective::ZSTD_e_flush };
        let mut input = InBuffer::around(part);
        while context.compress_stream2(&mut output, &mut input, end).map_err(failed)? > 0 {
            if output.pos() == output.capacity() {
                return Err(io::Error::other("a compressed page is larger than it can be"));
            }
        }
    }
    Ok(compressed)
}

/// Calls `compress` with the compressor of the thread.
fn with_compressor<T>(
    level: i32,
    compress: impl FnOnce(&mut Compressor<'static>) -> io::Result<T>,
) -> Result<T> {
    let compressed = COMPRESSOR.with_borrow_mut(|slot| match slot {
        Some(compressor) => {
            compressor.set_compression_level(level)?;
            compress(compressor)
        }
        None => compress(slot.insert(Compressor::new(level)?)),
    });
    Ok(compressed?)
}

/// Decompresses a page of zstd.
pub(crate) fn decompress(page: &[u8]) -> Result<Bytes> {
    let size = get_frame_content_size(page).ok().flatten();
    let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= LARGEST_PAGE);
    let size = size.ok_or_else(|| ParquetError::General("a page does not say its size".to_owned()))?;
    let decompressed = DECOMPRESSOR.with_borrow_mut(|slot| match slot {
        Some(decompressor) => decompressor.decompress(page, size),
        None => slot.insert(Decompressor::new()?).decompress(page, size),
    });
    Ok(decompressed?.into())
}
