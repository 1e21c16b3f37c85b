# Speech-to-text 10300, text-to-speech 10200, wake words 10400, HTTP 10380; models and state in /data.
#
#   docker build -t wyoming-conductor .
#   docker run --network host -v wyoming-conductor:/data wyoming-conductor
FROM python:3.11-slim AS build
WORKDIR /app
COPY requirements/build.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY wyoming_servers wyoming_servers
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:3.11-slim
COPY requirements/server.txt /tmp/server.txt
RUN pip install --no-cache-dir --require-hashes -r /tmp/server.txt
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --no-deps /wheels/*.whl

RUN useradd --system --create-home conductor && install -d -o conductor -g conductor /data
USER conductor
ENV PYTHONUNBUFFERED=1 WYOMING_CONDUCTOR_DATA_DIR=/data
VOLUME /data
EXPOSE 10200 10300 10380 10400

HEALTHCHECK --interval=30s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:10380/health/live', timeout=4)"]
ENTRYPOINT ["wyoming-conductor"]
CMD ["serve"]
