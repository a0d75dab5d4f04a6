-- Organizations, users, roles, domains, clients, events, webhooks: alike on both databases.
-- PostgreSQL checks foreign keys, and so locks rows, in the order of their declarations here.
CREATE TABLE environment (
  "only" INTEGER NOT NULL, id TEXT NOT NULL, nodes BIGINT NOT NULL, data_key TEXT NOT NULL,
  create_time BIGINT NOT NULL, roles_version BIGINT NOT NULL DEFAULT '0', place TEXT,
  beat_time BIGINT, hold_time BIGINT, hold_reason TEXT,
  CONSTRAINT pk_environment PRIMARY KEY ("only")
);
CREATE TABLE tallies (
  name TEXT NOT NULL, slot INTEGER NOT NULL, n BIGINT NOT NULL,
  CONSTRAINT pk_tallies PRIMARY KEY (name, slot)
);
CREATE TABLE replies (
  caller_id TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL, response BYTEA,
  headers JSONB, create_time BIGINT NOT NULL,
  CONSTRAINT pk_replies PRIMARY KEY (caller_id, key)
);
CREATE INDEX ix_replies__create_time ON replies (create_time);
CREATE TABLE organizations (
  id TEXT NOT NULL, display_name TEXT NOT NULL, external_id TEXT, slug TEXT, logo_url TEXT,
  region_code TEXT NOT NULL, metadata JSONB NOT NULL, features JSONB NOT NULL,
  max_allowed_users INTEGER, session_policy JSONB, branding JSONB, revision BIGINT NOT NULL,
  create_time BIGINT NOT NULL, update_time BIGINT NOT NULL,
  CONSTRAINT pk_organizations PRIMARY KEY (id)
);
CREATE TABLE portal_links (
  id TEXT NOT NULL, organization_id TEXT NOT NULL, features JSONB NOT NULL,
  create_time BIGINT NOT NULL, expire_time BIGINT NOT NULL, open_time BIGINT,
  shareable BOOLEAN NOT NULL DEFAULT false,
  CONSTRAINT pk_portal_links PRIMARY KEY (id),
  CONSTRAINT fk_portal_links__organization_id FOREIGN KEY (organization_id)
    REFERENCES organizations(id) ON DELETE CASCADE
);
CREATE INDEX ix_portal_links__organization_id_id ON portal_links (organization_id, id);
CREATE TABLE portal_sessions (
  id TEXT NOT NULL, organization_id TEXT NOT NULL, digest TEXT NOT NULL, features JSONB NOT NULL,
  create_time BIGINT NOT NULL, expire_time BIGINT NOT NULL, link_id TEXT,
  CONSTRAINT pk_portal_sessions PRIMARY KEY (id),
  CONSTRAINT uq_portal_sessions__digest UNIQUE (digest),
  CONSTRAINT fk_portal_sessions__organization_id FOREIGN KEY (organization_id)
    REFERENCES organizations(id) ON DELETE CASCADE
);
CREATE INDEX ix_portal_sessions__organization_id_link_id
  ON portal_sessions (organization_id, link_id);
