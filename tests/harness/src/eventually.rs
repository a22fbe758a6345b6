//! Waiting for what is true soon, such as a change that has to travel.

use std::time::{Duration, Instant};

/// How long [`eventually`] is patient.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks `question` again and again until it says yes; panics, at the caller's line, if it has not within 10 seconds.
///
/// The answer may be a `bool`, an `Option` or a `Result`; the value inside is handed back.
#[track_caller]
pub fn eventually<Q, F, Y>(question: Q) -> impl Future<Output = Y::Value>
where
    Q: FnMut() -> F,
    F: Future<Output = Y>,
    Y: Yes,
{
    eventually_within(PATIENCE, question)
}

/// The same with another patience, for what takes its time by design.
#[track_caller]
pub fn eventually_within<Q, F, Y>(patience: Duration, question: Q) -> impl Future<Output = Y::Value>
where
    Q: FnMut() -> F,
    F: Future<Output = Y>,
    Y: Yes,
{
    let caller = std::panic::Location::caller();
    let mut question = question;
    async move {
        let deadline = Instant::now() + patience;
        loop {
            match question().await.yes() {
                Ok(value) => return value,
                Err(last) => {
                    assert!(Instant::now() < deadline, "not true within {patience:?}, asked at {caller}{last}");
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// An answer that is yes or not yet.
pub trait Yes {
    /// What a yes carries.
    type Value;

    /// The value, or what to add to the complaint if this was the last try.
    ///
    /// # Errors
    /// While the answer is not yet.
    fn yes(self) -> Result<Self::Value, String>;
}

impl Yes for bool {
    type Value = ();

    fn yes(self) -> Result<(), String> {
        if self { Ok(()) } else { Err(String::new()) }
    }
}

impl<T> Yes for Option<T> {
    type Value = T;

    fn yes(self) -> Result<T, String> {
        self.ok_or_else(String::new)
    }
}

impl<T, E: std::fmt::Debug> Yes for Result<T, E> {
    type Value = T;

    fn yes(self) -> Result<T, String> {
        self.map_err(|last| format!("; last answer: {last:?}"))
    }
}
