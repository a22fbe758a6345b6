-- A small blog to try the proxy on: who wrote what, and who said what about it.

CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL UNIQUE,
    joined_at timestamptz NOT NULL
);

CREATE TABLE posts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    author_id bigint NOT NULL REFERENCES users,
    title text NOT NULL,
    body text NOT NULL,
    tags text[] NOT NULL DEFAULT '{}',
    published boolean NOT NULL DEFAULT true,
    published_at timestamptz NOT NULL
);

CREATE TABLE comments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    post_id bigint NOT NULL REFERENCES posts ON DELETE CASCADE,
    author_id bigint NOT NULL REFERENCES users,
    body text NOT NULL
);

CREATE INDEX posts_by_author ON posts (author_id);
CREATE INDEX comments_by_post ON comments (post_id);

INSERT INTO users (name, email, joined_at) VALUES
    ('Ada Okafor', 'ada@example.com', '2024-01-08 09:12+00'),
    ('Bruno Keller', 'bruno@example.com', '2024-02-19 14:40+00'),
    ('Chiara Rossi', 'chiara@example.com', '2024-03-02 18:05+00'),
    ('Dmitri Sokolov', 'dmitri@example.com', '2024-05-27 07:31+00'),
    ('Emiko Tanaka', 'emiko@example.com', '2024-08-11 22:57+00'),
    ('Farah Haddad', 'farah@example.com', '2024-11-30 11:20+00');

INSERT INTO posts (author_id, title, body, tags, published, published_at)
SELECT author_id, title, body, tags, published, timestamptz '2025-01-06 08:00+00' + number * interval '9 days'
FROM (VALUES
    (1, 1, 'What a connection costs', 'A backend is a process, and it remembers more than you think.', ARRAY['postgres', 'pooling'], true),
    (2, 2, 'Reading a query plan aloud', 'Start at the innermost node and say what it has to find.', ARRAY['postgres', 'sql'], true),
    (3, 3, 'Caching is a promise', 'Somebody has to keep it, on every write.', ARRAY['caching'], true),
    (4, 1, 'Transactions without tears', 'Keep them short, and decide beforehand who may retry.', ARRAY['postgres', 'sql'], true),
    (5, 4, 'A week at the edge', 'Every millisecond to the database is one you pay twice.', ARRAY['edge'], true),
    (6, 5, 'Indexes you can drop', 'The statistics know which ones nobody has used since spring.', ARRAY['postgres'], true),
    (7, 6, 'Row-level security in practice', 'The policy is one line; the tests are the other ninety.', ARRAY['postgres', 'security'], true),
    (8, 2, 'When NULL is an answer', 'And when it is the absence of a question.', ARRAY['sql'], true),
    (9, 3, 'Stale while revalidating', 'The reader gets the old answer at once, the next one the new.', ARRAY['caching', 'http'], true),
    (10, 4, 'HTTP status codes for databases', 'Whose fault was it, and is it worth asking again?', ARRAY['http', 'sql'], true),
    (11, 5, 'Migrations on a Friday', 'Locks queue, and so do the people behind them.', ARRAY['postgres', 'operations'], true),
    (12, 6, 'A hundred ways to count', 'Exactly, roughly, or yesterday: choose two.', ARRAY['sql', 'caching'], true),
    (13, 1, 'Backups are for restoring', 'So restore one, today.', ARRAY['operations'], true),
    (14, 2, 'Notes on vacuum', 'Unfinished.', ARRAY['postgres'], false)
) AS sample (number, author_id, title, body, tags, published);

INSERT INTO comments (post_id, author_id, body)
SELECT post.id, 1 + (post.id + remark.number) % 6, remark.body
FROM posts AS post
CROSS JOIN (VALUES
    (0, 'I wish I had read this a year ago.'),
    (2, 'We do the opposite, and it works; would you say more on why?'),
    (4, 'The second example has a typo, otherwise: saved.')
) AS remark (number, body)
WHERE post.published AND (post.id + remark.number) % 4 <> 0;

ANALYZE;
