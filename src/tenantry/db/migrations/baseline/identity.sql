-- Connections, sign-in, sessions, grants, authenticators, interceptors: alike on both databases.
CREATE TABLE connections (
  id TEXT NOT NULL, organization_id TEXT, type TEXT NOT NULL, provider TEXT NOT NULL,
  enabled BOOLEAN NOT NULL, create_time BIGINT NOT NULL, update_time BIGINT NOT NULL,
  provider_key TEXT NOT NULL DEFAULT '', key_id TEXT, status TEXT NOT NULL DEFAULT 'COMPLETED',
  debug_enabled BOOLEAN NOT NULL DEFAULT false, ui_button_title TEXT NOT NULL DEFAULT '',
  configuration_type TEXT NOT NULL DEFAULT 'DISCOVERY',
  attribute_mapping JSONB NOT NULL DEFAULT '{}', settings JSONB NOT NULL DEFAULT '{}',
  secret TEXT, context JSONB, check_time BIGINT, revision BIGINT NOT NULL DEFAULT '0',
  CONSTRAINT pk_connections PRIMARY KEY (id),
  CONSTRAINT fk_connections__organization_id FOREIGN KEY (organization_id)
    REFERENCES organizations(id) ON DELETE CASCADE
);
CREATE INDEX ix_connections__check_time ON connections (check_time) WHERE check_time IS NOT NULL;
CREATE INDEX ix_connections__kind
  ON connections (type, status, enabled, id) WHERE organization_id IS NOT NULL;
CREATE INDEX ix_connections__organization_id_id ON connections (organization_id, id);
CREATE INDEX ix_connections__provider
  ON connections (provider, type, status, enabled, id) WHERE organization_id IS NOT NULL;
CREATE INDEX ix_connections__provider_key
  ON connections (provider_key, type, status, enabled, id) WHERE organization_id IS NOT NULL;
CREATE UNIQUE INDEX uq_connections__type
  ON connections (type)
  WHERE organization_id IS NULL AND type IN ('PASSWORDLESS', 'PASSWORD', 'WEBAUTHN');
CREATE TABLE auth_requests (
  id TEXT NOT NULL, state TEXT NOT NULL, status TEXT NOT NULL, browser_digest TEXT,
  client_id TEXT, params JSONB NOT NULL, facts JSONB NOT NULL, email TEXT, email_key TEXT,
  user_id TEXT, organization_id TEXT, connection_id TEXT, error JSONB,
  create_time BIGINT NOT NULL, update_time BIGINT NOT NULL, expire_time BIGINT NOT NULL,
  CONSTRAINT pk_auth_requests PRIMARY KEY (id)
);
CREATE INDEX ix_auth_requests__browser_digest_id
  ON auth_requests (browser_digest, id) WHERE browser_digest IS NOT NULL;
CREATE INDEX ix_auth_requests__client_id_status_id ON auth_requests (client_id, status, id);
CREATE INDEX ix_auth_requests__connection_id_status_id
  ON auth_requests (connection_id, status, id) WHERE connection_id IS NOT NULL;
CREATE INDEX ix_auth_requests__email_key_id ON auth_requests (email_key, id);
CREATE INDEX ix_auth_requests__status_id ON auth_requests (status, id);
CREATE INDEX ix_auth_requests__unproved
  ON auth_requests (id) WHERE user_id IS NULL AND connection_id IS NULL;
