"""Route 53 by boto3 and dig."""

import socket
import subprocess

from common import DNS, client, control, refused, wait

route53 = client("route53")
zone = control("POST", "zones", {"name": "example.com"})["zone"]


def main():
    zones()
    batches()
    values()
    groups()
    pages()
    aliases()
    checks()
    answers()
    limits()


def record(name, *values, kind="A", ttl=60, **more):
    return {"Name": name, "Type": kind, "TTL": ttl,
            "ResourceRecords": [{"Value": value} for value in values]} | more


def weighted(name, identifier, value, weight=10, **more):
    return record(name, value, SetIdentifier=identifier, Weight=weight, **more)


def settled():
    """The zone takes changes again."""
    wait("no change is pending", lambda: not control("GET", "world")["names"]["pending"])


def change(*changes):
    settled()
    batch = {"Changes": [{"Action": verb, "ResourceRecordSet": one} for verb, one in changes]}
    return route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)["ChangeInfo"]


def listed(**start):
    return route53.list_resource_record_sets(HostedZoneId=zone, **start)["ResourceRecordSets"]


def zones():
    assert [it["Name"] for it in route53.list_hosted_zones()["HostedZones"]] == ["example.com."]
    found = route53.list_hosted_zones_by_name(DNSName="example.com")["HostedZones"]
    assert found[0]["Id"] == f"/hostedzone/{zone}"
    assert route53.list_hosted_zones_by_name(DNSName="f.com")["HostedZones"] == []
    assert route53.get_hosted_zone(Id=zone)["HostedZone"]["ResourceRecordSetCount"] == 2
    refused("NoSuchHostedZone", route53.get_hosted_zone, Id="Z0")
    refused("InvalidAction", route53.get_account_limit, Type="MAX_HEALTH_CHECKS_BY_OWNER")


