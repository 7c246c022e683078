//! What the page draws: numbers as text, colours, SVG and PNG.
//!
//! Knows numbers alone. Open `plot` first.

pub(crate) mod colour;
pub(crate) mod number;
pub(crate) mod picture;
pub(crate) mod plot;
