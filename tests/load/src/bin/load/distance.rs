//! What the way to the region costs: the time to the first answer for a client that is far from the database, by itself and
//! through the proxy, which stands beside the database.

mod encryption;

use std::time::{Duration, Instant};

use load::{Failure, Outcome, client_config};
use tokio::runtime::Builder;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::certificate::Certificate;
use crate::far::Far;
use crate::figures::{Asked, Bar, median};
use crate::http::Kept;
use crate::report::{Chapter, Table};
use crate::servers::{self, Server};
use crate::setup::{Bench, SELECT, progress, select_body};

/// Milliseconds there and back: within a continent, and between two.
const ROUND_TRIPS: [u32; 2] = [20, 80];
/// How often each way is taken; in a quick run.
const TIMES: [u32; 2] = [7, 1];
/// What the cache is asked to keep.
const KEEP: &str = "Cache-Control: max-age=600";

/// The ways, as the tables name them.
const WAYS: [&str; 4] = [
    "cold, direct to Postgres with TLS",
    "cold, to the proxy with TLS",
    "warm, to the proxy with TLS",
    "warm, 304 for a copy of one's own",
];

pub(crate) fn run(bench: &Bench) -> Outcome<Chapter> {
    let certificate = Certificate::make(bench)?;
    let _encrypted = encryption::switch_on(bench, &certificate)?;
    let proxy = servers::pool_proxy_over_tls(bench, &certificate)?;
    let [all, few] = TIMES;
    let times = if bench.options.is_quick() { few } else { all };
    let (mut bars, mut rows) = (Vec::new(), Vec::new());
    for round_trip in ROUND_TRIPS {
        progress(&format!("distance: {round_trip} ms there and back"));
        let away = Duration::from_millis(round_trip.into());
        let postgres = Far::from(&encryption::address(bench)?, away)?;
        let far = Far::from(&proxy.address, away)?;
        let mut took: [Vec<f64>; 4] = Default::default();
        for _ in 0..times {
            let each = once(bench, &proxy, &postgres, &far, &certificate)?;
            took.iter_mut().zip(each).for_each(|(all, one)| all.push(one));
        }
        for (way, took) in WAYS.iter().zip(&took) {
            let trips = took.iter().map(|ms| ms / f64::from(round_trip)).collect();
            bars.push(Bar::of_rounds(format!("round trips of {round_trip} ms, {way}"), trips, Asked::Nothing));
            let middle = median(took.iter().copied());
            rows.push(vec![
                (*way).to_owned(),
                round_trip.to_string(),
                format!("{middle:.1}"),
                format!("{:.1}", middle / f64::from(round_trip)),
            ]);
        }
        let ratios = took[0].iter().zip(&took[1]).map(|(direct, proxy)| direct / proxy).collect();
        bars.push(Bar::of_rounds(
            format!("time of a cold start at {round_trip} ms, direct / proxy"),
            ratios,
            Asked::Nothing,
        ));
    }
    Ok(Chapter {
        title: "Distance",
        question: format!(
            "Between the client and the region stands a relay of our own that delivers every byte later: 20 or 80 ms there and back, half \
             of it each way; the handshake of TCP takes its round trip, too. In the region are Postgres and, beside it, the proxy. Timed is \
             from connecting, or where the connection is warm from asking, to the whole answer to a primary-key select; {times} times, \
             and the median."
        ),
        command: "cargo xtask bench --only distance".to_owned(),
        bars,
        standings: Vec::new(),
        rounds: Vec::new(),
        tables: vec![Table {
            head: vec!["way", "there and back, ms", "first answer, ms", "in round trips"],
            rows,
        }],
        crowds: Vec::new(),
        notes: vec![
            "Direct is tokio-postgres with rustls: TCP, the question for TLS, TLS 1.3, three exchanges to log in (SCRAM), and one for the \
             statement, which goes unnamed and with its parameters in one flight; a client that prepares first takes one more. Before its \
             version 18 Postgres takes no curve but P-256 unless it is told to (`ssl_ecdh_curve`), and clients offer X25519 first, so TLS \
             takes two. The proxy is asked over HTTP/1.1: TCP, TLS 1.3, the request. No TLS session is resumed anywhere."
                .to_owned(),
        ],
    })
}

/// All ways once, in milliseconds.
fn once(bench: &Bench, proxy: &Server, postgres: &Far, far: &Far, certificate: &Certificate) -> Outcome<[f64; 4]> {
    let ms = |since: Instant| since.elapsed().as_secs_f64() * 1000.0;
    let direct = direct(bench, postgres, certificate)?;

    let (headers, body) = (servers::headers(&[]), select_body(1));
    let since = Instant::now();
    let mut kept = Kept::connect(&far.address, proxy.cert.as_deref())?;
    kept.post("/sql", &headers, &body)?;
    let cold = ms(since);

    let since = Instant::now();
    kept.post("/sql", &headers, &body)?;
    let warm = ms(since);

    let tag = kept.post("/sql", &servers::headers(&[KEEP]), &body)?;
    let tag = tag.header("etag").ok_or("a kept answer without an ETag")?.to_owned();
    let headers = servers::headers(&[KEEP, &format!("If-None-Match: {tag}")]);
    let since = Instant::now();
    let answer = kept.post("/sql", &headers, &body)?;
    let unchanged = ms(since);
    if answer.status != 304 {
        return Err(format!("{} instead of 304 for a copy that is still right", answer.status).into());
    }
    Ok([direct, cold, warm, unchanged])
}

/// Connects with TLS and asks once.
fn direct(bench: &Bench, far: &Far, certificate: &Certificate) -> Outcome<f64> {
    let known: Config = bench.database.url.parse()?;
    let (host, port) = far.address.rsplit_once(':').ok_or("an address without a port")?;
    let mut config = Config::new();
    config.host(host).port(port.parse()?).ssl_mode(SslMode::Require);
    config.user(known.get_user().unwrap_or("postgres")).dbname(&bench.database.name);
    if let Some(password) = known.get_password() {
        config.password(password);
    }
    let mut tls = (*client_config(&certificate.cert)?).clone();
    tls.alpn_protocols = vec![b"postgresql".to_vec()];
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let since = Instant::now();
        let (client, connection) = config.connect(MakeRustlsConnect::new(tls)).await?;
        tokio::spawn(connection);
        let id: (&(dyn ToSql + Sync), Type) = (&1_i32, Type::INT4);
        let rows = client.query_typed(SELECT, &[id]).await?;
        let took = since.elapsed().as_secs_f64() * 1000.0;
        if rows.len() == 1 { Ok(took) } else { Err(Failure::from("no row")) }
    })
}
