//! `pool-proxy key new`: a new API key, the entry for the configuration file, and what clients need.

use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Args, Subcommand};
use pool_proxy::auth::{ApiKey, KeyHash, Rate};
use pool_proxy::config::{date, names};
use serde_json::json;

use super::print;

#[derive(Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a key: prints its secret once, the entry for the file, and what to paste into a client.
    New(New),
}

#[derive(Args)]
struct New {
    /// What logs and metrics call the key.
    #[arg(long, value_parser = key_name)]
    name: String,
    /// A database the key may use; again for each. Without it, all of them.
    #[arg(long = "database", value_name = "DATABASE", value_parser = database_name)]
    databases: Vec<String>,
    /// Its transactions are READ ONLY. Name a role without rights to write as well.
    #[arg(long)]
    read_only: bool,
    /// The Postgres role its statements run as.
    #[arg(long, value_parser = role_name)]
    role: Option<String>,
    /// The day from which on it is refused, such as 2035-01-01.
    #[arg(long, value_name = "DATE", value_parser = future)]
    expires: Option<String>,
    /// How much it may ask, all databases together: 50/s, 600/min, 5000/h.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    rate: Option<String>,
    /// How many of its requests may be under way at a time.
    #[arg(long, value_name = "NUMBER")]
    concurrency: Option<std::num::NonZeroU32>,
    /// Where clients reach the proxy, for what is to be pasted.
    #[arg(long, default_value = "proxy.example.com", value_parser = host_name)]
    host: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> ExitCode {
    let Command::New(new) = arguments.command;
    let key = ApiKey::generate();
    print(&if new.json { as_json(&new, key.secret()) } else { as_text(&new, key.secret()) });
    if new.read_only && new.role.is_none() {
        eprintln!(
            "note: READ ONLY alone does not stop everything: add --role with a role that has no right to write \
             (deploy/grants.sql makes one)"
        );
    }
    ExitCode::SUCCESS
}

/// What a client is given.
struct Paste {
    neon: String,
    prisma: String,
    wrangler: &'static str,
    curl: String,
}

impl Paste {
    fn new(new: &New, secret: &str) -> Self {
        let host = &new.host;
        let database = new.databases.first().map_or("default", String::as_str);
        let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
        let local = ["localhost", "127.0.0.1", "[::1]"].contains(&name);
        let scheme = if local { "http" } else { "https" };
        Self {
            neon: format!("postgresql://pool-proxy:{secret}@{host}/{database}"),
            prisma: format!("prisma+postgres://{host}/?api_key={secret}"),
            wrangler: "wrangler secret put POOL_PROXY_KEY",
            curl: format!(
                "curl -sS {scheme}://{host}/sql -H 'Authorization: Bearer {secret}' -d '{{\"query\":\"select 1\"}}'"
            ),
        }
    }
}

/// The entry for the file. The secret is not in it.
fn entry(new: &New, secret: &str) -> String {
    let string = |text: &str| toml::Value::from(text).to_string();
    let mut lines = vec!["[[keys]]".to_owned(), format!("name = {}", string(&new.name))];
    lines.push(format!("hash = \"{}\"", KeyHash::of(secret)));
    if !new.databases.is_empty() {
        let names: Vec<String> = new.databases.iter().map(|name| string(name)).collect();
        lines.push(format!("databases = [{}]", names.join(", ")));
    }
    if new.read_only {
        lines.push("read_only = true".to_owned());
    }
    if let Some(role) = &new.role {
        lines.push(format!("role = {}", string(role)));
    }
    if let Some(expires) = &new.expires {
        lines.push(format!("expires = {}", string(expires)));
    }
    if let Some(rate) = &new.rate {
        lines.push(format!("rate = {}", string(rate)));
    }
    if let Some(concurrency) = new.concurrency {
        lines.push(format!("concurrency = {concurrency}"));
    }
    lines.join("\n")
}

fn as_text(new: &New, secret: &str) -> String {
    let Paste { neon, prisma, wrangler, curl } = Paste::new(new, secret);
    let name = &new.name;
    let entry = entry(new, secret);
    format!(
        "The key \"{name}\". It is shown this once and kept nowhere:\n\n  {secret}\n\n\
         For the configuration file:\n\n{entry}\n\n\
         For clients:\n\n  \
         Neon's driver, and what builds on it:\n    {neon}\n\n  \
         Prisma Accelerate's client extension (not yet: this version does not speak its protocol):\n    {prisma}\n\n  \
         Cloudflare Workers, which ask for the key:\n    {wrangler}\n\n  \
         A shell:\n    {curl}\n"
    )
}

fn as_json(new: &New, secret: &str) -> String {
    let Paste { neon, prisma, wrangler, curl } = Paste::new(new, secret);
    let answer = json!({
        "name": new.name,
        "secret": secret,
        "hash": KeyHash::of(secret).to_string(),
        "entry": entry(new, secret),
        "neon": neon,
        "prisma": prisma,
        "wrangler": wrangler,
        "curl": curl,
    });
    format!("{answer:#}\n")
}

// Arguments

fn checked(text: &str, sound: bool, expected: &str) -> Result<String, String> {
    if sound { Ok(text.to_owned()) } else { Err(format!("expected {expected}")) }
}

fn key_name(text: &str) -> Result<String, String> {
    checked(text, names::is_key(text), names::KEY)
}

fn database_name(text: &str) -> Result<String, String> {
    checked(text, names::is_database(text), names::DATABASE)
}

fn role_name(text: &str) -> Result<String, String> {
    checked(text, names::is_role(text), names::ROLE)
}

fn rate(text: &str) -> Result<String, String> {
    text.parse::<Rate>().map(|_| text.to_owned())
}

fn future(text: &str) -> Result<String, String> {
    match date::parse(text) {
        None => Err(date::EXPECTED.to_owned()),
        Some(moment) => checked(text, moment > SystemTime::now(), "a date that is still to come"),
    }
}

fn host_name(text: &str) -> Result<String, String> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.:[]".contains(letter);
    let sound = !text.is_empty() && text.chars().all(allowed);
    checked(text, sound, "a host alone, with a port if it has one: proxy.example.com, localhost:8080")
}

#[cfg(test)]
mod tests {
    use super::{New, as_text};

    #[test]
    fn what_does_not_work_yet_is_said_beside_it() {
        let new = New {
            name: "web".to_owned(),
            databases: Vec::new(),
            read_only: false,
            role: None,
            expires: None,
            rate: None,
            concurrency: None,
            host: "proxy.example.com".to_owned(),
            json: false,
        };
        let text = as_text(&new, "geheim");
        let lines: Vec<&str> = text.lines().collect();
        let at = lines.iter().position(|line| line.contains("prisma+postgres://")).unwrap();
        assert!(lines[at - 1].contains("not yet"), "{text}");
    }
}
