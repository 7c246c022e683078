//! Bounds the size of a file's pages: a header that says more is refused before memory is asked for.

use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;

/// Bytes that a page may have, whatever its file says.
const USUAL: u64 = 1 << 26;

/// Bytes of a page header's first two fields at most.
const LONGEST: usize = 12;

/// The compact protocol's mark of a 32-bit integer in the field after the last.
const NEXT_I32: u8 = 0x15;

/// Bytes that a page of some chunks decompresses to at most. A chunk with a size below zero allows no more than usual.
pub(crate) fn largest_page<'c>(chunks: impl Iterator<Item = &'c ColumnChunkMetaData>) -> u64 {
    chunks.filter_map(|chunk| u64::try_from(chunk.uncompressed_size()).ok()).fold(USUAL, u64::max)
}

/// Refuses a page that decompresses to over `largest` bytes, as its header says. The bytes begin with the header.
pub(crate) fn check_size(header: &[u8], largest: u64) -> Result<()> {
    match decompressed_size(header.get(..LONGEST).unwrap_or(header)) {
        Some(size) if size <= largest => Ok(()),
        Some(size) => {
            Err(ParquetError::General(format!("a page of {size} bytes, where none has over {largest}")))
        }
        None => Err(ParquetError::General("no page where one should begin".to_owned())),
    }
}

/// The size of a page without compression, which follows the page's type in its header. `None` if no header begins so.
fn decompressed_size(header: &[u8]) -> Option<u64> {
    let mut bytes = header.iter().copied();
    let (_page_type, size) = (zigzag_field(&mut bytes)?, zigzag_field(&mut bytes)?);
    // Odd ones are negative.
    (size % 2 == 0).then_some(size / 2)
}

/// The next field, a 32-bit integer, as its zigzag varint has it.
fn zigzag_field(bytes: &mut impl Iterator<Item = u8>) -> Option<u64> {
    if bytes.next()? != NEXT_I32 {
        return None;
    }
    let mut value = 0;
    for shift in [0, 7, 14, 21, 28] {
        let byte = bytes.next()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_page_is_what_its_header_says() {
        // A data page, 300 bytes without compression, 17 with it.
        let header = [0x15, 0x00, 0x15, 0xd8, 0x04, 0x15, 0x22, 0x2c];
        assert_eq!(decompressed_size(&header), Some(300));
        check_size(&header, 300).unwrap();
        assert!(check_size(&header, 299).unwrap_err().to_string().contains("300 bytes"));
        for none in
            [&[][..], &[0x15, 0x00], &[0x15, 0x00, 0x25, 0x02], &[0x15, 0x00, 0x15, 0x01], &[0xff; 12]]
        {
            assert_eq!(decompressed_size(none), None);
        }
    }
}
