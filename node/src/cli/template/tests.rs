//! What the template is made of, for fleets of each kind.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::cli::iam;
use crate::config::Config;

/// Of flags alone.
fn args(front: Option<Front>, flags: &[(&str, &str)]) -> TemplateArgs {
    let set = flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let config =
        ConfigArgs { config: Some("/dev/null".into()), set: set.collect(), ..Default::default() };
    TemplateArgs { config, front, zones: 3 }
}

fn made(front: Option<Front>, flags: &[(&str, &str)]) -> (Value, Vec<String>) {
    template(args(front, flags)).unwrap()
}

fn of(front: Option<Front>, flags: &[(&str, &str)]) -> Value {
    made(front, flags).0
}

fn refused(front: Option<Front>, flags: &[(&str, &str)]) -> String {
    template(args(front, flags)).unwrap_err().to_string()
}

fn property<'a>(template: &'a Value, resource: &str, name: &str) -> &'a Value {
    &template["Resources"][resource]["Properties"][name]
}

fn script(template: &Value) -> &str {
    let data = &property(template, "Machine", "LaunchTemplateData")["UserData"];
    data["Fn::Base64"]["Fn::Sub"].as_str().unwrap()
}

fn names(template: &Value, kind: &str) -> Vec<String> {
    let resources = template["Resources"].as_object().unwrap().iter();
    let of_kind = resources.filter(|(_, resource)| resource["Type"] == kind);
    of_kind.map(|(name, _)| name.clone()).collect()
}

/// A front, if one is named, and flags.
type Told = (Option<Front>, &'static [(&'static str, &'static str)]);

const EVERY_KIND: &[Told] = &[
    (None, &[]),
    (None, &[("ingress.mode", "shared")]),
    (None, &[("ingress.mode", "balanced"), ("aws.security_groups", "false")]),
    (Some(Front::Nlb), &[("ftp.listen", "0.0.0.0:21"), ("ssh.listen", "[::]:22")]),
    (Some(Front::Nlb), &[("aws.security_groups", "false"), ("timeouts.drain", "2d")]),
    (
        Some(Front::Dns),
        &[
            ("tls.certificate", "chain.pem"),
            ("tls.key", "key.pem"),
            ("ssh.host_keys", "a,b"),
            ("telemetry.xferlog", "x"),
            ("ftp.banner", "${AWS::Region} ${!x} {unit} 'q'"),
            ("aws.security_groups", "false"),
        ],
    ),
];

/// Every name that something refers to, and all that text is put into.
fn referred(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| referred(item, names)),
        Value::Object(members) => {
            for (key, value) in members {
                let mut own = Vec::new();
                match key.as_str() {
                    "Ref" | "Condition" => names.extend(value.as_str().map(ToOwned::to_owned)),
                    "Fn::GetAtt" | "Fn::If" => {
                        names.insert(value[0].as_str().unwrap().to_owned());
                    }
                    "DependsOn" => {
                        let list = value.as_array().unwrap().iter();
                        names.extend(list.map(|name| name.as_str().unwrap().to_owned()));
                    }
                    "Fn::Sub" => {
                        let text = value.as_str().or_else(|| value[0].as_str()).unwrap();
                        own.extend(value[1].as_object().into_iter().flat_map(|map| map.keys()));
                        let parts = text.split("${").skip(1);
                        let inside = parts.map(|part| part.split_once('}').unwrap().0);
                        let inside = inside.filter(|name| !name.starts_with('!'));
                        let inside = inside.map(|name| name.split('.').next().unwrap());
                        names.extend(
                            inside
                                .filter(|name| !own.iter().any(|own| own == name))
                                .map(ToOwned::to_owned),
                        );
                    }
                    _ => {}
                }
                referred(value, names);
            }
        }
        _ => {}
    }
}

