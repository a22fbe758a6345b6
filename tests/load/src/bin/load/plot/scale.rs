//! From values to places in a frame, evenly or by their logarithms, and the values that stand beside it.

/// Values that are further apart than this are placed by their logarithms.
const FAR: f64 = 20.0;
/// Steps beside a frame, about.
const STEPS: f64 = 5.0;

/// One axis of a frame.
pub(super) struct Scale {
    is_log: bool,
    /// The ends, as logarithms where they are placed so.
    low: f64,
    high: f64,
    /// Between values that stand beside it, where they are placed evenly.
    step: f64,
    /// Where these ends are drawn.
    from: f64,
    to: f64,
}

impl Scale {
    /// Of places that are given; room is left at both ends, as a part of what lies between the first and the last.
    pub(super) fn places(places: impl Iterator<Item = f64>, is_log: bool, room: f64, from: f64, to: f64) -> Self {
        let measure = |value: f64| if is_log { value.log10() } else { value };
        let (low, high) = ends(places.map(measure)).unwrap_or((0.0, 1.0));
        let room = if high > low { (high - low) * room } else { 1.0 };
        Self { is_log, low: low - room, high: high + room, step: high - low, from, to }
    }

    /// Of values: from nothing, or by logarithms if they are far apart; ends are round.
    pub(super) fn values(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let positive = values.filter(|value| *value > 0.0);
        let (least, most) = ends(positive).unwrap_or((1.0, 1.0));
        if most > least * FAR {
            let (low, high) = (round(least, false).log10(), round(most, true).log10());
            return Self { is_log: true, low, high, step: 1.0, from, to };
        }
        let step = round(most / STEPS, true);
        Self { is_log: false, low: 0.0, high: (most * 1.02 / step).ceil().max(1.0) * step, step, from, to }
    }

    /// Where a value is drawn.
    pub(super) fn at(&self, value: f64) -> f64 {
        self.from + (self.measure(value) - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// Whether it can be drawn: a zero has no logarithm.
    pub(super) fn holds(&self, value: f64) -> bool {
        let measured = self.measure(value);
        // The ends were rounded.
        measured >= self.low - 1e-9 && measured <= self.high + 1e-9
    }

    /// The values that stand beside it, from the least.
    pub(super) fn steps(&self) -> Vec<f64> {
        if !self.is_log {
            let values = (0..=20_u32).map(|place| f64::from(place) * self.step);
            return values.take_while(|value| *value <= self.high * (1.0 + 1e-9)).collect();
        }
        let decades = self.high - self.low;
        let parts: &[f64] = if decades > 3.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let values = (-9..=12).flat_map(|power| parts.iter().map(move |part| part * 10_f64.powi(power)));
        values.filter(|value| self.holds(*value)).collect()
    }

    fn measure(&self, value: f64) -> f64 {
        if self.is_log { value.log10() } else { value }
    }
}

/// The least and the most, if there are any.
fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (least, most) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)));
    (least <= most).then_some((least, most))
}

/// The next of 1, 2 and 5 times a power of ten.
fn round(value: f64, up: bool) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let parts = [1.0, 2.0, 5.0, 10.0];
    let is_beyond =
        |part: &&f64| if up { **part * power >= value * (1.0 - 1e-9) } else { **part * power <= value * (1.0 + 1e-9) };
    let found = if up { parts.iter().find(is_beyond) } else { parts.iter().rev().find(is_beyond) };
    found.unwrap_or(&1.0) * power
}

/// A value in few letters: `0.05`, `1.5`, `800`, `25k`, `1M`.
pub(super) fn short(value: f64) -> String {
    let (value, unit) = match value {
        _ if value >= 999_500.0 => (value / 1e6, "M"),
        _ if value >= 999.5 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = match value {
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ if value >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

#[cfg(test)]
mod tests {
    use super::{Scale, short};

    fn check(values: &[f64], expected: &[f64]) {
        let steps = Scale::values(values.iter().copied(), 0.0, 100.0).steps();
        let texts = |values: &[f64]| values.iter().map(|value| short(*value)).collect::<Vec<_>>();
        assert_eq!(texts(&steps), texts(expected), "{values:?}");
    }

    #[test]
    fn steps_are_round_and_reach_around_all_values() {
        check(&[3.0, 9.0], &[0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        check(&[30_000.0, 41_000.0], &[0.0, 10_000.0, 20_000.0, 30_000.0, 40_000.0, 50_000.0]);
        check(&[1.5, 70.0], &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        check(&[0.3, 4_000.0], &[1.0, 10.0, 100.0, 1_000.0]);
        check(&[0.0, 0.0], &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2]);
    }

    #[test]
    fn values_are_written_short() {
        let check = |value, expected: &str| assert_eq!(short(value), expected);
        check(0.0, "0");
        check(0.05, "0.05");
        check(1.5, "1.5");
        check(850.4, "850");
        check(999.4, "999");
        check(1_500.0, "1.5k");
        check(25_000.0, "25k");
        check(1_000_000.0, "1M");
    }
}
