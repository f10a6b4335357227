from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "faultreporter.demo"
    label = "demo"
