-- Some people and posts to try the proxy and the edge API on, for the tables of edge-api/migrations.

-- All of them have the password `correct horse battery staple`: you can sign in as ada@example.com.
INSERT INTO users (id, name, email, created_at, password_hash) VALUES
    ('00000000-0000-4000-8000-000000000001', 'Ada Okafor', 'ada@example.com', '2024-01-08 09:12+00',
     '$argon2id$v=19$m=19456,t=2,p=1$nuFRzeOUFeaHAhQpazUMow$FsTuv8cLo6ye2KeM4gAiUKVcq0xH9ro6OEUW1HmN1no'),
    ('00000000-0000-4000-8000-000000000002', 'Bruno Keller', 'bruno@example.com', '2024-02-19 14:40+00',
     '$argon2id$v=19$m=19456,t=2,p=1$AWK2ccYl+Airlt17ZcVTNg$Rl8nb4yyetn1X5lQ49RCj1WqnBUhNLJmv/vleRotzNM'),
    ('00000000-0000-4000-8000-000000000003', 'Chiara Rossi', 'chiara@example.com', '2024-03-02 18:05+00',
     '$argon2id$v=19$m=19456,t=2,p=1$szARfkrBiTjnlRgS1LMagQ$uFlf3ebvAVMgPpYbxvHbJ61cOVE8v1zyTommfQoUk+w'),
    ('00000000-0000-4000-8000-000000000004', 'Dmitri Sokolov', 'dmitri@example.com', '2024-05-27 07:31+00',
     '$argon2id$v=19$m=19456,t=2,p=1$xlhmfpN+3U0PqtWEoJDycg$YVDTc9S2t962Ezp552p5rL2gc/+FbvIapByNNO1PpmQ'),
    ('00000000-0000-4000-8000-000000000005', 'Emiko Tanaka', 'emiko@example.com', '2024-08-11 22:57+00',
     '$argon2id$v=19$m=19456,t=2,p=1$SHreOiQzqD5UCf9+nuatPA$R/PBpck/ts84apYozNIjBPxx+MvWJqptANzOnrf0N5w'),
    ('00000000-0000-4000-8000-000000000006', 'Farah Haddad', 'farah@example.com', '2024-11-30 11:20+00',
     '$argon2id$v=19$m=19456,t=2,p=1$5OSMO15EfdP40dQhr1dQ/Q$YUZt7i9Q74bN9JSspBOWfGqs0JKz5nt8AYy1cYEifsk');

-- The ids count up, so that one can be asked for by hand. The last post is a draft.
INSERT INTO posts (id, author_id, title, content, published, published_at, created_at, updated_at)
SELECT
    ('00000000-0000-4000-9000-' || lpad(number::text, 12, '0'))::uuid,
    ('00000000-0000-4000-8000-' || lpad(author::text, 12, '0'))::uuid,
    title, content, published, CASE WHEN published THEN moment END, moment, moment
FROM (VALUES
    (1, 1, 'What a connection costs', 'A backend is a process, and it remembers more than you think.', true),
    (2, 2, 'Reading a query plan aloud', 'Start at the innermost node and say what it has to find.', true),
    (3, 3, 'Caching is a promise', 'Somebody has to keep it, on every write.', true),
    (4, 1, 'Transactions without tears', 'Keep them short, and decide beforehand who may retry.', true),
    (5, 4, 'A week at the edge', 'Every millisecond to the database is one you pay twice.', true),
    (6, 5, 'Indexes you can drop', 'The statistics know which ones nobody has used since spring.', true),
    (7, 6, 'Row-level security in practice', 'The policy is one line; the tests are the other ninety.', true),
    (8, 2, 'When NULL is an answer', 'And when it is the absence of a question.', true),
    (9, 3, 'Stale while revalidating', 'The reader gets the old answer at once, the next one the new.', true),
    (10, 4, 'HTTP status codes for databases', 'Whose fault was it, and is it worth asking again?', true),
    (11, 5, 'Migrations on a Friday', 'Locks queue, and so do the people behind them.', true),
    (12, 6, 'A hundred ways to count', 'Exactly, roughly, or yesterday: choose two.', true),
    (13, 1, 'Backups are for restoring', 'So restore one, today.', true),
    (14, 2, 'Notes on vacuum', 'Unfinished.', false)
) AS sample (number, author, title, content, published)
CROSS JOIN LATERAL (SELECT timestamptz '2025-01-06 08:00+00' + number * interval '9 days' AS moment) AS written;

ANALYZE users, posts;