def batches():
    one, two = record("a.example.com", "192.0.2.1"), record("b.example.com", "192.0.2.2")
    info = change(("CREATE", one))
    assert info["Status"] == "PENDING"
    # While it is, the zone takes no other.
    refused("PriorRequestNotComplete", route53.change_resource_record_sets, HostedZoneId=zone,
            ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": one}]})
    wait("INSYNC", lambda: route53.get_change(Id=info["Id"])["ChangeInfo"]["Status"] == "INSYNC")
    refused("NoSuchChange", route53.get_change, Id="C0")
    # All or nothing, and each reason is told.
    refused("InvalidChangeBatch", change, ("CREATE", two), ("CREATE", one),
            words="[Tried to create resource record set [name='a.example.com.', type='A'] but it already exists]")
    assert not [it for it in listed() if it["Name"] == "b.example.com."]
    refused("InvalidChangeBatch", change, ("DELETE", two), words="but it was not found")
    refused("InvalidChangeBatch", change, ("DELETE", one | {"TTL": 61}),
            words="but the values provided do not match the current values")
    refused("InvalidChangeBatch", change, ("UPSERT", one), ("UPSERT", one), words="invalid set of changes")
    change(("DELETE", one), ("CREATE", one | {"TTL": 61}))
    change(("DELETE", one | {"TTL": 61}))
    refused("InvalidChangeBatch", change, ("CREATE", record("a.example.org", "192.0.2.1")),
            words="is not permitted in zone example.com.")
    refused("InvalidChangeBatch", change, ("CREATE", record("example.com", "a.example.com", kind="CNAME")),
            words="at apex")
    apex = [it for it in listed() if it["Type"] == "NS"][0]
    refused("InvalidChangeBatch", change, ("DELETE", apex))
    # 1,000 elements, and UPSERT is two of them.
    many = lambda count: [record(f"m{number}.example.com", "192.0.2.1") for number in range(count)]
    refused("InvalidChangeBatch", change, *(("CREATE", it) for it in many(1001)),
            words="Number of records limit of 1000 exceeded.")
    refused("InvalidChangeBatch", change, *(("UPSERT", it) for it in many(501)))
    change(*(("UPSERT", it) for it in many(500)))
    change(*(("DELETE", it) for it in many(500)))
    text = lambda number: record(f"t{number}.example.com", f'"{"x" * 200}"', kind="TXT")
    refused("InvalidChangeBatch", change, *(("UPSERT", text(number)) for number in range(80)),
            words="Number of characters limit of 32000 exceeded.")


def values():
    bad = lambda code, one, words="": refused(code, change, ("CREATE", one), words=words)
    bad("InvalidChangeBatch", record("a.example.com", "192.0.2"), "Value is not a valid IPv4 address")
    bad("InvalidChangeBatch", record("a.example.com", "192.0.2.1", kind="AAAA"))
    bad("InvalidChangeBatch", record("a.example.com", "plain", kind="TXT"))
    bad("InvalidChangeBatch", record("a b.example.com", "192.0.2.1"))
    bad("InvalidChangeBatch", record("a.example.com", "192.0.2.1", "192.0.2.1"), "Duplicate Resource Record")
    bad("InvalidChangeBatch", weighted("a.example.com", "x", "192.0.2.1") | {
        "ResourceRecords": [{"Value": "192.0.2.1"}, {"Value": "192.0.2.2"}]})
    bad("InvalidInput", weighted("a.example.com", "x", "192.0.2.1", weight=256), "maxInclusive")
    bad("InvalidInput", weighted("a.example.com", "x" * 129, "192.0.2.1"))
    bad("InvalidInput", record("a.example.com", "192.0.2.1", Weight=1), "Missing field 'SetIdentifier'")
    bad("InvalidInput", record("a.example.com", "192.0.2.1", SetIdentifier="x"), "found none")
    bad("InvalidInput", weighted("a.example.com", "x", "192.0.2.1", Region="eu-west-1"), "more than one")
    bad("InvalidInput", record("a.example.com", "192.0.2.1", SetIdentifier="x", Region="mars-1"))
    bad("InvalidInput", record("a.example.com", "192.0.2.1", kind="X"))
    bad("InvalidInput", {"Name": "a.example.com", "Type": "A", "TTL": 60}, "found none")
    bad("InvalidInput", record("a.example.com", "192.0.2.1", SetIdentifier="x", MultiValueAnswer=False))
    bad("NoSuchHealthCheck", record("a.example.com", "192.0.2.1", HealthCheckId="1"))


def groups():
    one, two = (weighted("w.example.com", name, f"192.0.2.{name}") for name in "12")
    change(("CREATE", one), ("CREATE", two))
    refused("InvalidChangeBatch", change, ("UPSERT", two | {"TTL": 30}), words="TTL")
    change(("UPSERT", one | {"TTL": 30}), ("UPSERT", two | {"TTL": 30}))
    refused("InvalidChangeBatch", change, ("CREATE", record("w.example.com", "192.0.2.3")),
            words="cannot be created because a")
    refused("InvalidChangeBatch", change, ("CREATE", record(
        "w.example.com", "192.0.2.3", SetIdentifier="3", MultiValueAnswer=True)))
    refused("InvalidChangeBatch", change, ("CREATE", record("w.example.com", "a.example.com", kind="CNAME")))
    near = [record("l.example.com", "192.0.2.1", SetIdentifier=name, Region="eu-west-1") for name in "12"]
    refused("InvalidChangeBatch", change, *(("CREATE", it) for it in near))
    many = [weighted("h.example.com", str(number), "192.0.2.1") for number in range(101)]
    refused("InvalidChangeBatch", change, *(("CREATE", it) for it in many), words="100")
    change(*(("CREATE", it) for it in many[:100]))
    refused("InvalidChangeBatch", change, ("CREATE", many[100]))
    change(("DELETE", many[0]), ("CREATE", many[100]))


def pages():
    names = [(it["Name"], it["Type"], it.get("SetIdentifier")) for page in
             route53.get_paginator("list_resource_record_sets").paginate(
                 HostedZoneId=zone, PaginationConfig={"PageSize": 7})
             for it in page["ResourceRecordSets"]]
    assert len(names) == len(set(names)) == route53.get_hosted_zone(Id=zone)["HostedZone"]["ResourceRecordSetCount"]
    assert names[0][:2] == ("example.com.", "NS")
    first = listed(StartRecordName="h.example.com", StartRecordType="A", StartRecordIdentifier="5", MaxItems="1")
    assert first[0]["SetIdentifier"] == "5"
    refused("InvalidInput", listed, StartRecordType="A")


def aliases():
    def alias(target, own=zone, name="alias.example.com", **more):
        return {"Name": name, "Type": "A", "AliasTarget": {
            "HostedZoneId": own, "DNSName": target, "EvaluateTargetHealth": True}} | more
    refused("InvalidChangeBatch", change, ("CREATE", alias("none.example.com")), words="target was not found")
    refused("InvalidChangeBatch", change, ("CREATE", alias("w.example.org")), words="does not lie within")
    refused("InvalidChangeBatch", change, ("CREATE", alias("w.example.com", own="Z1")))
    refused("InvalidInput", change, ("CREATE", alias("w.example.com", TTL=60)), words="more than one")
    # The target may be made by the same batch.
    change(("CREATE", alias("s.example.com", SetIdentifier="s", Weight=1)),
           ("CREATE", weighted("s.example.com", "1", "192.0.2.77")))
    settled()
    assert dig("alias.example.com") == ["192.0.2.77"]


def checks():
    config = {"Type": "TCP", "IPAddress": "203.0.113.1", "Port": 21, "RequestInterval": 10}
    create = lambda reference, **more: route53.create_health_check(
        CallerReference=reference, HealthCheckConfig=config | more)["HealthCheck"]
    for bad in ({"IPAddress": "169.254.1.1"}, {"IPAddress": "224.0.0.1"}, {"RequestInterval": 15},
                {"FailureThreshold": 11}, {"Port": 0}, {"Port": 65536}, {"Type": "X"}, {"Regions": ["us-east-1"]}):
        refused("InvalidInput", create, "bad", **bad)
    refused("InvalidInput", create, "r" * 65)
    check = create("one")
    assert check["HealthCheckVersion"] == 1 and check["HealthCheckConfig"]["FailureThreshold"] == 3
    assert create("one")["Id"] == check["Id"]
    refused("HealthCheckAlreadyExists", create, "one", Port=22)
    update = lambda **more: route53.update_health_check(HealthCheckId=check["Id"], **more)["HealthCheck"]
    assert update(HealthCheckVersion=1, Port=22)["HealthCheckVersion"] == 2
    refused("HealthCheckVersionMismatch", update, HealthCheckVersion=1, Port=23)
    found = route53.get_health_check(HealthCheckId=check["Id"])["HealthCheck"]
    assert found["HealthCheckConfig"]["Port"] == 22
    route53.change_tags_for_resource(ResourceType="healthcheck", ResourceId=check["Id"],
                                     AddTags=[{"Key": "flotilla:pool", "Value": "p"}, {"Key": "b", "Value": "c"}])
    route53.change_tags_for_resource(ResourceType="healthcheck", ResourceId=check["Id"], RemoveTagKeys=["b"])
    tags = [{"Key": "flotilla:pool", "Value": "p"}]
    one = route53.list_tags_for_resource(ResourceType="healthcheck", ResourceId=check["Id"])
    assert one["ResourceTagSet"]["Tags"] == tags
    many = route53.list_tags_for_resources(ResourceType="healthcheck", ResourceIds=[check["Id"]])
    assert many["ResourceTagSets"][0]["Tags"] == tags
    refused("InvalidInput", route53.list_tags_for_resources, ResourceType="healthcheck", ResourceIds=["x"] * 11)
    assert len(route53.list_health_checks()["HealthChecks"]) == 1
    route53.delete_health_check(HealthCheckId=check["Id"])
    refused("NoSuchHealthCheck", route53.delete_health_check, HealthCheckId=check["Id"])
    refused("HealthCheckAlreadyExists", create, "one")


def dig(name, kind="A", *more):
    host, port = DNS.rsplit(":", 1)
    command = ["dig", "+tries=1", "+time=5", "+short", f"@{host}", "-p", port, name, kind, *more]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()


def answers():
    """Real checkers take a node out of the answers and bring it back."""
    ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    found = [route53.create_health_check(CallerReference=f"dig{number}", HealthCheckConfig={
        "Type": "TCP", "IPAddress": "127.0.0.1", "Port": port.getsockname()[1], "RequestInterval": 10,
        "FailureThreshold": 2})["HealthCheck"]["Id"] for number, port in enumerate(ports)]
    change(*(("CREATE", weighted("d.example.com", str(number), f"192.0.2.{number}", weight, HealthCheckId=check))
             for (number, check), weight in zip(enumerate(found), (1, 255))))
    settled()
    seen = lambda: {dig("d.example.com")[0] for _ in range(20)}
    assert "192.0.2.1" in seen()
    ports[1].close()
    wait("the other one only", lambda: seen() == {"192.0.2.0"})
    status = route53.get_health_check_status(HealthCheckId=found[1])["HealthCheckObservations"]
    assert all("refused" in it["StatusReport"]["Status"] for it in status)
    ports[0].close()
    wait("all, as none is healthy", lambda: "192.0.2.1" in seen())
    full = subprocess.run(["dig", "+tries=1", f"@{DNS.rsplit(':', 1)[0]}", "-p", DNS.rsplit(":", 1)[1],
                           "none.example.com", "A"], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert "status: NXDOMAIN" in full and "SOA" in full, full
    assert dig("d.example.com", "AAAA") == [] and len(dig("example.com", "NS")) == 2
    # Answers by where the client is.
    place = lambda name, value, **geo: record("g.example.com", value, SetIdentifier=name, GeoLocation=geo)
    near = lambda region, value: record("n.example.com", value, SetIdentifier=region, Region=region)
    several = lambda number: record("v.example.com", f"192.0.2.{number}", SetIdentifier=str(number),
                                    MultiValueAnswer=True)
    change(("CREATE", place("world", "192.0.2.1", CountryCode="*")),
           ("CREATE", place("europe", "192.0.2.2", ContinentCode="EU")),
           ("CREATE", near("eu-west-1", "192.0.2.3")), ("CREATE", near("us-east-1", "192.0.2.4")),
           *(("CREATE", several(number)) for number in range(20)))
    settled()
    assert len(set(dig("v.example.com"))) == 8
    assert dig("g.example.com") == ["192.0.2.1"]
    control("POST", "client", {"continent": "EU", "regions": ["us-east-1"]})
    assert dig("g.example.com") == ["192.0.2.2"]
    assert dig("n.example.com") == ["192.0.2.4"]


def limits():
    """Buckets, faults and the log, at the end since the account is out of calls then."""
    last = control("GET", "calls")["last"]
    control("POST", "faults", {"service": "route53", "action": "Get*", "kind": "refuse", "times": 1})
    refused("AccessDenied", route53.get_hosted_zone, Id=zone, words="not authorized to perform: route53:GetHostedZone")
    route53.get_hosted_zone(Id=zone)
    calls = control("GET", f"calls?since={last}")["calls"]
    assert [(it["action"], it["outcome"], it["identity"]) for it in calls] == [
        ("GetHostedZone", "AccessDenied", "administrator"), ("GetHostedZone", "ok", "administrator")]
    stranger = client("route53", aws_access_key_id="AKIAX")
    refused("InvalidClientTokenId", stranger.list_hosted_zones)
    control("POST", "settings", {"throttle": True})
    def spend():
        for _ in range(60):
            route53.list_hosted_zones()
    refused("Throttling", spend, words="Rate exceeded")


main()
