//! Where tokens begin and end in SQL, as Postgres's own scanner has it.

use crate::statement::text::skip;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A key word, or a name without quotes.
    Word,
    /// A name in quotes.
    Name,
    /// A literal in whatever quotes.
    Text,
    /// A number, with whatever letters follow it.
    Number,
    /// `$1`
    Parameter,
    /// One character of an operator, or a bracket, comma and the like.
    Sign,
}

/// A token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    /// Whether a blank or a comment stands before it.
    pub(super) is_apart: bool,
}

/// Reads tokens; `None` in their place where one does not end, or may end elsewhere by the session's settings.
pub(super) struct Lexer<'a> {
    rest: &'a str,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// The kind of the next token, and its length.
    fn next_token(&self) -> Option<(Kind, usize)> {
        let rest = self.rest;
        let mut characters = rest.chars();
        let first = characters.next()?;
        let second = characters.next();
        let quoted = |prefix: usize, escapes| Some((Kind::Text, prefix + literal(&rest[prefix..], escapes)?));
        match first {
            '\'' => quoted(0, Escapes::Unknown),
            '"' => Some((Kind::Name, name(rest)?)),
            'e' | 'E' if second == Some('\'') => quoted(1, Escapes::Backslash),
            'b' | 'B' | 'x' | 'X' | 'n' | 'N' if second == Some('\'') => quoted(1, Escapes::Unknown),
            'u' | 'U' if rest[1..].starts_with("&'") => quoted(2, Escapes::Unknown),
            'u' | 'U' if rest[1..].starts_with("&\"") => Some((Kind::Name, 2 + name(&rest[2..])?)),
            '$' if second.is_some_and(|next| next.is_ascii_digit()) => {
                Some((Kind::Parameter, 1 + length(&rest[1..], |c| c.is_ascii_digit())))
            }
            '$' => match tag(rest) {
                Some(tag) => Some((Kind::Text, rest[tag..].find(&rest[..tag])? + 2 * tag)),
                None => Some((Kind::Sign, 1)),
            },
            '.' if second.is_some_and(|next| next.is_ascii_digit()) => Some((Kind::Number, number(rest))),
            _ if first.is_ascii_digit() => Some((Kind::Number, number(rest))),
            _ if is_letter(first) => {
                Some((Kind::Word, length(rest, |c| is_letter(c) || c.is_ascii_digit() || c == '$')))
            }
            _ => Some((Kind::Sign, first.len_utf8())),
        }
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Option<Token<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let behind = skip(self.rest);
        let is_apart = behind.len() < self.rest.len();
        if behind.is_empty() {
            // A comment that does not end leaves nothing, and what is before it would look whole.
            let has_ended = !ends_in_a_comment(std::mem::take(&mut self.rest));
            return if has_ended { None } else { Some(None) };
        }
        self.rest = behind;
        let Some((kind, length)) = self.next_token() else {
            self.rest = "";
            return Some(None);
        };
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(Some(Token { kind, text, is_apart }))
    }
}

/// Whether what is only blanks and comments ends within a `/* ... */`.
fn ends_in_a_comment(text: &str) -> bool {
    // Behind a line that is added, a comment that goes on swallows it.
    let longer = format!("{text}\n;");
    skip(&longer).is_empty()
}

/// What a backslash does in a literal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    /// It takes the character behind it.
    Backslash,
    /// That, or nothing: it is for the session's `standard_conforming_strings`, and for how a literal began that goes on here.
    Unknown,
}

/// The length of a literal that begins with a quote.
fn literal(text: &str, escapes: Escapes) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    let mut backslashes = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => backslashes += 1,
            b'\'' => {
                let is_escaped = backslashes % 2 == 1;
                if is_escaped && escapes == Escapes::Unknown {
                    return None;
                }
                if !is_escaped {
                    if bytes.get(at + 1) != Some(&b'\'') {
                        return Some(at + 1);
                    }
                    at += 1;
                }
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        at += 1;
    }
    None
}

/// The length of a name in quotes.
fn name(text: &str) -> Option<usize> {
    let mut at = 1;
    loop {
        at += text.get(at..)?.find('"')? + 1;
        if !text[at..].starts_with('"') {
            return Some(at);
        }
        at += 1;
    }
}

/// The length of what opens a literal in dollars: `$$` or `$word$`.
fn tag(text: &str) -> Option<usize> {
    let inner = length(&text[1..], |c| is_letter(c) || c.is_ascii_digit());
    text[1 + inner..].starts_with('$').then_some(inner + 2)
}

/// The length of a number, and of what follows it without a blank: to older versions of Postgres that is a word, but there may be a
/// number in it.
fn number(text: &str) -> usize {
    let part = |text: &str| length(text, |c| is_letter(c) || c.is_ascii_digit() || c == '.');
    let first = part(text);
    let is_hexadecimal = text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"));
    let has_exponent = text[..first].ends_with(['e', 'E']) && !is_hexadecimal;
    let rest = &text[first..];
    if has_exponent && rest.starts_with(['+', '-']) && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return first + 1 + part(&rest[1..]);
    }
    first
}

fn length(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c: char| !belongs(c)).unwrap_or(text.len())
}

/// What a name may begin with; to Postgres everything beyond ASCII is a letter.
fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}
