//! A statement without its constants, so that operators see which one it is and never what it was asked about.
//!
//! By its lexical structure alone (<https://www.postgresql.org/docs/current/sql-syntax-lexical.html>): that is enough to find every
//! constant, and a text is needed before Postgres has been asked about it. It says nothing about what the statement does.

mod lexer;

use std::hash::BuildHasher;
use std::sync::LazyLock;

use foldhash::quality::RandomState;
use sha2::{Digest, Sha256};

use lexer::{Kind, Lexer, Token};

/// What is shown of a statement, in bytes; what is longer is cut behind a token.
const SHOWN: usize = 4 << 10;
/// What of a statement makes its fingerprint, in bytes without what is in quotes.
const LONGEST: usize = 32 << 10;

/// A statement without its constants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Normal {
    /// Constants are `$1`, `$2`, ... after its own parameters, comments are gone, blanks are one blank, lists of constants are cut to one.
    /// `None` where it is not certain where constants end: nothing of it may be shown then.
    pub text: Option<Box<str>>,
    /// The same for statements that differ in no more than constants, comments, blanks, lengths of lists and capitals. Where there
    /// is no text it is another one in each process.
    pub fingerprint: u64,
}

/// Of texts without a normal form: from the hash nobody learns the text by trying.
static HASHES: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// Takes the constants out of a statement.
pub fn normalize(text: &str) -> Normal {
    let Some(tokens) = tokens(text) else {
        return Normal { text: None, fingerprint: HASHES.hash_one(text) };
    };
    let mut writer = Writer::after(&tokens);
    let mut rest = tokens.as_slice();
    while let [token, behind @ ..] = rest {
        rest = behind;
        if writer.hides_the_rest() {
            writer.blank(token);
            writer.constant();
            break;
        }
        writer.token(token);
        let after = if token.is_sign(")") {
            writer.row().and_then(|row| past_further_rows(row, rest))
        } else {
            past_further_constants(token, &writer.before, rest)
        };
        if let Some(after) = after {
            writer.and_so_on();
            rest = after;
        }
    }
    writer.finish()
}

/// All of it, or none if a constant or a name does not end, or may end elsewhere by the session's settings.
fn tokens(text: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut read = 0;
    for token in Lexer::new(text) {
        let token = token?;
        read += if token.kind == Kind::Text { 2 } else { token.text.len() };
        if read > LONGEST {
            break;
        }
        // A literal may go on in another line.
        if token.kind != Kind::Text || tokens.last().is_none_or(|last| last.kind != Kind::Text) {
            tokens.push(token);
        }
    }
    Some(tokens)
}

impl Token<'_> {
    fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    fn is_sign(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }

    /// Whether it stands for a value wherever it is.
    fn is_value(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Number | Kind::Parameter)
    }
}

