//! What was measured along something: the points, for report.json and for a plot.

use serde::Serialize;

/// One axis, and all that was measured along it.
#[derive(Serialize)]
pub(crate) struct Chart {
    /// The chapter that shows it.
    pub(crate) chapter: &'static str,
    /// Its plot is `plots/{file}.svg`.
    pub(crate) file: &'static str,
    pub(crate) title: String,
    pub(crate) along: Along,
    /// Each of one figure.
    pub(crate) panels: Vec<Panel>,
}

/// The axis across.
#[derive(Clone, Serialize)]
pub(crate) struct Along {
    /// What it counts, with its unit.
    pub(crate) label: String,
    pub(crate) is_log: bool,
    /// Whether there is anything between two of its places; else points are not joined.
    pub(crate) is_continuous: bool,
    /// Where something was measured, and what that place is called.
    pub(crate) places: Vec<(f64, String)>,
}

/// One figure, of each that it was measured of.
#[derive(Serialize)]
pub(crate) struct Panel {
    /// With its unit.
    pub(crate) figure: String,
    pub(crate) lines: Vec<Line>,
}

/// One server's, or one kind of request's.
#[derive(Clone, Serialize)]
pub(crate) struct Line {
    pub(crate) name: String,
    /// Drawn dashed: it is there to be compared with.
    pub(crate) is_yardstick: bool,
    /// Each where it was measured and what was.
    pub(crate) points: Vec<(f64, f64)>,
}

impl Along {
    /// Places that are numbers, with a factor between neighbours.
    pub(crate) fn log(label: &str, places: &[u32]) -> Self {
        Self::numbers(label, true, places)
    }

    /// Places that are numbers.
    pub(crate) fn linear(label: &str, places: &[u32]) -> Self {
        Self::numbers(label, false, places)
    }

    fn numbers(label: &str, is_log: bool, places: &[u32]) -> Self {
        let places = places.iter().map(|place| (f64::from(*place), grouped(*place))).collect();
        Self { label: label.to_owned(), is_log, is_continuous: true, places }
    }

    /// Places that have names and no order; the first is at 1.
    pub(crate) fn names(label: &str, names: &[&str]) -> Self {
        let places = (1_u32..).zip(names).map(|(place, name)| (f64::from(place), (*name).to_owned())).collect();
        Self { label: label.to_owned(), is_log: false, is_continuous: false, places }
    }
}

/// Digits by threes, as in 10,000.
pub(crate) fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn digits_stand_by_threes() {
        let check = |number, expected: &str| assert_eq!(grouped(number), expected);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(1_234_567, "1,234,567");
    }
}
