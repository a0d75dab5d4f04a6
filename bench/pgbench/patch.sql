-- PATCH: a read by primary key, then the change with its event, its mark for the search and its
-- external id in the directory, if the revision is still the one that was read. Each client has
-- organizations of its own; no values come twice.
\set count :count + 1
\set serial :run + :count * 256 + :client_id
\set own random(0, :organizations / :clients - 1)
\set id :first + :client_id + :clients * :own
SELECT id, display_name, external_id, slug, logo_url, region_code, metadata, features, max_allowed_users, session_policy, branding, revision, create_time, update_time
FROM organizations
WHERE id = 'org_' || :id
\gset seen_
WITH change AS (
    UPDATE organizations
    SET display_name = 'Acme ' || :serial,
        external_id = 'crm-' || :serial,
        slug = NULL,
        logo_url = NULL,
        metadata = ('{"plan": "enterprise", "seats": "250", "synced": "' || :serial || '"}')::jsonb,
        features = '{"sso": true}',
        max_allowed_users = NULL,
        session_policy = NULL,
        branding = NULL,
        revision = :seen_revision::bigint + 1,
        update_time = :seen_update_time::bigint + 1
    WHERE id = 'org_' || :id AND revision = :seen_revision
    RETURNING id
),
record AS (
    INSERT INTO events (id, type, object, occurred_at, organization_id, actor, before, after, request_id)
    SELECT 'evt_' || :serial, 'organization.updated', 'Organization', :seen_update_time::bigint + 1, 'org_' || :id,
        '{"type": "management_client", "id": "skc_1000000000000000000"}'::jsonb,
        ('{"id": "org_1000000000000000000", "display_name": "Acme ' || :serial || '", "region_code": "US", "create_time": "2026-01-01T00", "update_time": "2026-01-01T00", "metadata": {"plan": "enterprise", "seats": "250", "synced": "' || :serial || '"}, "settings": {"features": [{"name": "sso", "enabled": true}, {"name": "dir_sync", "enabled": false}, {"name": "domain_verification", "enabled": false}, {"name": "session_policy", "enabled": false}]}, "external_id": "crm-' || :serial || '"}')::jsonb,
        ('{"id": "org_1000000000000000000", "display_name": "Acme ' || :serial || '", "region_code": "US", "create_time": "2026-01-01T00", "update_time": "2026-01-01T00", "metadata": {"plan": "enterprise", "seats": "250", "synced": "' || :serial || '"}, "settings": {"features": [{"name": "sso", "enabled": true}, {"name": "dir_sync", "enabled": false}, {"name": "domain_verification", "enabled": false}, {"name": "session_policy", "enabled": false}]}, "external_id": "crm-' || :serial || '"}')::jsonb,
        'req_' || :serial
    FROM change
),
due AS (
    INSERT INTO organizations_search_due (organization_id)
    SELECT 'org_' || :id WHERE EXISTS (SELECT FROM change)
),
entered AS (
    INSERT INTO organization_keys (organization_id, external_id)
    SELECT 'org_' || :id, 'crm-' || :serial WHERE EXISTS (SELECT FROM change)
    ON CONFLICT (organization_id) DO UPDATE SET external_id = excluded.external_id
)
SELECT change.* FROM change
\gset done_