/// Behind `VALUES (...)`: past `, (...)`, as often as rows of values follow.
fn past_further_rows<'t, 'a>(row: &[Token<'a>], mut rest: &'t [Token<'a>]) -> Option<&'t [Token<'a>]> {
    if !row.iter().all(may_stand_in_a_row) {
        return None;
    }
    let whole = rest;
    while let [comma, open, row @ ..] = rest
        && comma.is_sign(",")
        && open.is_sign("(")
        && let Some(close) = row.iter().position(|token| !may_stand_in_a_row(token))
        && row[close].is_sign(")")
    {
        rest = &row[close + 1..];
    }
    (rest.len() < whole.len()).then_some(rest)
}

fn may_stand_in_a_row(token: &Token<'_>) -> bool {
    let words = ["null", "true", "false", "default"];
    token.is_value() || token.is_sign(",") || token.is_sign("-") || words.iter().any(|word| token.is(word))
}

/// Behind `IN ($1` and `ARRAY[$1`: past all of `, $2` that follow.
fn past_further_constants<'t, 'a>(
    token: &Token<'a>,
    before: &[Token<'a>],
    mut rest: &'t [Token<'a>],
) -> Option<&'t [Token<'a>]> {
    let is_list = match before {
        [.., word, open, _] => (word.is("in") && open.is_sign("(")) || (word.is("array") && open.is_sign("[")),
        _ => false,
    };
    if !is_list || !token.is_value() {
        return None;
    }
    let whole = rest;
    while let [comma, value, behind @ ..] = rest
        && comma.is_sign(",")
        && value.is_value()
    {
        rest = behind;
    }
    (rest.len() < whole.len()).then_some(rest)
}

/// Writes tokens one after the other.
struct Writer<'a> {
    text: String,
    /// As in the text, in small letters but for quoted names: of it the fingerprint is made.
    folded: String,
    /// Up to here it is shown.
    shown: Option<usize>,
    next: u32,
    before: Vec<Token<'a>>,
    /// Where the last bracket has opened.
    open: Option<usize>,
    /// Whether a SET stands before.
    has_set: bool,
}

impl<'a> Writer<'a> {
    /// Constants are numbered after the parameters.
    fn after(tokens: &[Token<'a>]) -> Self {
        let parameters = tokens.iter().filter(|token| token.kind == Kind::Parameter);
        let last = parameters.filter_map(|token| token.text[1..].parse::<u32>().ok()).max().unwrap_or_default();
        let next = last.saturating_add(1);
        Self {
            text: String::new(),
            folded: String::new(),
            shown: None,
            next,
            before: Vec::new(),
            open: None,
            has_set: false,
        }
    }

    /// A setting's value may be a word: behind `SET name =` and `ALTER ROLE name SET name TO` nothing is shown.
    fn hides_the_rest(&self) -> bool {
        let [first, .., last] = self.before.as_slice() else { return false };
        let second = self.before.get(1);
        let objects = ["role", "user", "database", "system", "function", "procedure", "routine"];
        let alters = first.is("alter") && second.is_some_and(|second| objects.iter().any(|object| second.is(object)));
        let sets = first.is("set") || (alters && self.has_set);
        sets && (last.is_sign("=") || last.is("to"))
    }

    /// What stands in the brackets that have just closed, if it is the first row of VALUES.
    fn row(&self) -> Option<&[Token<'a>]> {
        let open = self.open?;
        self.before.get(open.checked_sub(1)?)?.is("values").then_some(())?;
        self.before.get(open + 1..self.before.len() - 1)
    }

    fn token(&mut self, token: &Token<'a>) {
        let last = self.before.last();
        let follows = |signs: &[&str]| last.is_some_and(|last| signs.iter().any(|sign| last.is_sign(sign)));
        let is_constant = match token.kind {
            Kind::Text | Kind::Number => true,
            Kind::Word if token.is("null") => follows(&["(", ",", "="]),
            Kind::Word if token.is("true") || token.is("false") => {
                !last.is_some_and(|last| last.is("is") || last.is("not"))
            }
            _ => false,
        };
        self.blank(token);
        if is_constant {
            self.constant();
        } else {
            self.push(token);
        }
        if token.is_sign("(") {
            self.open = Some(self.before.len());
        }
        self.has_set |= token.is("set");
        self.before.push(*token);
        if self.shown.is_none() && self.text.len() > SHOWN {
            self.shown = Some(self.text.len());
        }
    }

    fn push(&mut self, token: &Token<'a>) {
        // A name may hold a line's end, and the text is to stay one line wherever it is shown.
        self.text.extend(token.text.chars().map(|c| if c.is_control() { ' ' } else { c }));
        match token.kind {
            Kind::Name => self.folded.push_str(token.text),
            _ => self.folded.extend(token.text.chars().map(|c| c.to_ascii_lowercase())),
        }
    }

    /// Where there was one, or a comment; not behind what opens and before what ends.
    fn blank(&mut self, token: &Token<'a>) {
        let Some(last) = self.before.last() else { return };
        let opens = ["(", "["].iter().any(|sign| last.is_sign(sign));
        let ends = [")", "]", ",", ";"].iter().any(|sign| token.is_sign(sign));
        if token.is_apart && !opens && !ends {
            self.text.push(' ');
        }
        // Whether there is one where none is needed makes no other statement.
        self.folded.push(' ');
    }

    fn constant(&mut self) {
        let number = format!("${}", self.next);
        self.next = self.next.saturating_add(1);
        self.text.push_str(&number);
        self.folded.push('?');
    }

    fn and_so_on(&mut self) {
        self.text.push_str(", ...");
        self.folded.push_str(", ...");
    }

    fn finish(mut self) -> Normal {
        while self.folded.ends_with([';', ' ']) {
            self.folded.pop();
        }
        let hash: [u8; 32] = Sha256::digest(self.folded.as_bytes()).into();
        let fingerprint = hash.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        if let Some(shown) = self.shown.filter(|shown| *shown < self.text.len()) {
            self.text.truncate(shown);
            self.text.push_str(" ...");
        }
        Normal { text: Some(self.text.into()), fingerprint }
    }
}

#[cfg(test)]
mod tests;
