"""The local stack: real PostgreSQL and Valkey from wheels, and the product's processes, under one supervisor.

For one developer's machine, never for production. Standard library only and no Django, so that it can start before
anything is installed and cannot fall together with what it watches. `python -m faultreporter.localstack --help`.
"""
