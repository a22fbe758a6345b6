-- Roles for restricted API keys (a key with `role`, or `read_only = true`). Run it as the database's owner who may
-- create roles, or as a superuser, in the database that the proxy serves; running it again is fine:
--   psql "$DATABASE_URL" --set ON_ERROR_STOP=1 --file deploy/grants.sql
-- Then give the login a password (psql asks, and sends only its hash):  \password pool_proxy
--
--   pool_proxy  what the proxy logs in as. It has no rights of its own and inherits none, so that a statement that
--               escaped its role would find nothing to read.
--   web_anon    the role of a key that may do exactly what you grant it below.
--   web_read    the role of a read-only key: it reads, and has no right to write even where READ ONLY would not hold.
--
-- Give restricted keys a database entry of their own whose URL logs in as pool_proxy ([databases.public] in
-- pool-proxy.example.toml). Keys without a role run as the login itself and would find nothing here.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pool_proxy') THEN
        CREATE ROLE pool_proxy;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'web_anon') THEN
        CREATE ROLE web_anon;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'web_read') THEN
        CREATE ROLE web_read;
    END IF;
END
$$;

-- NOINHERIT stands before the grants: from Postgres 16 on, a grant keeps what it was at the time it was made.
-- NOCREATEDB is what a new role has, and from Postgres 16 on only a role with CREATEDB may say it.
ALTER ROLE pool_proxy LOGIN NOINHERIT NOCREATEROLE;
ALTER ROLE web_anon NOLOGIN NOCREATEROLE;
ALTER ROLE web_read NOLOGIN NOCREATEROLE;
GRANT web_anon, web_read TO pool_proxy;

-- TEMPORARY is for the proxy's own analysis of statements; it keeps no table.
DO $$
BEGIN
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO pool_proxy', current_database());
END
$$;

-- Before Postgres 15 everybody may create tables in `public`.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO web_anon, web_read;

-- Reading: every table there is, and every table that the role running this file makes later, with all their columns.
-- What read-only keys must not see is taken away after this file, each time it was run: for the blog's password hashes
-- edge-api/migrations/grants.sql does so.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO web_read;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO web_read;

-- web_anon gets nothing here: name each table and each right, and turn on row-level security where not every row is for
-- everybody.
--   GRANT SELECT, INSERT ON comments TO web_anon;
--   ALTER TABLE comments ENABLE ROW LEVEL SECURITY;
--   CREATE POLICY approved ON comments FOR SELECT TO web_anon USING (approved);
--   CREATE POLICY proposed ON comments FOR INSERT TO web_anon WITH CHECK (NOT approved);
--
-- Rows that belong to one user: a token ([[issuers]] in pool-proxy.example.toml) says who asks, and a policy reads it.
-- `true` and nullif are for whoever asks without a token: nobody.
--   CREATE POLICY own ON comments TO web_anon
--       USING (author = nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub');
