//! What is taken, and from where.

use std::time::{Duration, SystemTime};

use super::{ENOUGH, Scratch, load, load_with};
use crate::auth::KeyHash;
use crate::config::size::Size;
use crate::config::{Config, Flags, date};

const FILE: &str = r#"
listen = "127.0.0.1:1111"
region = "file"
[ops]
listen = "localhost:2222"
token = "geheim, 0123456789"
[cache]
bytes = "1GiB"
[pool]
max_lifetime = "1h"
max = 7
[databases.default]
url = "postgres://file@file.internal/app"
[databases.other]
url = "postgres://file@other.internal:5433/app"
[databases.other.pool]
max = 3
idle_timeout = "5s"
[databases.other.limits]
query = "1m"
[[keys]]
name = "web"
hash = "sha256:6740d7bd126c4bd3948a27573a78dcd7432dba71e4eeaad499d8dcc6641007ec"
databases = ["other", "other"]
read_only = true
role = "web"
expires = 2035-01-01
"#;

fn default(config: &Config) -> &crate::config::DatabaseConfig {
    config.databases.iter().find(|database| &*database.name == "default").unwrap()
}

#[test]
fn two_variables_are_enough() {
    let (config, effective) = load("", &ENOUGH).unwrap();
    assert_eq!(config.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(config.ops.listen, "127.0.0.1:9080".parse().unwrap());
    assert_eq!((config.cache_bytes, config.drain_delay), (256 << 20, Duration::from_secs(5)));
    assert_eq!((config.databases.len(), config.keys.len()), (1, 1));
    let database = default(&config);
    assert_eq!(database.pool, crate::pool::PoolConfig::default());
    assert_eq!(database.limits, crate::gateway::Limits::default());
    let key = &config.keys[0];
    assert_eq!(key.hash, KeyHash::of("geheim, 0123456789"));
    assert_eq!((&*key.principal.name, key.principal.is_restricted()), ("env", false));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let shown = |key| effective.get(key).map(|entry| (entry.value.as_str(), entry.origin.to_string())).unwrap();
    assert_eq!(shown("pool.max"), ("10", "default".to_owned()));
    assert_eq!(shown("cache.bytes"), ("256MiB", "default".to_owned()));
    assert_eq!(shown("databases.default.url").1, "DATABASE_URL");
    assert_eq!(shown("keys.env").1, "POOL_PROXY_KEY");
}

#[test]
fn later_layers_win() {
    let (config, effective) = load(FILE, &[]).unwrap();
    assert_eq!((config.listen.port(), config.ops.listen.port(), config.region.as_str()), (1111, 2222, "file"));
    assert_eq!(config.ops.token, Some(KeyHash::of("geheim, 0123456789")));
    assert_eq!(default(&config).pool.max, 7);
    let other = &config.databases[1];
    assert_eq!((other.pool.max, other.pool.min_idle, other.limits.query), (3, 2, Duration::from_mins(1)));
    assert_eq!(other.limits.queue, Duration::from_secs(5));
    assert_eq!((other.pool.max_lifetime, other.pool.idle_timeout), (Duration::from_hours(1), Duration::from_secs(5)));
    let lines = [
        ("listen", ":2"),
        ("pool.max", ":11"),
        ("pool.max_lifetime", ":10"),
        ("databases.default.pool.max", ":11"),
        ("databases.other.pool.max", ":17"),
        ("databases.other.pool.max_lifetime", ":10"),
        ("databases.other.pool.idle_timeout", ":18"),
    ];
    for (key, line) in lines {
        let origin = effective.get(key).unwrap().origin.to_string();
        assert!(origin.ends_with(line), "{key} {origin}");
    }

    let [url, key] = ENOUGH;
    let variables =
        [url, key, ("POOL_PROXY_LISTEN", "127.0.0.1:3333"), ("POOL_PROXY_POOL_MAX", "1"), ("POOL_PROXY_REGION", "env")];
    let flags = Flags { listen: Some("127.0.0.1:4444".to_owned()), ops_listen: None };
    let (config, effective) = load_with(FILE, &variables, flags).unwrap();
    assert_eq!((config.listen.port(), config.ops.listen.port(), config.region.as_str()), (4444, 2222, "env"));
    assert_eq!(effective.get("listen").unwrap().origin.to_string(), "--listen");
    assert_eq!(default(&config).target.address(), "db.internal:5432");
    // Unless somebody says otherwise min_idle follows max.
    assert_eq!((default(&config).pool.max, default(&config).pool.min_idle), (1, 1));
    assert_eq!(config.databases[1].pool.max, 3, "what a database says of itself holds");
    assert_eq!(config.keys.len(), 2);
}

#[test]
fn keys_are_read() {
    let (config, _) = load(FILE, &[]).unwrap();
    let key = &config.keys[0];
    assert_eq!(
        (&*key.principal.name, key.principal.role.as_deref(), key.principal.read_only),
        ("web", Some("web"), true)
    );
    assert_eq!(key.principal.databases.single().map(|name| &**name), Some("other"));
    assert_eq!(key.expires, date::parse("2035-01-01"));
}

#[test]
fn urls_can_be_mounted() {
    let mounted = Scratch::new("postgres://app:geheim@mounted/app\n");
    let file = format!("[databases.default]\nurl_file = {:?}", mounted.path());
    let (config, _) = load(&file, &ENOUGH[1..]).unwrap();
    assert_eq!(default(&config).target.address(), "mounted:5432");
    assert_eq!(default(&load(&file, &ENOUGH).unwrap().0).target.address(), "db.internal:5432");
}

#[test]
fn certificates_are_looked_at() {
    let pem = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    let (cert, key) = (Scratch::new(&pem("CERTIFICATE")), Scratch::new(&pem("PRIVATE KEY")));
    let [url, secret] = ENOUGH;
    let tls = [("POOL_PROXY_TLS_CERT", cert.path()), ("POOL_PROXY_TLS_KEY", key.path())];
    let public = ("POOL_PROXY_LISTEN", "0.0.0.0:443");
    let (config, _) = load("", &[url, secret, tls[0], tls[1], public]).unwrap();
    assert_eq!(config.tls.map(|files| (files.cert, files.key)), Some((cert.0.clone(), key.0.clone())));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn what_works_but_should_be_known() {
    let cases = [
        ("", ("POOL_PROXY_LISTEN", "[::]:80"), "listen = [::]:80 (POOL_PROXY_LISTEN) speaks plain HTTP"),
        ("", ("POOL_PROXY_PORT", "80"), "the environment variable POOL_PROXY_PORT is none of pool-proxy's"),
        (
            "",
            ("DATABASE_URL", "postgres://a:geheim@b/c?connection_limit=1"),
            "databases.default.url (DATABASE_URL): the connection URL's parameter \"connection_limit\"",
        ),
    ];
    for (file, variable, expected) in cases {
        let [url, key] = ENOUGH;
        let (config, _) = load(file, &[url, key, variable]).unwrap();
        assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
        assert!(config.warnings[0].starts_with(expected), "{:?}", config.warnings);
    }
    let (config, _) = load(&FILE.replace("2035", "2020"), &[("POOL_PROXY_DB_ROOT_CERT", "system")]).unwrap();
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
    assert!(config.warnings[0].starts_with("keys.web.expires = 2020-01-01 (FILE:27): the key is refused"));
    for silent in ["POOL_PROXY_BIN", "POOL_PROXY_TEST_POSTGRES", "POOL_PROXY_BENCH_X", "POOL_PROXY_POSTGRES_BIN"] {
        let (config, _) = load("", &[ENOUGH[0], ENOUGH[1], (silent, "x")]).unwrap();
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    }
}

#[test]
fn sizes() {
    let cases = [
        ("0", 0, "0"),
        ("1000", 1000, "1000"),
        ("512KiB", 512 << 10, "512KiB"),
        ("1 MiB", 1 << 20, "1MiB"),
        ("1gib", 1 << 30, "1GiB"),
        ("10KB", 10_000, "10000"),
        ("2MB", 2_000_000, "2000000"),
        ("8B", 8, "8"),
    ];
    for (text, bytes, shown) in cases {
        let size: Size = text.parse().unwrap();
        assert_eq!((size, size.to_string().as_str()), (Size(bytes), shown), "{text}");
    }
    for wrong in ["", "MiB", "-1", "1.5MiB", "1TiB", "1 M", "99999999999999999999"] {
        assert!(wrong.parse::<Size>().is_err(), "{wrong}");
    }
}

#[test]
fn dates() {
    let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    let cases = [
        ("1970-01-02", at(86_400)),
        ("1970-01-01T00:00:10Z", at(10)),
        ("1970-01-01t00:00:10z", at(10)),
        ("1970-01-01T02:00:00+01:30", at(1800)),
        ("1970-01-01T02:00:00-01:00", at(10_800)),
        ("1970-01-01T00:00:00+01:00", None),
        ("9999-12-31T23:59:59-01:00", None),
        ("1970-01-01T02:00:00+24:00", None),
        ("1970-01-01T02:00:00", None),
        ("2035-02-30", None),
        ("tomorrow", None),
        ("ten bytes ä", None),
        ("äöüäöüäöü", None),
        ("", None),
    ];
    for (text, expected) in cases {
        assert_eq!(date::parse(text), expected, "{text}");
    }
}
