# One image for web, stream, worker, beat and relay; docker-compose.yml gives each its command.

FROM python:3.12.12-slim-bookworm AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements/installer.txt requirements/base.txt /tmp/
RUN /opt/venv/bin/pip install --require-hashes -r /tmp/installer.txt \
    && /opt/venv/bin/pip install --require-hashes -r /tmp/base.txt \
    && /opt/venv/bin/python -m compileall -q /opt/venv

FROM python:3.12.12-slim-bookworm
RUN groupadd --system --gid 10001 faultreporter \
    && useradd --system --uid 10001 --gid faultreporter --home-dir /nonexistent --shell /usr/sbin/nologin faultreporter \
    && install -d -o faultreporter -g faultreporter -m 0750 /var/lib/faultreporter /var/lib/faultreporter/media
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ENVIRONMENT=production \
    STATE_DIR=/var/lib/faultreporter
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY . .
# The key is forgotten with the layer's shell; production takes none that it has a default for.
RUN python -m compileall -q . \
    && SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(48))')" python manage.py collectstatic --noinput
USER faultreporter
EXPOSE 8000
# Media is the only thing on disk that must outlive a container, and with MEDIA_S3_BUCKET not even that.
VOLUME /var/lib/faultreporter/media
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=4 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/live', timeout=4)"]
# Two processes of four threads suit two cores; give more --workers to a machine that has more.
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--no-ws", "--workers", "2", \
     "--blocking-threads", "4", "--respawn-failed-workers", "--workers-kill-timeout", "10", "faultreporter.wsgi:application"]
