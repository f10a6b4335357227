"""Every setting, read once from the environment (or `.env`), typed, and refused when unsafe.

`.env.example` documents each variable. Names without a prefix are the deployment's; nothing else reads the environment.
"""

import os
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

import django_stubs_ext
from celery.schedules import crontab
from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from pydantic import Field, ValidationError, create_model
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from faultreporter import __version__

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
INSECURE_SECRET_KEY = "insecure-local-development-key-never-use-it-in-production"  # noqa: S105 - refused in production


class FromEnvironment(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=BASE_DIR / os.environ.get("ENV_FILE", ".env"),
        env_ignore_empty=True,  # NAME= is as good as no line at all, as in the local stack
        extra="ignore",
        case_sensitive=True,
    )


class Environment(FromEnvironment):
    """The environment variables of the product."""

    ENVIRONMENT: Literal["development", "test", "production"] = "development"
    DEBUG: bool = False
    SECRET_KEY: str = INSECURE_SECRET_KEY
    ALLOWED_HOSTS: list[str] = ["localhost", "127.0.0.1", "[::1]"]
    CSRF_TRUSTED_ORIGINS: list[str] = []
    BACKEND_CORS_ORIGINS: list[str] = []
    TRUSTED_PROXY_COUNT: int = Field(default=0, ge=0, le=5)
    PUBLIC_URL: str = "http://127.0.0.1:8000"

    DATABASE_URL: str = "postgresql://postgres@127.0.0.1:5432/faultreporter"
    DATABASE_POOL_SIZE: int = Field(default=4, ge=1, le=50)
    DATABASE_PREPARED_STATEMENTS: bool = True
    FR_TEST_DB: str = ""
    REDIS_URL: str = "redis://127.0.0.1:6379/0"
    EMBEDDED_SERVERS: bool = False
    STATE_DIR: Path = BASE_DIR / ".local"

    FIREBASE_PROJECT_ID: str = ""
    FIREBASE_SERVICE_ACCOUNT_PATH: str = ""
    FIREBASE_AUTH_EMULATOR_HOST: str = ""
    FCM_URL: str = "https://fcm.googleapis.com"

    AI_PROVIDER_ORDER: list[str] = ["OPENAI", "GEMINI", "GROK"]
    AI_DEADLINE_SECONDS: int = Field(default=90, ge=1, le=600)
    AI_REUSE_DAYS: int = Field(default=30, ge=0, le=3650)
    AI_DAILY_QUOTA_PER_USER: int = Field(default=100, ge=0)
    AI_DAILY_BUDGET_USD: float = Field(default=10, ge=0)
    AI_ASSUMED_CALL_USD: float = Field(default=0.25, ge=0)
    AI_PROMPT_TOKENS: int = Field(default=20_000, ge=4_000, le=1_000_000)

    DEFAULT_PAGE_SIZE: int = Field(default=20, ge=1, le=100)
    MAX_PAGE_SIZE: int = Field(default=100, ge=1, le=1000)
    RATE_LIMIT_PER_MINUTE: int = Field(default=600, ge=1)
    RATE_LIMIT_ANONYMOUS_PER_MINUTE: int = Field(default=60, ge=1)
    MAX_JSON_BYTES: int = Field(default=2_000_000, ge=1_000)
    MAX_UPLOAD_BYTES: int = Field(default=10_000_000, ge=1_000)
    READINGS_KEPT_MONTHS: int = Field(default=24, ge=2, le=1200)
    INGEST_BATCHES_PER_PROCESS: int = Field(default=3, ge=1)
    INGEST_BACKLOG_BATCHES: int = Field(default=1_000_000, ge=1)
    INGEST_BACKLOG_SECONDS: int = Field(default=259_200, ge=60)
    CURRENCY: str = Field(default="EUR", pattern="^[A-Z]{3}$")

    MQTT_URL: str = ""
    MQTT_CLIENT_ID: str = Field(default="faultreporter", pattern="^[0-9A-Za-z_-]{1,64}$")
    MQTT_SHARE: str = Field(default="", pattern="^[0-9A-Za-z_-]{0,64}$")
    MQTT_CA_FILE: str = ""

    ESCALATION_GRACE_SECONDS: int = Field(default=120, ge=1)

    INSIGHT_DAILY_BUDGET: int = Field(default=3, ge=0)
    INSIGHT_RETENTION_DAYS: int = Field(default=400, ge=1)

    WEBHOOK_ALLOW_PRIVATE: bool = False
    PUBLIC_REPORTS_ENABLED: bool = False
    PUBLIC_REPORTS_PER_ADDRESS_PER_HOUR: int = Field(default=20, ge=1)
    PUBLIC_REPORTS_PER_MACHINE_PER_HOUR: int = Field(default=10, ge=1)

    MEDIA_URL: str = "/media/"
    MEDIA_S3_BUCKET: str = ""
    MEDIA_S3_ENDPOINT: str = ""
    MEDIA_S3_REGION: str = ""

    EMAIL_URL: str = ""
    DEFAULT_FROM_EMAIL: str = "Fault Reporter <faults@localhost>"
    SENTRY_DSN: str = ""
    METRICS_TOKEN: str = ""
    LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    STREAM_URL: str = ""
    STREAMS_PER_USER: int = Field(default=10, ge=1)
    STREAMS_PER_PROCESS: int = Field(default=1000, ge=1)
    STREAM_RECHECK_SECONDS: int = Field(default=60, ge=1)


