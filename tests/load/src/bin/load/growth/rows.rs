//! More and more rows: in the table, of which one is asked for, and in an answer.

use load::Outcome;

use super::{Growth, most_resident, places, seconds};
use crate::axes::answers;
use crate::chart::{Along, Chart, grouped};
use crate::crowd::{Crowd, Whom};
use crate::report::Chapter;
use crate::servers;
use crate::setup::Bench;
use crate::sql::Sql;

const CLIENTS: u32 = 16;
/// Rows of a table, and what reads one of them by primary key.
const TABLES: [(u32, &str); 4] = [
    (1_000, "SELECT id, name, email, credits, active FROM bench_rows_1000 WHERE id = $1"),
    (10_000, "SELECT id, name, email, credits, active FROM bench_rows_10000 WHERE id = $1"),
    (100_000, "SELECT id, name, email, credits, active FROM bench_rows_100000 WHERE id = $1"),
    (1_000_000, "SELECT id, name, email, credits, active FROM bench_rows_1000000 WHERE id = $1"),
];
const TABLE: &str = "rows of the table; an answer has one";
const ANSWER: &str = "rows of an answer";

pub(super) fn growth(bench: &Bench) -> Outcome<(Chapter, Chart)> {
    let mut growth = Growth::begin("Growing: rows");
    let tables = places(bench, &TABLES, &TABLES[..1]);
    let answers = places(bench, &answers::ROWS, &answers::ROWS[3..4]);
    {
        let sql = Sql::connect(&bench.database.url)?;
        for (rows, _) in &tables {
            sql.run(&format!(
                "CREATE TABLE bench_rows_{rows} (LIKE bench_users);
                 INSERT INTO bench_rows_{rows}
                 SELECT n, 'User number ' || n, 'user' || n || '@example.com', n * 7919::bigint, n % 3 > 0 FROM generate_series(1, {rows}) n;
                 ALTER TABLE bench_rows_{rows} ADD PRIMARY KEY (id)"
            ))?;
            sql.run(&format!("VACUUM ANALYZE bench_rows_{rows}"))?;
        }
    }
    let of_tables = tables.iter().map(|(rows, read)| (TABLE, *rows, *read, *rows));
    let of_answers = answers.iter().map(|place| (ANSWER, place.at, place.sql, answers::FIRST));
    let mut command = String::new();
    for (line, rows, read, ids) in of_tables.chain(of_answers) {
        let proxy = servers::pool_proxy(bench)?;
        let crowd = Crowd { clients: CLIENTS, seconds: seconds(bench), read, ids: Some(ids), ..Crowd::default() };
        let seen = crowd.run(bench, &Whom::Http(&proxy))?;
        let most = most_resident(&proxy)?;
        growth.count(&seen);
        growth.point("requests/s", line, rows, seen.per_second);
        growth.point("MiB resident at most", line, rows, most);
        growth.row(vec![
            format!("{} {line}", grouped(rows)),
            format!("{:.0}", seen.per_second),
            format!("{:.2}", seen.p50_ms),
            format!("{:.1}", seen.cpu_us),
            format!("{most:.1}"),
        ]);
        command = crowd.spelled_out_at_proxy();
    }
    {
        let sql = Sql::connect(&bench.database.url)?;
        for (rows, _) in &tables {
            sql.run(&format!("DROP TABLE bench_rows_{rows}"))?;
        }
    }
    let mut all: Vec<u32> = tables.iter().map(|(rows, _)| *rows).chain(answers.iter().map(|place| place.at)).collect();
    all.sort_unstable();
    all.dedup();
    let question = format!(
        "{CLIENTS} clients ask for a random row by primary key in tables of so many rows, and for so many rows of a table of 100,000; \
         nothing is cached. A new proxy each time."
    );
    let head = vec!["rows", "requests/s", "p50, ms", "CPU of the proxy each, µs", "MiB at most"];
    Ok(growth.end("growth-rows", Along::log("rows", &all), question, command, head, Vec::new()))
}
