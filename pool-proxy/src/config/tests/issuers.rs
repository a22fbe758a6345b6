//! Issuers of tokens, and how much may be asked.

use std::num::NonZeroUsize;

use super::faults::check;
use super::{ENOUGH, Scratch, load};
use crate::auth::jwks::KeySource;

const SECRET: &str = "secret = \"geheim, and long enough for a secret\"";

fn issuer(lines: &str) -> String {
    format!("[[issuers]]\nname = \"a\"\n{lines}\n")
}

fn refused(lines: &str, expected: &[&str]) {
    check(&issuer(lines), &ENOUGH, expected);
}

#[test]
fn an_issuer_is_read() {
    let file = Scratch::new(&format!(r#"{{"keys": [{{"kty": "OKP", "crv": "Ed25519", "x": "{}"}}]}}"#, "A".repeat(43)));
    let secret = Scratch::new("geheim, and long enough for a secret\n");
    let text = format!(
        "[[issuers]]\nname = \"a\"\n{SECRET}\ndefault_role = \"web\"\n\
         [[issuers]]\nname = \"b\"\nissuer = \"https://b.example\"\naudience = [\"api\"]\njwks_file = \"{}\"\n\
         role_claim = \"/app/role\"\nroles = [\"r\", \"w\"]\nclaims = [\"sub\", \"org\"]\ninvalidate = true\ndatabases = [\"default\"]\n\
         read_only = true\nrate = \"600/min\"\nconcurrency = 7\n\
         [[issuers]]\nname = \"c\"\nissuer = \"https://c.example\"\njwks_url = \"https://c.example/jwks\"\n\
         default_role = \"c\"\n\
         [[issuers]]\nname = \"d\"\nissuer = \"d\"\nsecret_file = \"{}\"\ndefault_role = \"d\"\nclaims = []\n",
        file.path(),
        secret.path()
    );
    let (config, effective) = load(&text, &[ENOUGH[0]]).unwrap();
    assert!(config.keys.is_empty());
    let [a, b, c, d] = &config.issuers[..] else { panic!("{:?}", config.issuers) };
    assert_eq!((a.issuer.as_deref(), a.role_claim.as_str(), &a.claims[..]), (None, "role", &["sub".to_owned()][..]));
    assert!(a.roles.is_empty() && a.default_role.as_deref() == Some("web") && a.allowance.is_unlimited());
    assert_eq!(
        (b.issuer.as_deref(), b.role_claim.as_str(), b.claims.len()),
        (Some("https://b.example"), "/app/role", 2)
    );
    assert_eq!(
        (b.all_roles().collect::<Vec<_>>(), b.databases.contain("default"), b.databases.contain("x")),
        (vec!["r", "w"], true, false)
    );
    assert_eq!(b.allowance.rate.unwrap().to_string(), "600/min");
    assert_eq!(b.allowance.concurrency, NonZeroUsize::new(7));
    assert!(b.invalidate && !a.invalidate);
    assert!(b.read_only && b.audiences == ["api"]);
    assert!(matches!(&c.keys, KeySource::Remote(remote) if remote.url() == "https://c.example/jwks"));
    assert!(matches!(&d.keys, KeySource::Secret(_)) && d.claims.is_empty());
    assert_eq!(config.issuer_files.len(), 2);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert_eq!(effective.get("issuers.a.secret").unwrap().value, "[hidden]");
    assert_eq!(effective.get("issuers.b.rate").unwrap().value, "600/min");
}

#[test]
fn what_an_issuer_lacks_is_told() {
    refused(SECRET, &["issuers.a.roles: expected the Postgres roles of its tokens, here or in default_role"]);
    refused("default_role = \"web\"", &["issuers.a: expected one of jwks_url, jwks_file, secret and secret_file"]);
    check(
        &format!("[[issuers]]\n{SECRET}\ndefault_role = \"web\""),
        &ENOUGH,
        &["issuers[0].name: expected a name in the entry at FILE:1"],
    );
    let twice = format!("{0}{0}", issuer(&format!("{SECRET}\ndefault_role = \"web\"")));
    let expected =
        ["issuers[1].name = a (FILE:6): expected a name of its own", "issuers.a.issuer: expected an iss of its own"];
    check(&twice, &ENOUGH, &expected);
}

#[test]
fn keys_that_cannot_be_used_are_told_and_never_shown() {
    let role = "default_role = \"web\"\n";
    let with = |line: &str, expected: &str| refused(&format!("{role}{line}"), &[expected]);
    with(
        "secret = \"geheim, short\"",
        "issuers.a.secret = [hidden] (FILE:4): expected a secret of at least 32 bytes; it has 13",
    );
    with("secret_file = \"/absent\"", "issuers.a.secret_file = /absent (FILE:4): expected a file that can be read");
    with("jwks_file = \"/absent\"", "issuers.a.jwks_file = /absent (FILE:4): expected a file that can be read");
    for url in ["http://id.example/jwks", "id.example", "ftp://id.example", "https://", "https://a:geheim@id.example/x"]
    {
        let shown = if url.contains('@') { "[hidden]" } else { url };
        with(
            &format!("jwks_url = \"{url}\""),
            &format!("issuers.a.jwks_url = {shown} (FILE:4): expected an https:// address"),
        );
    }
    refused(
        &format!("{role}{SECRET}\njwks_url = \"https://id.example\""),
        &["issuers.a.secret = [hidden] (FILE:4): expected jwks_url or secret, not both"],
    );
    for (text, expected) in [
        ("geheim", "it is not a JSON Web Key Set"),
        ("{\"keys\": []}", "there is no public key in it"),
        ("{\"keys\": [{\"kty\": \"oct\", \"k\": \"geheim\"}]}", "there is no public key in it"),
    ] {
        let file = Scratch::new(text);
        let line = format!("jwks_file = \"{}\"", file.path());
        let said = load(&issuer(&format!("{role}{line}")), &ENOUGH).err().unwrap();
        assert!(said.contains(expected) && !said.contains("geheim"), "{said}");
    }
}

#[test]
fn roles_claims_and_databases_are_checked() {
    let with = |line: &str, expected: &str| refused(&format!("{SECRET}\n{line}"), &[expected]);
    with("default_role = \"none\"", "issuers.a.default_role = none (FILE:4): expected the name of a Postgres role");
    with("roles = [\"web\", \"NONE\"]", "issuers.a.roles = NONE (FILE:4): expected the name of a Postgres role");
    let good = "default_role = \"web\"";
    let with = |line: &str, expected: &str| refused(&format!("{SECRET}\n{good}\n{line}"), &[expected]);
    with("claims = [\"sub\", \"exp\"]", "issuers.a.claims = exp (FILE:5): expected claims that say who asks");
    with("role_claim = \"\"", "issuers.a.role_claim = \"\" (FILE:5): expected the name of a claim");
    with("databases = [\"other\"]", "issuers.a.databases = other (FILE:5): expected the name of a configured database");
    with("rate = \"fast\"", "issuers.a.rate = fast (FILE:5): expected requests in a time: 50/s, 600/min or 5000/h");
    with("rate = \"0/s\"", "issuers.a.rate = 0/s (FILE:5): expected requests in a time");
    with("concurrency = 0", "issuers.a.concurrency = 0 (FILE:5): expected at least 1");
    with("audiences = [\"x\"]", "config (FILE:5): unknown key `audiences`");
}

#[test]
fn subjects_that_could_be_mistaken_are_warned_of() {
    let with = |one: &str, other: &str| {
        let entry = |name: &str, lines: &str| {
            format!("[[issuers]]\nname = \"{name}\"\nissuer = \"{name}\"\n{SECRET}\n{lines}\n")
        };
        let (config, _) = load(&format!("{}{}", entry("a", one), entry("b", other)), &ENOUGH).unwrap();
        config.warnings.iter().any(|warning| warning.contains("issuers.b.claims and those of a have no iss"))
    };
    let (web, both) = ("default_role = \"web\"", "default_role = \"web\"\nclaims = [\"sub\", \"iss\"]");
    assert!(with(web, web) && with(both, web));
    assert!(!with(both, both) && !with(web, "default_role = \"other\""));
    let url = "[[issuers]]\nname = \"a\"\njwks_url = \"https://id.example/jwks?key=geheim\"\ndefault_role = \"web\"";
    let (config, effective) = load(url, &ENOUGH).unwrap();
    assert!(config.warnings[0].contains("issuers.a names no issuer"), "{:?}", config.warnings);
    assert_eq!(effective.get("issuers.a.jwks_url").unwrap().value, "https://id.example/jwks");
}
