//! Compresses and decompresses pages. zstd bypasses Parquet's own reader and writer: one context a thread, not two a chunk.

use std::cell::RefCell;

use bytes::Bytes;
use na_model::Compression;
use parquet::basic::{BrotliLevel, Compression as ParquetCompression, GzipLevel, ZstdLevel};
use parquet::errors::{ParquetError, Result};

/// The level of zstd.
const LEVEL: i32 = 1;

/// The level of zstd for pages of a few streams of bytes, most of which are noise: no entropy coding of literals. Features of
/// 100 sessions become 0.1% larger, and the whole job takes 7% less time.
const LEVEL_OF_SMALL: i32 = -1;

/// Bytes of a page from which zstd has blocks for different streams.
const SMALL: usize = 1 << 16;

/// Bytes that a page decompresses to at most.
pub(crate) const LARGEST_PAGE: usize = 1 << 26;

thread_local! {
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
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

/// Compresses a page with zstd.
pub(crate) fn compress(page: &[u8]) -> Result<Bytes> {
    let level = if page.len() < SMALL { LEVEL_OF_SMALL } else { LEVEL };
    let compressed = COMPRESSOR.with_borrow_mut(|slot| match slot {
        Some(compressor) => {
            compressor.set_compression_level(level)?;
            compressor.compress(page)
        }
        None => slot.insert(zstd::bulk::Compressor::new(level)?).compress(page),
    });
    Ok(compressed?.into())
}

/// Decompresses a page of zstd.
pub(crate) fn decompress(page: &[u8]) -> Result<Bytes> {
    let size = zstd::zstd_safe::get_frame_content_size(page).ok().flatten();
    let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= LARGEST_PAGE);
    let size = size.ok_or_else(|| ParquetError::General("a page does not say its size".to_owned()))?;
    let decompressed = DECOMPRESSOR.with_borrow_mut(|slot| match slot {
        Some(decompressor) => decompressor.decompress(page, size),
        None => slot.insert(zstd::bulk::Decompressor::new()?).decompress(page, size),
    });
    Ok(decompressed?.into())
}
