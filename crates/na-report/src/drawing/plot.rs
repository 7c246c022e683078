//! Small drawings that several sections have.

use askama::Template;
use askama::filters::HtmlSafe;

use crate::drawing::number::Length;
use crate::statistics::histogram::{BARS, Histogram};

/// The width of a bar with the gap behind it, the gap before either tail, and the height of all.
const BAR: f64 = 5.0;
const APART: f64 = 2.0;
const HEIGHT: f64 = 24.0;

/// A histogram without axes, beside a row of a table. Its tails are set apart.
#[derive(Template)]
#[template(path = "sparkline.svg", escape = "none")]
pub(crate) struct Sparkline {
    width: Length,
    height: Length,
    bars: Vec<Bar>,
}

impl HtmlSafe for Sparkline {}

struct Bar {
    x: Length,
    y: Length,
    width: Length,
    height: Length,
}

impl Sparkline {
    pub(crate) fn of(histogram: &Histogram) -> Self {
        let bars = histogram.scaled().into_iter().enumerate().filter(|(_, bar)| *bar > 0);
        let bars = bars.map(|(index, bar)| {
            let height = f64::from(bar) / 255.0 * (HEIGHT - 1.0);
            let n_gaps = usize::from(index > 0) + usize::from(index == BARS - 1);
            Bar {
                x: Length(index as f64 * BAR + n_gaps as f64 * APART),
                y: Length(HEIGHT - height),
                width: Length(BAR - 0.6),
                height: Length(height),
            }
        });
        Self { width: Length(BARS as f64 * BAR + 2.0 * APART), height: Length(HEIGHT), bars: bars.collect() }
    }
}
