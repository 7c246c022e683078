//! What a number is, in a known statistic, in any other column and in a session list alike.

/// A number as its text gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A whole number without point and exponent.
    Integer(i64),
    /// The double nearest to the text; `-0` is one, because no integer keeps its sign.
    Double(f64),
}

impl Number {
    /// Reads a cell; `None` for what is no number: words, texts with a comma, what a double cannot hold (`1e999`), and
    /// what looks like an identifier: leading zeros (`007`), whole numbers that no 64-bit integer holds.
    ///
    /// ```
    /// use na_model::Number;
    ///
    /// assert_eq!(Number::parse("+1.5"), Some(Number::Double(1.5)));
    /// assert_eq!(Number::parse("20240101123045678"), Some(Number::Integer(20_240_101_123_045_678)));
    /// assert_eq!(Number::parse("Inf"), Some(Number::Double(f64::INFINITY)));
    /// assert_eq!(Number::parse("007"), None);
    /// ```
    #[must_use]
    pub fn parse(cell: &str) -> Option<Self> {
        let bare = cell.strip_prefix(['+', '-']).unwrap_or(cell);
        if let [b'0', b'0'..=b'9', ..] = bare.as_bytes() {
            return None;
        }
        if !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_digit()) {
            let value: i64 = cell.parse().ok()?;
            let is_negative_zero = value == 0 && cell.starts_with('-');
            return Some(if is_negative_zero { Self::Double(-0.0) } else { Self::Integer(value) });
        }
        double(cell.as_bytes()).map(Self::Double)
    }

    /// The double nearest to it.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "rounds to nearest, as reading the text does")]
    pub fn to_double(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Double(value) => value,
        }
    }
}

/// The double nearest to a text that is no whole number; `None` where the text is finite and no double is.
fn double(text: &[u8]) -> Option<f64> {
    let value: f64 = fast_float2::parse(text).ok()?;
    let has_overflowed = value.is_infinite() && text.iter().any(u8::is_ascii_digit);
    (!has_overflowed && !value.is_nan()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_the_nearest_to_their_text() {
        for text in ["0.1", "-1.5e-7", "1e308", "5e-324", "0.63994613056667421234567890", "+2.5", ".5", "5."]
        {
            let expected: f64 = text.parse().unwrap();
            assert_eq!(
                Number::parse(text).map(|n| n.to_double().to_bits()),
                Some(expected.to_bits()),
                "{text}"
            );
        }
        for (text, value) in
            [("inf", f64::INFINITY), ("-Inf", f64::NEG_INFINITY), ("Infinity", f64::INFINITY)]
        {
            assert_eq!(Number::parse(text), Some(Number::Double(value)));
        }
        assert_eq!(Number::parse("-0").map(|n| n.to_double().to_bits()), Some((-0.0_f64).to_bits()));
    }

    #[test]
    fn whole_numbers_keep_every_digit() {
        for text in ["0", "17", "-9223372036854775808", "9223372036854775807", "+3"] {
            assert_eq!(Number::parse(text), Some(Number::Integer(text.parse().unwrap())), "{text}");
        }
    }

    #[test]
    fn words_and_identifiers_are_no_numbers() {
        for text in [
            "",
            "+",
            "-",
            ".",
            "nan",
            "NaN",
            "x",
            "1,5",
            " 1",
            "1 ",
            "1d3",
            "0x10",
            "1_000",
            "1e999",
            "-1e400",
            "007",
            "-00.5",
            "00",
            "9223372036854775808",
            "12345678901234567890",
            "+-1",
            "--1",
            "1.2.3",
        ] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }
}