CREATE TABLE passwordless_requests (
  id TEXT NOT NULL, email TEXT NOT NULL, email_key TEXT NOT NULL, type TEXT NOT NULL,
  template TEXT NOT NULL, state TEXT, link_uri TEXT, template_variables JSONB NOT NULL,
  auth_request_id TEXT, organization_id TEXT, generation INTEGER NOT NULL,
  seconds INTEGER NOT NULL, wrong_digest TEXT, wrong_time BIGINT, create_time BIGINT NOT NULL,
  expire_time BIGINT NOT NULL, verify_time BIGINT,
  CONSTRAINT pk_passwordless_requests PRIMARY KEY (id)
);
CREATE INDEX ix_passwordless_requests__email_key ON passwordless_requests (email_key);
CREATE INDEX ix_passwordless_requests__expire_time ON passwordless_requests (expire_time);
CREATE TABLE attempts (
  digest TEXT NOT NULL, n INTEGER NOT NULL, end_time BIGINT NOT NULL,
  CONSTRAINT pk_attempts PRIMARY KEY (digest)
);
CREATE INDEX ix_attempts__end_time ON attempts (end_time);
CREATE TABLE sessions (
  id TEXT NOT NULL, user_id TEXT NOT NULL, organization_id TEXT NOT NULL, digest TEXT NOT NULL,
  status TEXT NOT NULL, device JSONB NOT NULL, amr JSONB NOT NULL, auth_time BIGINT NOT NULL,
  create_time BIGINT NOT NULL, update_time BIGINT NOT NULL, last_active_time BIGINT NOT NULL,
  absolute_expire_time BIGINT NOT NULL, idle_minutes INTEGER, idle_expire_time BIGINT,
  lapse_time BIGINT NOT NULL, expire_time BIGINT, logout_time BIGINT, sub TEXT,
  impersonation JSONB,
  CONSTRAINT pk_sessions PRIMARY KEY (id)
);
CREATE INDEX ix_sessions__ended ON sessions (id) WHERE status != 'active';
CREATE INDEX ix_sessions__impersonated ON sessions (id) WHERE impersonation IS NOT NULL;
CREATE INDEX ix_sessions__lapse_time ON sessions (lapse_time) WHERE status = 'active';
CREATE INDEX ix_sessions__user_id_id ON sessions (user_id, id);
CREATE UNIQUE INDEX uq_sessions__digest ON sessions (digest);
CREATE TABLE session_organizations (
  session_id TEXT NOT NULL, organization_id TEXT NOT NULL, custom_claims JSONB NOT NULL,
  create_time BIGINT NOT NULL,
  CONSTRAINT pk_session_organizations PRIMARY KEY (session_id, organization_id),
  CONSTRAINT fk_session_organizations__session_id FOREIGN KEY (session_id)
    REFERENCES sessions(id) ON DELETE CASCADE
);
CREATE INDEX ix_session_organizations__organization_id_session_id
  ON session_organizations (organization_id, session_id);
