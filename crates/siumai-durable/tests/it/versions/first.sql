PRAGMA application_id = 1936291178;
PRAGMA user_version = 1;
CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY,
    metadata TEXT,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    records INTEGER NOT NULL,
    checksum BLOB NOT NULL,
    lease TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE records (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    effect TEXT,
    body TEXT NOT NULL,
    checksum BLOB NOT NULL,
    PRIMARY KEY (run_id, place)
) STRICT;
INSERT INTO runs VALUES ('run-1', '"kept"', 1000, 1000, 3, X'1823b7a4368827047f2f68755b7f9f31fb7fb6ba77d2e558aabc33482f9813c8', NULL);
INSERT INTO records VALUES ('run-1', 0, 1, 'begun', NULL, '{"entry":"what happened as number 0"}', X'65f5ca6079a451d402e66da01dee5c5c7875f0b94dfedb7f6921c2e641900043');
INSERT INTO records VALUES ('run-1', 1, 1, 'decision', 'step-1/model', '{"entry":"what happened as number 1"}', X'ca674ba3f13eefa02ef98040214bf2eb008e0b2c396625b37962649f057d9573');
INSERT INTO records VALUES ('run-1', 2, 1, 'decision', 'step-2/model', '{"entry":"what happened as number 2"}', X'1823b7a4368827047f2f68755b7f9f31fb7fb6ba77d2e558aabc33482f9813c8');
