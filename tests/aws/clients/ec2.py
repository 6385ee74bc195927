"""EC2 by boto3."""

import botocore.exceptions

from common import client, control, refused

ec2 = client("ec2")


def main():
    instances()
    groups()
    rules()
    quotas()
    changes()
    interfaces()
    tags()
    dry_runs()
    default_network()
    errors()


def instances():
    first = control("POST", "instances", {"private": "10.0.0.21", "public": "203.0.113.21", "kind": "c8i.large",
                                          "tags": {"flotilla:pool": "p"}})["instance"]
    others = [control("POST", "instances", {"spot": True})["instance"] for _ in range(6)]
    found = ec2.describe_instances(InstanceIds=[first])["Reservations"][0]["Instances"][0]
    assert found["State"]["Name"] == "running" and found["PublicIpAddress"] == "203.0.113.21"
    assert found["Tags"] == [{"Key": "flotilla:pool", "Value": "p"}]
    assert found["NetworkInterfaces"][0]["PrivateIpAddress"] == "10.0.0.21"
    every = lambda **more: [it["InstanceId"] for page in ec2.get_paginator("describe_instances").paginate(**more)
                            for reservation in page["Reservations"] for it in reservation["Instances"]]
    assert sorted(every(PaginationConfig={"PageSize": 5})) == sorted([first, *others])
    assert every(Filters=[{"Name": "tag:flotilla:pool", "Values": ["p"]}]) == [first]
    refused("InvalidParameterValue", ec2.describe_instances, MaxResults=4)
    refused("InvalidParameterCombination", ec2.describe_instances, MaxResults=5, InstanceIds=[first])
    refused("InvalidParameterValue", ec2.describe_instances, Filters=[{"Name": "nonsense", "Values": ["p"]}])
    refused("InvalidInstanceID.NotFound", ec2.describe_instances, InstanceIds=["i-0123456789abcdef0"])
    control("POST", f"instances/{others[0]}", {"event": "terminate"})
    gone = ec2.describe_instances(InstanceIds=[others[0]])["Reservations"][0]["Instances"][0]
    assert gone["State"]["Name"] == "terminated" and "PrivateIpAddress" not in gone
    kinds = ec2.describe_instance_types(InstanceTypes=["c8i.large"])["InstanceTypes"]
    assert kinds[0]["NetworkInfo"]["ConnectionTrackingConfiguration"]["DefaultTcpEstablishedTimeout"] == 350
    refused("InvalidInstanceType", ec2.describe_instance_types, InstanceTypes=["x1.none"])


def vpc():
    return ec2.describe_vpcs()["Vpcs"][0]["VpcId"]


def new_group(name, **more):
    return ec2.create_security_group(GroupName=name, Description="d", VpcId=vpc(), **more)["GroupId"]


def groups():
    tags = [{"ResourceType": "security-group", "Tags": [{"Key": "flotilla:pool", "Value": "p"}]}]
    group = new_group("one", TagSpecifications=tags)
    refused("InvalidGroup.Duplicate", new_group, "one")
    refused("InvalidParameterValue", new_group, "sg-one")
    refused("InvalidParameterValue", new_group, "ä")
    refused("InvalidVpcID.NotFound", ec2.create_security_group, GroupName="x", Description="d", VpcId="vpc-1")
    refused("VPCIdNotSpecified", ec2.create_security_group, GroupName="x", Description="d")
    refused("MissingParameter", ec2.create_security_group, GroupName="x", VpcId=vpc())
    found = ec2.describe_security_groups(Filters=[{"Name": "tag:flotilla:pool", "Values": ["p"]}])
    assert [it["GroupId"] for it in found["SecurityGroups"]] == [group]
    assert found["SecurityGroups"][0]["IpPermissionsEgress"][0]["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]
    other = new_group("two")
    allow(group, permission(21, groups=[other]))
    refused("DependencyViolation", ec2.delete_security_group, GroupId=other)
    ec2.delete_security_group(GroupId=group)
    ec2.delete_security_group(GroupId=other)
    refused("InvalidGroup.NotFound", ec2.delete_security_group, GroupId=other)
    refused("InvalidGroupId.Malformed", ec2.describe_security_groups, GroupIds=["sg-x"])
    default = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["default"]}])
    refused("CannotDelete", ec2.delete_security_group, GroupId=default["SecurityGroups"][0]["GroupId"])


def permission(first, last=None, protocol="tcp", v4=(), v6=(), lists=(), groups=(), description=None):
    text = {} if description is None else {"Description": description}
    every = lambda name, values: [{name: value} | text for value in values]
    return {"IpProtocol": protocol, "FromPort": first, "ToPort": first if last is None else last,
            "IpRanges": every("CidrIp", v4), "Ipv6Ranges": every("CidrIpv6", v6),
            "PrefixListIds": every("PrefixListId", lists), "UserIdGroupPairs": every("GroupId", groups)}


