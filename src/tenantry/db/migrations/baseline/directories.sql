-- Directories, operators, email, stored values, keys, token templates: alike on both databases.
CREATE TABLE directories (
  organization_id TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,
  directory_type TEXT NOT NULL, directory_provider TEXT NOT NULL, status TEXT NOT NULL,
  enabled BOOLEAN NOT NULL, attribute_mapping JSONB NOT NULL, context JSONB, email TEXT NOT NULL,
  groups_tracked TEXT NOT NULL, external_groups JSONB NOT NULL, credentials TEXT, poll JSONB,
  poll_time BIGINT, error TEXT NOT NULL, last_sync_time BIGINT, first_enable_time BIGINT,
  revision BIGINT NOT NULL, create_time BIGINT NOT NULL, update_time BIGINT NOT NULL,
  CONSTRAINT pk_directories PRIMARY KEY (organization_id, id),
  CONSTRAINT fk_directories__organization_id FOREIGN KEY (organization_id)
    REFERENCES organizations(id) ON DELETE CASCADE
);
CREATE INDEX ix_directories__id ON directories (id);
CREATE INDEX ix_directories__poll_time ON directories (poll_time) WHERE poll_time IS NOT NULL;
CREATE TABLE directory_secrets (
  id TEXT NOT NULL, organization_id TEXT NOT NULL, directory_id TEXT NOT NULL,
  digest TEXT NOT NULL, suffix TEXT NOT NULL, status TEXT NOT NULL, create_time BIGINT NOT NULL,
  expire_time BIGINT, last_used_time BIGINT,
  CONSTRAINT pk_directory_secrets PRIMARY KEY (id),
  CONSTRAINT fk_directory_secrets__organization_id FOREIGN KEY (organization_id)
    REFERENCES organizations(id) ON DELETE CASCADE
);
CREATE INDEX ix_directory_secrets__directory_id
  ON directory_secrets (organization_id, directory_id, id);
CREATE UNIQUE INDEX uq_directory_secrets__digest ON directory_secrets (digest);
CREATE TABLE directory_users (
  organization_id TEXT NOT NULL, directory_id TEXT NOT NULL, id TEXT NOT NULL,
  user_name TEXT NOT NULL, user_name_key TEXT NOT NULL, external_id TEXT,
  display_name_key TEXT NOT NULL, email TEXT NOT NULL, email_key TEXT NOT NULL,
  active BOOLEAN NOT NULL, document JSONB NOT NULL, user_id TEXT, revision BIGINT NOT NULL,
  create_time BIGINT NOT NULL, update_time BIGINT NOT NULL,
  CONSTRAINT pk_directory_users PRIMARY KEY (organization_id, directory_id, id)
);
CREATE INDEX ix_directory_users__active
  ON directory_users (organization_id, directory_id, active, id);
CREATE INDEX ix_directory_users__display_name_key
  ON directory_users (organization_id, directory_id, display_name_key, id);
