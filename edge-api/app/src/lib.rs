//! The blog API's logic: an axum router that knows nothing of Workers, and so runs and is tested natively.
//!
//! The shell around it (crate `edge-worker`) reads the [`Settings`], makes a [`Site`] for every request, puts it
//! into the request's extensions and calls the one [`router`]. No request leaves anything behind in this crate.
//!
//! In the order in which a request meets them: [`exchange`] (its id, the answer's headers, errors as JSON), `cors`,
//! `input` (JSON and queries into valid values), `auth` (who asks), `user` and `blog` (one file per act), and
//! `problem` (what went wrong, and its status), and `trace` (what a collector is told of it).

mod auth;
mod blog;
mod bookmark;
mod conditional;
mod cors;
mod exchange;
mod health;
mod input;
mod problem;
mod router;
pub mod schema;
mod settings;
mod site;
mod trace;
mod user;
mod values;

pub use blog::{Author, BulkQuery, CreatePost, Post, PostPage, PostSummary, UpdatePost};
pub use health::Health;
pub use problem::{Code, Fault, Problem, ProblemBody};
pub use router::{BODY_LIMIT, router};
pub use settings::{Settings, SettingsError};
pub use site::{Runtime, RuntimeError, Site};
pub use trace::{Collector, TraceReport};
pub use user::{Session, SignIn, SignUp, User};
pub use values::{Content, Email, Limit, Name, NewPassword, Password, Title};

pub mod statements {
    //! The statements that have to be served by an index, for tests that look at their plans.

    pub use crate::blog::bulk::{BEHIND as BULK_BEHIND, FIRST as BULK_FIRST};
    pub use crate::user::posts::{BEHIND as OWN_BEHIND, FIRST as OWN_FIRST};
}