def allow(group, *permissions, **more):
    return ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=list(permissions), **more)


def inbound(group):
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    return [it for it in found["SecurityGroupRules"] if not it["IsEgress"]]


def rules():
    group = new_group("rules")
    tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "flotilla:pool", "Value": "p"}]}]
    made = allow(group, permission(60000, 65535, v4=["100.68.0.18/18"], description="passive"),
                 TagSpecifications=tags)["SecurityGroupRules"]
    # Canonical, with an id and its tags.
    assert made[0]["CidrIpv4"] == "100.68.0.0/18" and made[0]["Tags"][0]["Value"] == "p"
    # The description does not count, and the whole call fails.
    refused("InvalidPermission.Duplicate", allow, group, permission(21, v4=["0.0.0.0/0"]),
            permission(60000, 65535, v4=["100.68.0.0/18"], description="other"))
    assert len(inbound(group)) == 1
    refused("InvalidParameterValue", allow, group, permission(21, v4=["10.0.0.0/8", "10.1.0.0/8"]),
            words="must not appear multiple times")
    for bad in (permission(65535, 60000, v4=["0.0.0.0/0"]), permission(70000, v4=["0.0.0.0/0"]),
                permission(-1, v4=["0.0.0.0/0"]), permission(21, v4=["10.0.0.1"]), permission(21, v4=["10.0.0.0/33"]),
                permission(21, v6=["10.0.0.0/8"]), permission(21, protocol="ftp", v4=["0.0.0.0/0"]),
                permission(21, v4=["0.0.0.0/0"], description="ä"),
                permission(21, v4=["0.0.0.0/0"], description="x" * 256)):
        refused("InvalidParameterValue", allow, group, bad)
    refused("MissingParameter", allow, group, permission(21))
    refused("MissingParameter", allow, group)
    refused("InvalidPrefixListID.NotFound", allow, group, permission(21, lists=["pl-1"]))
    refused("InvalidGroup.NotFound", allow, group, permission(21, groups=["sg-0123456789abcdef0"]))
    refused("InvalidParameterValue", allow, group, permission(21, v4=["0.0.0.0/0"]), TagSpecifications=[
        {"ResourceType": "security-group", "Tags": [{"Key": "a", "Value": "b"}]}])
    allow(group, permission(21, v6=["2001:DB8::1/32"]), permission(0, protocol="-1", v4=["10.0.0.0/8"]))
    shown = inbound(group)
    assert "2001:db8::/32" in [it.get("CidrIpv6") for it in shown]
    assert [it["FromPort"] for it in shown if it["IpProtocol"] == "-1"] == [-1]
    found = ec2.describe_security_group_rules(Filters=[{"Name": "tag:flotilla:pool", "Values": ["p"]}])
    assert [it["SecurityGroupRuleId"] for it in found["SecurityGroupRules"]] == [made[0]["SecurityGroupRuleId"]]
    revoke = lambda **more: ec2.revoke_security_group_ingress(GroupId=group, **more)
    refused("InvalidPermission.NotFound", revoke, IpPermissions=[permission(22, v4=["0.0.0.0/0"])])
    refused("InvalidSecurityGroupRuleId.NotFound", revoke, SecurityGroupRuleIds=["sgr-1"])
    gone = revoke(SecurityGroupRuleIds=[made[0]["SecurityGroupRuleId"]])["RevokedSecurityGroupRules"]
    assert gone[0]["SecurityGroupRuleId"] == made[0]["SecurityGroupRuleId"]
    revoke(IpPermissions=[permission(21, v6=["2001:db8::/32"])])
    assert len(inbound(group)) == 1


def quotas():
    group = new_group("quotas")
    lists = {it["PrefixListName"]: it["PrefixListId"] for it in ec2.describe_managed_prefix_lists()["PrefixLists"]}
    checkers = lists["com.amazonaws.eu-central-1.route53-healthchecks"]
    allow(group, permission(21, lists=[checkers]), permission(22, lists=[checkers]))
    full = "RulesPerSecurityGroupLimitExceeded"
    refused(full, allow, group, permission(23, lists=[checkers]))
    allow(group, *(permission(port, v4=["0.0.0.0/0"]) for port in range(100, 110)))
    refused(full, allow, group, permission(110, v4=["0.0.0.0/0"]))
    # IPv6 is counted apart.
    allow(group, *(permission(port, v6=["::/0"]) for port in range(100, 160)))
    refused(full, allow, group, permission(160, v6=["::/0"]))


