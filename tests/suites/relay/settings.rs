//! What makes a relay, what it has no use for, and what `config` and `check` say of it.

use harness::{Folder, Proxy};
use serde_json::Value;

use super::Relayed;
use crate::config::{File, printed, run};

const UPSTREAM: (&str, &str) = ("POOL_PROXY_UPSTREAM", "https://proxy.internal");

/// What `config` says where all is well: standard output, then standard error.
fn accepted(arguments: &[&str], variables: &[(&str, &str)]) -> (String, String) {
    let answer = run(&[&["config"], arguments].concat(), variables);
    let (out, err) = printed(&answer);
    assert_eq!(answer.status.code(), Some(0), "{out}{err}");
    (out, err)
}

fn refused(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let answer = run(&[&["config"], arguments].concat(), variables);
    let (out, err) = printed(&answer);
    assert_eq!(answer.status.code(), Some(2), "{out}{err}");
    err
}

#[test]
fn one_variable_is_enough() {
    let (out, err) = accepted(&[], &[UPSTREAM]);
    let line = |key: &str| out.lines().find(|line| line.split_whitespace().next() == Some(key));
    let upstream: Vec<&str> = line("upstream.url").unwrap().split_whitespace().collect();
    assert_eq!(upstream, ["upstream.url", "https://proxy.internal", "POOL_PROXY_UPSTREAM"]);
    assert!(line("listen").unwrap().contains("127.0.0.1:8080"), "{out}");
    // What it does not have is not in force.
    for key in ["databases", "keys", "pool.max", "cache.bytes", "limits.query"] {
        assert!(!out.contains(key), "{key}: {out}");
    }
    assert_eq!(err, "");
}

#[test]
fn the_file_says_the_same_and_the_variable_wins() {
    let folder = Folder::new();
    folder.authority("ours");
    let root = folder.path("ours.crt").display().to_string();
    let file = File::new(&format!("[upstream]\nurl = \"https://file.internal:8443/\"\nroot_cert = \"{root}\"\n"));
    let (out, _) = accepted(&["--config", file.path()], &[]);
    assert!(out.contains("https://file.internal:8443 ") && out.contains(&format!("{}:2", file.path())), "{out}");
    assert!(out.contains(&format!("{}:3", file.path())) && out.contains(&root), "{out}");
    let text = std::fs::read_to_string(&root).unwrap();
    let (out, _) = accepted(&["--config", file.path()], &[UPSTREAM, ("POOL_PROXY_UPSTREAM_ROOT_CERT", &text)]);
    assert!(out.contains("https://proxy.internal ") && !out.contains("file.internal"), "{out}");
    assert!(out.contains("[PEM text]") && !out.contains("BEGIN"), "{out}");
}

#[test]
fn what_it_cannot_have_beside_it_is_named() {
    let said = refused(
        &[],
        &[UPSTREAM, ("DATABASE_URL", "postgres://app:geheim@db/app"), ("POOL_PROXY_KEY", "geheim, 0123456789")],
    );
    for name in ["DATABASE_URL = [hidden] (DATABASE_URL): expected none", "POOL_PROXY_KEY = [hidden]", "a relay"] {
        assert!(said.contains(name), "{name}: {said}");
    }
    assert!(said.contains("2 faults") && !said.contains("geheim"), "{said}");
    let file = "[upstream]\nurl = \"https://proxy.internal\"\n[databases.default]\nurl = \"postgres://app:geheim@db/app\"\n\
        [[keys]]\nname = \"web\"\n[[issuers]]\nname = \"id\"\n";
    let file = File::new(file);
    let said = refused(&["--config", file.path()], &[]);
    for name in ["databases: expected none", "keys: expected none", "issuers: expected none"] {
        assert!(said.contains(name), "{name}: {said}");
    }
    assert!(said.contains("3 faults") && said.contains(&format!("{}:3", file.path())), "{said}");
    assert!(!said.contains("geheim"), "{said}");
}

#[test]
fn what_has_no_effect_is_told() {
    let file = File::new("[pool]\nmax = 3\n[limits]\nquery = \"1s\"\n[cache]\nbytes = 0\n[cors]\norigins = [\"*\"]\n");
    let (_, err) = accepted(&["--config", file.path()], &[UPSTREAM, ("POOL_PROXY_CACHE_BYTES", "1MiB")]);
    for name in ["pool.max", "limits.query", "cache.bytes", "cors.origins", "POOL_PROXY_CACHE_BYTES"] {
        let line = err.lines().find(|line| line.contains(name));
        assert!(line.is_some_and(|line| line.contains("has no effect")), "{name}: {err}");
    }
    let root = ("POOL_PROXY_UPSTREAM_ROOT_CERT", "/absent");
    let own = [("DATABASE_URL", "postgres://app@db/app"), ("POOL_PROXY_KEY", "geheim, 0123456789"), root];
    assert!(accepted(&[], &own).1.contains("upstream.root_cert (POOL_PROXY_UPSTREAM_ROOT_CERT) has no effect"));
}

