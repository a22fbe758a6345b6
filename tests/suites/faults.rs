//! What goes wrong in production, one thing at a time, under a steady load of oha and npm's clients. Whatever it is: nobody
//! is told what is not true, nothing is lost or done twice, no connection is left behind or one too many, and all comes back
//! by itself. `cargo xtask faults` makes the table in README.md of it.

mod load;
mod npm;
mod oha;
mod postgres;
mod prober;
mod report;
mod scene;
mod tally;

/// All faults, as the table calls them and in its order.
const FAULTS: [&str; 4] = [
    "Postgres restarted (fast)",
    "Postgres restarted (immediate)",
    "Postgres killed (SIGKILL), restarted",
    "Postgres stopped (SIGSTOP) for 30 s",
];