def changes():
    group = new_group("changes")
    made = allow(group, permission(100, v4=["0.0.0.0/0"]), permission(200, v4=["0.0.0.0/0"]))["SecurityGroupRules"]
    first, second = (it["SecurityGroupRuleId"] for it in made)
    rule = lambda one, **more: {"SecurityGroupRuleId": one, "SecurityGroupRule": {
        "IpProtocol": "tcp", "FromPort": 300, "ToPort": 400, "CidrIpv4": "0.0.0.0/0"} | more}
    modify = lambda *these: ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=list(these))
    modify(rule(first, Description="moved"))
    found = {it["SecurityGroupRuleId"]: it for it in inbound(group)}
    assert found[first]["FromPort"] == 300 and found[first]["Description"] == "moved"
    refused("InvalidPermission.Duplicate", modify, rule(second))
    refused("InvalidSecurityGroupRuleId.NotFound", modify, rule("sgr-1"))
    refused("InvalidParameterValue", modify, rule(first, FromPort=500))
    refused("InvalidParameterCombination", modify, rule(first, CidrIpv6="::/0"))


def interfaces():
    found = ec2.describe_network_interfaces(Filters=[{"Name": "association.public-ip", "Values": ["203.0.113.21"]}])
    interface = found["NetworkInterfaces"][0]
    assert interface["Association"]["PublicIp"] == "203.0.113.21"
    assert interface["ConnectionTrackingConfiguration"]["TcpEstablishedTimeout"] == 350
    own = [it["GroupId"] for it in interface["Groups"]]
    change = lambda **more: ec2.modify_network_interface_attribute(
        NetworkInterfaceId=interface["NetworkInterfaceId"], **more)
    more = [new_group(f"more{number}") for number in range(5)]
    refused("SecurityGroupsPerInterfaceLimitExceeded", change, Groups=own + more)
    change(Groups=own + more[:4])
    refused("DependencyViolation", ec2.delete_security_group, GroupId=more[0])
    change(Groups=own)
    ec2.delete_security_group(GroupId=more[0])
    refused("InvalidGroup.NotFound", change, Groups=[more[0]])
    refused("InvalidParameterValue", change, ConnectionTrackingSpecification={"TcpEstablishedTimeout": 59})
    assert len(ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc()]}])["Subnets"]) == 3


def tags():
    group = new_group("tags")
    set_tags = lambda *pairs, on=(group,): ec2.create_tags(
        Resources=list(on), Tags=[{"Key": key, "Value": value} for key, value in pairs])
    set_tags(("a", "1"), ("b", "2"))
    ec2.delete_tags(Resources=[group], Tags=[{"Key": "a"}, {"Key": "b", "Value": "other"}])
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["Tags"] == [
        {"Key": "b", "Value": "2"}]
    refused("InvalidParameterValue", set_tags, ("aws:x", "1"))
    refused("TagLimitExceeded", set_tags, *((str(number), "") for number in range(51)))
    refused("InvalidID", set_tags, ("a", "1"), on=["sg-0123456789abcdef0"])


def dry_runs():
    group = new_group("dry")
    refused("DryRunOperation", allow, group, permission(21, v4=["0.0.0.0/0"]), DryRun=True)
    assert inbound(group) == []
    control("POST", "faults", {"service": "ec2", "action": "AuthorizeSecurityGroupIngress", "kind": "refuse"})
    refused("UnauthorizedOperation", allow, group, permission(21, v4=["0.0.0.0/0"]), DryRun=True)
    refused("UnauthorizedOperation", allow, group, permission(21, v4=["0.0.0.0/0"]))
    control("DELETE", "faults")


def default_network():
    """There, revoking what is not there succeeds."""
    control("POST", "networks", {"cidr": "172.31.0.0/16", "default": True})
    group = ec2.create_security_group(GroupName="in default", Description="d")["GroupId"]
    answer = ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[permission(22, v4=["0.0.0.0/0"])])
    assert answer["Return"] and answer["UnknownIpPermissions"][0]["FromPort"] == 22


def errors():
    refused("InvalidAction", ec2.run_instances, MinCount=1, MaxCount=1)
    refused("AuthFailure", client("ec2", aws_access_key_id="AKIAX").describe_vpcs)
    refused("UnknownParameter", ec2.describe_security_groups, GroupNames=["x"])
    fault = lambda **more: control("POST", "faults", {"service": "ec2", "action": "CreateSecurityGroup", "times": 1} | more)
    fault(kind="throttle")
    refused("RequestLimitExceeded", new_group, "never")
    fault(kind="error", status=500, code="InternalError")
    refused("InternalError", new_group, "never")
    fault(kind="lose")
    try:
        new_group("lost")
        raise AssertionError("there was an answer")
    except botocore.exceptions.HTTPClientError:
        pass
    refused("InvalidGroup.Duplicate", new_group, "lost")
    fault(kind="down")
    try:
        new_group("down")
        raise AssertionError("there was an answer")
    except botocore.exceptions.HTTPClientError:
        pass
    new_group("down")


main()
