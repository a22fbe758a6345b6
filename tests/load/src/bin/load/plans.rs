//! Part 7: the query plans of Prisma's client, against the server that Prisma itself has for them, at few and at many
//! clients.

mod database;
mod requests;
mod transactions;

use load::Outcome;

use crate::contest::{self, Contest, Generator};
use crate::figures::{Asked, Bar};
use crate::oha::{Load, Request, Transport, float};
use crate::report::Chapter;
use crate::servers::{self, POOL, Server};
use crate::setup::Bench;

use database::POSTS;
use requests::{Kind, Requests};
use transactions::Transactions;

/// Clients at once: as many as there are connections, and many more.
const CLIENTS: [u32; 2] = [10, 200];
/// Seconds of load before anything is counted: JavaScript gets faster for thousands of requests.
const WARM_UP: u32 = 6;
/// What the proxy may hold with the most of them.
const MOST_MIB: f64 = 40.0;

/// One question: what is asked, and how much less CPU than the reference's it may take.
struct Question {
    title: [&'static str; 2],
    kind: Kind,
    asks: &'static str,
    times: f64,
    note: Option<&'static str>,
}

const REFERENCE: &str = "query-plan-executor is one Node process, so one thread of JavaScript; with a process per core it would answer \
                         more, and its CPU per request would stay. Prisma's client asks for gzip and these requests do not: the \
                         proxy would compress what is longer than 1 KiB, the reference never does.";

const QUESTIONS: [Question; 5] = [
    Question {
        title: ["Prisma: findUnique, 10 clients", "Prisma: findUnique, 200 clients"],
        kind: Kind::FindUnique,
        asks: "a user by id",
        times: 8.0,
        note: Some(REFERENCE),
    },
    Question {
        title: ["Prisma: findMany, 10 clients", "Prisma: findMany, 200 clients"],
        kind: Kind::FindMany,
        asks: "100 posts with the author of each: two statements, joined by the server",
        times: 8.0,
        note: None,
    },
    Question {
        title: ["Prisma: nested create, 10 clients", "Prisma: nested create, 200 clients"],
        kind: Kind::Create,
        asks: "to create a post with two comments and to hand them back: five statements and the transaction around them",
        times: 8.0,
        note: None,
    },
    Question {
        title: ["Prisma: interactive transaction, 10 clients", "Prisma: interactive transaction, 200 clients"],
        kind: Kind::Transaction,
        asks: "for a transaction that finds a user, updates a post and creates a comment: five requests, counted as one",
        times: 8.0,
        note: Some(
            "The proxy gives at most 8 of its 10 connections to transactions that stay open, so that everything else gets through; the \
             reference gives all.",
        ),
    },
    Question {
        title: ["Prisma: cached findMany, 10 clients", "Prisma: cached findMany, 200 clients"],
        kind: Kind::Hit,
        asks: "for the same 99 posts with their authors, which the proxy may keep; the reference has no cache and runs the query",
        times: 40.0,
        note: None,
    },
];

pub(crate) fn run(bench: &Bench) -> Outcome<Vec<Chapter>> {
    database::prepare(bench)?;
    let requests = Requests::record(bench)?;
    // Many wait for seconds, at the reference.
    let taken = if bench.options.is_quick() { 1 } else { CLIENTS.len() };
    let mut chapters = Vec::new();
    for question in &QUESTIONS {
        let proxy = servers::pool_proxy(bench)?;
        let reference = servers::reference(bench)?;
        requests.expect_same(question.kind, &proxy, &reference)?;
        for (title, clients) in question.title.into_iter().zip(CLIENTS).take(taken) {
            let sides = [&proxy, &reference];
            chapters.push(match question.kind {
                Kind::Transaction => {
                    let load = Transactions { clients, seconds: seconds(bench), file: requests.file(question.kind) };
                    let command = load.spelled_out();
                    chapter(bench, title, question, sides, &load, clients, command)?
                }
                kind => {
                    let load = load(bench, &requests, kind, clients);
                    let command = load.spelled_out("127.0.0.1:PORT");
                    chapter(bench, title, question, sides, &load, clients, command)?
                }
            });
        }
        requests.expect_same(question.kind, &proxy, &reference)?;
    }
    Ok(chapters)
}

/// There are many chapters.
fn seconds(bench: &Bench) -> u32 {
    bench.options.seconds().div_ceil(2)
}

fn load(bench: &Bench, requests: &Requests, kind: Kind, clients: u32) -> Load {
    Load {
        clients,
        seconds: seconds(bench),
        headers: kind.headers(),
        request: Request::PostAny("/query", requests.file(kind)),
        transport: Transport::Plain,
    }
}

fn chapter(
    bench: &Bench,
    title: &'static str,
    question: &Question,
    [proxy, reference]: [&Server; 2],
    load: &impl Generator,
    clients: u32,
    command: String,
) -> Outcome<Chapter> {
    if CLIENTS.first() == Some(&clients) && !bench.options.is_quick() {
        for server in [proxy, reference] {
            contest::measure(bench, server, &load.lasting(WARM_UP))?;
        }
    }
    let contest = Contest::hold(bench, title, &[proxy, reference], load)?;
    let mut bars = vec![
        contest.ratio(
            "requests per CPU second",
            contest::per_cpu_second,
            proxy,
            reference,
            Asked::AtLeast(question.times),
        ),
        contest.ratio("requests/s", contest::per_second, proxy, reference, Asked::Nothing),
    ];
    if CLIENTS.last() == Some(&clients) {
        for (server, asked) in [(proxy, Asked::AtMost(MOST_MIB)), (reference, Asked::Nothing)] {
            let peak = float(server.process.memory()?.peak_kib) / 1024.0;
            bars.push(Bar::of(format!("MiB resident at most, {}", server.name), peak, asked));
        }
    }
    bars.push(contest.failures());
    Ok(Chapter {
        title,
        question: format!(
            "{clients} clients ask {}. Both servers have {POOL} connections to the same database of {POSTS} posts and get the requests \
             that `@prisma/client` itself wrote.",
            question.asks
        ),
        command,
        bars,
        standings: vec![contest.standing(proxy)?, contest.standing(reference)?],
        rounds: contest.into_rounds(),
        tables: Vec::new(),
        crowds: Vec::new(),
        notes: question.note.into_iter().map(str::to_owned).collect(),
    })
}