CREATE TABLE signing_keys (
  id TEXT NOT NULL, state TEXT NOT NULL, public_pem TEXT NOT NULL, private_sealed TEXT NOT NULL,
  create_time BIGINT NOT NULL, retire_time BIGINT, algorithm TEXT NOT NULL DEFAULT 'RS256',
  CONSTRAINT pk_signing_keys PRIMARY KEY (id)
);
CREATE TABLE permissions (
  id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL, built_in BOOLEAN NOT NULL,
  revision BIGINT NOT NULL, create_time BIGINT NOT NULL, update_time BIGINT NOT NULL,
  CONSTRAINT pk_permissions PRIMARY KEY (id)
);
CREATE UNIQUE INDEX uq_permissions__name ON permissions (name);
CREATE TABLE roles (
  id TEXT NOT NULL, organization_id TEXT, name TEXT NOT NULL, display_name TEXT NOT NULL,
  description TEXT, base_id TEXT, default_creator BOOLEAN NOT NULL,
  default_member BOOLEAN NOT NULL, revision BIGINT NOT NULL, create_time BIGINT NOT NULL,
  update_time BIGINT NOT NULL,
  CONSTRAINT pk_roles PRIMARY KEY (id),
  CONSTRAINT fk_roles__organization_id FOREIGN KEY (organization_id)
    REFERENCES organizations(id) ON DELETE CASCADE,
  CONSTRAINT fk_roles__base_id FOREIGN KEY (base_id) REFERENCES roles(id)
);
CREATE INDEX ix_roles__base_id ON roles (base_id);
CREATE INDEX ix_roles__organization_id_id ON roles (organization_id, id);
CREATE UNIQUE INDEX uq_roles__name ON roles (name) WHERE organization_id IS NULL;
CREATE UNIQUE INDEX uq_roles_of_organization__name ON roles (name, organization_id);
CREATE TABLE role_ancestors (
  role_id TEXT NOT NULL, ancestor_id TEXT NOT NULL,
  CONSTRAINT pk_role_ancestors PRIMARY KEY (role_id, ancestor_id),
  CONSTRAINT fk_role_ancestors__role_id FOREIGN KEY (role_id)
    REFERENCES roles(id) ON DELETE CASCADE,
  CONSTRAINT fk_role_ancestors__ancestor_id FOREIGN KEY (ancestor_id)
    REFERENCES roles(id) ON DELETE CASCADE
);
CREATE INDEX ix_role_ancestors__ancestor_id ON role_ancestors (ancestor_id);
CREATE TABLE role_permissions (
  role_id TEXT NOT NULL, permission_id TEXT NOT NULL,
  CONSTRAINT pk_role_permissions PRIMARY KEY (role_id, permission_id),
  CONSTRAINT fk_role_permissions__role_id FOREIGN KEY (role_id)
    REFERENCES roles(id) ON DELETE CASCADE,
  CONSTRAINT fk_role_permissions__permission_id FOREIGN KEY (permission_id)
    REFERENCES permissions(id) ON DELETE CASCADE
);
CREATE INDEX ix_role_permissions__permission_id ON role_permissions (permission_id);
CREATE TABLE default_member_roles (
  organization_id TEXT NOT NULL, role_id TEXT NOT NULL,
  CONSTRAINT pk_default_member_roles PRIMARY KEY (organization_id),
  CONSTRAINT fk_default_member_roles__organization_id FOREIGN KEY (organization_id)
    REFERENCES organizations(id) ON DELETE CASCADE,
  CONSTRAINT fk_default_member_roles__role_id FOREIGN KEY (role_id)
    REFERENCES roles(id) ON DELETE CASCADE
);
CREATE INDEX ix_default_member_roles__role_id ON default_member_roles (role_id);
CREATE TABLE users (
  id TEXT NOT NULL, email TEXT NOT NULL, email_key TEXT NOT NULL, external_id TEXT,
  profile JSONB NOT NULL, metadata JSONB NOT NULL, email_verified BOOLEAN NOT NULL,
  password_hash TEXT, last_login_time BIGINT, revision BIGINT NOT NULL,
  create_time BIGINT NOT NULL, update_time BIGINT NOT NULL, password_time BIGINT, sub TEXT,
  CONSTRAINT pk_users PRIMARY KEY (id)
);
CREATE UNIQUE INDEX uq_users__email ON users (email_key);
CREATE UNIQUE INDEX uq_users__external_id ON users (external_id);
CREATE TABLE memberships (
  organization_id TEXT NOT NULL, user_id TEXT NOT NULL, id TEXT NOT NULL, status TEXT NOT NULL,
  metadata JSONB NOT NULL, inviter_email TEXT, provisioning_method TEXT NOT NULL,
  create_time BIGINT NOT NULL, accept_time BIGINT, join_time BIGINT, expire_time BIGINT,
  invite_digest TEXT, invite_resend_time BIGINT, invite_resend_count INTEGER NOT NULL,
  CONSTRAINT pk_memberships PRIMARY KEY (organization_id, user_id),
  CONSTRAINT fk_memberships__organization_id FOREIGN KEY (organization_id)
    REFERENCES organizations(id) ON DELETE CASCADE,
  CONSTRAINT fk_memberships__user_id FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);
CREATE INDEX ix_memberships__invite_digest
  ON memberships (invite_digest) WHERE invite_digest IS NOT NULL;
