//! What clients are granted: time for heads, bodies and answers, connections, memory; and smaller answers.

mod bodies;
mod connections;
mod floods;
mod frames;
mod gzip;
mod heads;
mod hostile;
mod memory;
mod resets;
mod slow;
mod smuggling;
