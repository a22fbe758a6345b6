-- Run once by compose.yaml's Postgres, through psql, when its volume is empty: the login that the proxy uses.
-- It owns its database and nothing else: a superuser behind an HTTP endpoint could run programs on the server.
\getenv app_password APP_PASSWORD
CREATE ROLE app LOGIN PASSWORD :'app_password';
CREATE DATABASE app OWNER app;
REVOKE ALL ON DATABASE app FROM PUBLIC;
