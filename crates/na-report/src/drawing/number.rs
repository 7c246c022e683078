//! Numbers as the page writes them.

use std::fmt;

use askama::filters::HtmlSafe;

/// What stands where there is no number.
const NONE: &str = "–";

/// A count: `12,345`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) usize);

/// A share of 1, as a percentage: `85.3 %`. Neither none nor all is ever rounded to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Share(pub(crate) f64);

/// Three significant digits, and no fewer than the integer has: `0.00712`, `1,234`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Digits(pub(crate) Option<f64>);

/// With a sign and some decimals: `+0.52`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Signed<const DECIMALS: usize>(pub(crate) Option<f64>);

/// A length in a drawing, with one decimal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Length(pub(crate) f64);

impl HtmlSafe for Count {}
impl HtmlSafe for Share {}
impl HtmlSafe for Digits {}
impl<const DECIMALS: usize> HtmlSafe for Signed<DECIMALS> {}
impl HtmlSafe for Length {}

impl Share {
    /// `None` of nothing is none.
    pub(crate) fn of(part: usize, all: usize) -> Self {
        Self(if all == 0 { 0.0 } else { part as f64 / all as f64 })
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_commas(&self.0.to_string()))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            share if share <= 0.0 => f.write_str("0 %"),
            share if share >= 1.0 => f.write_str("100 %"),
            share if share < 0.001 => f.write_str("< 0.1 %"),
            share if share > 0.999 => f.write_str("> 99.9 %"),
            share => write!(f, "{:.1} %", 100.0 * share),
        }
    }
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(value) = self.0.filter(|value| value.is_finite()) else { return f.write_str(NONE) };
        let magnitude = value.abs();
        if magnitude >= 1e15 || (magnitude > 0.0 && magnitude < 1e-5) {
            return write!(f, "{value:.2e}");
        }
        let decimals =
            if magnitude == 0.0 { 0 } else { (2.0 - magnitude.log10().floor()).clamp(0.0, 8.0) as usize };
        let text = format!("{value:.decimals$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        f.write_str(&with_commas(without_negative_zero(text)))
    }
}

impl<const DECIMALS: usize> fmt::Display for Signed<DECIMALS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(value) = self.0.filter(|value| value.is_finite()) else { return f.write_str(NONE) };
        let text = format!("{value:+.DECIMALS$}");
        let is_zero = !text.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
        f.write_str(if is_zero { text.trim_start_matches(['+', '-']) } else { &text })
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.1}", self.0);
        f.write_str(without_negative_zero(text.strip_suffix(".0").unwrap_or(&text)))
    }
}

/// A number of things: `1 session`, `1,200 sessions`.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    format!("{} {noun}{}", Count(n), if n == 1 { "" } else { "s" })
}

fn without_negative_zero(text: &str) -> &str {
    match text.strip_prefix('-') {
        Some(rest) if !rest.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) => rest,
        _ => text,
    }
}

fn with_commas(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut grouped = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_shares_can_be_read() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(|n| Count(n).to_string()),
            ["0", "999", "1,000", "1,234,567"]
        );
        let shares = [0.0, 1e-6, 0.853, 0.99999, 1.0].map(|share| Share(share).to_string());
        assert_eq!(shares, ["0 %", "< 0.1 %", "85.3 %", "> 99.9 %", "100 %"]);
        assert_eq!([1, 2].map(|n| counted(n, "region")), ["1 region", "2 regions"]);
    }

    #[test]
    fn digits_are_those_that_count() {
        let text = |value| Digits(Some(value)).to_string();
        assert_eq!(
            [0.0, 2.5, 0.000_712_34, 1234.4, 45.678, -0.5, 1e-9, 1e20, 999.6].map(text),
            ["0", "2.5", "0.000712", "1,234", "45.7", "-0.5", "1.00e-9", "1.00e20", "1,000"]
        );
        assert_eq!(Digits(None).to_string(), "–");
        assert_eq!(Digits(Some(f64::NAN)).to_string(), "–");
    }

    #[test]
    fn no_zero_has_a_sign() {
        let signed = [0.524, -0.001, 0.0, -2.0].map(|value| Signed::<2>(Some(value)).to_string());
        assert_eq!(signed, ["+0.52", "0.00", "0.00", "-2.00"]);
        assert_eq!([-0.04, 1.0, 2.25].map(|value| Length(value).to_string()), ["0", "1", "2.2"]);
    }
}
