-- The first page of 30: one row more, to know whether there is another page, and the total, which
-- triggers keep.
SELECT id, display_name, external_id, slug, logo_url, region_code, metadata, features, max_allowed_users, session_policy, branding, revision, create_time, update_time,
    (SELECT CAST(sum(n) AS bigint) FROM tallies WHERE name = 'organizations') AS total
FROM organizations
ORDER BY id DESC
LIMIT 31;