CREATE INDEX ix_directory_users__email_key ON directory_users (organization_id, email_key);
CREATE INDEX ix_directory_users__external_id
  ON directory_users (organization_id, directory_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX ix_directory_users__update_time
  ON directory_users (organization_id, directory_id, update_time, id);
CREATE INDEX ix_directory_users__user_id
  ON directory_users (organization_id, user_id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX uq_directory_users__user_name_key
  ON directory_users (organization_id, directory_id, user_name_key);
CREATE TABLE directory_emails (
  organization_id TEXT NOT NULL, directory_id TEXT NOT NULL, email_key TEXT NOT NULL,
  directory_user_id TEXT NOT NULL,
  CONSTRAINT pk_directory_emails PRIMARY KEY (organization_id, directory_id, email_key, directory_user_id)
);
CREATE INDEX ix_directory_emails__directory_user_id
  ON directory_emails (organization_id, directory_id, directory_user_id);
CREATE TABLE directory_groups (
  organization_id TEXT NOT NULL, directory_id TEXT NOT NULL, id TEXT NOT NULL,
  display_name TEXT NOT NULL, display_name_key TEXT NOT NULL, external_id TEXT,
  document JSONB NOT NULL, member_count BIGINT NOT NULL, revision BIGINT NOT NULL,
  create_time BIGINT NOT NULL, update_time BIGINT NOT NULL,
  CONSTRAINT pk_directory_groups PRIMARY KEY (organization_id, directory_id, id)
);
CREATE INDEX ix_directory_groups__display_name_key
  ON directory_groups (organization_id, directory_id, display_name_key, id);
CREATE INDEX ix_directory_groups__external_id
  ON directory_groups (organization_id, directory_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX ix_directory_groups__update_time
  ON directory_groups (organization_id, directory_id, update_time, id);
CREATE TABLE directory_members (
  organization_id TEXT NOT NULL, directory_id TEXT NOT NULL, directory_group_id TEXT NOT NULL,
  directory_user_id TEXT NOT NULL,
  CONSTRAINT pk_directory_members PRIMARY KEY (organization_id, directory_id, directory_group_id, directory_user_id),
  CONSTRAINT fk_directory_members__directory_group_id FOREIGN KEY (organization_id, directory_id, directory_group_id)
    REFERENCES directory_groups(organization_id, directory_id, id) ON DELETE CASCADE,
  CONSTRAINT fk_directory_members__directory_user_id FOREIGN KEY (organization_id, directory_id, directory_user_id)
    REFERENCES directory_users(organization_id, directory_id, id) ON DELETE CASCADE
);
CREATE INDEX ix_directory_members__directory_user_id
  ON directory_members (organization_id, directory_id, directory_user_id, directory_group_id);
CREATE TABLE directory_role_assignments (
  organization_id TEXT NOT NULL, directory_id TEXT NOT NULL, directory_group_id TEXT NOT NULL,
  role_id TEXT NOT NULL,
  CONSTRAINT pk_directory_role_assignments PRIMARY KEY (organization_id, directory_id, directory_group_id, role_id),
  CONSTRAINT fk_directory_role_assignments__directory_group_id FOREIGN KEY (organization_id, directory_id, directory_group_id)
    REFERENCES directory_groups(organization_id, directory_id, id) ON DELETE CASCADE,
  CONSTRAINT fk_directory_role_assignments__role_id FOREIGN KEY (role_id)
    REFERENCES roles(id) ON DELETE CASCADE
);
CREATE INDEX ix_directory_role_assignments__role_id ON directory_role_assignments (role_id);
CREATE TABLE directory_tallies (
  organization_id TEXT NOT NULL, directory_id TEXT NOT NULL, slot INTEGER NOT NULL,
  n BIGINT NOT NULL,
  CONSTRAINT pk_directory_tallies PRIMARY KEY (organization_id, directory_id, slot)
);
CREATE TABLE directory_changes (
  organization_id TEXT NOT NULL, directory_id TEXT NOT NULL, id TEXT NOT NULL,
  actor TEXT NOT NULL, request_id TEXT NOT NULL, directory_user_ids JSONB NOT NULL,
  due_time BIGINT NOT NULL,
  CONSTRAINT pk_directory_changes PRIMARY KEY (organization_id, directory_id, id)
);
CREATE INDEX ix_directory_changes__due_time ON directory_changes (due_time);
CREATE INDEX ix_directory_changes__id ON directory_changes (id);
CREATE TABLE directory_requests (
  organization_id TEXT NOT NULL, directory_id TEXT NOT NULL, id TEXT NOT NULL,
  method TEXT NOT NULL, path TEXT NOT NULL, query TEXT NOT NULL, user_agent TEXT NOT NULL,
  request_id TEXT NOT NULL, status INTEGER NOT NULL, milliseconds INTEGER NOT NULL,
  error TEXT NOT NULL, resource_id TEXT, payload JSONB, skipped JSONB, create_time BIGINT NOT NULL,
  CONSTRAINT pk_directory_requests PRIMARY KEY (organization_id, directory_id, id)
);
CREATE INDEX ix_directory_requests__create_time ON directory_requests (create_time);
CREATE INDEX ix_directory_requests__error
  ON directory_requests (organization_id, directory_id, id) WHERE error != '';
CREATE INDEX ix_directory_requests__resource_id
  ON directory_requests (organization_id, directory_id, resource_id) WHERE resource_id IS NOT NULL;
CREATE TABLE directory_polled (
  organization_id TEXT NOT NULL, directory_id TEXT NOT NULL, kind TEXT NOT NULL,
  external_id TEXT NOT NULL, document JSONB,
  CONSTRAINT pk_directory_polled PRIMARY KEY (organization_id, directory_id, kind, external_id)
);
CREATE TABLE operators (
  id TEXT NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL, role TEXT NOT NULL, subject TEXT,
  create_time BIGINT NOT NULL, update_time BIGINT NOT NULL, last_sign_in_time BIGINT,
  CONSTRAINT pk_operators PRIMARY KEY (id),
  CONSTRAINT uq_operators__subject UNIQUE (subject)
);
CREATE TABLE operator_links (
  digest TEXT NOT NULL, operator_id TEXT, role TEXT NOT NULL, email TEXT NOT NULL,
  create_time BIGINT NOT NULL, expire_time BIGINT NOT NULL,
  CONSTRAINT pk_operator_links PRIMARY KEY (digest),
  CONSTRAINT fk_operator_links__operator_id FOREIGN KEY (operator_id)
    REFERENCES operators(id) ON DELETE CASCADE
);
CREATE INDEX ix_operator_links__expire_time ON operator_links (expire_time);
CREATE INDEX ix_operator_links__operator_id ON operator_links (operator_id);
CREATE TABLE operator_sessions (
  id TEXT NOT NULL, operator_id TEXT NOT NULL, digest TEXT NOT NULL, method TEXT NOT NULL,
  address TEXT NOT NULL, user_agent TEXT NOT NULL, create_time BIGINT NOT NULL,
  last_use_time BIGINT NOT NULL, expire_time BIGINT NOT NULL,
  CONSTRAINT pk_operator_sessions PRIMARY KEY (id),
  CONSTRAINT uq_operator_sessions__digest UNIQUE (digest),
  CONSTRAINT fk_operator_sessions__operator_id FOREIGN KEY (operator_id)
    REFERENCES operators(id) ON DELETE CASCADE
);
CREATE INDEX ix_operator_sessions__expire_time ON operator_sessions (expire_time);
CREATE INDEX ix_operator_sessions__operator_id ON operator_sessions (operator_id);
CREATE TABLE operator_passkeys (
  id TEXT NOT NULL, operator_id TEXT NOT NULL, credential_id TEXT NOT NULL,
  public_key TEXT NOT NULL, sign_count BIGINT NOT NULL, transports JSONB NOT NULL,
  name TEXT NOT NULL, create_time BIGINT NOT NULL, last_use_time BIGINT,
  backup_eligible BOOLEAN NOT NULL DEFAULT false,
  CONSTRAINT pk_operator_passkeys PRIMARY KEY (id),
  CONSTRAINT uq_operator_passkeys__credential_id UNIQUE (credential_id),
  CONSTRAINT fk_operator_passkeys__operator_id FOREIGN KEY (operator_id)
    REFERENCES operators(id) ON DELETE CASCADE
);
CREATE INDEX ix_operator_passkeys__operator_id ON operator_passkeys (operator_id);
CREATE TABLE email_servers (
  id TEXT NOT NULL, provider TEXT NOT NULL, enabled BOOLEAN NOT NULL, host TEXT NOT NULL,
  port INTEGER NOT NULL, username TEXT NOT NULL, password_sealed TEXT NOT NULL,
  from_email TEXT NOT NULL, from_name TEXT NOT NULL, create_time BIGINT NOT NULL,
  update_time BIGINT NOT NULL,
  CONSTRAINT pk_email_servers PRIMARY KEY (id)
);
CREATE TABLE email_templates (
  id TEXT NOT NULL, organization_id TEXT, use_case TEXT NOT NULL, enabled BOOLEAN NOT NULL,
  subject TEXT NOT NULL, html_content TEXT NOT NULL, plain_content TEXT NOT NULL,
  create_time BIGINT NOT NULL, update_time BIGINT NOT NULL,
  CONSTRAINT pk_email_templates PRIMARY KEY (id),
  CONSTRAINT fk_email_templates__organization_id FOREIGN KEY (organization_id)
    REFERENCES organizations(id) ON DELETE CASCADE
);
CREATE INDEX ix_email_templates__organization_id ON email_templates (organization_id);
CREATE TABLE stored_values (
  kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, update_time BIGINT NOT NULL,
  CONSTRAINT pk_stored_values PRIMARY KEY (kind, name)
);
CREATE TABLE assets (
  id TEXT NOT NULL, organization_id TEXT, media_type TEXT NOT NULL, content BYTEA NOT NULL,
  create_time BIGINT NOT NULL,
  CONSTRAINT pk_assets PRIMARY KEY (id),
  CONSTRAINT fk_assets__organization_id FOREIGN KEY (organization_id)
    REFERENCES organizations(id) ON DELETE CASCADE
);
CREATE INDEX ix_assets__organization_id ON assets (organization_id, id);
CREATE TABLE schema_steps (
  revision TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
  "position" TEXT, done BIGINT NOT NULL DEFAULT '0', total BIGINT,
  missed BIGINT NOT NULL DEFAULT '0', alone BOOLEAN NOT NULL DEFAULT false, holder TEXT,
  due_time BIGINT NOT NULL DEFAULT '0', start_time BIGINT, end_time BIGINT,
  CONSTRAINT pk_schema_steps PRIMARY KEY (revision, name)
);
CREATE TABLE master_keys (
  version INTEGER NOT NULL, id TEXT NOT NULL, provider TEXT NOT NULL, reference TEXT NOT NULL,
  state TEXT NOT NULL, wrapped TEXT, create_time BIGINT NOT NULL, deprecate_time BIGINT,
  destroy_time BIGINT,
  CONSTRAINT pk_master_keys PRIMARY KEY (version)
);
CREATE TABLE data_keys (
  version INTEGER NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, wrapped TEXT,
  create_time BIGINT NOT NULL, activate_time BIGINT, deprecate_time BIGINT, destroy_time BIGINT,
  CONSTRAINT pk_data_keys PRIMARY KEY (version)
);
CREATE TABLE resealing (
  table_name TEXT NOT NULL, version INTEGER NOT NULL, "position" TEXT, begin_time BIGINT NOT NULL,
  finish_time BIGINT, changed BIGINT NOT NULL, unreadable BIGINT NOT NULL,
  resealed BIGINT NOT NULL,
  CONSTRAINT pk_resealing PRIMARY KEY (table_name)
);
CREATE TABLE token_templates (
  "only" INTEGER NOT NULL, version TEXT NOT NULL, template JSONB NOT NULL,
  enabled BOOLEAN NOT NULL, create_time BIGINT NOT NULL, update_time BIGINT NOT NULL,
  CONSTRAINT pk_token_templates PRIMARY KEY ("only")
);
