//! Medians, ratios and bars.

use serde::Serialize;

/// The middle of `values`; 0 of none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// A figure and what was asked of it.
#[derive(Serialize)]
pub(crate) struct Bar {
    pub(crate) figure: String,
    pub(crate) value: f64,
    /// The same figure of each round; empty where there is only one.
    pub(crate) rounds: Vec<f64>,
    pub(crate) asked: Asked,
    /// None where nothing was asked.
    pub(crate) met: Option<bool>,
}

/// What a bar asks.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Asked {
    AtLeast(f64),
    AtMost(f64),
    /// The figure is there to be read.
    Nothing,
}

impl Bar {
    pub(crate) fn of(figure: impl Into<String>, value: f64, asked: Asked) -> Self {
        let met = match asked {
            Asked::AtLeast(bar) => Some(value >= bar),
            Asked::AtMost(bar) => Some(value <= bar),
            Asked::Nothing => None,
        };
        Self { figure: figure.into(), value, rounds: Vec::new(), asked, met }
    }

    /// The median of one figure per round.
    pub(crate) fn of_rounds(figure: impl Into<String>, rounds: Vec<f64>, asked: Asked) -> Self {
        Self { rounds: rounds.clone(), ..Self::of(figure, median(rounds), asked) }
    }

    /// `met`, or by how much it was not; empty where nothing was asked.
    pub(crate) fn verdict(&self) -> String {
        let (Asked::AtLeast(bar) | Asked::AtMost(bar)) = self.asked else {
            return String::new();
        };
        let unsteady = if self.is_steady() { "" } else { ", but unsteady" };
        if self.met == Some(true) {
            return format!("met{unsteady}");
        }
        let missing = (self.value - bar).abs();
        let share = if bar > 0.0 { format!(" ({:.0} %)", missing / bar * 100.0) } else { String::new() };
        format!("**missed by {}{share}**{unsteady}", short(missing))
    }

    /// Whether the rounds agree to a tenth of the figure; else something disturbed them.
    fn is_steady(&self) -> bool {
        let most = self.rounds.iter().copied().fold(self.value, f64::max);
        let least = self.rounds.iter().copied().fold(self.value, f64::min);
        most - least <= self.value / 10.0 + f64::EPSILON
    }
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(bar) => write!(f, "at least {}", short(*bar)),
            Self::AtMost(bar) => write!(f, "at most {}", short(*bar)),
            Self::Nothing => f.write_str("none"),
        }
    }
}

/// Whole numbers without decimals, others with two.
pub(crate) fn short(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests {
    use super::{Asked, Bar, median};

    #[test]
    fn the_median_is_the_middle() {
        let check = |values: &[f64], expected: f64| {
            assert!((median(values.iter().copied()) - expected).abs() < 1e-9, "{values:?}");
        };
        check(&[], 0.0);
        check(&[3.0], 3.0);
        check(&[9.0, 1.0, 2.0], 2.0);
        check(&[4.0, 1.0, 2.0, 3.0], 2.5);
    }

    #[test]
    fn a_verdict_says_by_how_much() {
        let check = |value, asked, expected: &str| {
            assert_eq!(Bar::of("x", value, asked).verdict(), expected);
        };
        check(0.8, Asked::AtLeast(0.8), "met");
        check(0.72, Asked::AtLeast(0.8), "**missed by 0.08 (10 %)**");
        check(1.4, Asked::AtMost(1.4), "met");
        check(3.0, Asked::AtMost(0.0), "**missed by 3**");
        check(3.0, Asked::Nothing, "");
    }

    #[test]
    fn a_verdict_of_rounds_that_disagree_says_so() {
        let check = |rounds: &[f64], asked, expected: &str| {
            assert_eq!(Bar::of_rounds("x", rounds.to_vec(), asked).verdict(), expected);
        };
        check(&[0.96, 1.0, 1.04], Asked::AtLeast(0.8), "met");
        check(&[0.73, 0.92, 1.07], Asked::AtLeast(0.8), "met, but unsteady");
        check(&[0.5, 0.6, 0.7], Asked::AtLeast(0.8), "**missed by 0.20 (25 %)**, but unsteady");
    }
}
