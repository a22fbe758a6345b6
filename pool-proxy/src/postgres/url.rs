//! Connection URLs, split into their parts
//! (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>).
//!
//! tokio-postgres rejects many of libpq's and all of Prisma's parameters, so the URL is taken apart here. No error
//! repeats the URL or any value of it: it holds a password.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// A `postgres://` URL, percent-decoded.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ConnectionUrl {
    /// The user, if named.
    pub user: Option<String>,
    /// The password, if given.
    pub password: Option<String>,
    /// Host and port of each server, in the order to try them.
    pub hosts: Vec<(String, Option<u16>)>,
    /// The database, if named.
    pub database: Option<String>,
    /// Everything after the question mark, in order.
    pub options: Vec<(String, String)>,
}

impl std::fmt::Debug for ConnectionUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectionUrl").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// What is wrong with a connection URL, without repeating any of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Another scheme, or none.
    #[error("a connection URL starts with postgres:// or postgresql://")]
    Scheme,
    /// A percent escape that does not decode to UTF-8.
    #[error("the {0} of the connection URL is not valid percent-encoded UTF-8")]
    Encoding(&'static str),
    /// A port that is not a number from 1 to 65535.
    #[error("a port of the connection URL is not a number from 1 to 65535")]
    Port,
    /// An IPv6 address without its closing bracket.
    #[error("an IPv6 address in the connection URL lacks its closing bracket")]
    Bracket,
}

impl std::str::FromStr for ConnectionUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let rest = ["postgres://", "postgresql://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))
            .ok_or(UrlError::Scheme)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        // A slash cannot stand in user, password or host unless escaped; an at sign can stand unescaped in a password.
        let (authority, database) = match rest.rsplit_once('@') {
            Some((before, after)) => {
                let (host, database) = after.split_once('/').unwrap_or((after, ""));
                (Some((before, host)), database)
            }
            None => (None, ""),
        };
        let (credentials, hosts, database) = if let Some((credentials, hosts)) = authority {
            (credentials, hosts, database)
        } else {
            let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
            ("", hosts, database)
        };
        let (user, password) = match credentials.split_once(':') {
            Some((user, password)) => (user, Some(decode(password, "password")?)),
            None => (credentials, None),
        };
        let mut options = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            options.push((decode(key, "parameter")?, decode(value, "parameter")?));
        }
        Ok(Self {
            user: non_empty(decode(user, "user")?),
            password,
            hosts: hosts.split(',').filter(|host| !host.is_empty()).map(host).collect::<Result<_, _>>()?,
            database: non_empty(decode(database, "database")?),
            options,
        })
    }
}

impl ConnectionUrl {
    /// The last value of an option.
    pub fn option(&self, key: &str) -> Option<&str> {
        self.options.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

fn decode(text: &str, part: &'static str) -> Result<String, UrlError> {
    percent_decode_str(text).decode_utf8().map(Cow::into_owned).map_err(|_| UrlError::Encoding(part))
}

fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn host(text: &str) -> Result<(String, Option<u16>), UrlError> {
    let (name, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']').ok_or(UrlError::Bracket)?;
        (address, rest.strip_prefix(':'))
    } else {
        match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        }
    };
    let port = match port.filter(|port| !port.is_empty()) {
        Some(port) => match port.parse() {
            Ok(0) | Err(_) => return Err(UrlError::Port),
            Ok(port) => Some(port),
        },
        None => None,
    };
    Ok((decode(name, "host")?, port))
}

#[cfg(test)]
mod tests;
