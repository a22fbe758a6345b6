//! What clients are granted: connections, time, memory.

use std::time::Duration;

use super::file::{ClientsSection, Text};
use super::reader::{Read, Reader};
use super::size::Size;
use super::value::Value;
use crate::frontend::Terms;

/// No system has descriptors for more.
const MOST_CONNECTIONS: usize = 10_000_000;
/// A clock that runs for a day bounds nothing.
const LONGEST: Duration = Duration::from_hours(1);

pub(super) fn read(reader: &mut Reader<'_>, section: &ClientsSection) -> Terms {
    const TIME: &str = "expected at least 1ms and at most 1h";
    let default = Terms::default();
    let times = Duration::from_millis(1)..=LONGEST;
    let body_bytes = Size(default.body_bytes);
    let (least, most) = (Size(1 << 20), Size(1 << 60));
    Terms {
        connections: bounded(
            reader,
            ("connections", &section.connections),
            default.connections,
            &(1..=MOST_CONNECTIONS),
            "expected a whole number from 1 to 10000000",
        ),
        header_timeout: bounded(
            reader,
            ("header_timeout", &section.header_timeout),
            default.header_timeout,
            &times,
            TIME,
        ),
        body_timeout: bounded(reader, ("body_timeout", &section.body_timeout), default.body_timeout, &times, TIME),
        body_bytes: bounded(
            reader,
            ("body_bytes", &section.body_bytes),
            body_bytes,
            &(least..=most),
            "expected at least 1MiB",
        )
        .0,
        compression: {
            let line = [reader.line(&section.compression)];
            reader.read("clients.compression", line, default.compression).value
        },
    }
}

/// A value that must lie in a range.
fn bounded<T: Value + Clone + PartialOrd>(
    reader: &mut Reader<'_>,
    (name, text): (&str, &Text),
    default: T,
    range: &std::ops::RangeInclusive<T>,
    problem: &str,
) -> T {
    let key = format!("clients.{name}");
    let line = [reader.line(text)];
    let read: Read<T> = reader.read(&key, line, default);
    if !range.contains(&read.value) {
        reader.refuse(&key, &read, problem);
    }
    read.value
}
