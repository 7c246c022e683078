//! Pictures of one pixel a cell, as PNG in a `data:` address.

use std::fmt;

use askama::filters::HtmlSafe;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use png::{BitDepth, ColorType, Compression, Encoder, EncodingError, Filter};

use crate::drawing::colour::Rgb;

/// Cells of a picture, row by row. 0 is transparent; n is the nth colour.
pub(crate) struct Cells {
    pub(crate) width: usize,
    pub(crate) cells: Vec<u8>,
}

/// A picture, to be written into an attribute.
pub(crate) struct Picture(String);

impl HtmlSafe for Picture {}

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Cells {
    /// The picture in these colours.
    ///
    /// # Errors
    /// A picture without cells.
    pub(crate) fn picture(&self, colours: &[Rgb]) -> Result<Picture, EncodingError> {
        let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let height = self.cells.len().checked_div(self.width).unwrap_or(0);
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, size(self.width), size(height));
        encoder.set_color(ColorType::Indexed);
        encoder.set_depth(BitDepth::Eight);
        let palette: Vec<u8> = [[0; 3]].iter().chain(colours).flatten().copied().collect();
        encoder.set_palette(palette);
        encoder.set_trns(vec![0]);
        encoder.set_compression(Compression::High);
        // Neighbours of an indexed picture are no steps of a ramp.
        encoder.set_filter(Filter::NoFilter);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.cells)?;
        writer.finish()?;
        Ok(Picture(format!("data:image/png;base64,{}", BASE64_STANDARD.encode(file))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::colour::{MANY, ramp};

    #[test]
    fn a_decoder_reads_the_cells_back() {
        let cells = Cells { width: 3, cells: vec![0, 1, 63, 2, 0, 5] };
        let Picture(address) = cells.picture(&ramp(&MANY)).unwrap();
        let file = BASE64_STANDARD.decode(address.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut read = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut read).unwrap();
        assert_eq!((info.width, info.height), (3, 2));
        assert_eq!(read, cells.cells);
        assert_eq!(reader.info().trns.as_deref(), Some(&[0][..]));
    }
}
