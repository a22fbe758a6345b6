//! What clients are granted: time for heads, bodies and answers, connections, memory; and smaller answers.

mod bodies;
mod connections;
mod gzip;
mod heads;
mod memory;
mod resets;
mod slow;
