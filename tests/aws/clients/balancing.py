"""Network and classic balancers by boto3."""

from common import client, control, refused, wait

elb = client("elbv2")
classic = client("elb")


def main():
    network()
    attributes()
    targets()
    listeners()
    aliases()
    old()


def made():
    balancer = control("POST", "balancers", {"name": "n", "places": [["a", "203.0.113.1"], ["b", "203.0.113.2"]],
                                             "tags": {"flotilla:pool": "p"}})["balancer"]
    group = control("POST", "target-groups", {"name": "t", "port": 21})["target_group"]
    listener = control("POST", "listeners", {"balancer": balancer, "port": 21, "target_group": group})["listener"]
    return balancer, group, listener


def network():
    global balancer, group, listener
    balancer, group, listener = made()
    assert ":loadbalancer/net/n/" in balancer
    found = elb.describe_load_balancers(LoadBalancerArns=[balancer])["LoadBalancers"][0]
    assert found["Type"] == "network" and found["State"]["Code"] == "active"
    assert [zone["LoadBalancerAddresses"][0]["IpAddress"] for zone in found["AvailabilityZones"]] == [
        "203.0.113.1", "203.0.113.2"]
    assert elb.describe_load_balancers(Names=["n"])["LoadBalancers"][0]["LoadBalancerArn"] == balancer
    refused("LoadBalancerNotFound", elb.describe_load_balancers, Names=["x"])
    refused("ValidationError", elb.describe_listeners)
    shown = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]
    assert shown["DefaultActions"][0]["TargetGroupArn"] == group and shown["Protocol"] == "TCP"
    assert elb.describe_target_groups(LoadBalancerArn=balancer)["TargetGroups"][0]["LoadBalancerArns"] == [balancer]
    tags = elb.describe_tags(ResourceArns=[balancer, group])["TagDescriptions"]
    assert tags[0]["Tags"] == [{"Key": "flotilla:pool", "Value": "p"}] and tags[1]["Tags"] == []


def value(answer, key):
    return {it["Key"]: it["Value"] for it in answer["Attributes"]}[key]


def attributes():
    pairs = lambda **more: [{"Key": key.replace("__", "."), "Value": text} for key, text in more.items()]
    idle = lambda seconds: elb.modify_listener_attributes(
        ListenerArn=listener, Attributes=pairs(tcp__idle_timeout__seconds=seconds))
    assert value(elb.describe_listener_attributes(ListenerArn=listener), "tcp.idle_timeout.seconds") == "350"
    assert value(idle("6000"), "tcp.idle_timeout.seconds") == "6000"
    for bad in ("59", "6001", "x"):
        refused("ValidationError", idle, bad)
    change = lambda **more: elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=pairs(**more))
    draining = {"target_health_state__unhealthy__draining_interval_seconds": "600"}
    refused("InvalidConfigurationRequest", change, **draining)
    change(target_health_state__unhealthy__connection_termination__enabled="false", **draining)
    change(deregistration_delay__timeout_seconds="3600")
    refused("ValidationError", change, deregistration_delay__timeout_seconds="3601")
    refused("ValidationError", change, proxy_protocol_v2__enabled="yes")
    refused("ValidationError", change, words="not recognized",
            proxy_protocol_v2__client_to_server__header_placement="on_first_ack")
    shown = elb.describe_target_group_attributes(TargetGroupArn=group)
    assert value(shown, "preserve_client_ip.enabled") == "true"
    by_address = control("POST", "target-groups", {"name": "ip", "ip": True})["target_group"]
    shown = elb.describe_target_group_attributes(TargetGroupArn=by_address)
    assert value(shown, "preserve_client_ip.enabled") == "false"
    cross = lambda text: elb.modify_load_balancer_attributes(
        LoadBalancerArn=balancer, Attributes=pairs(load_balancing__cross_zone__enabled=text))
    assert value(cross("true"), "load_balancing.cross_zone.enabled") == "true"
    refused("ValidationError", cross, "perhaps")
    check = lambda **more: elb.modify_target_group(TargetGroupArn=group, **more)
    assert check(HealthCheckPort="8021", HealthCheckIntervalSeconds=10)["TargetGroups"][0]["HealthCheckPort"] == "8021"
    for bad in ({"HealthCheckIntervalSeconds": 4}, {"HealthyThresholdCount": 1}, {"HealthCheckPort": "0"},
                {"HealthCheckTimeoutSeconds": 11}):
        refused("ValidationError", check, **bad)


def targets():
    instance = control("POST", "instances", {})["instance"]
    state = lambda: [(it["TargetHealth"]["State"], it["Target"].get("Port")) for it in
                     elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]]
    register = lambda *these, to=group: elb.register_targets(TargetGroupArn=to, Targets=list(these))
    refused("InvalidTarget", register, {"Id": "i-0123456789abcdef0"})
    refused("TargetGroupNotFound", register, {"Id": instance}, to=group + "x")
    register({"Id": instance}, {"Id": instance, "Port": 2121})
    register({"Id": instance})
    assert state() == [("initial", 21), ("initial", 2121)]
    wait("healthy", lambda: state() == [("healthy", 21), ("healthy", 2121)])
    control("POST", "target-health", {"target_group": group, "target": instance, "health": "unhealthy_draining"})
    assert state()[0][0] == "unhealthy.draining"
    deregister = lambda *these: elb.deregister_targets(TargetGroupArn=group, Targets=list(these))
    deregister({"Id": instance, "Port": 2121})
    assert [it for it, _ in state()] == ["unhealthy.draining", "draining"]
    refused("InvalidTarget", deregister, {"Id": "i-0123456789abcdef0"})
    elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[
        {"Key": "deregistration_delay.timeout_seconds", "Value": "1"}])
    deregister({"Id": instance})
    wait("it is gone", lambda: [port for _, port in state()] == [2121])
    other = [{"Id": instance, "Port": 9}]
    shown = elb.describe_target_health(TargetGroupArn=group, Targets=other)["TargetHealthDescriptions"]
    assert shown[0]["TargetHealth"]["Reason"] == "Target.NotRegistered"
    control("POST", f"instances/{instance}", {"event": "terminate"})
    refused("InvalidTarget", register, {"Id": instance}, words="not in a running state")
    by_address = elb.describe_target_groups(Names=["ip"])["TargetGroups"][0]["TargetGroupArn"]
    register({"Id": "10.0.0.9"}, to=by_address)
    refused("InvalidTarget", register, {"Id": "8.8.8.8"}, to=by_address)


