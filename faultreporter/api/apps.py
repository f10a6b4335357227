from django.apps import AppConfig

from faultreporter.timeloader import read_times_quickly


class ApiConfig(AppConfig):
    name = "faultreporter.api"
    label = "api"

    def ready(self) -> None:
        read_times_quickly()
