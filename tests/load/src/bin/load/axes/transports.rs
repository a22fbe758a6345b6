//! HTTP/1.1 and HTTP/2, each with TLS and without.

use load::Outcome;

use super::{Axis, Kind, seconds};
use crate::chart::{Along, Chart};
use crate::contest::measure;
use crate::hits;
use crate::oha::{Load, Request, Transport};
use crate::report::Chapter;
use crate::servers;
use crate::setup::Bench;

const TRANSPORTS: [(Transport, &str); 4] = [
    (Transport::Plain, "HTTP/1.1"),
    (Transport::Tls, "HTTP/1.1, TLS"),
    (Transport::Http2Plain, "HTTP/2"),
    (Transport::Http2, "HTTP/2, TLS"),
];

pub(super) fn axis(bench: &Bench) -> Outcome<(Chapter, Chart)> {
    let mut axis = Axis::begin(bench, "Along the transports", "transports", "transport");
    let mut command = String::new();
    for (at, (transport, _)) in (1_u32..).zip(TRANSPORTS) {
        let at = f64::from(at);
        let hit = Load { seconds: seconds(bench), ..hits::load(bench, transport) };
        let request = Request::PostAny("/sql", bench.scratch.bodies());
        let select = Load { headers: servers::headers(&[]), request, ..hit.clone() };
        let (proxy, hyper) = hits::servers(bench, &hit)?;
        axis.point(Kind::Hits, at, measure(bench, &proxy, &hit)?);
        // Without TLS it speaks HTTP/1.1 alone.
        if transport != Transport::Http2Plain && axis.has_yardsticks() {
            axis.point(Kind::BareHyper, at, measure(bench, &hyper, &hit)?);
        }
        if !bench.options.is_quick() || transport == Transport::Plain {
            axis.point(Kind::Selects, at, measure(bench, &proxy, &select)?);
        }
        if transport == Transport::Plain && axis.has_yardsticks() {
            let pool = servers::bare_pool(bench)?;
            axis.point(Kind::BarePool, at, measure(bench, &pool, &select)?);
        }
        hits::expect_hit(&proxy, &hit)?;
        command = select.spelled_out("127.0.0.1:PORT");
    }
    let question = "64 clients, over HTTP/2 four on a connection, ask for one cached row, and for a random one of 10,000 rows that is \
                    not cached. Without TLS, HTTP/2 is spoken from the first byte (RFC 9113, 3.3).";
    let notes = vec![
        "The yardsticks are there where they speak the transport: bare-hyper all but HTTP/2 without TLS, bare-pool HTTP/1.1 without TLS."
            .to_owned(),
    ];
    Ok(axis.end(Along::names("transport", &TRANSPORTS.map(|(_, name)| name)), question, command, notes))
}
