//! Where and how to connect: a connection URL, understood as libpq would.

use std::time::Duration;

use tokio_postgres::config::{ChannelBinding, SslMode as Encryption, SslNegotiation};

use super::schema::Schema;
use super::session_attrs::SessionAttrs;
use super::tls::{SslMode, Tls};
use super::url::{ConnectionUrl, UrlError};
use crate::trust::TrustError;

/// One address to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name or address, and a port.
    Tcp(String, u16),
    /// The folder of a Unix socket, and the port that names it.
    Unix(std::path::PathBuf, u16),
}

/// Everything needed to open a connection. Its `Debug` shows hosts only.
#[derive(Clone)]
pub struct Target {
    pub(super) hosts: Vec<Host>,
    pub(super) config: tokio_postgres::Config,
    pub(super) tls: Tls,
    pub(super) connect_timeout: Duration,
    pub(super) session_attrs: SessionAttrs,
    /// One for all connections, whichever pool they are in.
    pub(super) schema: Schema,
    schema_name: Option<String>,
    warnings: Vec<String>,
    pooler: Option<&'static str>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// Why a connection URL cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It is no URL.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// A parameter that is not supported.
    #[error("the connection URL's parameter \"{0}\" is not supported; README.md lists those that are")]
    Parameter(String),
    /// A parameter's value is not one of its values.
    #[error("the connection URL's parameter \"{0}\" must be {1}")]
    Value(&'static str, &'static str),
    /// No user.
    #[error("the connection URL names no user")]
    User,
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TrustError),
}

/// Parameters of Prisma's own that have no meaning here: the pool's size and waiting time are the proxy's.
const IGNORED: &[&str] = &[
    "connection_limit",
    "pool_timeout",
    "pgbouncer",
    "socket_timeout",
    "statement_cache_size",
    "single_use_connections",
    "connect_retries",
];

impl Target {
    /// Reads a connection URL. `root_cert` is PEM text or a path and stands for `sslrootcert` where the URL has none.
    ///
    /// # Errors
    /// When the URL is none, has a parameter that is not supported, or names certificates that cannot be read.
    pub fn new(url: &str, root_cert: Option<&str>) -> Result<Self, TargetError> {
        let url: ConnectionUrl = url.parse()?;
        let mut config = tokio_postgres::Config::new();
        let mut target = Options { root_cert: root_cert.map(str::to_owned), ..Options::default() };
        let mut startup = vec![];
        for (key, value) in &url.options {
            target.take(key, value, &mut config, &mut startup)?;
        }
        config.user(url.user.as_deref().ok_or(TargetError::User)?);
        if let Some(password) = &url.password {
            config.password(password);
        }
        config.dbname(url.database.as_deref().or(url.user.as_deref()).unwrap_or("postgres"));
        if config.get_application_name().is_none() {
            config.application_name("pool-proxy");
        }
        if !startup.is_empty() {
            config.options(startup.join(" "));
        }
        // Encryption is settled before tokio-postgres sees the stream: see connect.rs.
        config.ssl_mode(Encryption::Disable);
        let named = url.option("host").map(|host| vec![(host.to_owned(), None)]);
        let hosts: Vec<Host> = named
            .unwrap_or_else(
                || if url.hosts.is_empty() { vec![("localhost".to_owned(), None)] } else { url.hosts.clone() },
            )
            .into_iter()
            .map(|(name, port)| {
                let port = port.or(target.port).unwrap_or(5432);
                if name.starts_with('/') { Host::Unix(name.into(), port) } else { Host::Tcp(name, port) }
            })
            .collect();
        Ok(Self {
            pooler: pooler(&hosts, &url),
            hosts,
            schema: Schema::default(),
            config,
            tls: Tls::new(target.sslmode, target.root_cert.as_deref())?,
            connect_timeout: target.connect_timeout.unwrap_or(Duration::from_secs(10)),
            session_attrs: target.session_attrs,
            schema_name: url.option("schema").map(str::to_owned),
            warnings: target.warnings,
        })
    }