def read_environment() -> Environment:
    try:
        return Environment()
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ImproperlyConfigured(f"The environment is not usable: {wrong}") from error
    except SettingsError as error:  # a list that isn't JSON; the message names the variable, not its value
        raise ImproperlyConfigured(f'The environment is not usable: {error}. Lists are JSON: ["one"].') from error


def ai_providers(names: list[str]) -> dict[str, dict[str, str]]:
    """`<NAME>_API_KEY`, `<NAME>_MODEL` and `<NAME>_BASE_URL` of each; what is empty is left to the provider."""
    options = ("api_key", "model", "base_url")
    fields: dict[str, Any] = {f"{name}_{option.upper()}": (str, "") for name in names for option in options}
    found = create_model("ProviderEnvironment", __base__=FromEnvironment, **fields)()
    return {name: {option: getattr(found, f"{name}_{option.upper()}") for option in options} for name in names}


def is_local_stack(env: Environment) -> bool:
    """Whether the servers are those of `make run`: it says so itself, and its sockets lie below a temporary directory.

    A socket right in /tmp is not meant: PostgreSQL's own default is there.
    """
    database, broker = urlsplit(env.DATABASE_URL), urlsplit(env.REDIS_URL)
    sockets = [Path(host) for host in parse_qs(database.query).get("host", ())]
    sockets += [Path(broker.path).parent] if broker.scheme == "unix" else []
    temporary = {Path("/tmp"), Path("/var/tmp"), Path(tempfile.gettempdir())}  # noqa: S108 - only compared with
    return env.EMBEDDED_SERVERS or any(temporary.intersection(socket.parents) for socket in sockets)


def refuse_unsafe_production(env: Environment) -> None:
    """Production starts only when nothing local is left in it; every finding is one sentence."""
    if env.ENVIRONMENT != "production":
        return
    findings = [
        sentence
        for wrong, sentence in (
            (env.DEBUG, "DEBUG is on: it shows source code and settings to strangers; set DEBUG=false."),
            (
                env.SECRET_KEY == INSECURE_SECRET_KEY or len(env.SECRET_KEY) < 32,
                "SECRET_KEY is the default or shorter than 32 characters: sessions could be forged; set a random one.",
            ),
            (
                bool(env.FIREBASE_AUTH_EMULATOR_HOST),
                "FIREBASE_AUTH_EMULATOR_HOST is set: forged tokens would be accepted; unset it.",
            ),
            (
                is_local_stack(env),
                "EMBEDDED_SERVERS is on, or a socket lies in a temporary directory: set DATABASE_URL and REDIS_URL.",
            ),
            (
                env.WEBHOOK_ALLOW_PRIVATE,
                "WEBHOOK_ALLOW_PRIVATE is on: webhooks could reach into your own network; unset it.",
            ),
            ("*" in env.ALLOWED_HOSTS, "ALLOWED_HOSTS contains *: name the hosts this server answers for."),
        )
        if wrong
    ]
    if findings:
        raise ImproperlyConfigured("Refusing to start in production. " + " ".join(findings))


