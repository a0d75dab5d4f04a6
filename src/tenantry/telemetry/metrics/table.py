"""The table of all metrics, by subject.

Names follow https://prometheus.io/docs/practices/naming/: base units, the unit last, `_total` for
counters. A label's values are words from our tables, few of each: no caller can make more.
"""

from __future__ import annotations

from tenantry.telemetry.metrics.kinds import Counter, Gauge, Histogram, Info, Metric

# Seconds of an answer, of a wait that somebody stands in, and of work that is done later.
_ANSWER = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_WAIT = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0)
_LATER = (0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 43200.0, 86400.0)

SUCCEEDED, FAILED = "succeeded", "failed"

# Requests
HTTP_REQUEST_SECONDS = Histogram(
    "tenantry_http_request_duration_seconds",
    "Duration of requests, until the last byte of the response.",
    ("wire", "method", "route", "status", "grpc_status"),
    _ANSWER,
)
HTTP_IN_FLIGHT = Gauge("tenantry_http_requests_in_flight", "Requests in progress.")
HTTP_ERRORS = Counter(
    "tenantry_http_errors_total",
    "Requests answered with an error, by error code.",
    ("error",),
)
HTTP_UNFINISHED = Counter(
    "tenantry_http_requests_unfinished_total",
    "Requests whose client disconnected before the end of the response, and interrupted streams.",
)
HTTP_RECEIVED = Counter("tenantry_http_request_body_bytes_total", "Bytes of request bodies.")
HTTP_SENT = Counter("tenantry_http_response_body_bytes_total", "Bytes of response bodies.")
SCIM_REQUESTS = Counter(
    "tenantry_scim_requests_total",
    "Authenticated SCIM requests to directories.",
    ("resource", "method", "status"),
)
EVENT_LOOP_SECONDS = Histogram(
    "tenantry_event_loop_delay_seconds",
    "Delay of the event loop, sampled once a second.",
    (),
    (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
)

# Signing in
SIGN_INS = Counter(
    "tenantry_sign_ins_total",
    "Finished sign-ins, by the first authentication method.",
    ("method", "outcome"),
)
SIGN_IN_PROOFS = Counter(
    "tenantry_sign_in_proofs_total",
    "Codes, passwords and provider responses that were accepted, refused or rate limited.",
    ("method", "outcome"),
)
TOKENS_ISSUED = Counter("tenantry_tokens_issued_total", "Access tokens, by grant.", ("grant",))
TOKEN_REFUSALS = Counter(
    "tenantry_token_refusals_total",
    "Rejected requests to the token endpoint, by OAuth error.",
    ("error",),
)

# The database
DATABASE_UP = Gauge("tenantry_database_up", "Whether the last database call succeeded, 1 or 0.")
DATABASE_CONNECTIONS = Gauge(
    "tenantry_database_connections", "Connections to PostgreSQL.", ("state",)
)
DATABASE_CONNECTIONS_MOST = Gauge(
    "tenantry_database_connections_max", "Maximum number of connections to PostgreSQL."
)
DATABASE_WAITING = Gauge(
    "tenantry_database_waiting_calls",
    "Calls waiting for a PostgreSQL connection or the SQLite writer.",
)
DATABASE_WAIT_SECONDS = Histogram(
    "tenantry_database_wait_seconds",
    "Time spent waiting for a PostgreSQL connection.",
    (),
    _WAIT,
)
DATABASE_STATEMENTS = Counter(
    "tenantry_database_statements_total", "Executed statements.", ("kind",)
)
DATABASE_TRANSACTIONS = Counter(
    "tenantry_database_transactions_total", "Started transactions of several statements."
)
SCHEMA = Info("tenantry_schema_info", "The revision of the database's schema.", ("revision",))
CACHE_LOOKUPS = Counter(
    "tenantry_cache_lookups_total",
    "Lookups in the caches of database values.",
    ("cache", "result"),
)

# Events, webhooks, mail
EVENTS_LOGGED = Counter(
    "tenantry_events_logged_total", "Events that were assigned a position in the log."
)
EVENTS_WAITING = Gauge(
    "tenantry_events_waiting", "Events without a position in the log, at most 1000."
)
EVENTS_WAITING_SECONDS = Gauge(
    "tenantry_events_waiting_age_seconds",
    "Age of the oldest event without a position; 0 if every event has one.",
)
DELIVERIES_WAITING = Gauge(
    "tenantry_webhook_deliveries_waiting",
    "Pending webhook deliveries, including retries; at most 10000.",
)
DELIVERIES_OVERDUE_SECONDS = Gauge(
    "tenantry_webhook_deliveries_overdue_seconds",
    "Time since the oldest pending delivery was due; 0 if no delivery is pending.",
)
DELIVERY_SECONDS = Histogram(
    "tenantry_webhook_delivery_age_seconds",
    "Age of webhook deliveries when they finished.",
    ("outcome",),
    _LATER,
)
ATTEMPT_SECONDS = Histogram(
    "tenantry_webhook_attempt_duration_seconds",
    "Duration of delivery attempts: succeeded, error response (refused), no response "
    "(unanswered), or not sent (unsent).",
    ("outcome",),
    _ANSWER,
)
MAIL_WAITING = Gauge("tenantry_mail_waiting", "Pending email, including retries; at most 10000.")
MAIL_OVERDUE_SECONDS = Gauge(
    "tenantry_mail_overdue_seconds",
    "Time since the oldest pending email was due; 0 if no email is pending.",
)
MAIL_ATTEMPTS = Counter(
    "tenantry_mail_attempts_total",
    "Attempts to send email: sent, kept (without a server), to be retried (retried), failed after "
    "the last attempt (failed), or obsolete (dropped).",
    ("outcome",),
)
MAIL_SECONDS = Histogram(
    "tenantry_mail_age_seconds",
    "Age of email when it was sent or failed.",
    ("outcome",),
    _LATER,
)
JOB_FAILURES = Counter("tenantry_job_failures_total", "Failed runs of background jobs.", ("name",))

# The deployment
BUILD = Info("tenantry_build_info", "The running version.", ("version", "python", "database"))
PROCESSES = Gauge("tenantry_processes", "Processes included in these metrics.")
PROCESS_MEMORY = Gauge(
    "tenantry_process_resident_memory_bytes", "Resident memory of these processes."
)
PROCESS_CPU = Counter("tenantry_process_cpu_seconds_total", "CPU time of these processes.")
FIGURES_TIME = Gauge(
    "tenantry_figures_timestamp_seconds",
    "Time of the last update of the metrics read from the database, in seconds since 1970.",
)
CERTIFICATE_TIME = Gauge(
    "tenantry_certificate_expiration_timestamp_seconds",
    "When the certificate ends, in seconds since 1970: of this server (tls), ours for SAML (saml), "
    "or the first of those that identity providers have (identity_provider).",
    ("use",),
)
ORGANIZATIONS = Gauge("tenantry_organizations", "Organizations.")
USERS = Gauge("tenantry_users", "Users.")

METRICS: dict[str, Metric] = {
    value.name: value for value in list(globals().values()) if isinstance(value, Metric)
}
# Read from the database, not counted: every process answers the same.
FIGURES = frozenset(
    metric.name
    for metric in (
        *(DATABASE_UP, SCHEMA, FIGURES_TIME, CERTIFICATE_TIME, ORGANIZATIONS, USERS),
        *(EVENTS_WAITING, EVENTS_WAITING_SECONDS, MAIL_WAITING, MAIL_OVERDUE_SECONDS),
        *(DELIVERIES_WAITING, DELIVERIES_OVERDUE_SECONDS),
    )
)
