"""Paths of the project: /login, /callback and /logout are the middleware's."""

from django.urls import include, path

from quickstart import views

urlpatterns = [
    path("", views.home),
    path("account", views.account),
    path("invoices", views.invoices),
    path("switch", views.switch),
    path("", include("scalekit.frameworks.django")),
]
