from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "faultreporter.api"
    label = "api"
