-- Who may sign in. A new table: nobody can wait for a lock on it yet.

CREATE TABLE users (
    -- Random: an id that was seen tells neither how many there are nor which comes next.
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    email text NOT NULL,
    name text NOT NULL,
    password_hash text NOT NULL,
    -- Microseconds, as Postgres keeps them.
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT users_pkey PRIMARY KEY (id),
    -- Of two sign-ups at the same moment one is refused here, and only here.
    CONSTRAINT users_email_key UNIQUE (email),
    -- A-Z only: what other letters fold to depends on the database's locale. With it, one address is one account.
    CONSTRAINT users_email_is_lower_case CHECK (email = lower(email COLLATE "C")),
    -- In characters. The longest path that SMTP carries is 254.
    CONSTRAINT users_email_length CHECK (char_length(email) BETWEEN 3 AND 254),
    CONSTRAINT users_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    -- A PHC string, $argon2id$..., which carries its algorithm and parameters. A password by itself stays out.
    CONSTRAINT users_password_hash_is_phc CHECK (starts_with(password_hash, '$'))
);
