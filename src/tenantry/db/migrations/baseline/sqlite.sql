-- What only SQLite has.
-- A number is never given twice; unlike a rowid of SQLite's own it outlives VACUUM.
CREATE TABLE events (
  number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, type TEXT NOT NULL,
  object TEXT NOT NULL, occurred_at BIGINT NOT NULL, organization_id TEXT NOT NULL DEFAULT '',
  actor TEXT NOT NULL, before TEXT, after TEXT, request_id TEXT NOT NULL, context TEXT
);
CREATE INDEX ix_events__organization_id_id ON events (organization_id, id);
CREATE INDEX ix_events__type_id ON events (type, id);
CREATE UNIQUE INDEX uq_events__id ON events (id);
CREATE UNIQUE INDEX uq_events__organization_id_type_id ON events (organization_id, type, id);
CREATE TRIGGER events_created AFTER INSERT ON events WHEN new.context IS NOT NULL BEGIN
  INSERT INTO event_contexts (organization_id, key, value, type, event_id)
  SELECT new.organization_id, member.key, member.value, new.type, new.id
  FROM json_each(new.context) AS member; END;
CREATE TABLE organizations_metadata (key TEXT NOT NULL, value TEXT NOT NULL, owner TEXT NOT NULL,
  PRIMARY KEY (key, value, owner)) WITHOUT ROWID;
CREATE INDEX ix_organizations_metadata__owner ON organizations_metadata (owner);
CREATE TRIGGER organizations_created AFTER INSERT ON organizations BEGIN
  INSERT INTO organizations_metadata (owner, key, value)
  SELECT new.id, key, value FROM json_each(new.metadata); END;
CREATE TRIGGER organizations_deleted AFTER DELETE ON organizations BEGIN
  DELETE FROM organizations_metadata WHERE owner = old.id; END;
CREATE TRIGGER organizations_labelled AFTER UPDATE OF metadata
  ON organizations WHEN old.metadata <> new.metadata BEGIN
  DELETE FROM organizations_metadata WHERE owner = new.id;
  INSERT INTO organizations_metadata (owner, key, value)
  SELECT new.id, key, value FROM json_each(new.metadata); END;
-- Search (docs/decisions/0002-search.md).
CREATE VIRTUAL TABLE organizations_search USING fts5(text, tokenize = 'trigram');
CREATE VIRTUAL TABLE users_search USING fts5(text, tokenize = 'trigram');
CREATE VIRTUAL TABLE directory_users_search USING fts5(text, tokenize = 'trigram');
CREATE TABLE organizations_search_due (
  organization_id TEXT NOT NULL, number BIGINT NOT NULL DEFAULT (random()),
  CONSTRAINT pk_organizations_search_due PRIMARY KEY (organization_id, number)
);
CREATE TABLE users_search_due (
  user_id TEXT NOT NULL, number BIGINT NOT NULL DEFAULT (random()),
  CONSTRAINT pk_users_search_due PRIMARY KEY (user_id, number)
);
CREATE TABLE directory_users_search_due (
  organization_id TEXT NOT NULL, directory_id TEXT NOT NULL, directory_user_id TEXT NOT NULL,
  number BIGINT NOT NULL DEFAULT (random()),
  CONSTRAINT pk_directory_users_search_due
    PRIMARY KEY (organization_id, directory_id, directory_user_id, number)
);
