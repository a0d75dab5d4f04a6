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
    "Requests that were answered, until the last byte was handed over.",
    ("wire", "method", "route", "status", "grpc_status"),
    _ANSWER,
)
HTTP_IN_FLIGHT = Gauge(
    "tenantry_http_requests_in_flight", "Requests that have come and are not answered yet."
)
HTTP_ERRORS = Counter(
    "tenantry_http_errors_total",
    "Requests that were answered by an error, by its error code.",
    ("error",),
)
HTTP_UNFINISHED = Counter(
    "tenantry_http_requests_unfinished_total",
    "Requests whose client went away before it had the whole answer, and streams cut off.",
)
HTTP_RECEIVED = Counter(
    "tenantry_http_request_body_bytes_total", "Bytes of the bodies of requests."
)
HTTP_SENT = Counter("tenantry_http_response_body_bytes_total", "Bytes of the bodies of answers.")
SCIM_REQUESTS = Counter(
    "tenantry_scim_requests_total",
    "Requests of identity providers to directories that were accepted.",
    ("resource", "method", "status"),
)
EVENT_LOOP_SECONDS = Histogram(
    "tenantry_event_loop_delay_seconds",
    "How late an event loop came to a task, looked at once a second.",
    (),
    (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
)

# Signing in
SIGN_INS = Counter(
    "tenantry_sign_ins_total",
    "Sign-ins that have ended, by the first proof of the person.",
    ("method", "outcome"),
)
SIGN_IN_PROOFS = Counter(
    "tenantry_sign_in_proofs_total",
    "Codes, passwords and answers of providers that were accepted, refused, or limited: one of "
    "too many.",
    ("method", "outcome"),
)
TOKENS_ISSUED = Counter("tenantry_tokens_issued_total", "Access tokens, by grant.", ("grant",))
TOKEN_REFUSALS = Counter(
    "tenantry_token_refusals_total",
    "Requests to the token endpoint that were refused, by the error of OAuth.",
    ("error",),
)

# The database
DATABASE_UP = Gauge("tenantry_database_up", "Whether the database answered the last time, 1 or 0.")
DATABASE_CONNECTIONS = Gauge(
    "tenantry_database_connections", "Connections to PostgreSQL.", ("state",)
)
DATABASE_CONNECTIONS_MOST = Gauge(
    "tenantry_database_connections_max", "Connections to PostgreSQL that may be opened."
)
DATABASE_WAITING = Gauge(
    "tenantry_database_waiting_calls",
    "Calls that wait for a connection to PostgreSQL, or for the turn of a writer to SQLite.",
)
DATABASE_WAIT_SECONDS = Histogram(
    "tenantry_database_wait_seconds",
    "Waits for a connection to PostgreSQL, where none was free.",
    (),
    _WAIT,
)
DATABASE_STATEMENTS = Counter(
    "tenantry_database_statements_total", "Statements that were run.", ("kind",)
)
DATABASE_TRANSACTIONS = Counter(
    "tenantry_database_transactions_total", "Transactions of several statements that were begun."
)
SCHEMA = Info("tenantry_schema_info", "The revision of the database's schema.", ("revision",))
CACHE_LOOKUPS = Counter(
    "tenantry_cache_lookups_total",
    "Values that were asked of what a process remembers of the database for a moment.",
    ("cache", "result"),
)

# Events, webhooks, mail
EVENTS_LOGGED = Counter(
    "tenantry_events_logged_total", "Events that were given their place in the log."
)
EVENTS_WAITING = Gauge(
    "tenantry_events_waiting", "Events that have no place in the log yet, 1000 at most."
)
EVENTS_WAITING_SECONDS = Gauge(
    "tenantry_events_waiting_age_seconds", "Age of the oldest of these; 0 without any."
)
DELIVERIES_WAITING = Gauge(
    "tenantry_webhook_deliveries_waiting",
    "Deliveries of webhooks that wait, also to be tried again; 10000 at most.",
)
DELIVERIES_OVERDUE_SECONDS = Gauge(
    "tenantry_webhook_deliveries_overdue_seconds",
    "How long the delivery that is due the longest has been so; 0 without any.",
)
DELIVERY_SECONDS = Histogram(
    "tenantry_webhook_delivery_age_seconds",
    "Age of deliveries when they ended.",
    ("outcome",),
    _LATER,
)
ATTEMPT_SECONDS = Histogram(
    "tenantry_webhook_attempt_duration_seconds",
    "Attempts to deliver: succeeded, answered otherwise (refused), without an answer (unanswered), "
    "or not sent (unsent).",
    ("outcome",),
    _ANSWER,
)
MAIL_WAITING = Gauge(
    "tenantry_mail_waiting", "Mail that waits, also to be tried again; 10000 at most."
)
MAIL_OVERDUE_SECONDS = Gauge(
    "tenantry_mail_overdue_seconds",
    "How long the mail that is due the longest has been so; 0 without any.",
)
MAIL_ATTEMPTS = Counter(
    "tenantry_mail_attempts_total",
    "Attempts to send email: sent, kept (without a server), to be retried (retried), failed after "
    "the last attempt (failed), or obsolete (dropped).",
    ("outcome",),
)
MAIL_SECONDS = Histogram(
    "tenantry_mail_age_seconds",
    "Age of email when it was sent or had failed.",
    ("outcome",),
    _LATER,
)
JOB_FAILURES = Counter(
    "tenantry_job_failures_total", "Runs of a worker's job that ended by an error.", ("name",)
)

# The deployment
BUILD = Info("tenantry_build_info", "The version that runs.", ("version", "python", "database"))
PROCESSES = Gauge("tenantry_processes", "Processes that count together here.")
PROCESS_MEMORY = Gauge("tenantry_process_resident_memory_bytes", "Resident memory of all of them.")
PROCESS_CPU = Counter("tenantry_process_cpu_seconds_total", "Processor time of all of them.")
FIGURES_TIME = Gauge(
    "tenantry_figures_timestamp_seconds",
    "When what the database is asked for was last known, in seconds since 1970.",
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
