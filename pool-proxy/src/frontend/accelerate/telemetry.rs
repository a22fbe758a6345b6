//! What a client wants to hear besides the answer: `X-Capture-Telemetry`.

use crate::error::Failure;
use crate::frontend::heads::{Heads, Name};

static CAPTURE: Name = Name::of("x-capture-telemetry");

/// Whether the client wants to hear of each statement. Other levels have nothing to tell, and spans are not made.
///
/// # Errors
/// When the header names a level that is none.
pub(super) fn wants_statements(headers: Heads<'_>) -> Result<bool, Failure> {
    let malformed = || Failure::BadRequest("Malformed X-Capture-Telemetry header".to_owned());
    let mut wants = false;
    for value in headers.get_all(&CAPTURE) {
        for level in value.to_str().map_err(|_| malformed())?.split(',') {
            match level.trim() {
                "query" => wants = true,
                "" | "tracing" | "debug" | "info" | "warn" | "error" => {}
                _ => return Err(malformed()),
            }
        }
    }
    Ok(wants)
}

/// Puts log events, each of them JSON, behind the `data` of a body.
pub(super) fn extend(mut body: Vec<u8>, events: &[String]) -> Vec<u8> {
    if events.is_empty() || body.pop() != Some(b'}') {
        return body;
    }
    if body.len() > 1 {
        body.push(b',');
    }
    body.extend_from_slice(b"\"extensions\":{\"logs\":[");
    body.extend_from_slice(events.join(",").as_bytes());
    body.extend_from_slice(b"]}}");
    body
}

#[cfg(test)]
mod tests {
    use harness::{Dice, cases};
    use hyper::HeaderMap;
    use hyper::header::HeaderValue;

    use super::{extend, wants_statements};
    use crate::error::Failure;
    use crate::frontend::heads::Heads;

    #[test]
    fn levels() {
        for (lines, expected) in [
            (&[][..], Ok(false)),
            (&["error"], Ok(false)),
            (&["error,query"], Ok(true)),
            (&["tracing, query ,warn"], Ok(true)),
            (&["error", "query"], Ok(true)),
            (&[" ,,query"], Ok(true)),
            (&[""], Ok(false)),
            (&["loud"], Err(())),
            (&["query", "loud"], Err(())),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-capture-telemetry", line.parse().unwrap());
            }
            assert_eq!(wants_statements(Heads::of(&headers)).map_err(|_| ()), expected, "{lines:?}");
        }
    }

    #[test]
    fn events_stand_behind_the_data() {
        let events = ["{\"a\":1}".to_owned(), "{}".to_owned()];
        let extended = |body: &str, events: &[String]| String::from_utf8(extend(body.into(), events)).unwrap();
        assert_eq!(extended("{\"data\":1}", &events), "{\"data\":1,\"extensions\":{\"logs\":[{\"a\":1},{}]}}");
        assert_eq!(extended("{}", &events[1..]), "{\"extensions\":{\"logs\":[{}]}}");
        assert_eq!(extended("{\"data\":1}", &[]), "{\"data\":1}");
    }

    #[test]
    fn whatever_is_to_be_told_is_read_or_refused() {
        let mut dice = Dice::new();
        for number in 0..cases(5000) {
            let mut value = dice.pieces(&["query", "tracing", ",", " ", "error", "loud", "\t", "é"], 8).into_bytes();
            if number % 4 == 0 {
                value = dice.bytes(12);
            }
            let Ok(value) = HeaderValue::from_bytes(&value) else { continue };
            let headers: HeaderMap = [(super::CAPTURE.clone(), value.clone())].into_iter().collect();
            match wants_statements(Heads::of(&headers)) {
                Ok(wants) => assert_eq!(wants, value.to_str().unwrap().split(',').any(|level| level.trim() == "query")),
                Err(failure) => assert!(matches!(failure, Failure::BadRequest(_)), "{failure:?}"),
            }
        }
    }
}
