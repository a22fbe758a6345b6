//! Points in time: read from what JavaScript and Postgres print, written as either of them reads it.

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// The most milliseconds that a date of JavaScript's is away from 1970
/// (<https://tc39.es/ecma262/#sec-time-values-and-time-range>).
const FARTHEST: i64 = 8_640_000_000_000_000;

/// A point in time as a clock in UTC shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// The year; 0 is 1 BC.
    pub year: i64,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999.
    pub milli: u16,
}

/// Milliseconds since 1970-01-01T00:00:00Z: of a date, which begins in UTC; of a time, which is one of that day; of both
/// with a blank or a `T` between them. Zones are `Z` or offsets, none is UTC, and years may be of any length, signed, or
/// followed by `BC`. What is shorter than a millisecond is cut off. `None` for anything else, and for what is farther
/// from 1970 than JavaScript's dates go.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    let (text, before_christ) = match text.strip_suffix(" BC") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let mut rest = Text(text.as_bytes());
    let days = if rest.is_time() {
        0
    } else {
        let days = rest.date(before_christ)?;
        if rest.0.is_empty() {
            return in_range(days.checked_mul(DAY)?);
        }
        rest.one_of(b"Tt ")?;
        days
    };
    let time = rest.time()?;
    let offset = rest.zone()?;
    in_range(days.checked_mul(DAY)?.checked_add(time)?.checked_sub(offset)?)
}

fn in_range(millis: i64) -> Option<i64> {
    (-FARTHEST..=FARTHEST).contains(&millis).then_some(millis)
}

/// What is still to be read.
struct Text<'a>(&'a [u8]);

impl Text<'_> {
    fn take(&mut self, byte: u8) -> Option<()> {
        self.one_of(&[byte]).map(|_| ())
    }

    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        bytes.contains(first).then(|| {
            self.0 = rest;
            *first
        })
    }

    /// Digits, at least and at most so many.
    fn digits(&mut self, least: usize, most: usize) -> Option<i64> {
        let count = self.0.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        (count >= least).then(|| digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
    }

    fn two(&mut self) -> Option<i64> {
        self.digits(2, 2)
    }

    /// Whether a time of day stands here, rather than a date.
    fn is_time(&self) -> bool {
        self.0.get(2) == Some(&b':')
    }

    /// A date, as days since 1970-01-01.
    fn date(&mut self, before_christ: bool) -> Option<i64> {
        let sign = self.one_of(b"+-");
        let year = self.digits(4, 7)?;
        let year = match (sign, before_christ) {
            (Some(b'-'), false) => -year,
            (None, true) => 1 - year,
            (_, false) => year,
            _ => return None,
        };
        self.take(b'-')?;
        let month = self.two()?;
        self.take(b'-')?;
        let day = self.two()?;
        ((1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day))
            .then(|| days_since_1970(year, month, day))
    }

    /// A time of day in milliseconds; the seconds may be missing. 24:00 is the end of the day.
    fn time(&mut self) -> Option<i64> {
        let hour = self.two()?;
        self.take(b':')?;
        let minute = self.two()?;
        let (mut second, mut milli) = (0, 0);
        if self.take(b':').is_some() {
            second = self.two()?;
            if self.one_of(b".,").is_some() {
                let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let (digits, rest) = self.0.split_at_checked(count)?;
                self.0 = rest;
                let place = |index: usize| digits.get(index).map_or(0, |digit| i64::from(digit - b'0'));
                milli = place(0) * 100 + place(1) * 10 + place(2);
                if count == 0 {
                    return None;
                }
            }
        }
        let time = ((hour * 60 + minute) * 60 + second) * 1000 + milli;
        (minute < 60 && second < 60 && time <= DAY).then_some(time)
    }

    /// A zone's offset in milliseconds, and nothing behind it.
    fn zone(&mut self) -> Option<i64> {
        if self.0.is_empty() || self.one_of(b"Zz").is_some() {
            return self.0.is_empty().then_some(0);
        }
        let sign = if self.one_of(b"+-")? == b'-' { -1 } else { 1 };
        let mut offset = self.two()? * 3_600_000;
        for unit in [60_000, 1000] {
            if self.0.is_empty() {
                break;
            }
            let _ = self.take(b':');
            let number = self.two().filter(|number| *number < 60)?;
            offset += number * unit;
        }
        self.0.is_empty().then_some(sign * offset)
    }
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar without end. Years are counted from March, so that what leap years add
/// is the last day of a year; 400 of them have the same number of days each time.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let cycle = year.div_euclid(400);
    let year = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    cycle * 146_097 + year * 365 + year / 4 - year / 100 + day_of_year - 719_468
}