CREATE TABLE session_clients (
  session_id TEXT NOT NULL, client_id TEXT NOT NULL, organization_id TEXT NOT NULL,
  create_time BIGINT NOT NULL,
  CONSTRAINT pk_session_clients PRIMARY KEY (session_id, client_id, organization_id),
  CONSTRAINT fk_session_clients__session_id FOREIGN KEY (session_id)
    REFERENCES sessions(id) ON DELETE CASCADE
);
CREATE TABLE logout_notices (
  id TEXT NOT NULL, session_id TEXT NOT NULL, user_id TEXT NOT NULL, client_id TEXT NOT NULL,
  uri TEXT NOT NULL, attempts INTEGER NOT NULL, due_time BIGINT NOT NULL,
  create_time BIGINT NOT NULL, sub TEXT,
  CONSTRAINT pk_logout_notices PRIMARY KEY (id)
);
CREATE INDEX ix_logout_notices__due_time ON logout_notices (due_time);
CREATE TABLE session_departures (
  "only" INTEGER NOT NULL, "position" BIGINT NOT NULL, due_time BIGINT NOT NULL,
  CONSTRAINT pk_session_departures PRIMARY KEY ("only")
);
CREATE TABLE authorization_codes (
  digest TEXT NOT NULL, session_id TEXT NOT NULL, client_id TEXT NOT NULL, user_id TEXT NOT NULL,
  organization_id TEXT NOT NULL, redirect_uri TEXT NOT NULL, scope TEXT NOT NULL, nonce TEXT,
  code_challenge TEXT, auth_time BIGINT NOT NULL, create_time BIGINT NOT NULL,
  expire_time BIGINT NOT NULL, use_time BIGINT, refresh_token_id TEXT, token_id TEXT,
  token_expire_time BIGINT,
  CONSTRAINT pk_authorization_codes PRIMARY KEY (digest),
  CONSTRAINT fk_authorization_codes__session_id FOREIGN KEY (session_id)
    REFERENCES sessions(id) ON DELETE CASCADE,
  CONSTRAINT fk_authorization_codes__client_id FOREIGN KEY (client_id)
    REFERENCES clients(id) ON DELETE CASCADE
);
CREATE INDEX ix_authorization_codes__client_id ON authorization_codes (client_id);
CREATE INDEX ix_authorization_codes__expire_time ON authorization_codes (expire_time);
CREATE INDEX ix_authorization_codes__session_id ON authorization_codes (session_id);
CREATE TABLE refresh_tokens (
  id TEXT NOT NULL, session_id TEXT NOT NULL, client_id TEXT NOT NULL, user_id TEXT NOT NULL,
  organization_id TEXT NOT NULL, scope TEXT NOT NULL, generation INTEGER NOT NULL,
  rotate_time BIGINT NOT NULL, create_time BIGINT NOT NULL, revoke_time BIGINT,
  CONSTRAINT pk_refresh_tokens PRIMARY KEY (id),
  CONSTRAINT fk_refresh_tokens__session_id FOREIGN KEY (session_id)
    REFERENCES sessions(id) ON DELETE CASCADE,
  CONSTRAINT fk_refresh_tokens__client_id FOREIGN KEY (client_id)
    REFERENCES clients(id) ON DELETE CASCADE
);
CREATE INDEX ix_refresh_tokens__client_id ON refresh_tokens (client_id);
CREATE INDEX ix_refresh_tokens__session_id ON refresh_tokens (session_id);
CREATE TABLE passkeys (
  id TEXT NOT NULL, user_id TEXT NOT NULL, credential_id TEXT NOT NULL, public_key TEXT NOT NULL,
  sign_count BIGINT NOT NULL, display_name TEXT NOT NULL, attestation_type TEXT NOT NULL,
  aaguid TEXT NOT NULL, attachment TEXT NOT NULL, transports JSONB NOT NULL,
  user_verified BOOLEAN NOT NULL, backup_eligible BOOLEAN NOT NULL, backup_state BOOLEAN NOT NULL,
  user_agent JSONB NOT NULL, client_info JSONB NOT NULL, create_time BIGINT NOT NULL,
  update_time BIGINT NOT NULL, last_used_time BIGINT,
  CONSTRAINT pk_passkeys PRIMARY KEY (id),
  CONSTRAINT fk_passkeys__user_id FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);
CREATE INDEX ix_passkeys__user_id_id ON passkeys (user_id, id);
CREATE UNIQUE INDEX uq_passkeys__credential_id ON passkeys (credential_id);
CREATE TABLE webauthn_challenges (
  id TEXT NOT NULL, kind TEXT NOT NULL, challenge TEXT NOT NULL, user_id TEXT,
  auth_request_id TEXT, expire_time BIGINT NOT NULL,
  CONSTRAINT pk_webauthn_challenges PRIMARY KEY (id)
);
CREATE INDEX ix_webauthn_challenges__expire_time ON webauthn_challenges (expire_time);
CREATE UNIQUE INDEX uq_webauthn_challenges__challenge ON webauthn_challenges (challenge);
CREATE TABLE totp_registrations (
  id TEXT NOT NULL, user_id TEXT, account_name TEXT NOT NULL, secret_sealed TEXT NOT NULL,
  enabled BOOLEAN NOT NULL, last_step BIGINT NOT NULL, create_time BIGINT NOT NULL,
  update_time BIGINT NOT NULL,
  CONSTRAINT pk_totp_registrations PRIMARY KEY (id),
  CONSTRAINT fk_totp_registrations__user_id FOREIGN KEY (user_id)
    REFERENCES users(id) ON DELETE CASCADE
);
CREATE INDEX ix_totp_registrations__not_in_force
  ON totp_registrations (create_time) WHERE enabled IS false;
