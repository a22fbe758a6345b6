//! Which of several servers will do: libpq's `target_session_attrs`
//! (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-TARGET-SESSION-ATTRS>).

use std::str::FromStr;

use super::address::{ConnectError, Stage};

/// What a server has to be for its session to be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SessionAttrs {
    /// Whatever it is.
    #[default]
    Any,
    /// Its sessions may write unless they say otherwise.
    ReadWrite,
    /// Its sessions may not.
    ReadOnly,
    /// No standby.
    Primary,
    /// A standby.
    Standby,
    /// A standby, or else whatever it is.
    PreferStandby,
}

impl FromStr for SessionAttrs {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "any" => Self::Any,
            "read-write" => Self::ReadWrite,
            "read-only" => Self::ReadOnly,
            "primary" => Self::Primary,
            "standby" => Self::Standby,
            "prefer-standby" => Self::PreferStandby,
            _ => return Err(()),
        })
    }
}

impl SessionAttrs {
    /// The rounds in which the hosts are gone through, each with what it asks for.
    pub(super) fn rounds(self) -> &'static [Self] {
        match self {
            Self::Any => &[Self::Any],
            Self::ReadWrite => &[Self::ReadWrite],
            Self::ReadOnly => &[Self::ReadOnly],
            Self::Primary => &[Self::Primary],
            Self::Standby => &[Self::Standby],
            Self::PreferStandby => &[Self::Standby, Self::Any],
        }
    }

    /// Whether a server will do, from what it has reported of itself while the session began: Postgres 14 and newer report
    /// both settings, and say so when they change.
    ///
    /// # Errors
    /// With what it is instead.
    pub(super) fn suits<'a>(self, reported: impl Fn(&str) -> Option<&'a str>) -> Result<(), ConnectError> {
        if self == Self::Any {
            return Ok(());
        }
        let is_on = |name| reported(name).map(|value| value == "on");
        let refuse = |what: &str| Err(ConnectError::new(Stage::Role, what));
        let (Some(standby), Some(read_only)) = (is_on("in_hot_standby"), is_on("default_transaction_read_only")) else {
            return refuse("the server does not report whether it is a standby, as Postgres 14 and newer do");
        };
        match self {
            Self::ReadWrite | Self::Primary if standby => refuse("the server is a standby"),
            Self::ReadWrite if read_only => refuse("the server's sessions are read-only"),
            Self::ReadOnly if !standby && !read_only => refuse("the server's sessions may write"),
            Self::Standby if !standby => refuse("the server is a primary"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SessionAttrs;

    #[test]
    fn which_server_will_do() {
        const STANDBY: (&str, &str) = ("on", "off");
        const PRIMARY: (&str, &str) = ("off", "off");
        const READ_ONLY: (&str, &str) = ("off", "on");
        for (attrs, standby, primary, read_only) in [
            ("any", true, true, true),
            ("read-write", false, true, false),
            ("read-only", true, false, true),
            ("primary", false, true, true),
            ("standby", true, false, false),
        ] {
            let attrs: SessionAttrs = attrs.parse().unwrap();
            for (server, expected) in [(STANDBY, standby), (PRIMARY, primary), (READ_ONLY, read_only)] {
                let reported = |name: &str| match name {
                    "in_hot_standby" => Some(server.0),
                    "default_transaction_read_only" => Some(server.1),
                    _ => None,
                };
                assert_eq!(attrs.suits(reported).is_ok(), expected, "{attrs:?} {server:?}");
            }
            assert_eq!(attrs.suits(|_| None).is_ok(), attrs == SessionAttrs::Any, "{attrs:?}, nothing is known");
        }
        assert!("read_write".parse::<SessionAttrs>().is_err());
    }
}
