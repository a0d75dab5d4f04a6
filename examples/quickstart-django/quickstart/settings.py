"""Settings of the project. Those of the middleware begin with SCALEKIT_."""

import os
from pathlib import Path
from urllib.parse import urlsplit

APP_URL = os.environ.get("APP_URL", "http://localhost:8000")

SECRET_KEY = os.environ["SESSION_SECRET"]
ALLOWED_HOSTS = [urlsplit(APP_URL).hostname]
ROOT_URLCONF = "quickstart.urls"
WSGI_APPLICATION = "quickstart.wsgi.application"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "scalekit.frameworks.django.ScalekitAuthMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent.parent / "templates"],
    }
]

SCALEKIT_ENV_URL = os.environ["SCALEKIT_ENVIRONMENT_URL"]
SCALEKIT_CLIENT_ID = os.environ["SCALEKIT_CLIENT_ID"]
SCALEKIT_CLIENT_SECRET = os.environ["SCALEKIT_CLIENT_SECRET"]
SCALEKIT_REDIRECT_URI = f"{APP_URL}/callback"
SCALEKIT_POST_LOGIN_REDIRECT = "/account"
SCALEKIT_POST_LOGOUT_REDIRECT_URI = f"{APP_URL}/"
SCALEKIT_COOKIE_ENCRYPTION_SECRET = os.environ["SESSION_SECRET"]  # the same in every process
SCALEKIT_COOKIE_SECURE = APP_URL.startswith("https:")  # browsers drop secure cookies over http
