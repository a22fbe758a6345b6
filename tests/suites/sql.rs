//! `POST /sql`: what goes in, what comes out, what is refused, and what a request may cost.

mod answers;
mod array_mode;
mod batch;
mod bodies;
mod disconnect;
mod encoding;
mod errors;
mod fields;
mod floods;
mod fuzz;
mod http;
mod keywords;
mod limits;
mod params;
mod prepared;
mod schema_changes;
mod secrets;
pub(crate) mod served;
mod shadows;
mod shapes;
mod values;