CREATE INDEX ix_memberships__user_id_id ON memberships (user_id, id);
CREATE UNIQUE INDEX uq_memberships__id ON memberships (organization_id, id);
CREATE TABLE member_tallies (
  organization_id TEXT NOT NULL, slot INTEGER NOT NULL, n BIGINT NOT NULL,
  CONSTRAINT pk_member_tallies PRIMARY KEY (organization_id, slot),
  CONSTRAINT fk_member_tallies__organization_id FOREIGN KEY (organization_id)
    REFERENCES organizations(id) ON DELETE CASCADE
);
CREATE TABLE role_holders (
  organization_id TEXT NOT NULL, user_id TEXT NOT NULL, role_id TEXT NOT NULL,
  CONSTRAINT pk_role_holders PRIMARY KEY (organization_id, user_id, role_id),
  CONSTRAINT fk_role_holders__organization_id FOREIGN KEY (organization_id, user_id)
    REFERENCES memberships(organization_id, user_id) ON DELETE CASCADE,
  CONSTRAINT fk_role_holders__role_id FOREIGN KEY (role_id) REFERENCES roles(id)
);
CREATE INDEX ix_role_holders__role_id ON role_holders (role_id, organization_id);
CREATE TABLE domains (
  id TEXT NOT NULL, organization_id TEXT NOT NULL, domain TEXT NOT NULL,
  domain_type TEXT NOT NULL, verification_status TEXT NOT NULL, verification_method TEXT NOT NULL,
  txt_record_key TEXT NOT NULL, txt_record_secret TEXT NOT NULL, check_time BIGINT,
  expire_time BIGINT, revision BIGINT NOT NULL, create_time BIGINT NOT NULL,
  update_time BIGINT NOT NULL, connection_id TEXT,
  CONSTRAINT pk_domains PRIMARY KEY (id),
  CONSTRAINT fk_domains__organization_id FOREIGN KEY (organization_id)
    REFERENCES organizations(id) ON DELETE CASCADE
);
CREATE INDEX ix_domains__check_time ON domains (check_time) WHERE check_time IS NOT NULL;
CREATE INDEX ix_domains__connection_id ON domains (connection_id) WHERE connection_id IS NOT NULL;
CREATE INDEX ix_domains__organization_id_id ON domains (organization_id, id);
CREATE UNIQUE INDEX uq_domains__domain
  ON domains (domain)
  WHERE domain_type = 'ORGANIZATION_DOMAIN' AND verification_status IN ('VERIFIED',
    'AUTO_VERIFIED');
CREATE UNIQUE INDEX uq_domains_of_organization__domain
  ON domains (domain, organization_id, domain_type);
