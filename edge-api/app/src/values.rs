//! The values that requests carry, valid by their types. The same bounds are checks in the database
//! (`edge-api/migrations`) and in the generated Zod schemas (`edge-api/common`).

use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress, Options};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// At least one character that is no white space, and no NUL, which Postgres cannot store in a text.
const VISIBLE: &str = r"^\p{White_Space}*[^\p{White_Space}\u0000][^\u0000]*$";

/// What is wrong with a text of `min` to `max` characters, if anything is.
fn fault(text: &str, min: usize, max: usize) -> Option<String> {
    let characters = text.chars().count();
    if text.contains('\0') {
        return Some("must not contain the NUL character".to_owned());
    }
    if characters > max {
        return Some(format!("must be at most {max} characters long, not {characters}"));
    }
    if text.chars().all(char::is_whitespace) {
        return Some("must not be empty or blank".to_owned());
    }
    (characters < min).then(|| format!("must be at least {min} characters long"))
}

/// A text with bounds in characters (Unicode scalar values, as Postgres's `char_length` counts them).
macro_rules! bounded_text {
    ($(#[$doc:meta])* $name:ident, $min:literal..=$max:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
        #[serde(try_from = "String")]
        #[schemars(inline)]
        pub struct $name(#[schemars(length(min = $min, max = $max), regex(pattern = VISIBLE))] String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                match fault(&text, $min, $max) {
                    Some(fault) => Err(fault),
                    None => Ok(Self(text)),
                }
            }
        }
    };
}

bounded_text! {
    /// What a user is called: 1 to 100 characters.
    Name, 1..=100
}
bounded_text! {
    /// A post's title: 1 to 200 characters.
    Title, 1..=200
}
bounded_text! {
    /// A post's text: 1 to 100,000 characters.
    Content, 1..=100_000
}

/// An e-mail address (RFC 5321), ASCII and in lower case: addresses that differ in case alone are one account.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(try_from = "String")]
#[schemars(inline)]
pub struct Email(#[schemars(email, length(max = 254))] String);

impl Email {
    /// The address in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Email {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        const WRONG: &str = "must be an e-mail address such as ada@example.com";
        if text.len() > 254 {
            return Err("must be at most 254 characters long".to_owned());
        }
        let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
        // A quoted local part, a domain outside ASCII or one that is no host name (RFC 1123) are valid by RFC 5322, and
        // refused by most mail systems.
        let host = |domain: &str| domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
        let sound = text.is_ascii() && !text.contains('"');
        match EmailAddress::parse_with_options(&text, options) {
            Ok(address) if sound && host(address.domain()) => {}
            _ => return Err(WRONG.to_owned()),
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl FromStr for Email {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::try_from(text.to_owned())
    }
}

/// A password somebody chooses: 8 to 200 characters, any of them (NIST SP 800-63B asks for at least 8, and for no
/// rules of composition).
#[derive(Clone, Deserialize, JsonSchema, Serialize)]
#[serde(try_from = "String")]
#[schemars(inline)]
pub struct NewPassword(#[schemars(length(min = 8, max = 200))] String);

impl NewPassword {
    /// The bytes to hash.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl TryFrom<String> for NewPassword {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.chars().count() {
            0..8 => Err("must be at least 8 characters long".to_owned()),
            8..=200 => Ok(Self(text)),
            _ => Err("must be at most 200 characters long".to_owned()),
        }
    }
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("NewPassword(..)")
    }
}

/// A password somebody signs in with: any text of up to 200 characters, since the rules may have been others when it
/// was chosen.
#[derive(Clone, Deserialize, JsonSchema, Serialize)]
#[serde(try_from = "String")]
#[schemars(inline)]
pub struct Password(#[schemars(length(max = 200))] String);

impl Password {
    /// The bytes to verify.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl TryFrom<String> for Password {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.chars().count() > 200 {
            return Err("must be at most 200 characters long".to_owned());
        }
        Ok(Self(text))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(..)")
    }
}

/// How many posts a page holds: 1 to 100.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(try_from = "String")]
#[schemars(inline)]
pub struct Limit(#[schemars(range(min = 1, max = 100))] u8);

impl Limit {
    /// The number of posts.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(20)
    }
}

impl TryFrom<String> for Limit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.parse() {
            Ok(limit @ 1..=100) => Ok(Self(limit)),
            _ => Err("must be a whole number from 1 to 100".to_owned()),
        }
    }
}