def listeners():
    made = elb.create_target_group(Name="one", Protocol="TCP", Port=60000, TargetType="instance",
                                   VpcId=elb.describe_target_groups()["TargetGroups"][0]["VpcId"])
    target = made["TargetGroups"][0]["TargetGroupArn"]
    refused("DuplicateTargetGroupName", elb.create_target_group, Name="one", Protocol="TCP", Port=1,
            VpcId=made["TargetGroups"][0]["VpcId"])
    create = lambda port, protocol="TCP": elb.create_listener(
        LoadBalancerArn=balancer, Protocol=protocol, Port=port,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": target}])["Listeners"][0]["ListenerArn"]
    refused("DuplicateListener", create, 21)
    refused("InvalidConfigurationRequest", create, 80, "HTTP")
    refused("IncompatibleProtocols", create, 53, "UDP")
    refused("CertificateNotFound", create, 990, "TLS")
    arns = [create(60000 + number) for number in range(49)]
    refused("TooManyListeners", create, 60049)
    refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=target)
    pages = elb.get_paginator("describe_listeners").paginate(
        LoadBalancerArn=balancer, PaginationConfig={"PageSize": 20})
    assert sum(len(page["Listeners"]) for page in pages) == 50
    for arn in arns:
        elb.delete_listener(ListenerArn=arn)
    refused("ListenerNotFound", elb.delete_listener, ListenerArn=arns[0])
    elb.delete_target_group(TargetGroupArn=target)


def aliases():
    """A name for the balancer, by Route 53."""
    route53 = client("route53")
    zone = control("POST", "zones", {"name": "example.com"})["zone"]
    found = elb.describe_load_balancers()["LoadBalancers"][0]
    change = lambda name: route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{
        "Action": "UPSERT", "ResourceRecordSet": {"Name": "ftp.example.com", "Type": "A", "AliasTarget": {
            "HostedZoneId": found["CanonicalHostedZoneId"], "DNSName": name, "EvaluateTargetHealth": True}}}]})
    refused("InvalidChangeBatch", change, "none.elb.amazonaws.com")
    change(found["DNSName"])


def old():
    instance = control("POST", "instances", {})["instance"]
    control("POST", "classics", {
        "name": "c", "ports": [{"protocol": "TCP", "port": 21, "instance_protocol": "TCP", "instance_port": 2121}],
        "policies": {"proxy": ["ProxyProtocolPolicyType", {"ProxyProtocol": "true"}]},
        "backends": {"2121": ["proxy"]}, "tags": {"a": "b"}})
    found = classic.describe_load_balancers()["LoadBalancerDescriptions"][0]
    assert found["BackendServerDescriptions"] == [{"InstancePort": 2121, "PolicyNames": ["proxy"]}]
    assert found["VPCId"].startswith("vpc-") and len(found["AvailabilityZones"]) == 3
    assert found["ListenerDescriptions"][0]["Listener"]["LoadBalancerPort"] == 21
    policies = classic.describe_load_balancer_policies(LoadBalancerName="c")["PolicyDescriptions"]
    assert policies[0]["PolicyTypeName"] == "ProxyProtocolPolicyType"
    read = lambda: classic.describe_load_balancer_attributes(LoadBalancerName="c")["LoadBalancerAttributes"]
    assert read()["ConnectionSettings"]["IdleTimeout"] == 60 and not read()["ConnectionDraining"]["Enabled"]
    change = lambda **more: classic.modify_load_balancer_attributes(LoadBalancerName="c", LoadBalancerAttributes=more)
    change(ConnectionSettings={"IdleTimeout": 3600}, ConnectionDraining={"Enabled": True, "Timeout": 600})
    assert read()["ConnectionSettings"]["IdleTimeout"] == 3600 and read()["ConnectionDraining"]["Timeout"] == 600
    refused("ValidationError", change, ConnectionSettings={"IdleTimeout": 4000})
    refused("ValidationError", change, ConnectionDraining={"Enabled": True, "Timeout": 0})
    these = lambda *ids: {"LoadBalancerName": "c", "Instances": [{"InstanceId": it} for it in ids]}
    classic.register_instances_with_load_balancer(**these(instance))
    refused("InvalidInstance", classic.register_instances_with_load_balancer, **these("i-0123456789abcdef0"))
    health = classic.describe_instance_health(LoadBalancerName="c")["InstanceStates"]
    assert [(it["InstanceId"], it["State"]) for it in health] == [(instance, "InService")]
    assert classic.deregister_instances_from_load_balancer(**these(instance))["Instances"] == []
    assert classic.describe_tags(LoadBalancerNames=["c"])["TagDescriptions"][0]["Tags"] == [{"Key": "a", "Value": "b"}]
    refused("LoadBalancerNotFound", classic.describe_load_balancers, LoadBalancerNames=["x"])
    # What only the other version knows.
    refused("InvalidAction", classic.delete_load_balancer, LoadBalancerName="c")


main()
