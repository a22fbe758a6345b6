//! Random dates, times and intervals.

use harness::Dice;

use super::Generator;

pub(super) const KINDS: &[(&str, Generator)] = &[
    ("date", date),
    ("time", |dice| clock(dice, 24)),
    ("time(3)", |dice| clock(dice, 23)),
    ("timetz", |dice| format!("{}{}", clock(dice, 24), zone(dice))),
    ("timestamp", timestamp),
    ("timestamp(1)", timestamp),
    ("timestamptz", timestamptz),
    ("interval", interval),
];

fn day(dice: &mut Dice) -> (i64, String) {
    let year = match dice.below(4) {
        0 => dice.between(1, 9999),
        1 => dice.between(-4700, 0),
        2 => dice.between(10_000, 290_000),
        _ => dice.between(1900, 2100),
    };
    let (month, day) = (dice.between(1, 12), dice.between(1, 28));
    // The year before 1 is 1 BC.
    (year, format!("{:04}-{month:02}-{day:02}", if year < 1 { 1 - year } else { year }))
}

fn era(year: i64) -> &'static str {
    if year < 1 { " BC" } else { "" }
}

pub(super) fn date(dice: &mut Dice) -> String {
    if dice.once_in(15) {
        return dice.pick(&["infinity", "-infinity", "epoch"]).to_owned();
    }
    let (year, day) = day(dice);
    format!("{day}{}", era(year))
}

fn clock(dice: &mut Dice, last_hour: i64) -> String {
    let hour = dice.between(0, last_hour);
    if hour == 24 {
        return "24:00:00".to_owned();
    }
    let fraction = match dice.below(3) {
        0 => String::new(),
        1 => format!(".{:06}", dice.below(1_000_000)),
        _ => format!(".{}", dice.below(1000)),
    };
    format!("{hour:02}:{:02}:{:02}{fraction}", dice.below(60), dice.below(60))
}

fn zone(dice: &mut Dice) -> String {
    let sign = dice.pick(&["+", "-"]);
    match dice.below(3) {
        0 => "Z".to_owned(),
        1 => format!("{sign}{:02}:{:02}", dice.below(15), dice.below(60)),
        _ => format!("{sign}{:02}:{:02}:{:02}", dice.below(15), dice.below(60), dice.below(60)),
    }
}

pub(super) fn timestamp(dice: &mut Dice) -> String {
    if dice.once_in(15) {
        return dice.pick(&["infinity", "-infinity", "epoch"]).to_owned();
    }
    let (year, day) = day(dice);
    format!("{day} {}{}", clock(dice, 23), era(year))
}

pub(super) fn timestamptz(dice: &mut Dice) -> String {
    if dice.once_in(15) {
        return dice.pick(&["infinity", "-infinity", "epoch"]).to_owned();
    }
    let (year, day) = day(dice);
    format!("{day} {}{}{}", clock(dice, 23), zone(dice), era(year))
}

fn interval(dice: &mut Dice) -> String {
    let years = dice.between(-100_000, 100_000);
    let (months, days) = (dice.between(-11, 11), dice.between(-100_000, 100_000));
    let clock = format!("{}{}", dice.pick(&["", "-"]), clock(dice, 23));
    match dice.below(6) {
        0 => format!("{years} years {months} mons {days} days {clock}"),
        1 => format!("{months} mons {clock}"),
        2 => format!("{days} days"),
        3 => clock,
        4 => format!(
            "P{years}Y{months}M{days}DT{}H{}M{}S",
            dice.between(-50, 50),
            dice.between(-99, 99),
            dice.between(-99, 99)
        ),
        _ => format!("@ {} hours {} secs ago", dice.below(100_000), dice.below(100)),
    }
}
