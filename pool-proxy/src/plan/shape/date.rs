//! Dates, as the clients read them.

use crate::plan::moment;

/// Writes a date of Postgres's or of JavaScript's as a JSON string, with milliseconds and in UTC. False, and nothing is
/// written, if the text is none, or none that JavaScript has.
pub(super) fn write(out: &mut Vec<u8>, text: &str) -> bool {
    if let Some((date, time, fraction)) = usual(text.as_bytes()) {
        out.push(b'"');
        out.extend_from_slice(date);
        out.push(b'T');
        out.extend_from_slice(time);
        out.push(b'.');
        for place in 0..3 {
            out.push(fraction.get(place).copied().unwrap_or(b'0'));
        }
        out.extend_from_slice(b"Z\"");
        return true;
    }
    match moment::parse(text) {
        Some(moment) => {
            write_moment(out, moment);
            true
        }
        None => false,
    }
}

/// Writes milliseconds since 1970-01-01T00:00:00Z as a JSON string.
pub(super) fn write_moment(out: &mut Vec<u8>, moment: i64) {
    out.push(b'"');
    moment::write(out, moment);
    out.push(b'"');
}

/// The date, the time and the fraction of a second, where they stand as they are to be written: almost always.
fn usual(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (date, rest) = text.split_at_checked(10)?;
    let (time, rest) = rest.strip_prefix(b"T").or_else(|| rest.strip_prefix(b" "))?.split_at_checked(8)?;
    let fraction = rest.strip_prefix(b".").unwrap_or_default();
    let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, zone) = if length > 0 { fraction.split_at_checked(length)? } else { (fraction, rest) };
    let [year @ .., b'-', month1, month2, b'-', day1, day2] = date else { return None };
    let [hour1, hour2, b':', minute1, minute2, b':', second1, second2] = time else { return None };
    let day = two(*day1, *day2)?;
    let month = two(*month1, *month2)?;
    (year.iter().all(u8::is_ascii_digit)
        && (1..=12).contains(&month)
        && (1..=if month == 2 { 28 } else { 30 }).contains(&day)
        && two(*hour1, *hour2)? < 24
        && two(*minute1, *minute2)? < 60
        && two(*second1, *second2)? < 60
        && matches!(zone, b"" | b"Z" | b"+00:00" | b"+00"))
    .then_some((date, time, fraction))
}

/// The number of two digits.
fn two(tens: u8, ones: u8) -> Option<u8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + (ones - b'0'))
}

#[cfg(test)]
mod tests;
