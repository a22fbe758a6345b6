//! Every request and answer as JSON Schema (draft 2020-12): what `edge-api/common` generates its Zod schemas from.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::{
    Author, BulkQuery, CreatePost, Fault, Health, Post, PostPage, PostSummary, ProblemBody, Session, SignIn, SignUp,
    UpdatePost, User,
};

/// All of them by name, each complete in itself.
pub fn all() -> Vec<(&'static str, Schema)> {
    fn of<T: JsonSchema>() -> Schema {
        let settings = SchemaSettings::draft2020_12().for_serialize();
        settings.into_generator().into_root_schema_for::<T>()
    }
    vec![
        ("SignUp", of::<SignUp>()),
        ("SignIn", of::<SignIn>()),
        ("CreatePost", of::<CreatePost>()),
        ("UpdatePost", of::<UpdatePost>()),
        ("BulkQuery", of::<BulkQuery>()),
        ("User", of::<User>()),
        ("Session", of::<Session>()),
        ("Author", of::<Author>()),
        ("Post", of::<Post>()),
        ("PostSummary", of::<PostSummary>()),
        ("PostPage", of::<PostPage>()),
        ("Health", of::<Health>()),
        ("Fault", of::<Fault>()),
        ("Problem", of::<ProblemBody<'static>>()),
    ]
}
