//! Long answers: how many megabytes of JSON a second of the proxy's CPU makes from rows that no cache has, and what a program
//! manages that only hands on what Postgres sends.

use load::Outcome;

use crate::contest::{self, Contest};
use crate::figures::{Asked, Bar};
use crate::http::post_sql;
use crate::oha::{Load, Request, Transport, float};
use crate::options::sibling;
use crate::report::Chapter;
use crate::servers::{self, Server};
use crate::setup::Bench;
use crate::sql::Sql;

/// Rows of an answer.
const ANSWERED: u32 = 1_000;
/// Few: the answers are long, and what is asked is what they take, not how many can be had.
const CLIENTS: u32 = 8;
/// Megabytes of JSON per second of CPU.
const LEAST: f64 = 400.0;
/// Columns of text in a wide row, each of so many letters.
const WIDE: (u32, u32) = (16, 60);

/// A thousand rows as short as those of other parts.
const SHORT: &str = "SELECT id, name, email, credits, active FROM bench_users WHERE id <= 1000";

pub(crate) fn run(bench: &Bench) -> Outcome<Vec<Chapter>> {
    let (columns, letters) = WIDE;
    let names: Vec<_> = (1..=columns).map(|number| format!("column_{number}")).collect();
    let text = format!("rpad('Value ' || n, {letters}, ' lorem ipsum')");
    let sql = Sql::connect(&bench.database.url)?;
    sql.run(&format!(
        "CREATE TABLE bench_wide (id int PRIMARY KEY, {} text NOT NULL)",
        names.join(" text NOT NULL, ")
    ))?;
    let values = vec![text; names.len()].join(", ");
    sql.run(&format!("INSERT INTO bench_wide SELECT n, {values} FROM generate_series(1, {ANSWERED}) n"))?;
    sql.run("VACUUM ANALYZE bench_wide")?;
    drop(sql);
    let [proxy, copy] = servers(bench)?;
    let wide = "SELECT * FROM bench_wide";
    Ok(vec![
        chapter(bench, "A thousand rows", SHORT, [&proxy, &copy])?,
        chapter(bench, "A thousand wide rows", wide, [&proxy, &copy])?,
    ])
}

/// The proxy, and its yardstick.
pub(crate) fn servers(bench: &Bench) -> Outcome<[Server; 2]> {
    let copy = servers::start(bench, "bare-copy", &sibling("bare-copy")?, &["--ready-file".as_ref()], None, &[])?;
    Ok([servers::pool_proxy(bench)?, copy])
}

/// What asks for the short rows.
pub(crate) fn short_load(bench: &Bench) -> Load {
    load(bench, SHORT)
}

fn load(bench: &Bench, query: &str) -> Load {
    Load {
        clients: CLIENTS,
        // There are two of these chapters.
        seconds: bench.options.seconds().div_ceil(2),
        headers: servers::headers(&[]),
        request: Request::Post("/sql", body(query)),
        transport: Transport::Plain,
    }
}

fn body(query: &str) -> String {
    serde_json::json!({ "query": query, "params": [] }).to_string()
}

fn chapter(bench: &Bench, title: &'static str, query: &str, [proxy, copy]: [&Server; 2]) -> Outcome<Chapter> {
    let load = load(bench, query);
    let body = body(query);
    let answer = post_sql(proxy, &load.headers, &body)?;
    let rows = answer.json()?["rows"].as_array().map_or(0, Vec::len);
    if answer.is_hit() || rows != usize::try_from(ANSWERED)? {
        return Err(format!("the proxy answers {rows} rows, or from its cache: {}", answer.cache_status()).into());
    }
    let copied = post_sql(copy, &load.headers, &body)?.body;
    let first: serde_json::Value =
        serde_json::from_slice(copied.split(|byte| *byte == b'\n').next().unwrap_or_default())?;
    if first["id"] != answer.json()?["rows"][0]["id"] {
        return Err(format!("bare-copy answers other rows: {first}").into());
    }
    let lengths = [answer.body.len(), copied.len()].map(|length| float(length as u64));

    let contest = Contest::hold(bench, title, &[proxy, copy], &load)?;
    // Bytes per microsecond are megabytes per second.
    let speed = |server: &Server, length: f64| -> Vec<f64> {
        contest.figures(server, contest::cpu).map(|cpu_us| length / cpu_us).collect()
    };
    let (ours, theirs) = (speed(proxy, lengths[0]), speed(copy, lengths[1]));
    let ratios = ours.iter().zip(&theirs).map(|(one, other)| one / other).collect();
    Ok(Chapter {
        title,
        question: format!(
            "{CLIENTS} clients ask for {ANSWERED} rows at once, nothing cached: {:.0} KB of JSON from the proxy, {:.0} KB from bare-copy, \
             which has Postgres make the JSON, collects what comes and sends it on. Counted is the CPU of the server's process alone; a \
             megabyte is a million bytes.",
            lengths[0] / 1000.0,
            lengths[1] / 1000.0
        ),
        command: load.spelled_out("127.0.0.1:PORT"),
        bars: vec![
            Bar::of_rounds("MB of JSON per second of CPU, pool-proxy", ours, Asked::AtLeast(LEAST)),
            Bar::of_rounds("MB of JSON per second of CPU, bare-copy (the limit of the copy)", theirs, Asked::Nothing),
            Bar::of_rounds("MB of JSON per second of CPU, pool-proxy / bare-copy", ratios, Asked::Nothing),
            contest.ratio("requests/s", contest::per_second, proxy, copy, Asked::Nothing),
            contest.failures(),
        ],
        standings: vec![contest.standing(proxy)?, contest.standing(copy)?],
        rounds: contest.into_rounds(),
        tables: Vec::new(),
        crowds: Vec::new(),
        notes: vec![
            "Postgres sends one message for each row either way. bare-copy goes the way of tokio-postgres, which parses and allocates each; \
             the proxy takes rows from the wire as they come, and writes their JSON itself. Receiving and sending a megabyte is the kernel's \
             work, and is in the figures of both."
                .to_owned(),
        ],
    })
}
