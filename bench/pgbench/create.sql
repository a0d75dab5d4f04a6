-- POST of an organization: the row, its event, its mark for the search, its external id in the
-- directory and the number of all in one statement.
\set count :count + 1
\set serial :run + :count * 256 + :client_id
WITH change AS (
    INSERT INTO organizations (id, display_name, external_id, slug, logo_url, region_code, metadata, features, max_allowed_users, session_policy, branding, revision, create_time, update_time)
    VALUES ('org_' || :serial, 'Acme ' || :serial, 'crm-' || :serial, NULL, NULL, 'US',
        ('{"plan": "enterprise", "seats": "250", "synced": "' || :serial || '"}')::jsonb,
        '{"sso": true}', NULL, NULL, NULL, 1, :run, :run)
    RETURNING id
),
record AS (
    INSERT INTO events (id, type, object, occurred_at, organization_id, actor, before, after, request_id)
    SELECT 'evt_' || :serial, 'organization.created', 'Organization', :run, 'org_' || :serial,
        '{"type": "management_client", "id": "skc_1000000000000000000"}'::jsonb,
        NULL,
        ('{"id": "org_1000000000000000000", "display_name": "Acme ' || :serial || '", "region_code": "US", "create_time": "2026-01-01T00", "update_time": "2026-01-01T00", "metadata": {"plan": "enterprise", "seats": "250", "synced": "' || :serial || '"}, "settings": {"features": [{"name": "sso", "enabled": true}, {"name": "dir_sync", "enabled": false}, {"name": "domain_verification", "enabled": false}, {"name": "session_policy", "enabled": false}]}, "external_id": "crm-' || :serial || '"}')::jsonb,
        'req_' || :serial
    FROM change
),
due AS (
    INSERT INTO organizations_search_due (organization_id)
    SELECT 'org_' || :serial WHERE EXISTS (SELECT FROM change)
),
entered AS (
    INSERT INTO organization_keys (organization_id, external_id, slug)
    SELECT 'org_' || :serial, 'crm-' || :serial, NULL WHERE EXISTS (SELECT FROM change)
    ON CONFLICT (organization_id) DO UPDATE
    SET external_id = excluded.external_id, slug = excluded.slug
),
counted AS (
    INSERT INTO tallies (name, slot, n)
    SELECT 'organizations', coalesce(
        (SELECT t.slot FROM tallies AS t WHERE t.name = 'organizations' LIMIT 1 FOR UPDATE SKIP LOCKED),
        floor(random() * 2147483647)::integer
    ), 1 WHERE EXISTS (SELECT FROM change)
    ON CONFLICT (name, slot) DO UPDATE SET n = tallies.n + excluded.n
)
SELECT change.* FROM change
\gset done_
