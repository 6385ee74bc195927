"""Auto Scaling by boto3: a member that is held back until its transfers are done."""

import time
import urllib.request

from common import client, control, refused, wait

scaling = client("autoscaling")


def main():
    control("POST", "scaling-groups", {"name": "g", "hooks": [{"name": "drain", "heartbeat": 2, "result": "CONTINUE"}]})
    first, second = (control("POST", "instances", {}) for _ in range(2))
    for it in (first, second):
        control("POST", f"scaling-groups/g/join/{it['instance']}")
    described(first["instance"])
    protected(first["instance"])
    held(first)
    forgotten(second["instance"])


def state(instance):
    found = scaling.describe_auto_scaling_instances(InstanceIds=[instance])["AutoScalingInstances"]
    return found[0]["LifecycleState"] if found else None


def target(url):
    """The state that the instance itself reads."""
    put = urllib.request.Request(f"{url}/latest/api/token", method="PUT",
                                 headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"})
    with urllib.request.urlopen(put) as answer:
        token = answer.read().decode()
    get = urllib.request.Request(f"{url}/latest/meta-data/autoscaling/target-lifecycle-state",
                                 headers={"X-aws-ec2-metadata-token": token})
    with urllib.request.urlopen(get) as answer:
        return answer.read().decode()


def described(instance):
    group = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["g"])["AutoScalingGroups"][0]
    assert group["DesiredCapacity"] == 2 and [it["HealthStatus"] for it in group["Instances"]] == ["Healthy"] * 2
    assert scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["x"])["AutoScalingGroups"] == []
    hook = scaling.describe_lifecycle_hooks(AutoScalingGroupName="g")["LifecycleHooks"][0]
    assert (hook["HeartbeatTimeout"], hook["GlobalTimeout"], hook["DefaultResult"]) == (2, 200, "CONTINUE")
    assert state(instance) == "InService" and state("i-0123456789abcdef0") is None
    refused("ValidationError", scaling.describe_lifecycle_hooks, AutoScalingGroupName="x")


def protected(instance):
    protect = lambda how, *ids, group="g": scaling.set_instance_protection(
        AutoScalingGroupName=group, InstanceIds=list(ids), ProtectedFromScaleIn=how)
    protect(True, instance)
    assert not control("POST", f"scaling-groups/g/scale-in/{instance}")["done"]
    refused("ValidationError", protect, True, *([instance] * 51))
    refused("ValidationError", protect, True, "i-0123456789abcdef0", words="not part of")
    refused("ValidationError", protect, True, instance, group="x")
    protect(False, instance)


def held(made):
    instance = made["instance"]
    about = {"LifecycleHookName": "drain", "AutoScalingGroupName": "g", "InstanceId": instance}
    refused("ValidationError", scaling.record_lifecycle_action_heartbeat, words="No active Lifecycle Action", **about)
    assert target(made["metadata"]) == "InService"
    assert control("POST", f"scaling-groups/g/scale-in/{instance}")["done"]
    assert target(made["metadata"]) == "Terminated"
    # Longer than one heartbeat, as one comes each second.
    for _ in range(3):
        time.sleep(1)
        scaling.record_lifecycle_action_heartbeat(**about)
        assert state(instance) == "Terminating:Wait"
    refused("ValidationError", scaling.set_instance_protection, AutoScalingGroupName="g", InstanceIds=[instance],
            ProtectedFromScaleIn=True, words="not in InService")
    refused("ValidationError", scaling.complete_lifecycle_action, LifecycleActionResult="X", **about)
    scaling.complete_lifecycle_action(LifecycleActionResult="CONTINUE", **about)
    assert state(instance) is None
    found = client("ec2").describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    assert found["State"]["Name"] == "terminated"
    refused("ValidationError", scaling.complete_lifecycle_action, LifecycleActionResult="CONTINUE", **about)


def forgotten(instance):
    control("POST", f"scaling-groups/g/scale-in/{instance}")
    assert state(instance) == "Terminating:Wait"
    wait("the hook is over", lambda: state(instance) is None, seconds=5)


main()