impl Clock {
    /// Of milliseconds since 1970-01-01T00:00:00Z.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn of(millis: i64) -> Self {
        let time = millis.rem_euclid(DAY);
        let days = millis.div_euclid(DAY) + 719_468;
        let cycle = days.div_euclid(146_097);
        let day = days.rem_euclid(146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        Self {
            year: cycle * 400 + year + i64::from(month <= 2),
            month: month as u8,
            day: day as u8,
            hour: (time / 3_600_000) as u8,
            minute: (time / 60_000 % 60) as u8,
            second: (time / 1000 % 60) as u8,
            milli: (time % 1000) as u16,
        }
    }
}

/// Writes a number with zeros in front.
fn pad(out: &mut Vec<u8>, number: u64, width: usize) {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(number);
    for _ in digits.len()..width {
        out.push(b'0');
    }
    out.extend_from_slice(digits.as_bytes());
}

/// Writes a year as ECMAScript wants it: four digits, or six with a sign
/// (<https://tc39.es/ecma262/#sec-expanded-years>).
fn write_year(out: &mut Vec<u8>, year: i64) {
    if (0..=9999).contains(&year) {
        pad(out, year.unsigned_abs(), 4);
    } else {
        out.push(if year < 0 { b'-' } else { b'+' });
        pad(out, year.unsigned_abs(), 6);
    }
}

fn write_month_and_day(out: &mut Vec<u8>, clock: &Clock) {
    out.push(b'-');
    pad(out, clock.month.into(), 2);
    out.push(b'-');
    pad(out, clock.day.into(), 2);
}

fn write_seconds(out: &mut Vec<u8>, clock: &Clock) {
    pad(out, clock.hour.into(), 2);
    out.push(b':');
    pad(out, clock.minute.into(), 2);
    out.push(b':');
    pad(out, clock.second.into(), 2);
}

fn write_millis(out: &mut Vec<u8>, clock: &Clock) {
    out.push(b'.');
    pad(out, clock.milli.into(), 3);
}

/// Writes milliseconds since 1970-01-01T00:00:00Z as JavaScript does: `2024-01-02T03:04:05.678Z`.
pub fn write(out: &mut Vec<u8>, millis: i64) {
    let clock = Clock::of(millis);
    write_year(out, clock.year);
    write_month_and_day(out, &clock);
    out.push(b'T');
    write_seconds(out, &clock);
    write_millis(out, &clock);
    out.push(b'Z');
}

/// What is left of a point in time in a column of Postgres's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// Date and time of day.
    #[default]
    Both,
    /// The date.
    Date,
    /// The time of day.
    Time,
}

/// Writes milliseconds since 1970-01-01T00:00:00Z in UTC and without a zone, as Postgres reads them.
pub fn write_sql(out: &mut Vec<u8>, millis: i64, part: Part) {
    let clock = Clock::of(millis);
    if part != Part::Time {
        let year = if clock.year > 0 { clock.year } else { 1 - clock.year };
        pad(out, year.unsigned_abs(), 4);
        write_month_and_day(out, &clock);
    }
    if part == Part::Both {
        out.push(b' ');
    }
    if part != Part::Date {
        write_seconds(out, &clock);
        if clock.milli > 0 {
            write_millis(out, &clock);
        }
    }
    if part != Part::Time && clock.year <= 0 {
        out.extend_from_slice(b" BC");
    }
}

/// Writes a date or a timestamp of Postgres's with the year as ECMAScript wants it and `T` before the time, keeping all
/// other digits; with a zone that is `+00:00`, whatever it was, if it is to have one. Words such as infinity stay.
pub fn write_iso(out: &mut Vec<u8>, text: &str, with_zone: bool) {
    // A year of four digits, after Christ: almost always.
    if let Some((date, time)) = text.split_at_checked(10)
        && date.as_bytes().get(4) == Some(&b'-')
        && !time.ends_with(" BC")
    {
        out.extend_from_slice(date.as_bytes());
        return write_time(out, time.strip_prefix(' ').unwrap_or_default(), with_zone);
    }
    let (body, before_christ) = match text.strip_suffix(" BC") {
        Some(body) => (body, true),
        None => (text, false),
    };
    let year_ends = body.bytes().take_while(u8::is_ascii_digit).count();
    let (year, rest) = body.split_at(year_ends);
    match year.parse::<i64>() {
        Ok(year) => write_year(out, if before_christ { 1 - year } else { year }),
        Err(_) => out.extend_from_slice(year.as_bytes()),
    }
    let (date, time) = rest.split_once(' ').unwrap_or((rest, ""));
    out.extend_from_slice(date.as_bytes());
    write_time(out, time, with_zone);
}

/// Writes a time of day, if there is one, behind its date.
fn write_time(out: &mut Vec<u8>, time: &str, with_zone: bool) {
    if !time.is_empty() {
        out.push(b'T');
        let zone = time.bytes().position(|byte| matches!(byte, b'+' | b'-')).unwrap_or(time.len());
        out.extend_from_slice(time.get(..zone).unwrap_or(time).as_bytes());
    }
    if with_zone {
        out.extend_from_slice(b"+00:00");
    }
}

#[cfg(test)]
mod tests;
