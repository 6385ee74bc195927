"""What the tests on moto do with it by the official client: one task, its answer as JSON."""

import ast
import json
import os
import sys

import boto3

URL = os.environ["MOTO_URL"]
REGION = "eu-central-1"


def client(service):
    return boto3.client(service, endpoint_url=URL, region_name=REGION)


def network():
    """A network with a subnet in each of three zones."""
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.9.{number}.0/24", AvailabilityZone=REGION + zone
        )["Subnet"]["SubnetId"]
        for number, zone in enumerate("abc")
    ]
    return {"vpc": vpc, "subnets": subnets}


def instances(count):
    """So many, in one network, with a group that lets nothing in."""
    ec2 = client("ec2")
    place = network()
    group = ec2.create_security_group(
        GroupName="base", Description="base", VpcId=place["vpc"]
    )["GroupId"]
    made = ec2.run_instances(
        ImageId=ec2.describe_images()["Images"][0]["ImageId"],
        MinCount=int(count),
        MaxCount=int(count),
        InstanceType="t3.small",
        SubnetId=place["subnets"][0],
        SecurityGroupIds=[group],
    )
    return [instance["InstanceId"] for instance in made["Instances"]]


def groups(instance):
    """Of an instance: their names, without `base`."""
    filters = [{"Name": "attachment.instance-id", "Values": [instance]}]
    interfaces = client("ec2").describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
    names = [group["GroupName"] for group in interfaces[0]["Groups"]]
    return sorted(name for name in names if name != "base")


def group(name):
    filters = [{"Name": "group-name", "Values": [name]}]
    return client("ec2").describe_security_groups(Filters=filters)["SecurityGroups"][0]["GroupId"]


def rules(name):
    """Of a group, by id: direction, ports and where from."""
    filters = [{"Name": "group-id", "Values": [group(name)]}]
    found = client("ec2").describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
    return {
        rule["SecurityGroupRuleId"]: " ".join(
            [
                "out" if rule["IsEgress"] else "in",
                f"{rule.get('FromPort')}-{rule.get('ToPort')}",
                rule.get("CidrIpv4") or rule.get("CidrIpv6") or rule.get("PrefixListId") or "group",
            ]
        )
        for rule in found
    }


def meddle(name):
    """Takes a rule away from a group and puts one of somebody else's into it."""
    ec2 = client("ec2")
    own = [id for id, text in rules(name).items() if text == "in 21-21 0.0.0.0/0"]
    ec2.revoke_security_group_ingress(GroupId=group(name), SecurityGroupRuleIds=own)
    ec2.authorize_security_group_ingress(
        GroupId=group(name), IpProtocol="tcp", FromPort=8443, ToPort=8443, CidrIp="192.0.2.0/24"
    )
    return own


def zone(name):
    """With a record of somebody else's."""
    route53 = client("route53")
    made = route53.create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]["Id"]
    record = {
        "Name": f"www.{name}",
        "Type": "A",
        "TTL": 60,
        "ResourceRecords": [{"Value": "192.0.2.80"}],
    }
    route53.change_resource_record_sets(
        HostedZoneId=made, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    )


def records():
    """All addresses of the only zone, and where their health checks connect."""
    route53 = client("route53")
    made = route53.list_hosted_zones()["HostedZones"][0]["Id"]
    found = route53.list_resource_record_sets(HostedZoneId=made)["ResourceRecordSets"]
    checks = {check["Id"]: check["HealthCheckConfig"] for check in route53.list_health_checks()["HealthChecks"]}
    told = []
    for record in found:
        if record["Type"] in ("A", "AAAA"):
            check = checks.get(record.get("HealthCheckId"), {})
            told.append(
                {
                    "name": record["Name"].rstrip("."),
                    "address": record["ResourceRecords"][0]["Value"],
                    "identifier": record.get("SetIdentifier"),
                    "weight": record.get("Weight"),
                    "check": f"{check.get('Type')} {check.get('IPAddress')}:{check.get('Port')}",
                }
            )
    return told


def stack(path):
    """Makes a stack of a template as far as moto can, and tells what came of it."""
    with open(path) as file:
        template = json.load(file)
    resources = template["Resources"]
    # It has no ElastiCache; what refers to it must not.
    for name in [name for name in resources if resources[name]["Type"].startswith("AWS::ElastiCache")]:
        del resources[name]
    del template["Outputs"]["Store"]
    body = json.dumps(template).replace("${Store.PrimaryEndPoint.Address}", "store.example.org")
    place = network()
    told = {"Vpc": place["vpc"], "Program": "s3://bucket/flotilla", "ProgramSha256": "0" * 64}
    told |= {f"Subnet{zone}": id for zone, id in enumerate(place["subnets"], 1)}
    parameters = [
        {"ParameterKey": name, "ParameterValue": told[name]}
        for name in template["Parameters"]
        if name in told
    ]
    client("cloudformation").create_stack(
        StackName="fleet", TemplateBody=body, Parameters=parameters, Capabilities=["CAPABILITY_IAM"]
    )
    ec2, iam = client("ec2"), client("iam")
    fleet = client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
    machine = ec2.describe_launch_template_versions(
        LaunchTemplateId=ec2.describe_launch_templates()["LaunchTemplates"][0]["LaunchTemplateId"]
    )["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    role = [role["RoleName"] for role in iam.list_roles()["Roles"]][0]
    return {
        "status": client("cloudformation").describe_stacks()["Stacks"][0]["StackStatus"],
        "nodes": len(fleet["Instances"]),
        "tokens": machine["MetadataOptions"]["HttpTokens"],
        # As Python writes it, and not as JSON.
        "policy": ast.literal_eval(
            iam.get_role_policy(RoleName=role, PolicyName="flotilla")["PolicyDocument"]
        ),
        "files": len(client("efs").describe_file_systems()["FileSystems"]),
    }


if __name__ == "__main__":
    task, *arguments = sys.argv[1:]
    print(json.dumps(globals()[task](*arguments)))
