//! One look over JSON before it is read: how deep it is nested, how many values it has, and how often parts of it would have to be
//! read again.

use crate::error::PlanError;
use crate::plan::errors;

/// The deepest nesting of a plan, in levels of JSON. Clients' own come to about 170 for twenty relations deep; each level takes
/// some of the stack when a plan is read, run and dropped.
pub(in crate::plan) const DEEPEST: usize = 512;

/// How many values may be read, which take more than their text: about 128 MiB.
const MOST: usize = 2 << 20;

/// How much may be read again, as a multiple of the whole. Clients name a node's type before its arguments; where it comes
/// after them they are read twice, and what is nested in them even more often. Only keys without escapes are those of
/// nodes.
const AGAIN: usize = 16;

/// How much may be read again in any case, in bytes.
const LITTLE: usize = 4 << 20;

/// Refuses JSON that is nested too deeply, or has too many values. It need not be valid otherwise.
pub(in crate::plan) fn check(json: &[u8]) -> Result<(), PlanError> {
    // Where the arguments of the object at each level began if its type was not known by then, from 1.
    let mut began = [0; DEEPEST];
    let mut is_known = [false; DEEPEST];
    let (mut depth, mut again, mut values) = (0_usize, 0_usize, 0_usize);
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                let text = string(json.get(at + 1..).unwrap_or_default());
                at += text.len() + 1;
                if let Some(level) = depth.checked_sub(1) {
                    match text {
                        b"type" => is_known[level] = true,
                        b"args" if !is_known[level] => began[level] = at,
                        _ => {}
                    }
                }
            }
            b',' => values += 1,
            b'{' | b'[' => {
                values += 1;
                if depth == DEEPEST {
                    return Err(errors::refused(format!("The query plan is nested deeper than {DEEPEST} levels")));
                }
                began[depth] = 0;
                is_known[depth] = false;
                depth += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if began[depth] > 0 {
                    again = again.saturating_add(at - began[depth]);
                }
            }
            _ => {}
        }
        at += 1;
    }
    if values > MOST {
        return Err(errors::of_user("P6009", format!("The query has more than {MOST} values")));
    }
    if again > json.len().saturating_mul(AGAIN).max(LITTLE) {
        return Err(errors::refused("The nodes of the query plan have their arguments before their types".to_owned()));
    }
    Ok(())
}

/// What stands before the closing quote.
fn string(json: &[u8]) -> &[u8] {
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => return &json[..at],
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    json
}

#[cfg(test)]
mod tests;
