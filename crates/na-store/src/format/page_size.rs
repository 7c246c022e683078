//! How large the pages of a file can be: a header that says more is refused before memory is asked for.

use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;

/// A page of this size is no surprise, whatever its file says, bytes.
const USUAL: u64 = 1 << 26;

/// The longest a page header's first two fields are, bytes.
const LONGEST: usize = 12;

/// The compact protocol's mark of a 32-bit integer in the field after the last.
const NEXT_I32: u8 = 0x15;

/// The largest size, bytes, that a page of some chunks can decompress to.
pub(crate) fn largest_page<'c>(chunks: impl Iterator<Item = &'c ColumnChunkMetaData>) -> u64 {
    chunks.filter_map(|chunk| u64::try_from(chunk.uncompressed_size()).ok()).fold(USUAL, u64::max)
}

/// Refuses a page whose header, which these bytes begin with, says that it decompresses to more than any can.
pub(crate) fn check_size(header: &[u8], largest: u64) -> Result<()> {
    match decompressed_size(header.get(..LONGEST).unwrap_or(header)) {
        Some(size) if size <= largest => Ok(()),
        Some(size) => {
            Err(ParquetError::General(format!("a page of {size} bytes, where none has over {largest}")))
        }
        None => Err(ParquetError::General("no page where one should begin".to_owned())),
    }
}

/// A page header begins with its page's type and its size without compression, each a zigzag varint.
fn decompressed_size(header: &[u8]) -> Option<u64> {
    let mut bytes = header.iter().copied();
    let mut field = || {
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
    };
    let (_page_type, size) = (field()?, field()?);
    // Odd ones are negative.
    (size % 2 == 0).then_some(size / 2)
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