def database_from_url(url: str) -> dict[str, Any]:
    """Django's DATABASES entry for a libpq URL; `postgresql+driver://` loses its driver."""
    parts = urlsplit(url)
    if parts.scheme.split("+")[0] not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured("DATABASE_URL must start with postgresql://; PostgreSQL 14 or newer is required.")
    options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "postgres",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", parts.hostname or ""),
        "PORT": options.pop("port", str(parts.port or "")),
        "OPTIONS": options,
    }


def origins_of(url: str) -> list[str]:
    """The origin of an address; on this machine also by its other name, which is the same server."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    local = ("127.0.0.1", "localhost")
    return [f"{parts.scheme}://{host}{port}" for host in (local if parts.hostname in local else (parts.hostname,))]


env = read_environment()
refuse_unsafe_production(env)

VERSION = __version__
ENVIRONMENT = env.ENVIRONMENT
PRODUCTION = env.ENVIRONMENT == "production"
DEBUG = env.DEBUG
SECRET_KEY = env.SECRET_KEY
ALLOWED_HOSTS = env.ALLOWED_HOSTS
CSRF_TRUSTED_ORIGINS = env.CSRF_TRUSTED_ORIGINS
PUBLIC_URL = env.PUBLIC_URL
ESCALATION_GRACE_SECONDS = env.ESCALATION_GRACE_SECONDS
INSIGHT_DAILY_BUDGET = env.INSIGHT_DAILY_BUDGET
INSIGHT_RETENTION_DAYS = env.INSIGHT_RETENTION_DAYS
STATE_DIR = BASE_DIR / env.STATE_DIR
STREAM_URL = env.STREAM_URL or env.PUBLIC_URL
STREAMS_PER_USER = env.STREAMS_PER_USER
STREAMS_PER_PROCESS = env.STREAMS_PER_PROCESS
STREAM_RECHECK_SECONDS = env.STREAM_RECHECK_SECONDS
READINGS_KEPT_MONTHS = env.READINGS_KEPT_MONTHS
INGEST_BATCHES_PER_PROCESS = env.INGEST_BATCHES_PER_PROCESS
INGEST_BACKLOG_BATCHES = env.INGEST_BACKLOG_BATCHES
INGEST_BACKLOG_SECONDS = env.INGEST_BACKLOG_SECONDS

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
    "csp",
    "axes",
    "django_celery_beat",
    "faultreporter.audit",
    "faultreporter.outbox",
    "faultreporter.api",
    "faultreporter.accounts",
    "faultreporter.attachments",
    "faultreporter.auditlog",
    "faultreporter.notifications",
    "faultreporter.webhooks",
    "faultreporter.live",
    "faultreporter.schedules",
    "locations",
    "equipment",
    "telemetry",
    "alerts",
    "workorders",
    "analytics",
    "aiassist",
    "faultreporter.demo",
]

MIDDLEWARE = [
    "faultreporter.api.client_address.ClientAddressMiddleware",
    "faultreporter.api.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "faultreporter.api.middleware.ApiErrorMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "faultreporter.backoffice.AuditedBackOfficeMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "faultreporter.urls"
WSGI_APPLICATION = "faultreporter.wsgi.application"
APPEND_SLASH = True
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- data -------------------------------------------------------------------------------------------------------------
DATABASES: dict[str, Any] = {"default": database_from_url(env.DATABASE_URL)}
DATABASES["default"]["TEST"] = {"NAME": env.FR_TEST_DB or None}
# The server ends idle threads, and a connection kept per thread would leak with them: a pool per process instead.
# open=False would lose the fail-fast; timeout bounds the wait of a request when the pool is empty.
DATABASES["default"]["OPTIONS"]["pool"] = {
    "min_size": 0,
    "max_size": env.DATABASE_POOL_SIZE,
    "timeout": 5,
    "max_idle": 60,
}
DATABASES["default"]["OPTIONS"].setdefault("connect_timeout", 5)
# Only what asks for it is prepared: a plan for whatever parameters come is not always a good one.
DATABASES["default"]["OPTIONS"]["prepare_threshold"] = sys.maxsize if env.DATABASE_PREPARED_STATEMENTS else None
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env.REDIS_URL
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# --- gateways that speak MQTT -----------------------------------------------------------------------------------------
MQTT_URL = env.MQTT_URL
MQTT_CLIENT_ID = env.MQTT_CLIENT_ID
MQTT_SHARE = env.MQTT_SHARE
MQTT_CA_FILE = env.MQTT_CA_FILE

# --- people -----------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "faultreporter.accounts.lockout.attempted_username"
AXES_ENABLE_ADMIN = False  # the accounts app has its own pages for them
AXES_LOCKOUT_TEMPLATE = "lockout.html"
LOGIN_REDIRECT_URL = "/admin/"
# A person's e-mail address is unique among the living, which is all that signing in looks at.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
FIREBASE_PROJECT_ID = env.FIREBASE_PROJECT_ID
if env.FIREBASE_AUTH_EMULATOR_HOST:  # the SDK looks only into the process's environment, not into .env
    os.environ.setdefault("FIREBASE_AUTH_EMULATOR_HOST", env.FIREBASE_AUTH_EMULATOR_HOST)
FIREBASE_SERVICE_ACCOUNT_PATH = env.FIREBASE_SERVICE_ACCOUNT_PATH
FCM_URL = env.FCM_URL
TRUSTED_PROXY_COUNT = env.TRUSTED_PROXY_COUNT

# --- REST -------------------------------------------------------------------------------------------------------------
DEFAULT_PAGE_SIZE = env.DEFAULT_PAGE_SIZE
MAX_PAGE_SIZE = env.MAX_PAGE_SIZE
RATE_LIMIT_PER_MINUTE = env.RATE_LIMIT_PER_MINUTE
RATE_LIMIT_ANONYMOUS_PER_MINUTE = env.RATE_LIMIT_ANONYMOUS_PER_MINUTE
MAX_JSON_BYTES = env.MAX_JSON_BYTES
MAX_UPLOAD_BYTES = env.MAX_UPLOAD_BYTES
DATA_UPLOAD_MAX_MEMORY_SIZE = env.MAX_UPLOAD_BYTES + 100_000
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
CURRENCY = env.CURRENCY
WEBHOOK_ALLOW_PRIVATE = env.WEBHOOK_ALLOW_PRIVATE
PUBLIC_REPORTS_ENABLED = env.PUBLIC_REPORTS_ENABLED
PUBLIC_REPORTS_PER_ADDRESS_PER_HOUR = env.PUBLIC_REPORTS_PER_ADDRESS_PER_HOUR
PUBLIC_REPORTS_PER_MACHINE_PER_HOUR = env.PUBLIC_REPORTS_PER_MACHINE_PER_HOUR
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "faultreporter.accounts.authentication.BearerAuthentication",
        "faultreporter.accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["faultreporter.api.permissions.RulePermission"],
    "DEFAULT_RENDERER_CLASSES": ["faultreporter.api.renderers.EnvelopeRenderer"],
    "DEFAULT_PARSER_CLASSES": ["faultreporter.api.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "faultreporter.api.pagination.PagePagination",
    "DEFAULT_FILTER_BACKENDS": [
        "faultreporter.api.filters.FilterBackend",
        "faultreporter.api.filters.SearchFilter",
        "faultreporter.api.filters.OrderingFilter",
    ],
    "DEFAULT_SCHEMA_CLASS": "faultreporter.api.schema.EnvelopeSchema",
    "EXCEPTION_HANDLER": "faultreporter.api.exceptions.handle_exception",
    "DEFAULT_VERSIONING_CLASS": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "COERCE_DECIMAL_TO_STRING": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Fault Reporter",
    "DESCRIPTION": "From a fault to a verified repair, and the numbers behind it.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "COMPONENT_SPLIT_PATCH": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SORT_OPERATIONS": True,
    "GET_LIB_DOC_EXCLUDES": "faultreporter.api.schema.without_base_docstrings",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # One name for each set of values, wherever a field carries it. Severity, priority and criticality are one scale.
    "ENUM_NAME_OVERRIDES": {
        "DegreeEnum": "alerts.models.Alert.Severity",
        "RoleEnum": "faultreporter.roles.Role",
        "LocationKindEnum": "locations.models.Location.Kind",
        "EquipmentStatusEnum": "equipment.models.Equipment.Status",
        "DownStatusEnum": "equipment.models.StatusInterval.Status",
        "DowntimeSourceEnum": "equipment.models.StatusInterval.Source",
        "AssignmentRoleEnum": "equipment.models.UserEquipmentAssignment.Role",
        "AlertStatusEnum": "alerts.models.Alert.Status",
        "AlertSourceEnum": "alerts.models.Alert.Source",
        "AlertEventKindEnum": "alerts.models.AlertEvent.Kind",
        "WorkOrderStatusEnum": "workorders.models.WorkOrder.Status",
        "WorkOrderTypeEnum": "workorders.models.WorkOrder.Type",
        "PlanTypeEnum": "workorders.models.MaintenancePlan.Type",
        "PlanTriggerEnum": "workorders.models.MaintenancePlan.Trigger",
        "PlanScheduleEnum": "workorders.models.MaintenancePlan.Schedule",
        "DueTimeStateEnum": "workorders.serializers.plans.STATES",
        "WorkOrderEventKindEnum": "workorders.models.WorkOrderEvent.Kind",
        "TaskKindEnum": "workorders.models.WorkOrderTask.Kind",
        "TaskOutcomeEnum": "workorders.models.WorkOrderTask.Outcome",
        "RelationKindEnum": "workorders.models.relations.KINDS",
        "LabourKindEnum": "workorders.models.LabourEntry.Kind",
        "CostKindEnum": "workorders.models.CostEntry.Kind",
        "ClockStateEnum": "workorders.sla.STATES",
        "SignatureRoleEnum": "workorders.models.WorkOrderSignature.Role",
        "ReadingSourceEnum": "telemetry.serializers.aggregates.SOURCES",
        "EnergySourceEnum": "analytics.models.EnergyConsumption.Source",
        "AnalysisVerdictEnum": "aiassist.models.AnalysisReview.Verdict",
        "AuditSourceEnum": "faultreporter.audit.models.AuditLog.Source",
        "NotificationKindEnum": "faultreporter.notifications.models.Notification.Kind",
        "PushProviderEnum": "faultreporter.notifications.models.PushTarget.Provider",
        "PushPlatformEnum": "faultreporter.notifications.models.PushTarget.Platform",
        "DigestEnum": "faultreporter.notifications.models.NotificationPreferences.Digest",
        "AttachmentKindEnum": "faultreporter.attachments.models.Attachment.Kind",
        "WebhookDeliveryStateEnum": "faultreporter.webhooks.models.WebhookDelivery.State",
        "WebhookReasonEnum": "faultreporter.webhooks.models.WebhookDelivery.Reason",
        "DiagramKindEnum": "equipment.models.TechnicalDiagram.Kind",
        "RuleKindEnum": "telemetry.models.Rule.Kind",
        "UtilityEnum": "telemetry.models.Utility",
        "LimitLineKindEnum": "telemetry.viewsets.backtests.LINE_KINDS",
        "MetricKindEnum": "telemetry.models.Metric.Kind",
        "DetectorKindEnum": "telemetry.models.Detector.Kind",
        "DetectorVisibilityEnum": "telemetry.models.Detector.Visibility",
        "InsightStateEnum": "telemetry.models.Insight.State",
        "InsightVerdictEnum": "telemetry.models.InsightFeedback.Verdict",
        "ProviderEnum": "aiassist.models.Analysis.Provider",
        "AnalysisStatusEnum": "aiassist.models.Analysis.Status",
        "ManualStatusEnum": "aiassist.models.Manual.Status",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "faultreporter.api.schema.postprocess",
    ],
}
CORS_ALLOWED_ORIGINS = env.BACKEND_CORS_ORIGINS
CORS_URLS_REGEX = r"^/api/"
# The back office may open a live stream with its session where streams have a port of their own; nobody else may.
STREAM_PAGE_ORIGINS = origins_of(PUBLIC_URL)
CORS_EXPOSE_HEADERS = [
    "ETag", "Location", "X-Request-ID", "RateLimit", "RateLimit-Policy", "Retry-After", "Idempotency-Replayed",
]  # fmt: skip

# --- background work --------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = (
    env.REDIS_URL.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
    if env.REDIS_URL.startswith("unix://")
    else env.REDIS_URL
)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_TIME_LIMIT = 600
CELERY_TASK_SOFT_TIME_LIMIT = 570
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "aiassist.*": {"queue": "ai"},
    # Where it can't hold up an alarm.
    "telemetry.tasks.judge_insights": {"queue": "reports"},
    "telemetry.tasks.roll_up": {"queue": "reports"},
    "telemetry.tasks.follow_voids": {"queue": "reports"},
    "telemetry.tasks.prune_*": {"queue": "reports"},
    "telemetry.*": {"queue": "telemetry"},
    "analytics.*": {"queue": "reports"},
    "faultreporter.webhooks.*": {"queue": "webhooks"},
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,
    "unacked_restore_throttle": 1,
    "unacked_restore_interval": 5,
    "socket_timeout": 2,
    "socket_connect_timeout": 2,
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "heartbeat": {"task": "faultreporter.api.tasks.heartbeat", "schedule": timedelta(seconds=30)},
    "forget idempotency keys": {
        "task": "faultreporter.api.tasks.forget_idempotency_keys",
        "schedule": timedelta(hours=1),
    },
    "seal the audit log": {"task": "faultreporter.audit.tasks.seal", "schedule": timedelta(minutes=1)},
    "find forgotten analyses": {"task": "aiassist.tasks.sweep_analyses", "schedule": timedelta(seconds=15)},
    "find forgotten manuals": {"task": "aiassist.tasks.sweep_manuals", "schedule": timedelta(minutes=1)},
    "watch escalations": {"task": "alerts.tasks.watch_escalations", "schedule": timedelta(minutes=1)},
    "move escalations": {"task": "alerts.tasks.sweep_escalations", "schedule": timedelta(seconds=15)},
    "find forgotten notifications": {
        "task": "faultreporter.notifications.tasks.deliver",
        "schedule": timedelta(seconds=30),
    },
    "send the daily digests": {
        "task": "faultreporter.notifications.tasks.digests",
        "schedule": crontab(minute="*/15"),
    },
    "prune the notifications": {
        "task": "faultreporter.notifications.tasks.prune",
        "schedule": crontab(hour="3", minute="0"),
    },
    "make the orders of maintenance plans": {
        "task": "workorders.tasks.generate_planned_orders",
        "schedule": timedelta(minutes=5),
    },
    "find unjudged readings": {"task": "telemetry.tasks.sweep_rules", "schedule": timedelta(seconds=30)},
    "look for what is unusual": {"task": "telemetry.tasks.judge_insights", "schedule": timedelta(seconds=30)},
    "have readings follow what was declared void": {
        "task": "telemetry.tasks.follow_voids",
        "schedule": timedelta(seconds=10),
    },
    "roll up readings": {"task": "telemetry.tasks.roll_up", "schedule": timedelta(seconds=10)},
    "watch the clocks of orders": {"task": "workorders.tasks.sweep_clocks", "schedule": timedelta(minutes=1)},
    # Nights and mornings are UTC. By the clock, not every 24 hours: beat would count those anew at each of its starts.
    "make the months of readings": {
        "task": "telemetry.tasks.ensure_partitions",
        "schedule": crontab(hour="0", minute="30"),
    },
    "feed energy from meters": {"task": "analytics.tasks.feed_energy", "schedule": crontab(hour="1", minute="20")},
    "learn from closed faults": {"task": "aiassist.tasks.count_fleet", "schedule": crontab(hour="1", minute="50")},
    "look for retired models": {"task": "aiassist.tasks.check_models", "schedule": crontab(hour="4", minute="15")},
    "forget old insights": {"task": "telemetry.tasks.prune_insights", "schedule": crontab(hour="2", minute="45")},
    "drop old months of readings": {
        "task": "telemetry.tasks.prune_readings",
        "schedule": crontab(hour="3", minute="45"),
    },
    "roll up the quarter": {"task": "analytics.tasks.roll_up_quarter", "schedule": crontab(hour="1", minute="0")},
    "wake forgotten webhooks": {"task": "faultreporter.webhooks.tasks.sweep", "schedule": timedelta(seconds=30)},
    "forget old webhook events": {
        "task": "faultreporter.webhooks.tasks.prune",
        "schedule": crontab(hour="2", minute="15"),
    },
    "prune the outbox": {"task": "faultreporter.outbox.tasks.prune", "schedule": crontab(hour="2", minute="0")},
    "delete abandoned uploads": {
        "task": "faultreporter.attachments.tasks.delete_abandoned",
        "schedule": crontab(hour="2", minute="30"),
    },
    "send the weekly report": {
        "task": "analytics.tasks.send_weekly_report",
        "schedule": crontab(day_of_week="mon", hour="6-11", minute="0"),
    },
}

# --- words and times --------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["faultreporter.formats"]
USE_I18N = True
USE_TZ = True

# --- files ------------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = STATE_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "faultreporter" / "static"]
MEDIA_URL = env.MEDIA_URL
MEDIA_ROOT = STATE_DIR / "media"
STORAGES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION
if env.MEDIA_S3_BUCKET:
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": env.MEDIA_S3_BUCKET,
            "endpoint_url": env.MEDIA_S3_ENDPOINT or None,
            "region_name": env.MEDIA_S3_REGION or None,
            "default_acl": "private",
            "file_overwrite": False,
            "querystring_auth": True,
        },
    }

# --- e-mail: smtp://, smtp+tls:// or smtps://user:password@host, or files below the state directory when unset --------
DEFAULT_FROM_EMAIL = env.DEFAULT_FROM_EMAIL
if env.EMAIL_URL:
    _mail = urlsplit(env.EMAIL_URL)
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST = _mail.hostname or "localhost"
    EMAIL_PORT = _mail.port or {"smtps": 465, "smtp+tls": 587}.get(_mail.scheme, 25)
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_mail.username or ""), unquote(_mail.password or "")
    EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.scheme == "smtp+tls", _mail.scheme == "smtps"
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = STATE_DIR / "mail"
EMAIL_TIMEOUT = 10

# --- AI ---------------------------------------------------------------------------------------------------------------
AI_PROVIDERS = ai_providers(env.AI_PROVIDER_ORDER)
AI_PROVIDER_ORDER = env.AI_PROVIDER_ORDER
AI_DEADLINE_SECONDS = env.AI_DEADLINE_SECONDS
AI_REUSE_DAYS = env.AI_REUSE_DAYS
AI_DAILY_QUOTA_PER_USER = env.AI_DAILY_QUOTA_PER_USER
AI_DAILY_BUDGET_USD = env.AI_DAILY_BUDGET_USD
AI_ASSUMED_CALL_USD = env.AI_ASSUMED_CALL_USD
AI_PROMPT_TOKENS = env.AI_PROMPT_TOKENS

# --- browsers ---------------------------------------------------------------------------------------------------------
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
CSRF_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_SSL_REDIRECT = False  # TLS ends at the proxy, which redirects
if env.TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    },
}
# Only the back office gets these: unfold's Alpine evaluates expressions and sets inline styles; pages hear the stream.
BACK_OFFICE_CSP = {
    "script-src": [SELF, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
    "connect-src": [SELF, *origins_of(STREAM_URL)],
}

# --- logs and errors --------------------------------------------------------------------------------------------------
LOG_LEVEL = env.LOG_LEVEL
LOGGING_CONFIG = "faultreporter.logging.configure"
LOGGING = {"level": LOG_LEVEL, "json": PRODUCTION}
SENTRY_DSN = env.SENTRY_DSN
if SENTRY_DSN:
    import sentry_sdk
    from sentry_sdk.integrations.celery import CeleryIntegration
    from sentry_sdk.integrations.django import DjangoIntegration
    from sentry_sdk.scrubber import DEFAULT_DENYLIST, EventScrubber

    sentry_sdk.init(
        dsn=SENTRY_DSN,
        environment=ENVIRONMENT,
        release=f"faultreporter@{VERSION}",
        integrations=[DjangoIntegration(), CeleryIntegration()],
        auto_enabling_integrations=False,  # they would import every SDK that is installed, AI and storage included
        send_default_pii=False,
        include_local_variables=False,  # tokens and people's words pass through them
        max_request_body_size="never",
        event_scrubber=EventScrubber(denylist=[*DEFAULT_DENYLIST, "x-device-key"]),
    )
METRICS_TOKEN = env.METRICS_TOKEN

UNFOLD = {
    "SITE_TITLE": _("Fault Reporter"),
    "SITE_HEADER": _("Fault Reporter"),
    "SITE_SYMBOL": "build_circle",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda _request: f"{STATIC_URL}brand/icon.svg"}],
    "SITE_URL": None,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "STYLES": [lambda _request: f"{STATIC_URL}brand/backoffice.css"],
    "LOGIN": {"form": "faultreporter.accounts.forms.SignInForm"},
    "ACCOUNT": {
        "navigation": [
            {"title": _("Change password"), "link": "/admin/password_change/"},
            {"title": _("API documentation"), "link": "/docs"},
        ]
    },
    "DASHBOARD_CALLBACK": "faultreporter.dashboard.today_page",
    "SIDEBAR": {"show_search": True, "command_search": True, "navigation": "faultreporter.navigation.sidebar"},
    "COMMAND": {"search_callback": "faultreporter.navigation.search"},
}