CREATE INDEX ix_totp_registrations__user_id_id ON totp_registrations (user_id, id);
CREATE UNIQUE INDEX uq_totp_registrations__user_id
  ON totp_registrations (user_id) WHERE enabled IS true;
CREATE TABLE recovery_codes (
  registration_id TEXT NOT NULL, digest TEXT NOT NULL,
  CONSTRAINT pk_recovery_codes PRIMARY KEY (registration_id, digest),
  CONSTRAINT fk_recovery_codes__registration_id FOREIGN KEY (registration_id)
    REFERENCES totp_registrations(id) ON DELETE CASCADE
);
CREATE TABLE interceptors (
  id TEXT NOT NULL, display_name TEXT NOT NULL, description TEXT NOT NULL,
  trigger_point TEXT NOT NULL, api_url TEXT NOT NULL, timeout_ms INTEGER NOT NULL,
  failure_policy TEXT NOT NULL, auth_config_type TEXT, auth_config_sealed TEXT,
  enabled BOOLEAN NOT NULL, secret_id TEXT NOT NULL, secret_suffix TEXT NOT NULL,
  secret_sealed TEXT NOT NULL, previous_secret_sealed TEXT, previous_secret_expire_time BIGINT,
  create_time BIGINT NOT NULL, update_time BIGINT NOT NULL, last_executed_time BIGINT,
  CONSTRAINT pk_interceptors PRIMARY KEY (id)
);
CREATE INDEX ix_interceptors__trigger_point_id ON interceptors (trigger_point, id);
CREATE TABLE known_origins (
  user_id TEXT NOT NULL, digest TEXT NOT NULL, kind TEXT NOT NULL, create_time BIGINT NOT NULL,
  last_use_time BIGINT NOT NULL,
  CONSTRAINT pk_known_origins PRIMARY KEY (user_id, digest),
  CONSTRAINT fk_known_origins__user_id FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);
CREATE TABLE schema_history (
  revision TEXT NOT NULL, program TEXT NOT NULL, apply_time BIGINT NOT NULL,
  stops_older BOOLEAN NOT NULL DEFAULT false,
  CONSTRAINT pk_schema_history PRIMARY KEY (revision)
);
CREATE TABLE event_contexts (
  organization_id TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, type TEXT NOT NULL,
  event_id TEXT NOT NULL,
  CONSTRAINT pk_event_contexts PRIMARY KEY (organization_id, key, value, type, event_id)
);
CREATE INDEX ix_event_contexts__key_value_type_event_id
  ON event_contexts ("key", value, type, event_id);
