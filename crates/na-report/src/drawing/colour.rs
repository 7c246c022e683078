//! Colour ramps, monotone in lightness: they can be read without colours, and in print.

/// A colour: red, green, blue.
pub(crate) type Rgb = [u8; 3];

/// Colours of a ramp.
pub(crate) const STEPS: usize = 63;

/// Pale to dark: how often something is unusual.
pub(crate) const OFTEN: [Rgb; 5] =
    [[238, 240, 244], [253, 214, 123], [224, 142, 60], [166, 78, 62], [84, 30, 66]];

/// Pale to dark: how many sessions.
pub(crate) const MANY: [Rgb; 4] = [[225, 232, 240], [140, 170, 200], [60, 105, 150], [15, 45, 85]];

/// [`STEPS`] colours from the first to the last, through the others.
pub(crate) fn ramp(stops: &[Rgb]) -> Vec<Rgb> {
    let colour = |step: usize| {
        let position = step as f64 * stops.len().saturating_sub(1) as f64 / (STEPS - 1) as f64;
        let below = (position as usize).min(stops.len().saturating_sub(2));
        let (Some(low), Some(high)) = (stops.get(below), stops.get(below + 1)) else { return [0; 3] };
        let share = position - below as f64;
        let mut mixed = *low;
        for (mixed, high) in mixed.iter_mut().zip(high) {
            *mixed = (f64::from(*mixed) * (1.0 - share) + f64::from(*high) * share).round() as u8;
        }
        mixed
    };
    (0..STEPS).map(colour).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ramps_get_darker_step_by_step() {
        for stops in [&OFTEN[..], &MANY[..]] {
            let ramp = ramp(stops);
            assert_eq!((ramp[0], ramp[STEPS - 1]), (stops[0], stops[stops.len() - 1]));
            let lightness =
                |[r, g, b]: &Rgb| 2126 * u32::from(*r) + 7152 * u32::from(*g) + 722 * u32::from(*b);
            assert!(ramp.windows(2).all(|pair| lightness(&pair[0]) >= lightness(&pair[1])));
        }
    }
}
