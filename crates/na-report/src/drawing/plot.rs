//! Small drawings that several sections have.

use askama::Template;
use askama::filters::HtmlSafe;

use crate::drawing::number::Length;
use crate::statistics::histogram::{BARS, Histogram};

/// A histogram without axes, beside a row of a table. Its tails are set apart.
#[derive(Template)]
#[template(path = "sparkline.svg", escape = "none")]
pub(crate) struct Sparkline {
    width: usize,
    height: usize,
    bars: Vec<Bar>,
}

impl HtmlSafe for Sparkline {}

/// A bar of a drawing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bar {
    pub(crate) x: Length,
    pub(crate) y: Length,
    pub(crate) width: Length,
    pub(crate) height: Length,
}

impl Sparkline {
    pub(crate) fn of(histogram: &Histogram) -> Self {
        const WIDTH: f64 = 5.0;
        const HEIGHT: f64 = 24.0;
        let bars =
            histogram.scaled().into_iter().enumerate().filter(|(_, bar)| *bar > 0).map(|(index, bar)| {
                let height = f64::from(bar) / 255.0 * (HEIGHT - 1.0);
                let apart = if index == 0 {
                    0.0
                } else if index == BARS - 1 {
                    4.0
                } else {
                    2.0
                };
                Bar {
                    x: Length(index as f64 * WIDTH + apart),
                    y: Length(HEIGHT - height),
                    width: Length(WIDTH - 0.6),
                    height: Length(height),
                }
            });
        Self { width: BARS * 5 + 4, height: 24, bars: bars.collect() }
    }
}
