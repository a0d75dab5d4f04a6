"""Paths of the project. The middleware serves /login, /callback and /logout."""

from pathlib import Path

from django.urls import include, path
from django.views.static import serve

from quickstart import views

STATIC = Path(__file__).parent.parent / "static"  # in production, your web server's task

urlpatterns = [
    path("", views.home),
    path("account", views.account),
    path("invoices", views.invoices),
    path("switch", views.switch),
    path("static/<path:path>", serve, {"document_root": STATIC}),
    path("", include("scalekit.frameworks.django")),
]
