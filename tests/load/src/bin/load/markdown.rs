//! The report as a page: figures first, then where they come from and what they do not show.

use std::fmt::{Result, Write};

use crate::chart::Chart;
use crate::contest::Standing;
use crate::figures::{Bar, short};
use crate::report::{Chapter, Report, Table};

/// What a reader may not conclude.
const LIMITS: &str = "\
## What these figures do not show

- **Absolute speed.** Generator, servers and Postgres share the cores of one machine, over loopback. Only ratios of the same run mean
  anything; another machine, or a busier minute, moves all of them together.
- **A server alone.** Requests per second include oha's own work on the same cores, which pulls every ratio towards 1. CPU per request
  is the server's process only and has no such pull; it includes neither Postgres nor the kernel's network interrupts.
- **A wide cache.** The hits are one entry, already there, but for the reads and writes by Zipf's law, and where the cache
  grows. Eviction and stale entries are not loaded here.
- **Networks.** Distance is in the part of that name alone. No slow or broken clients, keep-alive throughout; TLS to clients only, and no
  handshakes while it is loaded.
- **Other statements.** One short row by primary key, but for the thousand rows, the edge API's, Prisma's and the axes', and tables that fit in memory. A slower
  query hides the proxy's cost, a larger answer shows another part of it.
- **More Workers.** The edge API runs in one isolate of workerd, which is one thread. Where it is deployed there are as many as are
  needed, and what they then ask of the proxy is in the other parts.
- **The scheduler.** With 10,000 clients on a few cores the spread of the times is also that of the machine's own turns.
- **Short rounds.** CPU is counted in ticks of 10 ms: exact to about one part in a thousand over 8 seconds of load; for the proxy
  behind the edge API, which is idle most of the time, to about one in fifty.
";

/// By chapter, what a profile showed, and what was tried. Taken by hand, so each says of what it was taken.
const WHERE_THE_TIME_GOES: [(&str, &str); 4] = [
    ("Cache hits", include_str!("../../../profiles/hits.md")),
    ("Uncached primary-key select", include_str!("../../../profiles/select.md")),
    ("A thousand rows", include_str!("../../../profiles/rows.md")),
    ("A batch of ten", include_str!("../../../profiles/batch.md")),
];

pub(crate) fn render(report: &Report) -> std::result::Result<String, std::fmt::Error> {
    let mut page = String::new();
    head(&mut page, report)?;
    summary(&mut page, &report.chapters)?;
    for chapter in &report.chapters {
        section(&mut page, chapter, &report.charts)?;
    }
    page.push('\n');
    page.push_str(LIMITS);
    origin(&mut page, report)?;
    Ok(page)
}

fn head(page: &mut String, report: &Report) -> Result {
    writeln!(page, "# Load report\n")?;
    if report.quick {
        writeln!(page, "**A quick run: it shows that the benchmark works. It measures nothing.**\n")?;
    }
    writeln!(
        page,
        "Written by `cargo xtask bench` on {}. Servers took turns on the same machine, {} round(s) of {} s each; a figure is the median of\n\
         the rounds, a ratio the median of the ratios taken round by round.\n",
        report.date, report.rounds, report.seconds
    )
}

fn summary(page: &mut String, chapters: &[Chapter]) -> Result {
    writeln!(page, "| part | figure | measured | per round | bar | |")?;
    writeln!(page, "| --- | --- | ---: | --- | --- | --- |")?;
    for chapter in chapters {
        for bar in &chapter.bars {
            let Bar { figure, value, asked, .. } = bar;
            let rounds = bar.rounds.iter().map(|round| format!("{round:.2}")).collect::<Vec<_>>().join(", ");
            let (title, value, verdict) = (chapter.title, short(*value), bar.verdict());
            writeln!(page, "| {title} | {figure} | {value} | {rounds} | {asked} | {verdict} |")?;
        }
    }
    Ok(())
}

fn section(page: &mut String, chapter: &Chapter, charts: &[Chart]) -> Result {
    writeln!(page, "\n## {}\n\n{}\n", chapter.title, chapter.question)?;
    if !chapter.standings.is_empty() {
        standings(page, &chapter.standings)?;
    }
    for table in &chapter.tables {
        self::table(page, table)?;
    }
    for Chart { title, file, .. } in charts.iter().filter(|chart| chart.chapter == chapter.title) {
        writeln!(page, "\n![{title}](plots/{file}.svg)")?;
    }
    if let Some((_, why)) = WHERE_THE_TIME_GOES.iter().find(|(title, _)| *title == chapter.title) {
        writeln!(page, "\n**Where the time goes.** {}", why.trim())?;
    }
    for note in &chapter.notes {
        writeln!(page, "\n{note}")?;
    }
    writeln!(page, "\n```sh\n{}\n```", chapter.command)
}

fn table(page: &mut String, table: &Table) -> Result {
    writeln!(page, "| {} |", table.head.join(" | "))?;
    // What is named stands left, figures right.
    writeln!(page, "| --- |{}", " ---: |".repeat(table.head.len().saturating_sub(1)))?;
    for row in &table.rows {
        writeln!(page, "| {} |", row.join(" | "))?;
    }
    Ok(())
}

fn standings(page: &mut String, standings: &[Standing]) -> Result {
    writeln!(
        page,
        "| server | requests/s | slowest to fastest round | CPU per request, µs | p50, ms | p99, ms | failed | MiB at rest | MiB after | MiB peak |"
    )?;
    writeln!(page, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")?;
    for standing in standings {
        let Standing {
            server,
            per_second,
            per_second_range: (low, high),
            cpu_us,
            p50_ms,
            p99_ms,
            failed,
            at_rest,
            after,
        } = standing;
        let (rest, now, peak) = (mib(at_rest.now_kib), mib(after.now_kib), mib(after.peak_kib));
        writeln!(
            page,
            "| {server} | {per_second:.0} | {low:.0} to {high:.0} | {cpu_us:.1} | {p50_ms:.2} | {p99_ms:.2} | {failed} | {rest} | {now} | {peak} |"
        )?;
    }
    Ok(())
}

fn origin(page: &mut String, report: &Report) -> Result {
    let (machine, versions) = (&report.machine, &report.versions);
    writeln!(page, "\n## Machine and versions\n\n| | |\n| --- | --- |")?;
    let rows = [
        ("processor", format!("{} ({} cores)", machine.model, machine.cores)),
        ("memory", format!("{} GiB", machine.memory_gib)),
        ("kernel", machine.kernel.clone()),
        ("load average before the run", machine.load_before.clone()),
        ("pool-proxy", versions.pool_proxy.clone()),
        ("Postgres", versions.postgres.clone()),
        ("rustc", versions.rustc.clone()),
        ("oha", versions.oha.clone()),
        ("node", versions.node.clone()),
        ("hono / pg", format!("{} / {}", versions.hono, versions.node_postgres)),
        ("@prisma/client / query-plan-executor", format!("{} / {}", versions.prisma, versions.query_plan_executor)),
        ("workerd", versions.workerd.clone()),
        ("PgBouncer", versions.pgbouncer.clone()),
    ];
    for (name, value) in rows {
        writeln!(page, "| {name} | {value} |")?;
    }
    Ok(())
}

/// KiB as MiB with one decimal.
fn mib(kib: u64) -> String {
    format!("{}.{}", kib / 1024, kib % 1024 * 10 / 1024)
}
