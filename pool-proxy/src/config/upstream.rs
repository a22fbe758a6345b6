//! Where a relay relays to. A relay has no database and no keys of its own.

use std::net::SocketAddr;

use super::databases::shown_certificate;
use super::file::{File, Text};
use super::reader::{Given, Reader, Show};
use super::sources;
use crate::upstream::{AddressError, Upstream};

const KEY: &str = "upstream.url";
const ROOT: &str = "upstream.root_cert";

/// Whether this is to be a relay, also where its address is at fault.
pub(super) fn is_asked_for(reader: &Reader<'_>, file: &File) -> bool {
    reader.variable(sources::UPSTREAM).is_some() || file.upstream.url.is_some()
}

/// The upstream, unless there is none.
pub(super) fn read(reader: &mut Reader<'_>, file: &File, listen: SocketAddr) -> Option<Upstream> {
    let root = reader.variable(sources::UPSTREAM_ROOT_CERT).or_else(|| reader.line(&file.upstream.root_cert));
    let Some(url) = reader.variable(sources::UPSTREAM).or_else(|| reader.line(&file.upstream.url)) else {
        if let Some(root) = root {
            reader.warn(format!("{ROOT} ({}) has no effect: there is no {KEY}", root.origin));
        }
        return None;
    };
    refuse_company(reader, file);
    let upstream = match Upstream::new(url.text.trim(), root.as_ref().map(|root| root.text.as_str())) {
        Ok(upstream) => upstream,
        Err(AddressError::Url) => {
            // What is more than an origin may hold a key.
            let show = if url.text.contains(['?', '@', '#']) { Show::Hidden } else { Show::Plain };
            reader.fault(KEY, Some((&url, show)), AddressError::Url.to_string());
            return None;
        }
        Err(AddressError::Trust(problem)) => {
            let given = root.map(|root| Given { text: shown_certificate(&root.text), origin: root.origin });
            let key = if given.is_some() { ROOT } else { KEY };
            reader.fault(key, given.as_ref().map(|given| (given, Show::Plain)), problem.to_string());
            return None;
        }
    };
    if upstream.is_local()
        && upstream.port() == listen.port()
        && (listen.ip().is_loopback() || listen.ip().is_unspecified())
    {
        reader.fault(KEY, Some((&url, Show::Plain)), format!("expected another address than listen ({listen})"));
    }
    if !upstream.is_encrypted() && !upstream.is_local() {
        reader.warn(format!(
            "{KEY} = {} ({}) speaks plain HTTP: keys, queries and answers can be read on the way; take https",
            upstream.origin(),
            url.origin
        ));
    }
    reader.note_text(KEY, upstream.origin(), &url.origin);
    if let Some(root) = &root {
        reader.note_text(ROOT, shown_certificate(&root.text), &root.origin);
    }
    Some(upstream)
}

/// Whoever gives a relay a database or keys takes it for something else.
fn refuse_company(reader: &mut Reader<'_>, file: &File) {
    const PROBLEM: &str = "expected none, since upstream.url (POOL_PROXY_UPSTREAM) makes this a relay: it has no database \
         and no keys of its own, and passes its clients' on";
    for name in [sources::DATABASE_URL, sources::KEY] {
        let given = reader.variable(name);
        if given.is_some() {
            reader.fault(name, given.as_ref().map(|given| (given, Show::Hidden)), PROBLEM);
        }
    }
    let sections = [
        ("databases", file.databases.values().next().map(|section| reader.origin(section))),
        ("keys", file.keys.first().map(|section| reader.origin(section))),
        ("issuers", file.issuers.first().map(|section| reader.origin(section))),
    ];
    for (name, origin) in sections {
        if let Some(origin) = origin {
            reader.fault(name, None, format!("{PROBLEM} ({origin})"));
        }
    }
    let (pool, limits) = (&file.pool, &file.limits);
    let lines: [(&str, &Text); 21] = [
        ("instance", &file.instance),
        ("slow_query", &file.slow_query),
        ("ops.statements", &file.ops.statements),
        ("cache.bytes", &file.cache.bytes),
        ("cache.mode", &file.cache.mode),
        ("cache.bound", &file.cache.bound),
        ("cache.patience", &file.cache.patience),
        ("cache.publication", &file.cache.publication),
        ("pool.max", &pool.max),
        ("pool.min_idle", &pool.min_idle),
        ("pool.transactions", &pool.transactions),
        ("pool.shared_reads", &pool.shared_reads),
        ("pool.max_lifetime", &pool.max_lifetime),
        ("pool.idle_timeout", &pool.idle_timeout),
        ("limits.query", &limits.query),
        ("limits.queue", &limits.queue),
        ("limits.transaction", &limits.transaction),
        ("limits.request_bytes", &limits.request_bytes),
        ("limits.response_bytes", &limits.response_bytes),
        ("clients.body_bytes", &file.clients.body_bytes),
        ("trace.sql_comment", &file.trace.sql_comment),
    ];
    let idle = lines.into_iter().filter_map(|(key, text)| Some((key, reader.line(text)?.origin)));
    let origins = file.cors.origins.first().map(|origin| ("cors.origins", reader.origin(origin)));
    let idle: Vec<_> = idle.chain(origins).collect();
    let variables = [
        sources::POOL_MAX,
        sources::POOL_MIN_IDLE,
        sources::POOL_SHARED_READS,
        sources::CACHE_BYTES,
        sources::CACHE_MODE,
        sources::DB_ROOT_CERT,
        sources::INSTANCE,
        sources::SLOW_QUERY,
        sources::TRACE_SQL_COMMENT,
    ];
    for name in variables {
        if reader.variable(name).is_some() {
            reader.warn(format!("{name} has no effect: it is for the upstream of this relay to say"));
        }
    }
    for (key, origin) in idle {
        reader.warn(format!("{key} ({origin}) has no effect: it is for the upstream of this relay to say"));
    }
}
