//! Typed arrays in one deflated block, with a directory that says where each is.

use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::{Map, Value, json};

/// The block while it is filled. Each array begins at a multiple of eight bytes, as the script's typed arrays ask for, and is
/// little-endian.
#[derive(Debug, Default)]
pub(crate) struct Block {
    bytes: Vec<u8>,
    directory: Map<String, Value>,
}

/// A number of an array, and how the script calls its type.
pub(crate) trait Element {
    const TYPE: &'static str;
    const SIZE: usize;
    fn put(self, bytes: &mut Vec<u8>);
}

macro_rules! element {
    ($number:ty, $name:literal) => {
        impl Element for $number {
            const TYPE: &'static str = $name;
            const SIZE: usize = size_of::<$number>();

            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }
        }
    };
}

element!(u8, "u8");
element!(u16, "u16");
element!(i16, "i16");
element!(u32, "u32");
element!(f32, "f32");
element!(f64, "f64");

impl Block {
    pub(crate) fn add<E: Element>(&mut self, name: impl Into<String>, elements: impl IntoIterator<Item = E>) {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let offset = self.bytes.len();
        elements.into_iter().for_each(|element| element.put(&mut self.bytes));
        let length = (self.bytes.len() - offset) / E::SIZE;
        self.directory.insert(name.into(), json!([E::TYPE, offset, length]));
    }

    /// Adds texts, a line each.
    pub(crate) fn add_lines<'t>(&mut self, name: &str, texts: impl IntoIterator<Item = &'t str>) {
        let texts: Vec<String> = texts.into_iter().map(|text| text.replace('\n', " ")).collect();
        self.add(name, texts.join("\n").into_bytes());
    }

    /// The directory, and the block in base64.
    ///
    /// # Errors
    /// None that memory does not give.
    pub(crate) fn finish(self) -> io::Result<(Map<String, Value>, String)> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(9));
        encoder.write_all(&self.bytes)?;
        Ok((self.directory, BASE64_STANDARD.encode(encoder.finish()?)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::ZlibDecoder;

    use super::*;

    #[test]
    fn arrays_are_where_the_directory_says() {
        let mut block = Block::default();
        block.add("bytes", [1_u8, 2, 3]);
        block.add("numbers", [-2_i16, 300]);
        block.add_lines("texts", ["a\nb", "ü"]);
        let (directory, text) = block.finish().unwrap();
        assert_eq!(directory["numbers"], json!(["i16", 8, 2]));
        assert_eq!(directory["texts"], json!(["u8", 16, 6]));
        let mut bytes = Vec::new();
        ZlibDecoder::new(&BASE64_STANDARD.decode(text).unwrap()[..]).read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes[8..12], [0xfe, 0xff, 0x2c, 0x01]);
        assert_eq!(&bytes[16..], "a b\nü".as_bytes());
    }
}
