//! The findings, for people at a terminal, for logs, for machines.

use std::fmt::Write;
use std::io::IsTerminal;

use pool_proxy::config::Sources;
use serde_json::json;

use super::finding::{Finding, Result};

/// A table on a terminal, a plain line for each finding elsewhere.
pub(super) fn text(findings: &[Finding], sources: &Sources) -> String {
    if std::io::stdout().is_terminal() {
        table(findings, !sources.no_color())
    } else {
        findings.iter().map(line).collect()
    }
}

fn line(finding: &Finding) -> String {
    let Finding { subject, check, result, detail } = finding;
    format!("{} {subject} {check}: {detail}\n", result.word())
}

fn table(findings: &[Finding], colour: bool) -> String {
    let width = findings.iter().map(|finding| finding.check.chars().count()).max().unwrap_or(0);
    let mut table = String::new();
    let mut subject = "";
    for finding in findings {
        if finding.subject != subject {
            subject = &finding.subject;
            let gap = if table.is_empty() { "" } else { "\n" };
            let _ = writeln!(table, "{gap}{subject}");
        }
        let (sign, paint) = match finding.result {
            Result::Fine => ('✓', "\x1b[32m"),
            Result::Info => ('·', ""),
            Result::Warns => ('!', "\x1b[33m"),
            Result::Fails => ('✗', "\x1b[31m"),
        };
        let (paint, end) = if colour && !paint.is_empty() { (paint, "\x1b[0m") } else { ("", "") };
        let (word, check, detail) = (finding.result.word(), &finding.check, &finding.detail);
        let _ = writeln!(table, "  {paint}{sign} {word:7}{end}  {check:width$}  {detail}");
    }
    let count = |result| findings.iter().filter(|finding| finding.result == result).count();
    let (failures, warnings) = (count(Result::Fails), count(Result::Warns));
    let _ = writeln!(table, "\n{failures} would fail in production, {warnings} to know of");
    table
}

/// One object; `ok` is what the exit code says.
pub(super) fn json(findings: &[Finding]) -> String {
    let checks = findings.iter().map(|finding| {
        json!({
            "subject": finding.subject,
            "check": finding.check,
            "result": finding.result.word(),
            "detail": finding.detail,
        })
    });
    let ok = !findings.iter().any(|finding| finding.result == Result::Fails);
    format!("{:#}\n", json!({ "ok": ok, "checks": checks.collect::<Vec<_>>() }))
}