#[test]
fn what_is_wrong_is_named() {
    for (url, said) in [
        ("proxy.internal", "upstream.url = proxy.internal (POOL_PROXY_UPSTREAM): expected an address such as"),
        ("https://proxy.internal/base", "expected an address such as"),
        ("postgres://app:geheim@db/app", "upstream.url = [hidden] (POOL_PROXY_UPSTREAM)"),
        ("prisma+postgres://proxy.internal/?api_key=geheim", "upstream.url = [hidden] (POOL_PROXY_UPSTREAM)"),
        ("https://proxy.internal?api_key=geheim", "upstream.url = [hidden] (POOL_PROXY_UPSTREAM)"),
        (
            "http://localhost:8080",
            "upstream.url = http://localhost:8080 (POOL_PROXY_UPSTREAM): expected another address than listen",
        ),
    ] {
        let faults = refused(&[], &[("POOL_PROXY_UPSTREAM", url)]);
        assert!(faults.contains(said) && !faults.contains("geheim"), "{url}: {faults}");
        assert!(faults.contains("has a fault"), "{url}: {faults}");
    }
    for (root, said) in [
        (
            "/absent",
            "upstream.root_cert = /absent (POOL_PROXY_UPSTREAM_ROOT_CERT): the root certificate /absent cannot be read",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nnonsense",
            "upstream.root_cert = \"[PEM text]\" (POOL_PROXY_UPSTREAM_ROOT_CERT)",
        ),
    ] {
        let faults = refused(&[], &[UPSTREAM, ("POOL_PROXY_UPSTREAM_ROOT_CERT", root)]);
        assert!(faults.contains(said), "{faults}");
    }
    let file = File::new("[upstream]\naddress = \"https://proxy.internal\"\n");
    assert!(refused(&["--config", file.path()], &[]).contains("unknown key `address`"));
}

#[test]
fn a_key_in_the_clear_over_the_network_is_warned_of() {
    let warned = |url: &str| accepted(&[], &[("POOL_PROXY_UPSTREAM", url)]).1.contains("speaks plain HTTP");
    assert!(warned("http://proxy.internal:8080") && warned("http://10.0.0.1"));
    assert!(!warned("http://127.0.0.1:8081") && !warned("http://[::1]:8081") && !warned("https://proxy.internal"));
}

#[tokio::test]
async fn the_doctor_reaches_the_upstream() {
    let relayed = Relayed::plain().await;
    let check = |url: &str| {
        let answer = run(&["check", "--json"], &[("POOL_PROXY_UPSTREAM", url)]);
        let json: Value = serde_json::from_str(&printed(&answer).0).unwrap();
        (answer.status.code(), json)
    };
    let found =
        |json: &Value| json["checks"].as_array().unwrap().iter().find(|each| each["check"] == "reachable").cloned();
    let (code, json) = check(relayed.served.proxy.url());
    assert_eq!((code, &json["ok"]), (Some(0), &Value::Bool(true)), "{json}");
    assert_eq!(found(&json).unwrap()["result"], "ok");
    for (url, advice) in [
        ("http://127.0.0.1:1", "is the port right"),
        ("http://nobody.invalid", "is the host's name spelled right"),
        (&relayed.served.proxy.url().replace("http", "https"), "is the port right"),
    ] {
        let (code, json) = check(url);
        assert_eq!((code, &json["ok"]), (Some(1), &Value::Bool(false)), "{json}");
        let found = found(&json).unwrap();
        assert!(found["result"] == "failure" && found["detail"].as_str().unwrap().contains(advice), "{found}");
    }
}

#[tokio::test]
async fn a_relay_that_cannot_be_one_does_not_start() {
    let relayed = Relayed::plain().await;
    let builder = Proxy::builder().relay_to(&relayed.served.proxy).database(&relayed.served.database);
    let said = builder.try_start().await.err().unwrap().to_string();
    assert!(said.contains("exit status: 2") && said.contains("DATABASE_URL"), "{said}");
}
