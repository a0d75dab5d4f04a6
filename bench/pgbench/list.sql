-- The first page of 30: one row more, to know whether there is another page, and the total, which
-- is kept. The size is a parameter, as the server sends it: it decides how PostgreSQL plans.
\set take 31
SELECT id, display_name, external_id, slug, logo_url, region_code, metadata, features, max_allowed_users, session_policy, branding, revision, create_time, update_time,
    (SELECT CAST(sum(n) AS bigint) FROM tallies WHERE name = 'organizations') AS total
FROM organizations
ORDER BY id DESC
LIMIT :take;
