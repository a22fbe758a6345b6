//! What lies in `deploy/` fits the binary, the workspace and each other. No image is built here: that needs a Docker
//! engine. Linters of others (Docker Compose, hadolint, systemd-analyze) join in where they are installed.

mod empty_root;
mod example;
mod fly;
mod grants;
mod image;
mod pages;
mod parts;
mod platforms;
