use super::*;

const MAC: &str = "network/interfaces/macs/02:aa/";
const OTHER: &str = "network/interfaces/macs/02:01/";

fn metadata(texts: &[(&str, &str)]) -> Metadata {
    texts.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

fn usual() -> Metadata {
    let mut texts = metadata(&[
        ("instance-id", "i-1"),
        ("instance-type", "m7g.large"),
        ("instance-life-cycle", "spot"),
        ("placement/region", "eu-west-1"),
        ("placement/availability-zone", "eu-west-1a"),
        ("tags/instance/Name", "ftp 1"),
    ]);
    for (root, name, text) in [
        (MAC, "device-number", "0"),
        (MAC, "interface-id", "eni-1"),
        (MAC, "local-ipv4s", "10.0.0.5\n10.0.0.6"),
        (MAC, "public-ipv4s", "203.0.113.6\n203.0.113.5"),
        (MAC, "ipv4-associations/203.0.113.5", "10.0.0.5"),
        (MAC, "ipv4-associations/203.0.113.6", "10.0.0.6"),
        (MAC, "ipv6s", "2001:db8::5"),
        (MAC, "security-group-ids", "sg-1\nsg-2"),
        (MAC, "subnet-id", "subnet-1"),
        (MAC, "vpc-id", "vpc-1"),
        (MAC, "vpc-ipv4-cidr-blocks", "10.0.0.0/16\n100.64.0.0/16"),
        (MAC, "vpc-ipv6-cidr-blocks", "2001:db8::/56"),
        (OTHER, "device-number", "1"),
        (OTHER, "local-ipv4s", "10.0.1.5"),
        (OTHER, "security-group-ids", "sg-2"),
        (OTHER, "vpc-ipv4-cidr-blocks", "10.0.0.0/16"),
    ] {
        texts.insert(format!("{root}{name}"), text.to_owned());
    }
    texts
}

#[test]
fn an_instance_is_read() {
    let instance = Instance::of_metadata(&usual()).unwrap();
    assert_eq!((instance.id.as_str(), instance.region.as_str()), ("i-1", "eu-west-1"));
    assert!(instance.is_spot);
    assert_eq!(instance.tags.get("Name").map(String::as_str), Some("ftp 1"));
    assert_eq!(instance.interfaces.first().map(|first| first.id.as_str()), Some("eni-1"));
    assert_eq!(instance.groups(), ["sg-1", "sg-2"]);
    let networks: Vec<_> = instance.networks().iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/16", "100.64.0.0/16", "2001:db8::/56"]);
}

#[test]
fn each_private_address_has_its_public_one() {
    let instance = Instance::of_metadata(&usual()).unwrap();
    let public = |private: &str| instance.public_of(private.parse().unwrap()).unwrap().to_string();
    assert_eq!(public("10.0.0.5"), "203.0.113.5");
    assert_eq!(public("10.0.0.6"), "203.0.113.6");
    // One without its own is reached by the first.
    assert_eq!(public("10.0.1.5"), "203.0.113.5");
}

#[test]
fn a_private_instance_has_none() {
    let mut texts = usual();
    texts.retain(|path, _| !path.contains("public") && !path.contains("associations"));
    let instance = Instance::of_metadata(&texts).unwrap();
    assert_eq!(instance.public_of("10.0.0.5".parse().unwrap()), None);
}

#[test]
fn without_an_id_or_a_region_there_is_none() {
    for path in ["instance-id", "placement/region"] {
        let mut texts = usual();
        texts.remove(path);
        assert_eq!(Instance::of_metadata(&texts), Err(InstanceError::Missing(path)));
    }
    let mut odd = usual();
    odd.insert(format!("{MAC}local-ipv4s"), "no address".to_owned());
    odd.insert(format!("{MAC}device-number"), "-".to_owned());
    assert!(Instance::of_metadata(&odd).is_ok());
}

/// The example of the guide of ECS, shortened.
#[test]
fn a_task_is_read() {
    let json = r#"{
        "Cluster": "default",
        "TaskARN": "arn:aws:ecs:us-west-2:111122223333:task/default/e9028f8d5d8e4f258373e7b93ce9a3c3",
        "Family": "curltest", "AvailabilityZone": "us-west-2a", "LaunchType": "FARGATE",
        "Containers": [
            {"Name": "a", "Networks": [{"NetworkMode": "awsvpc", "IPv4Addresses": ["192.0.2.3"],
             "AttachmentIndex": 0, "IPv4SubnetCIDRBlock": "192.0.2.0/24"}]},
            {"Name": "b", "Networks": [{"NetworkMode": "awsvpc", "IPv4Addresses": ["192.0.2.3"],
             "IPv4SubnetCIDRBlock": "192.0.2.0/24"}]}
        ]}"#;
    let task = Instance::of_task(json).unwrap();
    assert_eq!((task.region.as_str(), task.zone.as_str()), ("us-west-2", "us-west-2a"));
    assert_eq!(task.interfaces.len(), 1);
    assert_eq!(task.networks().first().map(ToString::to_string).as_deref(), Some("192.0.2.0/24"));
    assert!(Instance::of_task("{}").is_err());
    assert!(Instance::of_task(r#"{"TaskARN": "odd"}"#).is_err());
}
