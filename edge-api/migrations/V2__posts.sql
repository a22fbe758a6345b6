-- What they write: drafts and published posts.

-- The foreign key below locks `users` against writes for a moment. Whoever signs up while it waits for that lock would
-- wait behind it, so it gives up soon instead: then nothing has happened, and it is run again.
SET LOCAL lock_timeout = '5s';

CREATE TABLE posts (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    author_id uuid NOT NULL,
    title text NOT NULL,
    content text NOT NULL,
    published boolean NOT NULL DEFAULT false,
    -- Microseconds. A cursor of keyset pagination carries it as Postgres prints it: rounded to milliseconds, as
    -- JavaScript's Date does, it would skip posts or show them twice.
    published_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT posts_pkey PRIMARY KEY (id),
    -- Posts go with their author. posts_newest_by_author finds them.
    CONSTRAINT posts_author_id_fkey FOREIGN KEY (author_id) REFERENCES users (id) ON DELETE CASCADE,
    -- In characters.
    CONSTRAINT posts_title_length CHECK (char_length(title) BETWEEN 1 AND 200),
    CONSTRAINT posts_content_length CHECK (char_length(content) BETWEEN 1 AND 100000),
    -- The application sets published_at when it publishes a post, and clears it when it makes it a draft again.
    CONSTRAINT posts_published_at_is_set CHECK (published = (published_at IS NOT NULL))
);

-- Both are built here, while the table is empty. On a table in use an index is built CONCURRENTLY: see README.md.

-- The public list, newest first. The id tells posts of one instant apart, so that a page begins where the last ended.
CREATE INDEX posts_newest_published ON posts (published_at DESC, id DESC) WHERE published;

-- An author's own list, drafts included.
CREATE INDEX posts_newest_by_author ON posts (author_id, created_at DESC, id DESC);
