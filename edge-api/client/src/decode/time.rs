//! Timestamps, from Postgres's ISO style to RFC 3339, which the types of chrono, time and jiff read.

use std::borrow::Cow;

/// `2024-01-01 12:00:00.5+00` becomes `2024-01-01T12:00:00.5+00:00`. What has no form in RFC 3339 stays as it is:
/// `infinity`, years before Christ, other styles of dates.
pub(super) fn rfc3339(text: &str) -> Cow<'_, str> {
    let Some((date, time)) = text.split_once(' ') else { return Cow::Borrowed(text) };
    let digits_and = |text: &str, others: &str| {
        text.starts_with(|first: char| first.is_ascii_digit())
            && text.chars().all(|each| each.is_ascii_digit() || others.contains(each))
    };
    if !digits_and(date, "-") || !digits_and(time, ":.+-") || date.find('-').is_none_or(|at| at < 4) {
        return Cow::Borrowed(text);
    }
    // Hours alone are written without minutes.
    let bare = time.rfind(['+', '-']).is_some_and(|sign| time.len() - sign == 3);
    Cow::Owned(format!("{date}T{time}{}", if bare { ":00" } else { "" }))
}

#[cfg(test)]
mod tests {
    use super::rfc3339;

    #[test]
    fn reads_what_postgres_prints() {
        for (text, expected) in [
            ("2024-01-01 12:00:00.5+00", "2024-01-01T12:00:00.5+00:00"),
            ("2024-01-01 12:00:00+05:30", "2024-01-01T12:00:00+05:30"),
            ("2024-01-01 12:00:00-03", "2024-01-01T12:00:00-03:00"),
            ("1880-01-01 00:00:00+00:53:28", "1880-01-01T00:00:00+00:53:28"),
            ("2024-01-01 12:00:00", "2024-01-01T12:00:00"),
            ("2024-02-29 23:59:59.999999", "2024-02-29T23:59:59.999999"),
            ("12024-01-01 00:00:00+00", "12024-01-01T00:00:00+00:00"),
            ("0044-03-15 00:00:00+00 BC", "0044-03-15 00:00:00+00 BC"),
            ("infinity", "infinity"),
            ("-infinity", "-infinity"),
            ("Mon Jan 01 12:00:00 2024 UTC", "Mon Jan 01 12:00:00 2024 UTC"),
            ("01/02/2024 12:00:00 UTC", "01/02/2024 12:00:00 UTC"),
            ("01.02.2024 12:00:00", "01.02.2024 12:00:00"),
            ("01-02-2024 12:00:00", "01-02-2024 12:00:00"),
            ("", ""),
            (" ", " "),
        ] {
            assert_eq!(rfc3339(text), expected, "{text}");
        }
    }
}
