#!/bin/sh
# Patroni runs this once, where the cluster is made, with a URL of it for its superuser.
set -eu
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 "$1" <<'SQL'
\getenv password TENANTRY_DATABASE_PASSWORD
CREATE ROLE tenantry LOGIN PASSWORD :'password';
-- For lists on a standby: it asks the standby how far it is (docs/high-availability.md).
GRANT pg_read_all_stats TO tenantry;
CREATE DATABASE tenantry OWNER tenantry;
SQL
