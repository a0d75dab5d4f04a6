-- GET of one organization: one read by primary key.
\set own random(0, :organizations / :clients - 1)
\set id :first + :client_id + :clients * :own
SELECT id, display_name, external_id, slug, logo_url, region_code, metadata, features, max_allowed_users, session_policy, branding, revision, create_time, update_time
FROM organizations
WHERE id = 'org_' || :id;
