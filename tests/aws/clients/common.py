"""What the scripts share: official clients on a fake, its metadata, and refusals that must come."""

import http.client
import json
import os
import time
import urllib.error
import urllib.request

import boto3
import botocore.config
import botocore.exceptions

URL = os.environ["FAKE_URL"]
DNS = os.environ["FAKE_DNS"]
TTL = "X-aws-ec2-metadata-token-ttl-seconds"


def client(service, **more):
    """A client that never tries again, since the tests look at what comes the first time."""
    settings = {
        "endpoint_url": URL,
        "region_name": "us-east-1" if service == "route53" else "eu-central-1",
        "aws_access_key_id": "AKIAIOSFODNN7EXAMPLE",
        "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "config": botocore.config.Config(retries={"max_attempts": 0}, parameter_validation=False),
    }
    return boto3.client(service, **(settings | more))


def refused(code, call, *args, words="", **parameters):
    """The call is refused with that code, and with those words in its message."""
    try:
        answer = call(*args, **parameters)
    except botocore.exceptions.ClientError as error:
        found = error.response["Error"]
        assert found["Code"] == code, f"{found} in place of {code}"
        assert words in (found["Message"] or ""), f"{found} without {words!r}"
        return
    raise AssertionError(f"not refused with {code}: {answer}")


def unanswered(call, *args, **parameters):
    """The connection is closed without an answer."""
    try:
        answer = call(*args, **parameters)
    except (botocore.exceptions.HTTPClientError, http.client.RemoteDisconnected):
        return
    raise AssertionError(f"there was an answer: {answer}")


def control(method, path, body=None):
    """Asks /fake/ for something."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{URL}/fake/{path}", data=data, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def denied(words, method, path, body=None):
    """/fake/ does not do that, and says so in those words."""
    try:
        answer = control(method, path, body)
    except urllib.error.HTTPError as error:
        assert error.code == 400, error
        found = json.load(error)["error"]
        assert words in found, f"{found!r} without {words!r}"
        return
    raise AssertionError(f"not denied: {answer}")


def ask(url, path, method="GET", **headers):
    """Asks instance metadata: status, text and headers of the answer."""
    request = urllib.request.Request(url + path, method=method,
                                     headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers.items())
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), {}


def token(url, ttl="60"):
    """A token for instance metadata."""
    status, text, headers = ask(url, "/latest/api/token", "PUT", **{TTL: ttl})
    # The SDK for Rust refuses an answer without it.
    assert status == 200 and headers[TTL.lower()] == ttl, headers
    return text


def reader(url):
    """What reads a path of instance metadata: its text, or the status where there is none."""
    known = token(url)
    def read(path, folder="meta-data"):
        status, text, _ = ask(url, f"/latest/{folder}/{path}", X_aws_ec2_metadata_token=known)
        return text if status == 200 else status
    return read


def wait(what, condition, seconds=20):
    """Until the condition holds; its value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"not in {seconds} s: {what}")