CREATE TABLE mail (
  id TEXT NOT NULL, organization_id TEXT, recipient TEXT NOT NULL, template TEXT NOT NULL,
  variables JSONB NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL,
  due_time BIGINT NOT NULL, problem TEXT, content_sealed TEXT, create_time BIGINT NOT NULL,
  sent_time BIGINT,
  CONSTRAINT pk_mail PRIMARY KEY (id),
  CONSTRAINT fk_mail__organization_id FOREIGN KEY (organization_id)
    REFERENCES organizations(id) ON DELETE CASCADE
);
CREATE INDEX ix_mail__due_time ON mail (due_time) WHERE state = 'QUEUED';
CREATE INDEX ix_mail__organization_id ON mail (organization_id);
CREATE TABLE clients (
  id TEXT NOT NULL, name TEXT NOT NULL, create_time BIGINT NOT NULL,
  client_type TEXT NOT NULL DEFAULT 'ENV', description TEXT NOT NULL DEFAULT '',
  scopes JSONB NOT NULL DEFAULT '[]', audience JSONB NOT NULL DEFAULT '[]',
  custom_claims JSONB NOT NULL DEFAULT '[]', post_login_uris JSONB NOT NULL DEFAULT '[]',
  post_logout_redirect_uris JSONB NOT NULL DEFAULT '[]',
  back_channel_logout_uris JSONB NOT NULL DEFAULT '[]', grant_types JSONB NOT NULL DEFAULT '[]',
  initiate_login_uri TEXT, expiry INTEGER, enforce_pkce BOOLEAN NOT NULL DEFAULT false,
  api_access BOOLEAN NOT NULL DEFAULT true, ip_allowlist JSONB, jwks JSONB,
  token_endpoint_auth_method TEXT NOT NULL DEFAULT '',
  access_token_signing_alg TEXT NOT NULL DEFAULT 'RS256', revision BIGINT NOT NULL DEFAULT '1',
  update_time BIGINT NOT NULL DEFAULT '0', organization_id TEXT,
  CONSTRAINT pk_clients PRIMARY KEY (id),
  CONSTRAINT fk_clients__organization_id FOREIGN KEY (organization_id)
    REFERENCES organizations(id) ON DELETE CASCADE
);
CREATE INDEX ix_clients__client_type_id ON clients (client_type, id);
CREATE INDEX ix_clients__organization_id_id ON clients (organization_id, id);
CREATE TABLE client_secrets (
  id TEXT NOT NULL, client_id TEXT NOT NULL, digest TEXT NOT NULL, suffix TEXT NOT NULL,
  create_time BIGINT NOT NULL, expire_time BIGINT, status TEXT NOT NULL DEFAULT 'ACTIVE',
  created_by TEXT, update_time BIGINT NOT NULL DEFAULT '0', last_used_time BIGINT,
  CONSTRAINT pk_client_secrets PRIMARY KEY (id),
  CONSTRAINT fk_client_secrets__client_id FOREIGN KEY (client_id)
    REFERENCES clients(id) ON DELETE CASCADE
);
CREATE INDEX ix_client_secrets__client_id ON client_secrets (client_id);
CREATE TABLE scopes (
  id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL, enabled BOOLEAN NOT NULL,
  create_time BIGINT NOT NULL, update_time BIGINT NOT NULL,
  CONSTRAINT pk_scopes PRIMARY KEY (id)
);
CREATE UNIQUE INDEX uq_scopes__name ON scopes (name);
CREATE TABLE spent_assertions (
  client_id TEXT NOT NULL, jti TEXT NOT NULL, expire_time BIGINT NOT NULL,
  CONSTRAINT pk_spent_assertions PRIMARY KEY (client_id, jti),
  CONSTRAINT fk_spent_assertions__client_id FOREIGN KEY (client_id)
    REFERENCES clients(id) ON DELETE CASCADE
);
CREATE INDEX ix_spent_assertions__expire_time ON spent_assertions (expire_time);
CREATE TABLE revoked_tokens (
  jti TEXT NOT NULL, expire_time BIGINT NOT NULL,
  CONSTRAINT pk_revoked_tokens PRIMARY KEY (jti)
);
CREATE INDEX ix_revoked_tokens__expire_time ON revoked_tokens (expire_time);
CREATE TABLE api_tokens (
  id TEXT NOT NULL, organization_id TEXT NOT NULL, user_id TEXT, digest TEXT NOT NULL,
  suffix TEXT NOT NULL, description TEXT NOT NULL, custom_claims JSONB NOT NULL,
  expire_time BIGINT, last_used_time BIGINT, revision BIGINT NOT NULL,
  create_time BIGINT NOT NULL, update_time BIGINT NOT NULL,
  CONSTRAINT pk_api_tokens PRIMARY KEY (id),
  CONSTRAINT fk_api_tokens__user_id FOREIGN KEY (organization_id, user_id)
    REFERENCES memberships(organization_id, user_id) ON DELETE CASCADE,
  CONSTRAINT fk_api_tokens__organization_id FOREIGN KEY (organization_id)
    REFERENCES organizations(id) ON DELETE CASCADE
);
CREATE INDEX ix_api_tokens__expire_time ON api_tokens (expire_time) WHERE expire_time IS NOT NULL;
CREATE INDEX ix_api_tokens__organization_id_id ON api_tokens (organization_id, id);
CREATE INDEX ix_api_tokens__organization_id_user_id_id
  ON api_tokens (organization_id, user_id, id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX uq_api_tokens__digest ON api_tokens (digest);
CREATE TABLE event_log_state (
  "only" INTEGER NOT NULL, "position" BIGINT NOT NULL, seen TEXT NOT NULL, target TEXT,
  cursor TEXT, pruned_before TEXT,
  CONSTRAINT pk_event_log_state PRIMARY KEY ("only")
);
CREATE TABLE event_log (
  "position" BIGINT NOT NULL, event_id TEXT NOT NULL, chain TEXT NOT NULL, number BIGINT NOT NULL,
  salt TEXT NOT NULL, content_hash TEXT NOT NULL, hash TEXT NOT NULL, erasure TEXT,
  CONSTRAINT pk_event_log PRIMARY KEY ("position")
);
CREATE INDEX ix_event_log__chain_position ON event_log (chain, position);
CREATE UNIQUE INDEX uq_event_log__event_id ON event_log (event_id);
CREATE TABLE event_chains (
  chain TEXT NOT NULL, number BIGINT NOT NULL, hash TEXT NOT NULL, anchor_number BIGINT NOT NULL,
  anchor_hash TEXT NOT NULL, mac TEXT NOT NULL,
  CONSTRAINT pk_event_chains PRIMARY KEY (chain)
);
CREATE TABLE webhook_endpoints (
  id TEXT NOT NULL, url TEXT NOT NULL, description TEXT NOT NULL, event_types JSONB NOT NULL,
  organization_id TEXT, enabled BOOLEAN NOT NULL, ordered BOOLEAN NOT NULL,
  secret_sealed TEXT NOT NULL, previous_secret_sealed TEXT, previous_secret_expire_time BIGINT,
  failing_since BIGINT, disabled_reason TEXT, revision BIGINT NOT NULL,
  create_time BIGINT NOT NULL, update_time BIGINT NOT NULL,
  CONSTRAINT pk_webhook_endpoints PRIMARY KEY (id),
  CONSTRAINT fk_webhook_endpoints__organization_id FOREIGN KEY (organization_id)
    REFERENCES organizations(id) ON DELETE CASCADE
);
CREATE INDEX ix_webhook_endpoints__organization_id_id ON webhook_endpoints (organization_id, id);
CREATE TABLE webhook_deliveries (
  id TEXT NOT NULL, endpoint_id TEXT NOT NULL, event_id TEXT NOT NULL, event_type TEXT NOT NULL,
  organization_id TEXT, "position" BIGINT NOT NULL, state TEXT NOT NULL,
  attempts INTEGER NOT NULL, due_time BIGINT, last_status INTEGER, body TEXT,
  replay BOOLEAN NOT NULL, create_time BIGINT NOT NULL, end_time BIGINT,
  CONSTRAINT pk_webhook_deliveries PRIMARY KEY (id),
  CONSTRAINT fk_webhook_deliveries__endpoint_id FOREIGN KEY (endpoint_id)
    REFERENCES webhook_endpoints(id) ON DELETE CASCADE
);
CREATE INDEX ix_webhook_deliveries__endpoint_id_due_time
  ON webhook_deliveries (endpoint_id, due_time) WHERE state = 'PENDING' AND due_time > 0;
CREATE INDEX ix_webhook_deliveries__endpoint_id_id ON webhook_deliveries (endpoint_id, id);
CREATE INDEX ix_webhook_deliveries__endpoint_id_position_id
  ON webhook_deliveries (endpoint_id, position, id) WHERE state = 'PENDING' AND position > 0;
CREATE INDEX ix_webhook_deliveries__event_id ON webhook_deliveries (event_id);
CREATE INDEX ix_webhook_deliveries__failed
  ON webhook_deliveries (endpoint_id, id) WHERE state = 'FAILED';
CREATE TABLE webhook_attempts (
  delivery_id TEXT NOT NULL, number INTEGER NOT NULL, attempt_time BIGINT NOT NULL,
  duration BIGINT NOT NULL, status_code INTEGER, problem TEXT, response TEXT,
  CONSTRAINT pk_webhook_attempts PRIMARY KEY (delivery_id, number),
  CONSTRAINT fk_webhook_attempts__delivery_id FOREIGN KEY (delivery_id)
    REFERENCES webhook_deliveries(id) ON DELETE CASCADE
);
CREATE TABLE log_streams (
  name TEXT NOT NULL, "position" BIGINT NOT NULL, problem TEXT, due_time BIGINT NOT NULL,
  CONSTRAINT pk_log_streams PRIMARY KEY (name)
);
