"""Auto Scaling by boto3: a member that is held back until its transfers are done."""

from common import client, control, denied, reader, refused, wait

scaling = client("autoscaling")


def main():
    group("g", 60)
    first, second = (control("POST", "instances", {}) for _ in range(2))
    for it in (first, second):
        control("POST", f"scaling-groups/g/join/{it['instance']}")
    described(first["instance"])
    protected(first["instance"])
    held(first)
    gone(second["instance"])
    forgotten()


def group(name, heartbeat):
    hook = {"name": "drain", "heartbeat": heartbeat, "result": "CONTINUE"}
    control("POST", "scaling-groups", {"name": name, "hooks": [hook]})


def state(instance):
    found = scaling.describe_auto_scaling_instances(InstanceIds=[instance])["AutoScalingInstances"]
    return found[0]["LifecycleState"] if found else None


def described(instance):
    group = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["g"])["AutoScalingGroups"][0]
    assert group["DesiredCapacity"] == 2 and [it["HealthStatus"] for it in group["Instances"]] == ["Healthy"] * 2
    assert scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["x"])["AutoScalingGroups"] == []
    hook = scaling.describe_lifecycle_hooks(AutoScalingGroupName="g")["LifecycleHooks"][0]
    assert (hook["HeartbeatTimeout"], hook["GlobalTimeout"], hook["DefaultResult"]) == (60, 6000, "CONTINUE")
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
    read = reader(made["metadata"])
    target = lambda: read("autoscaling/target-lifecycle-state")
    assert target() == "InService"
    assert control("POST", f"scaling-groups/g/scale-in/{instance}")["done"]
    assert target() == "Terminated"
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


def gone(instance):
    """Who is terminated by others is no member, and does not become one."""
    join = lambda group, instance: f"scaling-groups/{group}/join/{instance}"
    denied("AutoScalingGroup name not found", "POST", join("x", instance))
    denied("Invalid Instance ID", "POST", join("g", "i-0123456789abcdef0"))
    control("POST", f"instances/{instance}", {"event": "terminate"})
    assert state(instance) is None
    denied("Invalid Instance ID", "POST", join("g", instance))


def forgotten():
    """A hook that nobody says anything to ends by itself."""
    group("short", 1)
    instance = control("POST", "instances", {})["instance"]
    control("POST", f"scaling-groups/short/join/{instance}")
    assert control("POST", f"scaling-groups/short/scale-in/{instance}")["done"]
    wait("the hook is over", lambda: state(instance) is None)


main()
