//! The door for Prisma's clients: query plans over HTTP.

mod bad_input;
