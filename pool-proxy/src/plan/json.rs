//! Writes small JSON objects.

use crate::postgres::value::write_string;

/// An object, field by field.
pub(super) struct Object(Vec<u8>);

impl Object {
    pub(super) fn new() -> Self {
        Self(vec![b'{'])
    }

    /// A field that is text.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.key(name);
        write_string(&mut self.0, text);
    }

    /// A field that is JSON already.
    pub(super) fn json(&mut self, name: &str, json: &str) {
        self.key(name);
        self.0.extend_from_slice(json.as_bytes());
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push(b'}');
        // Only text was put in.
        String::from_utf8(self.0).unwrap_or_default()
    }

    fn key(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        write_string(&mut self.0, name);
        self.0.push(b':');
    }
}

/// A list of texts.
pub(super) fn list(texts: &[&str]) -> String {
    let mut out = vec![b'['];
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(&mut out, text);
    }
    out.push(b']');
    String::from_utf8(out).unwrap_or_default()
}
