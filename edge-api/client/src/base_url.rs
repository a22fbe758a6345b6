//! Where the proxy is.

/// Why a text is no base URL. It does not repeat the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// Another scheme, or none.
    #[error("the proxy's URL must begin with http:// or https://")]
    Scheme,
    /// No host, or something that is none.
    #[error("the proxy's URL names no host, or something that is none")]
    Host,
    /// A port that is none.
    #[error("the port in the proxy's URL is not a number from 1 to 65535")]
    Port,
    /// A user or a password.
    #[error("the proxy's URL must hold no user and no password; the key is given to the client")]
    UserInfo,
    /// A query or a fragment.
    #[error("the proxy's URL must hold no query and no fragment")]
    Query,
    /// Characters that a path must write as `%XX`.
    #[error("the path in the proxy's URL holds a character that must be written as %XX")]
    Path,
}

/// A checked base URL without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(any(feature = "native", feature = "worker")), allow(dead_code))]
pub(crate) struct BaseUrl(String);

#[cfg_attr(not(any(feature = "native", feature = "worker")), allow(dead_code))]
impl BaseUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, BaseUrlError> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").ok_or(BaseUrlError::Scheme)?;
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "http" && scheme != "https" {
            return Err(BaseUrlError::Scheme);
        }
        if rest.contains(['?', '#']) {
            return Err(BaseUrlError::Query);
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(BaseUrlError::UserInfo);
        }
        check_authority(authority)?;
        if !path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte)) {
            return Err(BaseUrlError::Path);
        }
        Ok(Self(format!("{scheme}://{authority}{}", path.trim_end_matches('/'))))
    }

    /// The URL of a path that begins with a slash.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Whether TLS is spoken.
    #[cfg(feature = "native")]
    pub(crate) fn is_encrypted(&self) -> bool {
        self.0.starts_with("https:")
    }
}

fn check_authority(authority: &str) -> Result<(), BaseUrlError> {
    let (host, port) = if authority.starts_with('[') {
        let (address, behind) = authority.split_at(authority.find(']').ok_or(BaseUrlError::Host)? + 1);
        let inner = address.trim_start_matches('[').trim_end_matches(']');
        inner.parse::<std::net::Ipv6Addr>().map_err(|_| BaseUrlError::Host)?;
        let port = if behind.is_empty() { None } else { Some(behind.strip_prefix(':').ok_or(BaseUrlError::Host)?) };
        (None, port)
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (Some(host), Some(port)),
            None => (Some(authority), None),
        }
    };
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if host.is_some_and(|host| host.is_empty() || !host.bytes().all(letter)) {
        return Err(BaseUrlError::Host);
    }
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|number| number > 0)
    };
    if port.is_some_and(|port| !is_port(port)) {
        return Err(BaseUrlError::Port);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{BaseUrl, BaseUrlError};

    #[test]
    fn takes_what_names_a_proxy() {
        for (text, expected) in [
            ("http://localhost:8080", "http://localhost:8080/sql"),
            ("http://localhost:8080/", "http://localhost:8080/sql"),
            ("https://proxy.example", "https://proxy.example/sql"),
            ("HTTPS://proxy.example/db//", "https://proxy.example/db/sql"),
            ("https://proxy.example/a/b%20c", "https://proxy.example/a/b%20c/sql"),
            ("http://[::1]:8080", "http://[::1]:8080/sql"),
            ("http://[::1]", "http://[::1]/sql"),
            (" http://pool_proxy:1 ", "http://pool_proxy:1/sql"),
        ] {
            assert_eq!(BaseUrl::parse(text).map(|url| url.join("/sql")), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn refuses_what_does_not() {
        use BaseUrlError::{Host, Path, Port, Query, Scheme, UserInfo};
        for (text, expected) in [
            ("", Scheme),
            ("localhost:8080", Scheme),
            ("ftp://proxy.example", Scheme),
            ("postgres://u:p@proxy.example/db", Scheme),
            ("http://", Host),
            ("http:///sql", Host),
            ("http://:80", Host),
            ("http://a b", Host),
            ("http://ä.example", Host),
            ("http://[::1", Host),
            ("http://[nonsense]", Host),
            ("http://[::1]8080", Host),
            ("http://proxy:", Port),
            ("http://proxy:0", Port),
            ("http://proxy:65536", Port),
            ("http://proxy:+1", Port),
            ("http://user@proxy", UserInfo),
            ("http://user:word@proxy", UserInfo),
            ("http://proxy?x=1", Query),
            ("http://proxy/#x", Query),
            ("http://proxy/a b", Path),
            ("http://proxy/ä", Path),
        ] {
            assert_eq!(BaseUrl::parse(text), Err(expected), "{text}");
        }
    }
}
