"""What the scripts share: official clients on a fake, and refusals that must come."""

import json
import os
import time
import urllib.request

import boto3
import botocore.config
import botocore.exceptions

URL = os.environ["FAKE_URL"]
DNS = os.environ["FAKE_DNS"]


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


def control(method, path, body=None):
    """Asks /fake/ for something."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{URL}/fake/{path}", data=data, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def wait(what, condition, seconds=20):
    """Until the condition holds; its value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"not in {seconds} s: {what}")
