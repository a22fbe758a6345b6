//! What clients are granted: connections, time, memory.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::file::ClientsSection;
use super::reader::{Read, Reader};
use super::size::Size;
use crate::frontend::Terms;

/// No system has descriptors for more.
const MOST_CONNECTIONS: usize = 10_000_000;
/// A clock that runs for a day bounds nothing.
const LONGEST: Duration = Duration::from_hours(1);

pub(super) fn read(reader: &mut Reader<'_>, section: &ClientsSection) -> Terms {
    const CONNECTIONS: (RangeInclusive<usize>, &str) =
        (1..=MOST_CONNECTIONS, "expected a whole number from 1 to 10000000");
    const TIME: (RangeInclusive<Duration>, &str) =
        (Duration::from_millis(1)..=LONGEST, "expected at least 1ms and at most 1h");
    const BYTES: (RangeInclusive<Size>, &str) = (Size(1 << 20)..=Size(1 << 60), "expected at least 1MiB");
    let default = Terms::default();
    let (connections, head, body) = (&section.connections, &section.header_timeout, &section.body_timeout);
    let (connections_default, bytes_default) =
        (Read::unsaid(default.connections), Read::unsaid(Size(default.body_bytes)));
    let (head_default, body_default) = (Read::unsaid(default.header_timeout), Read::unsaid(default.body_timeout));
    Terms {
        connections: reader.bounded("clients.connections", connections, &connections_default, CONNECTIONS).value,
        header_timeout: reader.bounded("clients.header_timeout", head, &head_default, TIME).value,
        body_timeout: reader.bounded("clients.body_timeout", body, &body_default, TIME).value,
        body_bytes: reader.bounded("clients.body_bytes", &section.body_bytes, &bytes_default, BYTES).value.0,
        compression: {
            let line = [reader.line(&section.compression)];
            reader.read("clients.compression", line, default.compression).value
        },
    }
}