CREATE TABLE organization_keys (
  organization_id TEXT NOT NULL, external_id TEXT, slug TEXT,
  CONSTRAINT pk_organization_keys PRIMARY KEY (organization_id)
);
CREATE UNIQUE INDEX uq_organization_keys__external_id ON organization_keys (external_id);
CREATE UNIQUE INDEX uq_organization_keys__slug ON organization_keys (slug);
CREATE TABLE saml_key_pairs (
  id TEXT NOT NULL, private_key TEXT NOT NULL, certificate TEXT NOT NULL,
  sign_time BIGINT NOT NULL, expire_time BIGINT NOT NULL, create_time BIGINT NOT NULL,
  CONSTRAINT pk_saml_key_pairs PRIMARY KEY (id)
);
CREATE TABLE connection_tests (
  id TEXT NOT NULL, connection_id TEXT NOT NULL, status TEXT NOT NULL, user_info JSONB,
  error TEXT, error_description TEXT, error_details TEXT, create_time BIGINT NOT NULL,
  expire_time BIGINT NOT NULL,
  CONSTRAINT pk_connection_tests PRIMARY KEY (id),
  CONSTRAINT fk_connection_tests__connection_id FOREIGN KEY (connection_id)
    REFERENCES connections(id) ON DELETE CASCADE
);
CREATE INDEX ix_connection_tests__connection_id_id ON connection_tests (connection_id, id);
CREATE INDEX ix_connection_tests__expire_time ON connection_tests (expire_time);
CREATE TABLE federation_requests (
  digest TEXT NOT NULL, connection_id TEXT NOT NULL, auth_request_id TEXT, test_id TEXT,
  facts TEXT NOT NULL, identity TEXT, create_time BIGINT NOT NULL, expire_time BIGINT NOT NULL,
  CONSTRAINT pk_federation_requests PRIMARY KEY (digest),
  CONSTRAINT fk_federation_requests__connection_id FOREIGN KEY (connection_id)
    REFERENCES connections(id) ON DELETE CASCADE
);
CREATE INDEX ix_federation_requests__connection_id ON federation_requests (connection_id);
CREATE INDEX ix_federation_requests__expire_time ON federation_requests (expire_time);
CREATE TABLE seen_assertions (
  connection_id TEXT NOT NULL, digest TEXT NOT NULL, expire_time BIGINT NOT NULL,
  CONSTRAINT pk_seen_assertions PRIMARY KEY (connection_id, digest)
);
CREATE INDEX ix_seen_assertions__expire_time ON seen_assertions (expire_time);
CREATE TABLE federated_identities (
  connection_id TEXT NOT NULL, subject TEXT NOT NULL, user_id TEXT NOT NULL, email TEXT NOT NULL,
  is_proved BOOLEAN NOT NULL, claims JSONB NOT NULL, create_time BIGINT NOT NULL,
  update_time BIGINT NOT NULL,
  CONSTRAINT pk_federated_identities PRIMARY KEY (connection_id, subject),
  CONSTRAINT fk_federated_identities__connection_id FOREIGN KEY (connection_id)
    REFERENCES connections(id) ON DELETE CASCADE,
  CONSTRAINT fk_federated_identities__user_id FOREIGN KEY (user_id)
    REFERENCES users(id) ON DELETE CASCADE
);
CREATE INDEX ix_federated_identities__user_id ON federated_identities (user_id);
CREATE TABLE federated_sessions (
  session_id TEXT NOT NULL, connection_id TEXT NOT NULL, subject TEXT NOT NULL,
  session_index TEXT, hint TEXT, create_time BIGINT NOT NULL,
  CONSTRAINT pk_federated_sessions PRIMARY KEY (session_id, connection_id),
  CONSTRAINT fk_federated_sessions__session_id FOREIGN KEY (session_id)
    REFERENCES sessions(id) ON DELETE CASCADE,
  CONSTRAINT fk_federated_sessions__connection_id FOREIGN KEY (connection_id)
    REFERENCES connections(id) ON DELETE CASCADE
);
CREATE INDEX ix_federated_sessions__connection_id_session_index
  ON federated_sessions (connection_id, session_index);
CREATE INDEX ix_federated_sessions__connection_id_subject
  ON federated_sessions (connection_id, subject);
CREATE TABLE user_attributes (
  kind TEXT NOT NULL, key TEXT NOT NULL, label TEXT NOT NULL, datatype TEXT NOT NULL,
  category TEXT NOT NULL, enabled BOOLEAN NOT NULL, required BOOLEAN NOT NULL,
  default_saml_mapping TEXT NOT NULL, default_oidc_mapping TEXT NOT NULL,
  create_time BIGINT NOT NULL, update_time BIGINT NOT NULL,
  CONSTRAINT pk_user_attributes PRIMARY KEY (kind, key)
);
CREATE TABLE app_connections (
  id TEXT NOT NULL, type TEXT NOT NULL, provider TEXT NOT NULL, provider_key TEXT NOT NULL,
  key_id TEXT NOT NULL, status TEXT NOT NULL, enabled BOOLEAN NOT NULL, settings JSONB NOT NULL,
  secret TEXT, revision BIGINT NOT NULL, create_time BIGINT NOT NULL, update_time BIGINT NOT NULL,
  CONSTRAINT pk_app_connections PRIMARY KEY (id)
);
