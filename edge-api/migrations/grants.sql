-- The role of the edge API's key, which reads and writes the blog's rows and can do nothing else. Run it after the
-- migrations, and after deploy/grants.sql, as the tables' owner who may create roles; running it again is fine:
--   psql "$DATABASE_URL" --set ON_ERROR_STOP=1 --file edge-api/migrations/grants.sql
-- Then give the edge API a key with this role (deploy/configuration.md):
--   pool-proxy key new --name edge-api --role edge_api
--
-- A migration that makes a table also adds its line here.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'edge_api') THEN
        CREATE ROLE edge_api;
    END IF;
END
$$;

ALTER ROLE edge_api NOLOGIN NOCREATEDB NOCREATEROLE;

-- The login of deploy/grants.sql, which becomes this role for the length of a request.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'pool_proxy') THEN
        GRANT edge_api TO pool_proxy;
    END IF;
END
$$;

GRANT USAGE ON SCHEMA public TO edge_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.users, public.posts TO edge_api;