    /// The schema's version, as far as is known.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The schema the URL names.
    pub fn schema_name(&self) -> Option<&str> {
        self.schema_name.as_deref()
    }

    /// What an operator should know of the URL.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// By what the URL gives itself away as pointing at a transaction pooler, which would break the proxy's
    /// prepared statements and transactions.
    pub fn looks_like_pooler(&self) -> Option<&'static str> {
        self.pooler
    }

    /// The hosts, for people: `name:port`, separated by commas.
    pub fn address(&self) -> String {
        let hosts = self.hosts.iter().map(|host| match host {
            Host::Tcp(name, port) => format!("{name}:{port}"),
            Host::Unix(folder, port) => format!("{}/.s.PGSQL.{port}", folder.display()),
        });
        hosts.collect::<Vec<_>>().join(",")
    }

    /// The role that logs in.
    pub fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    /// What a server has to be.
    pub fn session_attrs(&self) -> SessionAttrs {
        self.session_attrs
    }

    /// How the connection is encrypted.
    pub fn sslmode(&self) -> SslMode {
        self.tls.mode()
    }
}

#[derive(Default)]
struct Options {
    sslmode: SslMode,
    root_cert: Option<String>,
    port: Option<u16>,
    connect_timeout: Option<Duration>,
    session_attrs: SessionAttrs,
    warnings: Vec<String>,
}

impl Options {
    fn take(
        &mut self,
        key: &str,
        value: &str,
        config: &mut tokio_postgres::Config,
        startup: &mut Vec<String>,
    ) -> Result<(), TargetError> {
        match key {
            "sslmode" => {
                self.sslmode = value.parse().map_err(|()| {
                    TargetError::Value("sslmode", "disable, allow, prefer, require, verify-ca or verify-full")
                })?;
            }
            "sslrootcert" => self.root_cert = Some(value.to_owned()),
            "sslnegotiation" => match value {
                "postgres" => {}
                "direct" => {
                    config.ssl_negotiation(SslNegotiation::Direct);
                }
                _ => return Err(TargetError::Value("sslnegotiation", "postgres or direct")),
            },
            "channel_binding" => {
                config.channel_binding(match value {
                    "disable" => ChannelBinding::Disable,
                    "prefer" => ChannelBinding::Prefer,
                    "require" => ChannelBinding::Require,
                    _ => return Err(TargetError::Value("channel_binding", "disable, prefer or require")),
                });
            }
            "application_name" => {
                config.application_name(value);
            }
            "connect_timeout" => {
                let seconds = value.parse().map_err(|_| TargetError::Value("connect_timeout", "whole seconds"))?;
                self.connect_timeout = Some(Duration::from_secs(seconds)).filter(|timeout| !timeout.is_zero());
            }
            "target_session_attrs" => {
                self.session_attrs = value.parse().map_err(|()| {
                    TargetError::Value(
                        "target_session_attrs",
                        "any, read-write, read-only, primary, standby or prefer-standby",
                    )
                })?;
            }
            "options" => startup.push(value.to_owned()),
            "schema" => {
                // The value of -c goes through the server's own splitting at spaces.
                let quoted = format!("\"{}\"", value.replace('"', "\"\""));
                startup.push(format!("-csearch_path={}", quoted.replace('\\', "\\\\").replace(' ', "\\ ")));
            }
            "port" => self.port = Some(value.parse().map_err(|_| TargetError::Value("port", "a number"))?),
            "host" => {}
            key if IGNORED.contains(&key) => {
                self.warnings.push(format!("the connection URL's parameter \"{key}\" has no effect"));
            }
            key => return Err(TargetError::Parameter(key.to_owned())),
        }
        Ok(())
    }
}

fn pooler(hosts: &[Host], url: &ConnectionUrl) -> Option<&'static str> {
    for host in hosts {
        if let Host::Tcp(name, port) = host {
            if *port == 6543 {
                return Some("port 6543");
            }
            if name.split('.').next().is_some_and(|label| label.ends_with("-pooler")) {
                return Some("a host name that ends in -pooler");
            }
        }
    }
    (url.option("pgbouncer") == Some("true")).then_some("pgbouncer=true")
}
