"""Django with the SDK's session middleware, as its documentation shows it."""

import json
import os
from wsgiref.simple_server import make_server

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path

settings.configure(
    ALLOWED_HOSTS=["localhost"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="a secret of thirty-two characters",
    MIDDLEWARE=["scalekit.frameworks.django.ScalekitAuthMiddleware"],
    SCALEKIT_ENV_URL=os.environ["SCALEKIT_ENVIRONMENT_URL"],
    SCALEKIT_CLIENT_ID=os.environ["SCALEKIT_CLIENT_ID"],
    SCALEKIT_CLIENT_SECRET=os.environ["SCALEKIT_CLIENT_SECRET"],
    SCALEKIT_REDIRECT_URI=f"{os.environ['APP_URL']}/callback",
    SCALEKIT_COOKIE_ENCRYPTION_SECRET="a secret of thirty-two characters",
    SCALEKIT_COOKIE_SECURE=False,
)

# It reads the settings when it is imported.
from scalekit.frameworks.django import get_session, login_required  # noqa: E402


def home(request: HttpRequest) -> HttpResponse:
    """A signed-in person may sign out, others may sign in."""
    signed_in = get_session(request) is not None
    link = '<a href="/logout">Sign out</a>' if signed_in else '<a href="/login">Sign in</a>'
    return HttpResponse(link)


@login_required
def account(request: HttpRequest) -> JsonResponse:
    """Show what the middleware knows of the person."""
    return JsonResponse({"user": json.dumps(request.scalekit_user)})


urlpatterns = [
    path("", home),
    path("account", account),
    path("", include("scalekit.frameworks.django")),
]

make_server("localhost", int(os.environ["PORT"]), get_wsgi_application()).serve_forever()