#[test]
fn whatever_is_referred_to_is_there() {
    for (front, flags) in EVERY_KIND {
        let template = of(*front, flags);
        let mut names = BTreeSet::new();
        referred(&template["Resources"], &mut names);
        referred(&template["Outputs"], &mut names);
        let parts = ["Parameters", "Resources", "Conditions"];
        let is_there = |name: &String| {
            name.starts_with("AWS::")
                || parts.iter().any(|part| template[*part].get(name).is_some())
        };
        let lacking: Vec<_> = names.iter().filter(|name| !is_there(name)).collect();
        assert!(lacking.is_empty(), "{front:?} {flags:?}: {lacking:?}");
        // And what somebody must say is of use.
        let parameters = template["Parameters"].as_object().unwrap().keys();
        let of_conditions = template["Conditions"].to_string();
        let idle: Vec<_> = parameters
            .filter(|name| !names.contains(*name) && !of_conditions.contains(name.as_str()))
            .collect();
        assert!(idle.is_empty(), "{front:?} {flags:?}: {idle:?}");
    }
}

#[test]
fn nothing_is_left_to_be_filled_in() {
    for (front, flags) in EVERY_KIND {
        let template = of(*front, flags);
        let text = template.to_string();
        for left in ["store.invalid", "192.0.2.", "ARN-OF", "ID-OF"] {
            assert!(!text.contains(left), "{left}: {front:?} {flags:?}");
        }
        let script = script(&template).replace("{unit} 'q'", "");
        for left in [
            "{resource}",
            "{program}",
            "{mount}",
            "{folder",
            "{ports}",
            "{shell}",
            "{secrets}",
            "{unit}",
            "{config}",
        ] {
            assert!(!script.contains(left), "{left}: {script}");
        }
        // "Instance user data": 16 KB before it is encoded.
        assert!(script.len() < 12_000, "{}", script.len());
    }
    let (front, flags) = EVERY_KIND.last().unwrap();
    let template = of(*front, flags);
    assert!(script(&template).contains("banner = \"${!AWS::Region} ${!!x} {unit} 'q'\""));
}

#[test]
fn the_role_has_the_printed_policy() {
    for (front, flags) in EVERY_KIND {
        let template = of(*front, flags);
        let policies = property(&template, "Role", "Policies").as_array().unwrap();
        let serve = policies.iter().find(|policy| policy["PolicyName"] == role::SERVE).unwrap();
        let (config, _) = args(*front, flags).config.load().unwrap();
        assert_eq!(serve["PolicyDocument"], iam::policy(&config));
    }
}

#[test]
fn a_shared_fleet_has_listeners_as_far_as_there_may_be() {
    let (template, notes) = made(Some(Front::Nlb), &[]);
    assert!(notes.iter().any(|note| note.contains("61000-61047")), "{notes:?}");
    let listeners = names(&template, "AWS::ElasticLoadBalancingV2::Listener");
    assert_eq!(listeners.len(), 50);
    for name in ["Listener2121", "Listener2222", "Listener61000", "Listener61047"] {
        assert!(listeners.iter().any(|of| of == name), "{name}");
    }
    let toml = script(&template);
    assert!(toml.contains("mode = \"shared\"") && toml.contains("ports = \"61000-61047\""));
    assert!(toml.contains("addresses = [\"${Address1}\", \"${Address2}\", \"${Address3}\"]"));
    // 500 targets, of which each node is 50.
    assert_eq!(template["Parameters"]["MaxSize"]["MaxValue"], 10);
    let groups = property(&template, "Fleet", "TargetGroupARNs").as_array().unwrap();
    assert_eq!(groups.len(), 50);
    let interface = &property(&template, "Machine", "LaunchTemplateData")["NetworkInterfaces"][0];
    assert_eq!(interface["AssociatePublicIpAddress"], false);
    let few = of(Some(Front::Nlb), &[("ftp.passive.ports", "61000-61007")]);
    assert_eq!(names(&few, "AWS::ElasticLoadBalancingV2::Listener").len(), 10);
    assert_eq!(few["Parameters"]["MaxSize"]["MaxValue"], 50);
}

/// Of the attributes of a target group, as text.
fn attributes(template: &Value, group: &str) -> String {
    property(template, group, "TargetGroupAttributes").to_string()
}

