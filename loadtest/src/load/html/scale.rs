//! From values to places on a plot, and the values at which a plot has a line.

/// What a plot shows along one side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// From 0 to a most.
    Linear(f64),
    /// From a least to a most, both above 0, in equal steps per factor.
    Logarithmic(f64, f64),
}

impl Scale {
    /// A linear scale to a round number that is at least the largest value.
    pub(super) fn linear(values: impl Iterator<Item = f64>) -> Self {
        let most = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
        let most = if most > 0.0 { most } else { 1.0 };
        let step = step(most);
        Self::Linear((most / step).ceil().max(1.0) * step)
    }

    /// A logarithmic scale between two round numbers that hold all values above 0.
    pub(super) fn logarithmic(values: impl Iterator<Item = f64>) -> Self {
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for value in values.filter(|value| value.is_finite() && *value > 0.0) {
            least = least.min(value);
            most = most.max(value);
        }
        if most <= 0.0 {
            return Self::Logarithmic(1.0, 10.0);
        }
        let below = round_numbers().filter(|number| *number <= least).last().unwrap_or(least);
        let above = round_numbers().find(|number| *number >= most && *number > below);
        Self::Logarithmic(below, above.unwrap_or(most))
    }

    /// The place of a value: 0 at the beginning, 1 at the end, nothing beyond.
    pub(super) fn place(self, value: f64) -> f64 {
        let place = match self {
            Self::Linear(most) => value / most,
            Self::Logarithmic(least, most) => (value.max(least) / least).ln() / (most / least).ln(),
        };
        if place.is_nan() { 0.0 } else { place.clamp(0.0, 1.0) }
    }

    /// The values that have a line.
    pub(super) fn ticks(self) -> Vec<f64> {
        match self {
            Self::Linear(most) => {
                let step = step(most);
                let count = (most / step).round() as u32;
                (0..=count).map(|number| f64::from(number) * step).collect()
            }
            Self::Logarithmic(least, most) => {
                let within = |number: &f64| *number >= least * 0.999 && *number <= most * 1.001;
                let all: Vec<_> = round_numbers().filter(within).collect();
                if all.len() <= TICKS_MAX {
                    return all;
                }
                all.into_iter().filter(|number| is_decade(*number)).collect()
            }
        }
    }
}

/// The step between lines, about four of them: 1, 2, 2.5 or 5 by a power of ten.
fn step(most: f64) -> f64 {
    let rough = most / 4.0;
    let decade = 10_f64.powf(rough.log10().floor());
    let part = rough / decade - 1e-9;
    let factor = [1.0, 2.0, 2.5, 5.0].into_iter().find(|factor| part <= *factor);
    factor.unwrap_or(10.0) * decade
}

/// 1, 2 and 5 by the powers of ten that latencies in microseconds have.
fn round_numbers() -> impl Iterator<Item = f64> {
    (-1..10).flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * 10_f64.powi(power)))
}

fn is_decade(number: f64) -> bool {
    let power = number.log10();
    (power - power.round()).abs() < 1e-6
}

/// More lines than this and a plot shows only powers of ten.
const TICKS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_scales_end_at_round_numbers() {
        assert_eq!(Scale::linear([3.0, 87.0].into_iter()), Scale::Linear(100.0));
        assert_eq!(Scale::Linear(100.0).ticks(), [0.0, 25.0, 50.0, 75.0, 100.0]);
        assert_eq!(Scale::linear([0.0, f64::NAN].into_iter()), Scale::Linear(1.0));
        assert_eq!(Scale::Linear(80.0).place(20.0), 0.25);
        assert_eq!(Scale::Linear(80.0).place(200.0), 1.0);
    }

    #[test]
    fn logarithmic_scales_hold_all_values() {
        let scale = Scale::logarithmic([0.0, 130.0, 4_000.0].into_iter());
        assert_eq!(scale, Scale::Logarithmic(100.0, 5000.0));
        assert_eq!(scale.ticks(), [100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0]);
        let wide = Scale::logarithmic([12.0, 9e6].into_iter());
        assert_eq!(wide.ticks(), [10.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e7]);
        assert!((wide.place(1e4) - 0.5).abs() < 1e-9);
        assert_eq!(wide.place(0.0), 0.0);
        assert_eq!(Scale::logarithmic(std::iter::empty()), Scale::Logarithmic(1.0, 10.0));
        let one = Scale::logarithmic([100.0].into_iter());
        assert_eq!(one, Scale::Logarithmic(100.0, 200.0));
    }
}
