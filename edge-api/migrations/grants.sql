-- The role of the edge API's key: it may do to the blog's tables what the API does, and nothing else. And web_read, which
-- deploy/grants.sql lets read every table, reads no password hash. Run it after deploy/grants.sql and after the
-- migrations, as the tables' owner who may create roles, or as a superuser; running it again is fine, also while the API
-- is in use, and needed each time deploy/grants.sql was run again:
--   psql "$DATABASE_URL" --set ON_ERROR_STOP=1 --single-transaction --file edge-api/migrations/grants.sql
-- Then give the edge API a key with this role (deploy/configuration.md):
--   pool-proxy key new --name edge-api --role edge_api
--
-- The tables are those that the search path finds, so usually those in `public`. psql knows no `?schema=`: for the tables
-- of another schema leave that out of the URL, and run it with PGOPTIONS='--search_path=blog' before it.
--
-- A migration that makes a table or a column also adds here what the API does with it and, if the column is one of users,
-- whether web_read may read it.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'edge_api') THEN
        CREATE ROLE edge_api;
    END IF;
END
$$;

ALTER ROLE edge_api NOLOGIN NOCREATEROLE;

-- The login of deploy/grants.sql, which becomes this role for the length of a request.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'pool_proxy') THEN
        GRANT edge_api TO pool_proxy;
    ELSE
        RAISE WARNING 'there is no pool_proxy: run deploy/grants.sql, or GRANT edge_api TO what the proxy logs in as';
    END IF;
END
$$;

DO $$
BEGIN
    EXECUTE format(
        'GRANT USAGE ON SCHEMA %s TO edge_api',
        (SELECT relnamespace::regnamespace FROM pg_class WHERE oid = 'posts'::regclass)
    );
END
$$;

-- What an earlier version of this file has granted goes first.
REVOKE ALL ON users, posts FROM edge_api;

-- Signing up, signing in, and a new hash of the same password. An e-mail address and a name stay as they are.
GRANT SELECT, INSERT, UPDATE (password_hash) ON users TO edge_api;
-- A post never changes its author. UPDATE of any column is also what SELECT ... FOR UPDATE needs.
GRANT SELECT, INSERT, UPDATE (title, content, published, published_at, updated_at), DELETE ON posts TO edge_api;

-- Whoever may read the whole table may read each of its columns: so web_read gets all but the hashes by name, if it
-- may read those. Where it was given less it keeps less.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'web_read' AND has_column_privilege(oid, 'users', 'password_hash', 'SELECT')) THEN
        REVOKE SELECT ON users FROM web_read;
        GRANT SELECT (id, email, name, created_at) ON users TO web_read;
    END IF;
END
$$;
