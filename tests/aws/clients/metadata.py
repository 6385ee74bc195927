"""Instance metadata by plain HTTP, and by the providers of botocore."""

import json
import time
import urllib.error
import urllib.request

import botocore.utils

from common import client, control, refused

TTL = "X-aws-ec2-metadata-token-ttl-seconds"


def ask(url, path, method="GET", **headers):
    request = urllib.request.Request(url + path, method=method,
                                     headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers.items())
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), {}


def main():
    made = control("POST", "instances", {
        "private": "10.0.0.11", "public": "203.0.113.11", "ipv6": "2001:db8::11", "spot": True, "zone": "b",
        "tags": {"flotilla:pool": "p"}, "metadata_tags": True, "more": [["10.0.0.12", None]]})
    instance, url = made["instance"], made["metadata"]
    tokens(url)
    values(instance, url)
    absent(url)
    events(instance, url)
    identity(instance, url)


def token(url, ttl="60"):
    status, text, headers = ask(url, "/latest/api/token", "PUT", **{TTL: ttl})
    # The SDK for Rust refuses an answer without it.
    assert status == 200 and headers[TTL.lower()] == ttl, headers
    return text


def tokens(url):
    put = lambda path="/latest/api/token", **headers: ask(url, path, "PUT", **headers)[0]
    assert put() == 400 and put(**{TTL: "0"}) == 400 and put(**{TTL: "21601"}) == 400
    assert put(**{TTL: "60", "X-Forwarded-For": "10.0.0.1"}) == 403
    assert put("/2021-01-03/api/token", **{TTL: "60"}) == 403
    assert ask(url, "/latest/meta-data/instance-id")[0] == 401
    assert ask(url, "/latest/meta-data/instance-id", X_aws_ec2_metadata_token="x")[0] == 401
    short = token(url, "1")
    assert ask(url, "/latest/meta-data/mac", X_aws_ec2_metadata_token=short)[0] == 200
    time.sleep(1.05)
    assert ask(url, "/latest/meta-data/mac", X_aws_ec2_metadata_token=short)[0] == 401


def reader(url):
    known = token(url)
    def read(path, folder="meta-data"):
        status, text, _ = ask(url, f"/latest/{folder}/{path}", X_aws_ec2_metadata_token=known)
        return text if status == 200 else status
    return read


def values(instance, url):
    read = reader(url)
    mac = read("mac")
    macs = f"network/interfaces/macs/{mac}"
    expected = {
        "instance-id": instance, "instance-type": "c7i.large", "instance-life-cycle": "spot",
        "local-ipv4": "10.0.0.11", "public-ipv4": "203.0.113.11", "ipv6": "2001:db8::11",
        "public-hostname": "ec2-203-0-113-11.eu-central-1.compute.amazonaws.com",
        "placement/region": "eu-central-1", "placement/availability-zone": "eu-central-1b",
        "placement/availability-zone-id": "euc1-az3", "services/domain": "amazonaws.com",
        "security-groups": "default", "tags/instance/flotilla:pool": "p", "tags/instance/": "flotilla:pool",
        f"{macs}/device-number": "0", f"{macs}/public-ipv4s": "203.0.113.11",
        f"{macs}/ipv4-associations/": "203.0.113.11", f"{macs}/ipv4-associations/203.0.113.11": "10.0.0.11",
        f"{macs}/local-ipv4s": "10.0.0.11", f"{macs}/ipv6s": "2001:db8::11",
        f"{macs}/subnet-ipv4-cidr-block": "10.0.16.0/20", f"{macs}/vpc-ipv4-cidr-blocks": "10.0.0.0/16",
        "iam/security-credentials/": "flotilla",
    }
    for path, value in expected.items():
        assert read(path) == value, f"{path}: {read(path)}"
    for path, start in {"security-group-ids": "sg-", "vpc-id": "vpc-", "subnet-id": "subnet-",
                        "interface-id": "eni-"}.items():
        assert read(f"{macs}/{path}").startswith(start)
    lines = read("network/interfaces/macs/").splitlines()
    assert len(lines) == 2 and f"{mac}/" in lines
    other = next(it for it in lines if it != f"{mac}/")
    assert read(f"network/interfaces/macs/{other}device-number") == "1"
    document = json.loads(read("instance-identity/document", "dynamic"))
    assert document["accountId"] == "123456789012" and document["region"] == "eu-central-1"
    assert json.loads(read("iam/info"))["InstanceProfileArn"].endswith(":instance-profile/flotilla")


def absent(url):
    read = reader(url)
    for path in ("spot/instance-action", "events/recommendations/rebalance", "autoscaling/target-lifecycle-state",
                 "iam/security-credentials/other", "nothing", "instance-id/more"):
        assert read(path) == 404, path
    bare = control("POST", "instances", {"no_role": True})
    read = reader(bare["metadata"])
    assert read("local-ipv4") == "10.0.0.4"
    for path in ("public-ipv4", "public-hostname", "ipv6", "iam/info", "tags/instance/"):
        assert read(path) == 404, path
    mac = read("mac")
    for path in ("public-ipv4s", "ipv4-associations/", "ipv6s", "vpc-ipv6-cidr-blocks"):
        assert read(f"network/interfaces/macs/{mac}/{path}") == 404, path


def events(instance, url):
    read = reader(url)
    happen = lambda **event: control("POST", f"instances/{instance}", event)
    happen(event="address", public="203.0.113.99")
    assert read("public-ipv4") == "203.0.113.99"
    happen(event="address", public=None)
    assert read("public-ipv4") == 404
    happen(event="rebalance")
    assert "noticeTime" in json.loads(read("events/recommendations/rebalance"))
    happen(event="lifecycle", state="Terminated")
    assert read("autoscaling/target-lifecycle-state") == "Terminated"
    happen(event="spot", action="terminate", within_ms=120000)
    assert json.loads(read("spot/instance-action"))["action"] == "terminate"
    control("POST", "faults", {"service": "imds", "identity": instance, "kind": "throttle", "times": 1})
    assert read("mac") == 503 and read("mac") != 503


def identity(instance, url):
    fetcher = botocore.utils.InstanceMetadataFetcher(base_url=url, num_attempts=1)
    found = fetcher.retrieve_iam_role_credentials()
    keys = lambda it: {"aws_access_key_id": it["access_key"], "aws_secret_access_key": it["secret_key"],
                       "aws_session_token": it["token"]}
    old = client("sts", **keys(found))
    assert old.get_caller_identity()["Arn"].endswith(f"assumed-role/flotilla/{instance}")
    refused("InvalidClientTokenId", client("sts", **(keys(found) | {"aws_session_token": "x"})).get_caller_identity)
    refused("InvalidClientTokenId", client("sts", aws_access_key_id="AKIAX").get_caller_identity)
    control("POST", f"instances/{instance}", {"event": "credentials"})
    refused("ExpiredToken", old.get_caller_identity)
    fresh = client("sts", **keys(fetcher.retrieve_iam_role_credentials()))
    assert fresh.get_caller_identity()["Account"] == "123456789012"


main()