#[test]
fn targets_keep_what_drains_and_the_addresses_of_clients() {
    let flags = [("timeouts.drain", "2h"), ("ingress.idle_timeout", "1000s")];
    let template = of(Some(Front::Nlb), &flags);
    for group in ["Targets2121", "Targets61000"] {
        let text = attributes(&template, group);
        for (key, value) in [
            ("preserve_client_ip.enabled", "true"),
            ("proxy_protocol_v2.enabled", "false"),
            ("target_health_state.unhealthy.connection_termination.enabled", "false"),
            ("target_health_state.unhealthy.draining_interval_seconds", "7200"),
            ("deregistration_delay.timeout_seconds", "3600"),
        ] {
            assert!(text.contains(&format!(r#""Key":"{key}","Value":"{value}""#)), "{key}: {text}");
        }
        assert_eq!(*property(&template, group, "HealthCheckPort"), "8082");
    }
    let idle = property(&template, "Listener2121", "ListenerAttributes").to_string();
    assert!(idle.contains(r#""Key":"tcp.idle_timeout.seconds","Value":"1000""#), "{idle}");
    let late = [("ingress.proxy_protocol", "late"), ("ingress.balancers", "10.0.0.0/16")];
    let template = of(Some(Front::Nlb), &late);
    let header = r#""Key":"proxy_protocol_v2.enabled","Value":"true""#;
    assert!(attributes(&template, "Targets2121").contains(header));
    assert!(!attributes(&template, "Targets61000").contains(header));
}

#[test]
fn a_balanced_fleet_has_public_addresses_behind_its_balancer() {
    let template = of(None, &[("ingress.mode", "balanced")]);
    let listeners = names(&template, "AWS::ElasticLoadBalancingV2::Listener");
    assert_eq!(listeners, ["Listener2121", "Listener2222"]);
    let interface = &property(&template, "Machine", "LaunchTemplateData")["NetworkInterfaces"][0];
    assert_eq!(interface["AssociatePublicIpAddress"], true);
    let toml = script(&template);
    assert!(toml.contains("mode = \"balanced\"") && !toml.contains("addresses ="), "{toml}");
}

#[test]
fn instances_can_be_waited_for() {
    let heartbeat = |drain: &str| {
        let template = of(None, &[("timeouts.drain", drain)]);
        let hook = &property(&template, "Fleet", "LifecycleHookSpecificationList")[0];
        assert_eq!(hook["LifecycleHookName"], "flotilla-drain");
        hook["HeartbeatTimeout"].as_u64().unwrap()
    };
    assert_eq!(heartbeat("10m"), 300);
    assert_eq!(heartbeat("2d"), 1728);
    assert_eq!(heartbeat("30d"), 7200);
    let machine = of(None, &[]);
    let metadata = &property(&machine, "Machine", "LaunchTemplateData")["MetadataOptions"];
    assert_eq!(metadata["HttpTokens"], "required");
}

/// Rules of the nodes' own group: ports, and where from.
fn rules(template: &Value) -> Vec<String> {
    let names = names(template, "AWS::EC2::SecurityGroupIngress");
    let rule = |name: &String| {
        let rule = &template["Resources"][name]["Properties"];
        let source = ["CidrIp", "CidrIpv6"].iter().find_map(|key| rule[*key].as_str());
        let group = &rule["SourceSecurityGroupId"]["Fn::GetAtt"][0];
        let source = source.or(group.as_str()).unwrap();
        format!("{}-{} {source}", rule["FromPort"], rule["ToPort"])
    };
    names.iter().map(rule).collect()
}

#[test]
fn who_reaches_the_nodes() {
    assert_eq!(rules(&of(None, &[])), [""; 0]);
    let by_hand = ("aws.security_groups", "false");
    assert_eq!(
        rules(&of(None, &[by_hand])),
        ["2121-2121 0.0.0.0/0", "2222-2222 0.0.0.0/0", "61000-61999 0.0.0.0/0"]
    );
    let behind = [
        "2121-2121 BalancerGroup",
        "2222-2222 BalancerGroup",
        "61000-61047 BalancerGroup",
        "8082-8082 BalancerGroup",
    ];
    assert_eq!(rules(&of(Some(Front::Nlb), &[])), behind);
    let all = rules(&of(Some(Front::Nlb), &[by_hand]));
    assert_eq!(all, [&behind[..], &["2120-2120 NodeGroup"]].concat());
    let inside = rules(&of(None, &[by_hand, ("ingress.mode", "balanced")]));
    assert!(inside.contains(&"61000-61999 0.0.0.0/0".to_owned()), "{inside:?}");
    assert!(!inside.contains(&"2121-2121 0.0.0.0/0".to_owned()), "{inside:?}");
}

#[test]
fn files_that_are_named_come_from_secrets() {
    let flags = [("tls.certificate", "c.pem"), ("tls.key", "k.pem"), ("ssh.host_keys", "a,b")];
    let template = of(None, &flags);
    let script = script(&template);
    for (parameter, path) in [
        ("TlsCertificate", "tls.certificate"),
        ("TlsKey", "tls.key"),
        ("SshHostKeys1", "ssh.host_keys1"),
        ("SshHostKeys2", "ssh.host_keys2"),
        ("PoolSecret", "pool.secret"),
    ] {
        let line = format!("again secret '${{{parameter}}}' /etc/flotilla/{path}\n");
        assert!(script.contains(&line), "{line}{script}");
    }
    assert!(script.contains("host_keys = [\"/etc/flotilla/ssh.host_keys1\", \""));
    let policies = property(&template, "Role", "Policies").to_string();
    assert!(policies.contains(r#"{"Ref":"SshHostKeys2"}"#), "{policies}");
}

#[test]
fn hosts_go_along() {
    let folder = std::env::temp_dir().join(format!("flotilla-template-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("flotilla.toml");
    let text = "[[host]]\nname = \"a.example.org\"\ncertificate = \"c\"\nkey = \"k\"\n\n\
                [[host]]\nname = \"*.example.org\"\nroot = \"/data/any\"\n";
    std::fs::write(&file, text).unwrap();
    let mut args = args(None, &[]);
    args.config.config = Some(file);
    let (template, _) = template(args).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let script = script(&template);
    let hosts = "[[host]]\nname = \"a.example.org\"\ncertificate = \"/etc/flotilla/host.certificate1\"\n\
                 key = \"/etc/flotilla/host.key1\"\n\n[[host]]\nname = \"*.example.org\"\n\
                 root = \"/srv/flotilla/hosts/_.example.org\"\n";
    assert!(script.contains(hosts), "{script}");
    assert!(script.contains(" '/srv/flotilla/hosts/_.example.org'\n"), "{script}");
}

#[test]
fn what_is_not_for_a_fleet_is_refused() {
    let nlb = Some(Front::Nlb);
    let networks = ("ingress.balancers", "10.0.0.0/16");
    for (front, flags, words) in [
        (None, vec![("ftp.listen", "10.0.0.5:21")], "an address of one machine"),
        (None, vec![("ssh.listen", "0.0.0.0:0")], "port 0"),
        (None, vec![("health.tcp", "127.0.0.1:8082")], "nobody reaches"),
        (nlb, vec![("ingress.proxy_protocol", "v2"), networks], "\"late\""),
        (nlb, vec![("ingress.data_proxy_protocol", "v2"), networks], "in a download"),
    ] {
        let error = refused(front, &flags);
        let (key, _) = flags[0];
        assert!(error.contains(key) && error.contains(words), "{error}");
    }
}

#[test]
fn what_is_replaced_is_told() {
    let flags = [("storage.root", "/data"), ("node.id", "one"), ("ftp.banner", "mine")];
    let (template, notes) = made(None, &flags);
    for (key, before) in [("storage.root", "/data"), ("node.id", "one")] {
        let told =
            |note: &&String| note.starts_with(key) && note.ends_with(&format!("\"{before}\""));
        assert_eq!(notes.iter().filter(told).count(), 1, "{notes:?}");
    }
    assert!(!notes.iter().any(|note| note.contains("banner")));
    assert!(script(&template).contains("banner = \"mine\""));
}

/// A fleet is one pool with a store, whatever is tried out at home.
#[test]
fn nodes_have_a_store_and_a_secret() {
    let fleet = Fleet::new(args(None, &[])).unwrap();
    let Config { pool, aws, .. } = &fleet.config;
    assert!(pool.store.is_tls() && pool.secret_file.is_some() && aws.enabled);
    assert!(fleet.toml.contains("store = \"rediss://${Store.PrimaryEndPoint.Address}:6379\""));
}
